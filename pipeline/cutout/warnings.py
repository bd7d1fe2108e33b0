"""Warnings about a cut-out, found without the truth: how sure it is, and which places need a look.

Everything is measured at about SIDE pixels. Thresholds with a date or a count beside them were chosen on 2026-11-26, on
the real and synthetic photos of `benchmarks/picture/quality.py`. `models/cutout/README.md` reports their accuracy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening, find_objects, label

from pipeline.core.codes import averaged
from pipeline.core.resample import Box, eroded
from pipeline.core.types import Alpha

#: Warnings are computed at this longer side in pixels, or at up to twice that.
SIDE = 320
#: A side of the photo crops the product if the product covers more than this share of the side's length.
CUT_SHARE = 0.01
#: A network's mask that ends this near to the border counts as reaching it, as a share of the longer side. It is one or
#: two of the network's 320 pixels, whose outermost fade. Chosen by this reasoning on 2026-11-27. Of 70 photos it
#: changes one, a ball that ends 0.3 % before the border. From 0.5 to 1 % nothing changes.
FADES_WITHIN = 0.005
#: A second part of at least this share of the largest is a subject of its own.
SECOND_SUBJECT = 0.2
#: Share of the product that may be half transparent well inside its outline. No photo with exact alpha has such a
#: part, so this was chosen by eye. At 0.04 one of six real photos with the warning shows glass, at 0.1 one of three.
MAX_HALF_INSIDE = 0.1
#: Backdrop warns below this confidence: chosen so that it warns about 12 % of good cut-outs.
LOW_CONFIDENCE = 0.6

Mask = NDArray[np.bool_]


def undecided_share(mask: Alpha) -> float:
    """Return the share, 0–1, of an h×w mask's undecided alpha (0.15 to 0.85) in all that isn't background."""
    sure, between = float((mask > 0.85).mean()), float(((mask > 0.15) & (mask <= 0.85)).mean())
    return between / max(between + sure, 1e-9)


@dataclass(frozen=True)
class CutoutQuality:
    """The quality of a cut-out: its confidence and its warnings."""

    #: 0–1.
    confidence: float
    #: Stable codes.
    warnings: tuple[str, ...]
    #: Sides of the photo that crop the product: any of "left", "top", "right", "bottom".
    cut_sides: tuple[str, ...]
    #: Boxes in the photo that a warning is about, by its code: left, top, right, bottom in pixels.
    where: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """The data that a cut-out's assessment needs, at about SIDE pixels, so that the full photo need not stay."""

    #: The coverage, h×w.
    cover: Alpha
    #: Photo pixels per pixel of `cover`, and the photo's height and width.
    step: int
    shape: tuple[int, int]
    #: Sides of the photo that crop the product.
    cut_sides: tuple[str, ...]
    #: From the segmentation, `pipeline.core.types.Segmentation`; 1 where no network guessed.
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
        """Return the evidence of an H×W alpha.

        `confidence` and `disputed` come from the segmentation, where a network guessed the alpha. `from_file_alpha`:
        the alpha is the file's own, so its borders are exact.
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
    # Per code: whether it applies, and its boxes on `cover`, if any.
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
    """Return the boxes of the large parts of h×w coverage, relative to the largest: left, top, right, bottom."""
    labels, _ = label(cover > 0.3, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel())[1:]
    return [box for box, area in zip(boxes(labels), areas, strict=True) if area >= SECOND_SUBJECT * areas.max()]


def boxes(parts: NDArray[np.generic]) -> list[Box]:
    """Return the box of each part of an h×w mask, or of each label: left, top, right, bottom."""
    labels = label(parts)[0] if parts.dtype == bool else parts
    return [(columns.start, rows.start, columns.stop, rows.stop) for rows, columns in find_objects(labels)]


def half_inside(cover: Alpha) -> Mask:
    """Return where h×w coverage is partial well inside the product's outline.

    That is glass, veils and smoke. An edge is partial too, but narrow.
    """
    deep = eroded(np.pad(cover > 0.1, 4), 3.5)[4:-4, 4:-4]
    return np.asarray(binary_opening((cover > 0.1) & (cover < 0.85) & deep, np.ones((3, 3), bool)), bool)


def half_inside_share(cover: Alpha, half: Mask) -> float:
    """Return the share, 0–1, of h×w coverage that is half transparent well inside its outline: its `half_inside`."""
    return float(half.sum() / max(1, int((cover > 0.1).sum())))


def cut_sides(alpha: Alpha, within: float = 0.0) -> tuple[str, ...]:
    """Return the sides of the photo that crop the H×W alpha: it covers more than CUT_SHARE of their length.

    Within the share `within` of the longer side, alpha counts as reaching the side if it covers more than twice
    CUT_SHARE. Thinner things (a hook, a joint in the floor) must reach the outermost pixels.
    """
    near = max(1, round(within * max(alpha.shape)))
    turned = {"left": alpha.T, "top": alpha, "right": alpha.T[::-1], "bottom": alpha[::-1]}
    return tuple(
        name
        for name, lines in turned.items()
        if float((lines[0] > 0.5).mean()) > CUT_SHARE or float((lines[:near].max(axis=0) > 0.5).mean()) > 2 * CUT_SHARE
    )


def is_trimmed(alpha: Alpha) -> bool:
    """Return whether an H×W alpha ends on all four sides where its product does, as editors trim a cut-out's file.

    Such a product touches every side, and no side crops it.
    """
    return all(bool((edge > 0.02).any()) for edge in (alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1]))
