"""Holes in the product that a segmenter filled, found where the photo itself proves them.

In a studio photo the backdrop is one smooth gradient. A polynomial fitted around the product continues it behind the
product. A part that matches it exactly, and is set off all round, is backdrop seen through a handle, a loop or a bow.
No hole is opened in front of a rougher backdrop, nor of a clipped backdrop, white or black, where a white label looks
the same.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_opening, gaussian_filter, label

from pipeline.colour.spaces import srgb_to_lab
from pipeline.core.resample import eroded, reduced, resize
from pipeline.core.types import Alpha, Rgb8

#: Longer side in pixels of the examined photo.
SIDE = 320
#: A backdrop is smooth if half of its pixels are this near to the fit, in Lab units.
SMOOTH = 0.5
#: A hole: 90 % of its pixels are within EXACT of the continued backdrop, and all within NEAR, in Lab units.
EXACT, NEAR = 0.6, 1.2
#: Its rim is at least this far from the backdrop, in Lab units, over this share of its length.
SET_OFF, ALL_ROUND = 4.0, 0.6
#: Minimum size of a hole, as a share of the product; and the L* below and above which the backdrop is clipped.
MIN_PART = 0.002
CLIPPED = (1.0, 99.6)
#: Rounds of the fit, and the share of nearest pixels that each later round keeps, so that shadows drop out.
ROUNDS, KEPT = 4, 0.8

Mask = NDArray[np.bool_]


def seen_through(rgb: Rgb8, mask: Alpha) -> Alpha | None:
    """Return h×w in [0, 1], 1 where an H×W×3 sRGB photo shows backdrop through the h×w mask; None: nowhere.

    `mask` is the product's alpha in [0, 1], at any size of the photo's shape.
    """
    small = reduced(rgb, SIDE)
    height, width = small.shape[:2]
    cover = np.clip(resize(mask, width, height), 0, 1)
    product = cover > 0.5
    around = (cover < 0.05) & eroded(~product, 3)
    if around.sum() < 0.02 * around.size:
        return None
    lab = srgb_to_lab(gaussian_filter(small.astype(np.float32), (1, 1, 0)) / np.float32(255))
    lightness = float(np.median(lab[around][:, 0]))
    if not CLIPPED[0] < lightness < CLIPPED[1]:
        return None
    away = _from_backdrop(lab, around)
    if np.median(away[around]) > SMOOTH:
        return None
    through = _proved(away, product)
    if not through.any():
        return None
    # Grow by one pixel: the rim's own pixels are mixed, and the photo's edges will place the border.
    grown = binary_dilation(through) & product
    return np.clip(resize(grown.astype(np.float32), mask.shape[1], mask.shape[0], Image.Resampling.BILINEAR), 0, 1)


def _from_backdrop(lab: NDArray[np.float32], around: Mask) -> NDArray[np.float32]:
    """Return h×w distances in Lab from a second-order polynomial fitted robustly to the pixels `around`."""
    height, width = around.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).reshape(-1, 6)
    colours = lab.reshape(-1, 3)
    seen = np.flatnonzero(around)
    seen_terms, seen_colours, used = terms[seen], colours[seen], seen
    for turn in range(ROUNDS):
        some = terms[used[::2]].astype(np.float64)
        # Not `solve`: in a strip of one or two rows some terms are equal, and any solution will do.
        solved = np.linalg.lstsq(some.T @ some, some.T @ colours[used[::2]], rcond=None)[0].astype(np.float32)
        if turn < ROUNDS - 1:
            away = _lengths(seen_colours - seen_terms @ solved)
            used = seen[away <= np.quantile(away, KEPT)]
    return _lengths(colours - terms @ solved).reshape(height, width)


def _lengths(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return the Euclidean norms of N×3 vectors; NumPy's own is slow at a last axis of three."""
    x, y, z = (vectors * vectors).T
    return np.asarray(np.sqrt(x + y + z), np.float32)


def _proved(away: NDArray[np.float32], product: Mask) -> Mask:
    """Return the parts of the product that match the backdrop within EXACT and are set off from the rest."""
    parts, count = label(binary_opening((away <= NEAR) & product, np.ones((3, 3), bool)))
    out = np.zeros_like(product)
    for index in range(1, count + 1):
        part = parts == index
        if part.sum() < MIN_PART * product.sum() or np.quantile(away[part], 0.9) > EXACT:
            continue
        rim = binary_dilation(part, iterations=4) & ~binary_dilation(part, iterations=2) & product
        if rim.any() and (away[rim] >= SET_OFF).mean() >= ALL_ROUND:
            out |= part
    return out
