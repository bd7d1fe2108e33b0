"""The place seen through the product: what a segmenter filled, where the photo itself proves it.

In a studio photo the wall or the sheet behind the product is one smooth gradient. It is fitted from what lies around
the product and continued behind it: what is exactly as it says, and set off all round, is backdrop seen through a
handle, a loop or a bow. On anything less smooth nothing is opened, nor where the backdrop is clipped to white or black:
there a white label looks just the same.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_opening, gaussian_filter, label

from pipeline.colour.spaces import srgb_to_lab
from pipeline.core.resample import eroded, reduced, resize
from pipeline.core.types import Alpha, Rgb8

#: Longer side in pixels that is looked at.
SIDE = 320
#: A backdrop is smooth when half of it lies this near to its fit, in Lab units.
SMOOTH = 0.5
#: What is seen through: 90 % of it this near to the continued backdrop, each pixel at most the second.
EXACT, NEAR = 0.6, 1.2
#: Its rim lies this far from the backdrop over this share of its length.
SET_OFF, ALL_ROUND = 4.0, 0.6
#: Least part of the product that counts, as a share of it; and the L* below and above which the backdrop is clipped.
MIN_PART = 0.002
CLIPPED = (1.0, 99.6)
#: Rounds of the fit, and the share of the nearest pixels that each but the first is made on: shadows drop out.
ROUNDS, KEPT = 4, 0.8

Mask = NDArray[np.bool_]


def seen_through(rgb: Rgb8, mask: Alpha) -> Alpha | None:
    """Return h×w in [0, 1], 1 where the backdrop is seen through the h×w mask of an H×W×3 sRGB photo; None: nowhere.

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
    # One pixel on: the rim's own pixels are mixed, and the photo's edges say where it is.
    grown = binary_dilation(through) & product
    return np.clip(resize(grown.astype(np.float32), mask.shape[1], mask.shape[0], Image.Resampling.BILINEAR), 0, 1)


def _from_backdrop(lab: NDArray[np.float32], around: Mask) -> NDArray[np.float32]:
    """Return h×w distances in Lab from a second-order polynomial that fits the pixels `around`, robustly."""
    height, width = around.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).reshape(-1, 6)
    colours = lab.reshape(-1, 3)
    seen = np.flatnonzero(around)
    seen_terms, seen_colours, used = terms[seen], colours[seen], seen
    for turn in range(ROUNDS):
        some = terms[used[::2]].astype(np.float64)
        # Not `solve`: in a strip of one or two rows some terms are alike, and any of their sums will do.
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
    """Return the parts of the product that are the backdrop to within EXACT and are set off from the rest."""
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
