"""Warnings: what may be wrong with a cut-out, found without the truth: how sure it is, and what is worth a look.

Everything is measured at about SIDE pixels; the numbers were set on the 71 photos of `benchmarks/picture/quality.py`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening, distance_transform_edt, gaussian_filter, label

from pipeline.colour.spaces import srgb_to_lab
from pipeline.core.codes import averaged, reduced_by
from pipeline.core.types import Alpha, Rgb8

#: Longer side in pixels, or up to twice that, at which warnings are looked for.
SIDE = 320
#: A side of the photo that the product covers over more than this share of its length cuts it.
CUT_SHARE = 0.01
#: A second part this large against the largest is a subject of its own.
SECOND_SUBJECT = 0.2
#: Share of the product that may be half transparent well inside its outline.
MAX_HALF_INSIDE = 0.04
#: Share of the product that may look like the place behind it, and the least part of it that counts.
MAX_ENCLOSED, MIN_ENCLOSED = 0.01, 0.004
#: Below this confidence the caller is warned.
LOW_CONFIDENCE = 0.6
#: Histogram cell of the place's colours in Lab units; the rarest share of the place's pixels that isn't typical of it.
_CELL, _RARE = 5.0, 0.15

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CutoutQuality:
    """The quality of a cut-out: what it is worth, and what to warn of."""

    #: 0–1.
    confidence: float
    #: Stable codes.
    warnings: tuple[str, ...]
    #: Sides of the photo that cut the product: any of "left", "top", "right", "bottom".
    cut_sides: tuple[str, ...]
    #: Share of the product, 0–1, that looks like the place behind it.
    filled_hole_share: float


def assess_cutout(
    rgb: Rgb8, alpha: Alpha, *, agreement: float = 1.0, ambiguous_share: float = 0.0, from_file_alpha: bool = False
) -> CutoutQuality:
    """Assess a cut-out: the H×W alpha of an H×W×3 photo.

    `agreement` and `ambiguous_share` are the segmentation's. `from_file_alpha`: the alpha is the file's own, so nothing
    was guessed and only what is plain in it is told.
    """
    step = max(1, max(alpha.shape) // SIDE)
    small = np.asarray(reduced_by(rgb, step, step) / np.float32(255), np.float32)
    cover = averaged(alpha, step)
    sides = cut_sides(alpha)
    filled = 0.0 if from_file_alpha else filled_hole_share(small, cover)
    sure = 1.0 if from_file_alpha else _confidence(cover, agreement, ambiguous_share, filled)
    found = {
        "subject_touches_edge": bool(sides),
        "several_subjects": several_subjects(cover),
        "transparent_material_suspected": half_inside(cover) > MAX_HALF_INSIDE,
        "enclosed_background_suspected": filled > MAX_ENCLOSED,
        "low_confidence": sure < LOW_CONFIDENCE,
    }
    return CutoutQuality(sure, tuple(code for code, holds in found.items() if holds), sides, round(filled, 4))


def several_subjects(cover: Alpha) -> bool:
    """Whether h×w coverage has a second part that is large against the largest and apart from it."""
    labels, count = label(cover > 0.3, np.ones((3, 3), bool))
    if count < 2:
        return False
    areas = np.sort(np.bincount(labels.ravel())[1:])
    return bool(areas[-2] >= SECOND_SUBJECT * areas[-1])


def half_inside(cover: Alpha) -> float:
    """Return the share of the product, 0–1, that is neither there nor not there and lies well inside its outline.

    Glass, veils and smoke; an edge is half transparent too, but narrow.
    """
    product = cover > 0.1
    deep = distance_transform_edt(np.pad(product, 1))[1:-1, 1:-1] > 3.5
    half = binary_opening((cover > 0.1) & (cover < 0.85) & deep, np.ones((3, 3), bool))
    return float(half.sum() / max(1, product.sum()))


def filled_hole_share(small: NDArray[np.float32], cover: Alpha) -> float:
    """Return the share of the product, 0–1, that has the colours of the place right around it and an edge to the rest.

    `small` is h×w×3 sRGB in [0, 1]. A handle's hole that stayed filled; now and then a white label before white.
    """
    product = cover > 0.5
    area = int(product.sum())
    outside = distance_transform_edt(~product)
    around = (outside > 2) & (outside <= max(6.0, 0.35 * area**0.5)) & (cover < 0.05)
    if around.sum() < 50:
        return 0.0
    cells = np.moveaxis(
        ((srgb_to_lab(small) + np.array([0, 110, 110], np.float32)) / np.float32(_CELL)).astype(np.intp), -1, 0
    )
    shape = int(100 / _CELL) + 2, int(220 / _CELL) + 2, int(220 / _CELL) + 2
    cells = np.clip(cells, 0, np.array(shape)[:, None, None] - 1)
    counts = np.zeros(shape, np.float32)
    np.add.at(counts, tuple(cells[:, around]), 1)
    density = gaussian_filter(counts, 1.0)[tuple(cells)]
    like = density >= max(float(np.quantile(density[around], _RARE)), 1e-6)
    inside = distance_transform_edt(product)
    labels, count = label(binary_opening(like & (inside > 2.5), np.ones((3, 3), bool)))
    total = 0
    for part in range(1, count + 1):
        mask: Mask = labels == part
        size = int(mask.sum())
        if size < MIN_ENCLOSED * area:
            continue
        rim = binary_dilation(mask, iterations=3) & ~mask & product
        # What runs out into more of the same has no outline of its own.
        if (~like[rim]).mean() > 0.5:
            total += size
    return total / max(1, area)


def cut_sides(alpha: Alpha) -> tuple[str, ...]:
    """Return the sides of the photo that cut the H×W alpha."""
    edges = {"left": alpha[:, 0], "top": alpha[0], "right": alpha[:, -1], "bottom": alpha[-1]}
    return tuple(name for name, edge in edges.items() if float((edge > 0.5).mean()) > CUT_SHARE)


def _confidence(cover: Alpha, agreement: float, ambiguous_share: float, filled: float) -> float:
    """Return 0–1: the two looks agree, little is undecided or half transparent, nothing shows the place behind."""
    solid, half = float((cover > 0.95).sum()), float(((cover > 0.05) & (cover <= 0.95)).sum())
    firmness = solid / max(1.0, solid + half)
    holes = 1 - min(1.0, 1.5 * filled)
    sure = (0.5 + 0.5 * agreement) * (1 - ambiguous_share) ** 0.5 * (0.4 + 0.6 * firmness) * holes
    return round(float(np.clip(sure, 0, 1)), 3)
