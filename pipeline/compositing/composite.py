"""Product over background, composited in linear light, where partial coverage adds up as in a lens.

Light wrap: an edge pixel p becomes p + STRENGTH × (1 - alpha) × max(b - p, 0). Here b is the background blurred by a
Gaussian of BLUR of the longer side. A background darker than the edge adds nothing, a brighter background more. Where
alpha is 1 nothing changes.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.parallel import by_rows
from pipeline.core.resample import blurred, resize
from pipeline.core.types import Placed, Rgb
from pipeline.geometry.ray import Field
from pipeline.kernels.image.layers import darken, lay_product

#: Longer side, in pixels, of the grid on which the background is blurred, and the blur relative to that side.
GRID = 256
BLUR = 0.012
#: The greatest share of the background's surplus of light that an edge pixel gains.
STRENGTH = 0.35
#: No light around a product.
_DARK = np.zeros((1, 1, 3), np.float32)


def apply_shadow(background: Rgb, shadow: NDArray[np.float32]) -> Rgb:
    """Remove the share `shadow` (H×W, 0–1) of the H×W×3 sRGB background's linear light, in place, and return it.

    Pixels without shadow stay exactly the same.
    """
    by_rows(len(background), lambda top, bottom: darken(shadow[top:bottom], background[top:bottom]))
    return background


def composite(
    placed: Placed, background: Rgb | None, around: Field | None = None, shade: Field | None = None
) -> NDArray[np.float32]:
    """Return H×W×3 sRGB in [0, 1], or H×W×4 with straight alpha if there is no background.

    The product is composited into the background's own array. Where alpha is 1 the product's values stay exact, where
    it is 0 the background's. With `around`, the result of `light_around`, a soft edge gains some of its light.
    `shade`, H×W in [0, 1], is the share of light that the product blocks where there is no background. It becomes black
    under the product.
    """
    if background is None:
        return np.dstack([placed.whole(), placed.alpha] if shade is None else _over_shade(placed, shade))
    light = _DARK if around is None else around
    strength, tall = np.float32(STRENGTH), len(background)
    first, left = placed.corner

    def work(top: int, bottom: int) -> None:
        rows = slice(first + top, first + bottom)
        lay_product(
            placed.rgb[top:bottom], left, placed.alpha[rows], light, strength, tall, rows.start, background[rows]
        )

    by_rows(len(placed.rgb), work)
    return background


def _over_shade(placed: Placed, shade: Field) -> tuple[Rgb, Field]:
    """Return the straight colours and the alpha of a product over its shadow.

    Other programs mix gamma-encoded values. So the shadow's alpha is that which over white gives the same picture as
    the blocked share of linear light. Where the product covers a pixel, its colour stays exact.
    """
    cover = placed.alpha
    dark = 1 - linear_to_srgb(1 - shade)
    alpha = cover + dark * (1 - cover)
    share = np.where(dark > 0, cover / np.maximum(alpha, np.float32(1e-6)), 1)
    return placed.whole() * share[..., None], alpha


def light_around(background: Rgb) -> Field:
    """Return the H×W×3 sRGB background's light, linear, small (h×w×3) and blurred."""
    height, width = background.shape[:2]
    scale = min(1.0, GRID / max(height, width))
    small = resize(background, max(1, round(width * scale)), max(1, round(height * scale)), Image.Resampling.BOX)
    soft = BLUR * max(small.shape[:2])
    return blurred(srgb_to_linear(small), soft, soft)
