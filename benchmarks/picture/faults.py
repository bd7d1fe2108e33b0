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
from pipeline.cutout.warnings import MAX_HALF_INSIDE, SIDE, cut_sides, half_inside, half_inside_share, subject_boxes

#: Below the first intersection over union a cut-out is wrong, from the second on a warning is false; between them it is
#: not judged. From RIGHT on none should be warned of.
WRONG, FAIR, RIGHT = 0.8, 0.9, 0.92
#: The same for the area of holes that stayed filled, and of a part of the old scene that came along: small, and large.
FILLED, ATTACHED = (0.005, 0.03), (0.01, 0.03)
#: Photos of `real_photos.txt` whose mask, made by hand, names a part of the thing that is seen whole (a poster without
#: its stand, a plaque without its rim): they can't tell whether what is beside it belongs to it, nor whether the photo
#: cuts that.
PART_MASKS = frozenset(("0407", "0425", "0455", "0456", "0518", "0716", "0953"))
#: The one whose mask takes in what it should not at the photo's border, a barrier far behind a car.
WRONG_AT_BORDER = frozenset(("0983",))
#: A mask made by hand is 0 or 1 but for this share of the picture at most: it can't say what is half transparent.
BINARY = 0.002


def faults(alpha: Alpha, truth: Alpha, *, part_mask: bool = False, border_known: bool = True) -> dict[str, bool]:
    """Return, by the code of its warning, whether a cut-out has the fault; left out: what is neither here nor there.

    The photo cuts the thing where the truth covers more than `pipeline.cutout.warnings.CUT_SHARE` of the outermost line
    of pixels at a side. `part_mask`: the truth names a part of the thing, and only what the photo cuts of that part is
    known to be cut. `border_known`: whether the truth is right at the photo's border.
    """
    ours, theirs = alpha > 0.5, truth > 0.5
    overlap = float((ours & theirs).sum() / max(1, (ours | theirs).sum()))
    filled = float((enclosed_holes(truth) & ours).sum() / max(1, theirs.sum()))
    judged = {"enclosed_background_suspected": (filled, FILLED)}
    if not part_mask:
        judged["low_confidence"] = (1 - overlap, (1 - FAIR, 1 - WRONG))
        judged["background_attached"] = (attached_share(alpha, truth), ATTACHED)
    found = {code: share > large for code, (share, (small, large)) in judged.items() if not small < share <= large}
    cover = averaged(truth, _step(truth))
    found["several_subjects"] = len(subject_boxes(cover)) > 1
    cut = bool(cut_sides(truth))
    if border_known and (cut or not part_mask):
        found["subject_touches_edge"] = cut
    if ((truth > 0.1) & (truth < 0.9)).mean() > BINARY:
        found["transparent_material_suspected"] = half_inside_share(cover, half_inside(cover)) > MAX_HALF_INSIDE
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
    return max(1, int(max(alpha.shape)) // SIDE)
