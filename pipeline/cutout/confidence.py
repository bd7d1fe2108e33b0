"""Confidence: the probability that a network's cut-out is right, from the disagreement of its looks.

Fitted by `scripts/cutout/confidence.py` on real photos with masks; `models/cutout/README.md` reports its accuracy.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import find_objects, label
from scipy.special import expit

from pipeline.core.resample import Box
from pipeline.core.types import Alpha

#: Logistic regression of "the intersection over union with the truth is 0.8 or more": a constant, the looks' agreement,
#: and the undecided share.
COEFFICIENTS = (-0.44, 3.8, -6.19)
#: Backdrop warns below this confidence: chosen so that it warns about 12 % of good cut-outs.
LOW_CONFIDENCE = 0.878
#: Minimum size of a disputed area in the report, as a share of the product's area.
MIN_DISPUTED = 0.01


def confidence_of(agreement: float, undecided: float) -> float:
    """Return the probability, 0–1, that a mask has an intersection over union of 0.8 or more with the truth.

    `agreement` is the smallest intersection over union of two looks, 0–1; `undecided` is `undecided_share` of the mask.
    """
    constant, *weights = COEFFICIENTS
    return round(float(expit(constant + weights[0] * agreement + weights[1] * undecided)), 3)


def undecided_share(mask: Alpha) -> float:
    """Return the share, 0–1, of an h×w mask's undecided alpha (0.15 to 0.85) in all that isn't background."""
    sure, between = float((mask > 0.85).mean()), float(((mask > 0.15) & (mask <= 0.85)).mean())
    return between / max(between + sure, 1e-9)


def disputed(looks: Sequence[Alpha], mask: Alpha) -> list[Box]:
    """Return boxes of the areas that only some of the h×w looks classify as product, in their pixels.

    Each is left, top, right, bottom. `mask` is the h×w alpha made from the looks.
    """
    parts, _ = label((np.max(looks, axis=0) > 0.5) & (np.min(looks, axis=0) <= 0.5))
    areas = np.bincount(parts.ravel())[1:]
    least = MIN_DISPUTED * float((mask > 0.5).sum())
    return [
        (columns.start, rows.start, columns.stop, rows.stop)
        for (rows, columns), area in zip(find_objects(parts), areas, strict=True)
        if area >= least
    ]
