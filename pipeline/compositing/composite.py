"""Product over background, in linear light, where halves of light add up as they do in a lens."""

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.types import Placed, Rgb

#: Rows blended at a time: bounds the memory to a few strips whatever the canvas.
_ROWS = 256


def apply_shadow(background: Rgb, shadow: NDArray[np.float32]) -> Rgb:
    """Return the H×W×3 sRGB background with the share `shadow` (H×W, 0–1) of its linear light taken away.

    Pixels without shadow stay exactly as they are.
    """
    out = background.copy()
    for top in range(0, out.shape[0], _ROWS):
        rows = slice(top, top + _ROWS)
        dark = shadow[rows] > 0
        if dark.any():
            pixels = out[rows]
            pixels[dark] = linear_to_srgb(srgb_to_linear(pixels[dark]) * (1 - shadow[rows][dark])[:, None])
    return out


def composite(placed: Placed, background: Rgb | None) -> NDArray[np.float32]:
    """Return H×W×3 sRGB in [0, 1], or H×W×4 with straight alpha where there is no background.

    Where alpha is 1 the product's own values are kept to the bit, where it is 0 the background's.
    """
    if background is None:
        return np.dstack([placed.rgb, placed.alpha])
    out = background.copy()
    for top in range(0, out.shape[0], _ROWS):
        rows = slice(top, top + _ROWS)
        alpha, product, pixels = placed.alpha[rows], placed.rgb[rows], out[rows]
        opaque = alpha >= 1
        pixels[opaque] = product[opaque]
        soft = (alpha > 0) & ~opaque
        if soft.any():
            weight = alpha[soft][:, None]
            mixed = srgb_to_linear(product[soft]) * weight + srgb_to_linear(pixels[soft]) * (1 - weight)
            pixels[soft] = linear_to_srgb(mixed)
    return out
