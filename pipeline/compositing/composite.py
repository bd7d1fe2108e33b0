"""Product over background, in linear light, where halves of light add up as they do in a lens."""

import numpy as np
from numpy.typing import NDArray

from pipeline.compositing.light_wrap import STRENGTH
from pipeline.core.parallel import by_rows
from pipeline.core.types import Placed, Rgb
from pipeline.geometry.ray import Field
from pipeline.kernels.layers import darken, lay_product
from pipeline.kernels.resampling import enlarge

#: No light at all around a product.
_DARK = np.zeros((1, 1, 3), np.float32)


def apply_shadow(background: Rgb, shadow: NDArray[np.float32]) -> Rgb:
    """Take the share `shadow` (H×W, 0–1) of the H×W×3 sRGB background's linear light from it, and return it.

    Pixels without shadow stay exactly as they are.
    """
    by_rows(len(background), lambda top, bottom: darken(shadow[top:bottom], background[top:bottom]))
    return background


def composite(placed: Placed, background: Rgb | None, around: Field | None = None) -> NDArray[np.float32]:
    """Return H×W×3 sRGB in [0, 1], or H×W×4 with straight alpha where there is no background.

    The product is laid on the background's own array; where alpha is 1 its values are kept to the bit, where it is 0
    the background's. With `around`, `pipeline.compositing.light_wrap.light_around` of the background, a soft edge takes
    some of its light.
    """
    if background is None:
        return np.dstack([placed.rgb, placed.alpha])
    light = _DARK if around is None else around
    picture = background

    def work(top: int, bottom: int) -> None:
        rows = slice(top, bottom)
        if placed.alpha[rows].any():
            near = np.empty_like(picture[rows])
            enlarge(light, len(picture), top, near)
            lay_product(placed.rgb[rows], placed.alpha[rows], near, np.float32(STRENGTH), picture[rows])

    by_rows(len(picture), work)
    return picture
