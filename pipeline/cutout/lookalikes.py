"""Lookalikes: parts inside a cut-out that have the colours of the place around it and not those of the product.

What the product encloses and stayed filled (a handle's hole, a sheet under an arm) is one; so is now and then a print.
Colours are two histograms in Lab; a part is scored by the log of their ratio, as in Bayesian matting and GrabCut.

The bars of Lookalike.suspected are plain thresholds, chosen on 2026-11-26 by their hits less their false alarms on 64
real photos and 35 made-up ones with a mask (benchmarks/README.md has what the same choice is worth in ten folds).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_dilation,
    binary_opening,
    distance_transform_edt,
    find_objects,
    gaussian_filter,
    label,
)

from pipeline.colour.spaces import srgb_to_lab
from pipeline.core.resample import Box, reduced, resize
from pipeline.core.types import Alpha, Rgb8

#: Histogram cell of colours in Lab units; the rarest share of the place's pixels that isn't typical of it.
CELL, RARE = 6.0, 0.15
#: Least part of the product that counts, as a share of it; and where two witnesses deny it.
MIN_PART, MIN_DENIED = 0.008, 0.003
#: Longer side in pixels that `contradicted` looks at.
SIDE = 320
#: What is opened: the second segmenter leaves it at most this much, and its colours are e^4 times commoner around the
#: product than in it. Of 141 photos two have such parts (a ring's inside, a sheet under an arm), each right; the
#: nearest wrong one, a print, has .06 and e^3.4. Chosen on all of them, 2026-11-26.
DENIED, FOREIGN = 0.03, 4.0
#: A part with more of its surroundings outside the product than this isn't enclosed.
ENCLOSED = 0.15

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lookalike:
    """A part of the product that looks like the place around it."""

    #: h×w, where it is.
    mask: Mask
    #: Left, top, right, bottom in pixels of the mask.
    box: Box
    #: Its share of the product, 0–1.
    share: float
    #: Mean log of how much commoner its colours are around the product than in it.
    likeness: float
    #: Distance in Lab between its colour and the product's right around it; mean spread of its own colours.
    contrast: float
    spread: float

    @property
    def suspected(self) -> bool:
        """Whether it is to be warned of."""
        return self.share >= 0.01 and self.likeness >= 1.4 and self.contrast >= 10 and self.spread <= 8


def contradicted(rgb: Rgb8, mask: Alpha, second: Alpha) -> Alpha | None:
    """Return h×w in [0, 1], 1 where the photo and a `second` segmenter both deny the h×w mask; None: nowhere.

    `rgb` is H×W×3 sRGB; `second` is that segmenter's alpha of it, at any size.
    """
    small = reduced(rgb, SIDE)
    height, width = small.shape[:2]
    cover, other = (np.clip(resize(one, width, height), 0, 1) for one in (mask, second))
    denied = np.zeros((height, width), bool)
    for part in lookalikes(np.asarray(small / np.float32(255), np.float32), cover, other, least=MIN_DENIED):
        if other[part.mask].mean() <= DENIED and part.likeness >= FOREIGN:
            # What was looked at is some pixels narrower, and the second segmenter says how far it goes.
            denied |= binary_dilation(part.mask, iterations=4) & (other < 0.5) & (cover > 0)
    if not denied.any():
        return None
    return np.clip(resize(denied.astype(np.float32), mask.shape[1], mask.shape[0]), 0, 1)


def lookalikes(
    rgb: NDArray[np.float32], cover: Alpha, without: Alpha | None = None, *, least: float = MIN_PART
) -> list[Lookalike]:
    """Return what the product encloses that looks like the place: h×w×3 sRGB in [0, 1] of some 320 pixels, h×w cover.

    `without`: another mask; what it leaves out has no part in the product's colours. `least`: the share of the
    product from which on a part counts.
    """
    product = cover > 0.5
    area = int(product.sum())
    outside = distance_transform_edt(~product)
    around = (outside > 2) & (outside <= max(8.0, 0.35 * area**0.5)) & (cover < 0.05)
    if around.sum() < 50:
        return []
    inside = distance_transform_edt(np.pad(product, 1, mode="edge"))[1:-1, 1:-1]
    lab = srgb_to_lab(gaussian_filter(rgb, (0.7, 0.7, 0)))
    shape = int(100 / CELL) + 2, int(220 / CELL) + 2, int(220 / CELL) + 2
    raw = ((lab + np.array([0, 110, 110], np.float32)) / np.float32(CELL)).astype(np.intp)
    cells = tuple(np.moveaxis(np.clip(raw, 0, np.array(shape) - 1), -1, 0))

    def density(where: Mask) -> NDArray[np.float32]:
        counts = np.zeros(shape, np.float32)
        np.add.at(counts, tuple(axis[where] for axis in cells), 1)
        return np.asarray(gaussian_filter(counts, 1.0)[cells] / max(1, where.sum()), np.float32)

    own = product & (inside > 3) & (True if without is None else without > 0.9)
    place = density(around)
    like = product & (inside > 2.5) & (place >= max(float(np.quantile(place[around], RARE)), 1e-6))
    ratio = np.log((place + 1e-5) / (density(own if own.sum() >= 100 else product & (inside > 3)) + 1e-5))
    parts, _ = label(binary_opening(like, np.ones((3, 3), bool)))
    found = []
    for index, where in enumerate(find_objects(parts), 1):
        window = tuple(slice(max(0, side.start - 6), side.stop + 6) for side in where)
        part = parts[window] == index
        if part.sum() < least * area:
            continue
        near = binary_dilation(part, iterations=2)
        beyond = binary_dilation(near, iterations=2) & ~near
        if (beyond & ~product[window]).sum() > ENCLOSED * max(1, beyond.sum()):
            continue
        rim = binary_dilation(near, iterations=3) & ~near & product[window]
        colours = lab[window]
        away = np.median(colours[part], axis=0) - (colours[rim].mean(axis=0) if rim.any() else 0)
        whole = np.zeros_like(product)
        whole[window] = part
        rows, columns = where
        found.append(
            Lookalike(
                mask=whole,
                box=(columns.start, rows.start, columns.stop, rows.stop),
                share=float(part.sum()) / area,
                likeness=float(ratio[window][part].mean()),
                contrast=float(np.linalg.norm(away)),
                spread=float(colours[part].std(axis=0).mean()),
            )
        )
    return found
