"""Warnings: what may be wrong with a cut-out, found without the truth: how sure it is, and what is worth a look.

Everything is measured at about SIDE pixels. Numbers with a date or a count beside them were chosen on 2026-11-26, on
the real and the made-up photos of `benchmarks/picture/quality.py`; models/cutout/README.md has what they are worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening, find_objects, label

from pipeline.core.codes import averaged
from pipeline.core.resample import Box, eroded
from pipeline.core.types import Alpha
from pipeline.cutout.confidence import LOW_CONFIDENCE

#: Longer side in pixels, or up to twice that, at which warnings are looked for.
SIDE = 320
#: A side of the photo that the product covers over more than this share of its length cuts it.
CUT_SHARE = 0.01
#: A network's mask that ends this near to the border ends at it: one or two of the 320 pixels that networks see, whose
#: outermost fade. A share of the longer side; by this reasoning, on 2026-11-27: of 70 photos one is told by it (a ball
#: that ends .3 % before the border), and from .5 to 1 % nothing changes.
FADES_WITHIN = 0.005
#: A second part this large against the largest is a subject of its own.
SECOND_SUBJECT = 0.2
#: Share of the product that may be half transparent well inside its outline. Nothing in the sets with exact alpha is,
#: so this is by eye: at .04 one of six real photos warned of shows glass, at .1 one of three.
MAX_HALF_INSIDE = 0.1
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
    #: Where in the photo a warning is about, by its code: left, top, right, bottom in pixels.
    where: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What a cut-out is assessed by, at about SIDE pixels: a photo in full need not be kept for it."""

    #: The coverage, h×w.
    cover: Alpha
    #: Pixels of the photo in one of its pixels, and its height and width.
    step: int
    shape: tuple[int, int]
    #: Sides of the photo that cut the product.
    cut_sides: tuple[str, ...]
    #: Of the segmentation, as in `pipeline.cutout.segment.Segmentation`; 1 where nothing was guessed.
    confidence: float
    disputed: tuple[Box, ...]

    @classmethod
    def of(
        cls,
        alpha: Alpha,
        *,
        confidence: float = 1.0,
        disputed: tuple[Box, ...] = (),
        from_file_alpha: bool = False,
    ) -> "Evidence":
        """Return what is needed of an H×W alpha.

        `confidence` and `disputed` are the segmentation's, where a network guessed the alpha. `from_file_alpha`: the
        alpha is the file's own, and ends exactly where it says.
        """
        step = max(1, max(alpha.shape) // SIDE)
        trimmed = from_file_alpha and is_trimmed(alpha)
        sides = () if trimmed else cut_sides(alpha, 0.0 if from_file_alpha else FADES_WITHIN)
        height, width = alpha.shape
        cover = averaged(alpha, step)
        return cls(cover, step, (height, width), sides, confidence, disputed)


def assessed(evidence: Evidence) -> CutoutQuality:
    """Assess a cut-out by its evidence."""
    cover, step = evidence.cover, evidence.step
    subjects, half = subject_boxes(cover), half_inside(cover)
    # Each with its boxes on `cover`; some have none.
    found: dict[str, tuple[bool, Sequence[Box]]] = {
        "subject_touches_edge": (bool(evidence.cut_sides), ()),
        "several_subjects": (len(subjects) > 1, subjects),
        "transparent_material_suspected": (half_inside_share(cover, half) > MAX_HALF_INSIDE, boxes(half)),
        "low_confidence": (evidence.confidence < LOW_CONFIDENCE, ()),
    }
    height, width = evidence.shape
    where = {
        code: tuple(
            (left * step, top * step, min(width, right * step), min(height, bottom * step))
            for left, top, right, bottom in some
        )
        for code, (holds, some) in found.items()
        if holds and some
    }
    if evidence.confidence < LOW_CONFIDENCE and evidence.disputed:
        where["low_confidence"] = evidence.disputed
    codes = tuple(code for code, (holds, _) in found.items() if holds)
    return CutoutQuality(evidence.confidence, codes, evidence.cut_sides, where)


def subject_boxes(cover: Alpha) -> list[Box]:
    """Return the boxes of the parts of h×w coverage that are large against the largest: left, top, right, bottom."""
    labels, _ = label(cover > 0.3, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel())[1:]
    return [box for box, area in zip(boxes(labels), areas, strict=True) if area >= SECOND_SUBJECT * areas.max()]


def boxes(parts: NDArray[np.generic]) -> list[Box]:
    """Return the box of each part of an h×w mask, or of each label: left, top, right, bottom."""
    labels = label(parts)[0] if parts.dtype == bool else parts
    return [(columns.start, rows.start, columns.stop, rows.stop) for rows, columns in find_objects(labels)]


def half_inside(cover: Alpha) -> Mask:
    """Return where h×w coverage is neither there nor not there, well inside the product's outline.

    Glass, veils and smoke; an edge is half transparent too, but narrow.
    """
    deep = eroded(np.pad(cover > 0.1, 4), 3.5)[4:-4, 4:-4]
    return np.asarray(binary_opening((cover > 0.1) & (cover < 0.85) & deep, np.ones((3, 3), bool)), bool)


def half_inside_share(cover: Alpha, half: Mask) -> float:
    """Return the share of h×w coverage, 0–1, that is half transparent well inside its outline: `half_inside` of it."""
    return float(half.sum() / max(1, int((cover > 0.1).sum())))


def cut_sides(alpha: Alpha, within: float = 0.0) -> tuple[str, ...]:
    """Return the sides of the photo that cut the H×W alpha, which covers more than CUT_SHARE of their length.

    `within`: how near to a side, as a share of the longer side, an alpha that covers more than twice that counts as at
    it. What is thinner (a hook, a joint in the floor) must be at the outermost pixels.
    """
    near = max(1, round(within * max(alpha.shape)))
    turned = {"left": alpha.T, "top": alpha, "right": alpha.T[::-1], "bottom": alpha[::-1]}
    return tuple(
        name
        for name, lines in turned.items()
        if float((lines[0] > 0.5).mean()) > CUT_SHARE or float((lines[:near].max(axis=0) > 0.5).mean()) > 2 * CUT_SHARE
    )


def is_trimmed(alpha: Alpha) -> bool:
    """Tell whether an H×W alpha ends on all four sides where its product does, as editors trim a cut-out's file.

    Such a product touches every side and none cuts it.
    """
    return all(bool((edge > 0.02).any()) for edge in (alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1]))
