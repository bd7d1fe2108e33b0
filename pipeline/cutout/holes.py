"""The place seen through the product, or between its parts: what a segmenter filled, where the photo itself proves it.

In a studio photo the wall or the sheet behind the product is one smooth gradient. It is fitted from what lies around
the product and continued behind it: what is exactly as it says, and set off all round, is backdrop seen through a
handle, a loop or a bow. On anything less smooth nothing is opened, nor where the backdrop is clipped to white or black:
there a white label looks just the same.

Between two tips (of leaves, of a sleeve and its shirt) the place right beside is enough: a gap is open to it and has
its colours.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_opening, find_objects, gaussian_filter, label, uniform_filter

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

#: Longer side in pixels at which gaps are looked for, and the window that is near, as a share of it. All numbers of
#: gaps were chosen on the 141 photos of both sets, where three are opened (a plant's and an excavator's error falls by
#: 14 and 8 %, a shirt has no truth). Of 125 further made-up pictures, which chose the window alone (with .12 eleven are
#: opened, two of them wrongly), eight are opened, each rightly. 2026-11-27.
GAP_SIDE, NEAR_BY = 480, 0.08
#: What a gap's difference in L*, a* and b* counts: it is shaded.
SHADED = (0.5, 1.0, 1.0)
#: The product beside a gap is this far from the place in Lab, so counted.
APART = 25.0
#: Of that, the place spreads at most the first, a gap lies at most the second from it, and what is up to the third away
#: is still of a gap within so many pixels of it.
PLAIN, LIKE, MIXED, REACH = 0.15, 0.2, 0.5, 8
#: A gap lies so near to the place, too: the place's own spread times the first, or the second in Lab.
WITHIN, AT_LEAST = 1.4, 2.5
#: A gap's rim is at least half as far from the place as the product is, over the first share of its length. Of what is
#: around a gap so much is outside, from the second to the third: it has product on both sides.
SIDES, AJAR = 0.8, (0.04, 0.42)
#: Least and most share of the product that a gap has, its fewest pixels, and how deep it reaches.
GAP_SHARES, LEAST_PIXELS, DEPTH = (0.0004, 0.03), 12, 2
#: Pixels around a gap that are looked at.
MARGIN = 10

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


def seen_between(rgb: Rgb8, mask: Alpha) -> Alpha | None:
    """Return h×w in [0, 1], 1 in the gaps of the h×w mask of an H×W×3 sRGB photo through which the place is seen.

    None: there is none. `mask` is the product's alpha in [0, 1], at any size of the photo's shape. A gap has the
    colours of the place right beside it, not of the product right beside it, and is open to the outside at an end.
    """
    small = reduced(rgb, GAP_SIDE)
    height, width = small.shape[:2]
    cover = np.clip(resize(mask, width, height), 0, 1)
    product = cover > 0.5
    lab = srgb_to_lab(gaussian_filter(small.astype(np.float32), (0.6, 0.6, 0)) / np.float32(255))
    away, spread, apart = _from_place(lab, cover)
    parts, _ = label(product & (apart >= APART) & (spread <= PLAIN * apart) & (away <= LIKE * apart))
    deep = eroded(np.pad(product, DEPTH, mode="edge"), DEPTH)[DEPTH:-DEPTH, DEPTH:-DEPTH]
    least, most = (share * product.sum() for share in GAP_SHARES)
    sizes = np.bincount(parts.ravel())
    gaps = np.zeros_like(product)
    for index, where in enumerate(find_objects(parts), 1):
        if not max(LEAST_PIXELS, least) <= sizes[index] <= most:
            continue
        near = tuple(slice(max(0, side.start - MARGIN), side.stop + MARGIN) for side in where)
        part, inside, off = parts[near] == index, product[near], away[near]
        if not (part & deep[near]).any():
            continue
        grown = binary_dilation(part, iterations=2)
        ring = binary_dilation(grown, iterations=2) & ~grown
        rim = ring & inside
        like = off[part].mean() <= max(AT_LEAST, WITHIN * spread[near][part].mean())
        ajar = AJAR[0] <= 1 - rim.sum() / ring.sum() <= AJAR[1]
        if like and ajar and (off[rim] >= 0.5 * apart[near][rim]).mean() >= SIDES:
            # on to where it is mixed with what it ends at
            gaps[near] |= binary_dilation(part, iterations=REACH, mask=part | (inside & (off <= MIXED * apart[near])))
    if not gaps.any():
        return None
    return np.clip(resize(gaps.astype(np.float32), mask.shape[1], mask.shape[0], Image.Resampling.BILINEAR), 0, 1)


def _from_place(
    lab: NDArray[np.float32], cover: Alpha
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return how far in Lab each pixel is from the place near by, how far that spreads, and how far the product is.

    Each h×w, of h×w×3 Lab and h×w coverage; the spread is infinite where nothing of the place is near.
    """
    window = round(NEAR_BY * max(cover.shape)) | 1
    place = np.asarray((cover < 0.05) & eroded(np.pad(cover <= 0.5, 2, mode="edge"), 2)[2:-2, 2:-2], np.float32)
    seen = uniform_filter(place, window)
    share = np.maximum(seen, 0.01)
    # plane by plane: an axis of three is slow
    off, squares, length = np.zeros_like(place), np.zeros_like(place), np.zeros_like(place)
    for weight, plane in zip(SHADED, np.moveaxis(lab, -1, 0), strict=True):
        values = np.ascontiguousarray(plane)
        mean = uniform_filter(values * place, window) / share
        off += (weight * (values - mean)) ** 2
        squares += values * values
        length += mean * mean
    spread = np.sqrt(np.maximum(0, uniform_filter(squares * place, window) / share - length))
    spread[seen <= 0.01] = np.inf
    away = np.sqrt(off)
    own = np.asarray((cover > 0.95) & (away > APART / 3), np.float32)
    apart = uniform_filter(away * own, window) / np.maximum(uniform_filter(own, window), 1e-3)
    return away, spread, apart
