"""Light wrap: a little of the background's light on the product's soft edge, as it spills round an edge in a lens.

In linear light an edge pixel p becomes p + STRENGTH × (1 - alpha) × max(b - p, 0), b the background blurred by a
Gaussian of BLUR of the longer side. Darker backgrounds than the edge add nothing, bright ones the more; where alpha is
1 nothing changes.
"""

from PIL import Image

from pipeline.colour.spaces import srgb_to_linear
from pipeline.core.resample import blurred, resize
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field

#: Longer side in pixels of the grid that the background is blurred on, and the blur over that side.
GRID = 256
BLUR = 0.012
#: The most of the background's surplus of light that an edge pixel takes.
STRENGTH = 0.35


def light_around(background: Rgb) -> Field:
    """Return the H×W×3 sRGB background's light, linear, small (h×w×3) and blurred."""
    height, width = background.shape[:2]
    scale = min(1.0, GRID / max(height, width))
    small = resize(background, max(1, round(width * scale)), max(1, round(height * scale)), Image.Resampling.BOX)
    soft = BLUR * max(small.shape[:2])
    return blurred(srgb_to_linear(small), soft, soft)
