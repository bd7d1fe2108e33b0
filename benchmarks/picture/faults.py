"""Faults of a cut-out against a true alpha: what each warning ought to have said of it.

All alphas are H×W float32 in [0, 1]. Areas are shares of the true product's; they are looked at where warnings are, at
some 320 pixels, but for holes.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening, label

from benchmarks.picture.mattes import enclosed_holes
from pipeline.core.codes import averaged
from pipeline.core.types import Alpha
from pipeline.cutout.warnings import MAX_HALF_INSIDE, SIDE, cut_sides, half_inside, several_subjects

#: Below this intersection over union a cut-out is wrong; from the next on it is right.
WRONG, RIGHT = 0.8, 0.92
#: A hole's filled area, and a part of the old scene that came along, count from these shares on.
FILLED, ATTACHED = 0.01, 0.03
#: A mask made by hand is 0 or 1 but for this share of the picture at most: it can't say what is half transparent.
BINARY = 0.002


def faults(alpha: Alpha, truth: Alpha) -> dict[str, bool]:
    """Return, by the code of its warning, whether a cut-out has the fault; left out: what the truth can't tell."""
    ours, theirs = alpha > 0.5, truth > 0.5
    area = max(1, int(theirs.sum()))
    found = {
        "low_confidence": bool((ours & theirs).sum() < WRONG * (ours | theirs).sum()),
        "enclosed_background_suspected": bool((enclosed_holes(truth) & ours).sum() >= FILLED * area),
        "background_attached_suspected": attached_share(alpha, truth) >= ATTACHED,
        "several_subjects": several_subjects(averaged(truth, _step(truth))),
        "subject_touches_edge": bool(cut_sides(truth)),
    }
    if ((truth > 0.1) & (truth < 0.9)).mean() > BINARY:
        found["transparent_material_suspected"] = half_inside(averaged(truth, _step(truth))) > MAX_HALF_INSIDE
    return found


def attached_share(alpha: Alpha, truth: Alpha) -> float:
    """Return how large the largest part is that a cut-out has and the truth has not, against the true product.

    A rim that is a few pixels too wide is none, nor is what the product encloses.
    """
    step = _step(truth)
    ours, theirs = averaged(alpha, step) > 0.5, averaged(truth, step) > 0.5
    holes = averaged(enclosed_holes(truth).astype(np.float32), step) > 0.5
    labels, count = label(opened(ours & ~theirs & ~holes))
    if not count:
        return 0.0
    return float(np.bincount(labels.ravel())[1:].max() / max(1, theirs.sum()))


def opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask of some 320 pixels without what is narrower than five of them."""
    return np.asarray(binary_opening(mask, np.ones((5, 5), bool)), bool)


def _step(alpha: Alpha) -> int:
    return max(1, max(alpha.shape) // SIDE)
