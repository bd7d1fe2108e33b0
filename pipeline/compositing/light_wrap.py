"""Light wrap: a little of the background's light on the product's soft edge, as it spills round an edge in a lens."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.resample import resize
from pipeline.core.types import Placed, Rgb
from pipeline.geometry.ray import Field

#: Longer side in pixels of the grid that the background is blurred on, and the blur over that side.
GRID = 256
BLUR = 0.012
#: The most of the background's surplus of light that an edge pixel takes.
STRENGTH = 0.35


def wrapped(placed: Placed, background: Rgb) -> Placed:
    """Return the product with the H×W×3 sRGB background's light on its soft edge; where alpha is 1 nothing changes.

    In linear light: p + STRENGTH × (1 - alpha) × max(b - p, 0), b the background blurred by a Gaussian of BLUR of the
    longer side. Darker backgrounds than the edge add nothing, bright ones the more.
    """
    height, width = placed.alpha.shape
    rows, columns = np.nonzero((placed.alpha > 0) & (placed.alpha < 1))
    if rows.size == 0:
        return placed
    around = _around(background)
    at = np.stack([(rows + 0.5) * (around.shape[0] / height) - 0.5, (columns + 0.5) * (around.shape[1] / width) - 0.5])
    light = np.stack([map_coordinates(around[..., c], at, order=1, mode="nearest") for c in range(3)], -1)
    rgb = placed.rgb.copy()
    edge = srgb_to_linear(rgb[rows, columns])
    weight = np.float32(STRENGTH) * (1 - placed.alpha[rows, columns])
    rgb[rows, columns] = linear_to_srgb(edge + weight[:, None] * np.maximum(light - edge, 0))
    return Placed(rgb, placed.alpha, placed.box, placed.scale)


def _around(background: Rgb) -> NDArray[np.float32]:
    """Return the background's light, linear, small and blurred."""
    height, width = background.shape[:2]
    scale = min(1.0, GRID / max(height, width))
    small: Field = srgb_to_linear(
        resize(background, max(1, round(width * scale)), max(1, round(height * scale)), Image.Resampling.BOX)
    )
    soft = BLUR * max(small.shape[:2])
    return np.stack([gaussian_filter(small[..., c], soft) for c in range(3)], -1)
