"""Faults of a cut-out against a true alpha, by the warning that should report each.

All alphas are H×W float32 in [0, 1]. Areas are shares of the true product's area, measured at about 320 pixels as
warnings are.
"""

from pipeline.core.codes import averaged
from pipeline.core.types import Alpha
from pipeline.cutout.warnings import MAX_HALF_INSIDE, SIDE, cut_sides, half_inside, half_inside_share, subject_boxes

#: Limits of intersection over union. Below WRONG a cut-out is wrong; from FAIR on a warning is false. Between them a
#: cut-out is not judged. From RIGHT on no cut-out should carry a warning.
WRONG, FAIR, RIGHT = 0.8, 0.9, 0.92
#: Photos of `real_photos.txt` whose handmade mask covers only a part of the thing (a poster without its stand, a plaque
#: without its rim). They don't show whether the rest belongs to it, nor whether the photo crops the rest.
PART_MASKS = frozenset(("0407", "0425", "0455", "0456", "0518", "0716", "0953"))
#: Its mask wrongly includes a barrier behind a car, at the photo's border.
WRONG_AT_BORDER = frozenset(("0983",))
#: A mask with at most this share of values between 0 and 1 is handmade, and doesn't show transparency.
BINARY = 0.002


def faults(alpha: Alpha, truth: Alpha, *, part_mask: bool = False, border_known: bool = True) -> dict[str, bool]:
    """Return by the code of its warning whether a cut-out has the fault; faults that can't be judged are left out.

    The photo crops the thing where the truth covers more than `pipeline.cutout.warnings.CUT_SHARE` of the outermost
    pixels of a side. `part_mask`: the truth covers only a part of the thing, so only that part's crop is known.
    `border_known`: whether the truth is right at the photo's border.
    """
    own, theirs = alpha > 0.5, truth > 0.5
    overlap = float((own & theirs).sum() / max(1, int((own | theirs).sum())))
    found = {}
    if not part_mask and not WRONG <= overlap < FAIR:
        found["low_confidence"] = overlap < WRONG
    cover = averaged(truth, _step(truth))
    found["several_subjects"] = len(subject_boxes(cover)) > 1
    cut = bool(cut_sides(truth))
    if border_known and (cut or not part_mask):
        found["subject_touches_edge"] = cut
    if ((truth > 0.1) & (truth < 0.9)).mean() > BINARY:
        found["transparent_material_suspected"] = half_inside_share(cover, half_inside(cover)) > MAX_HALF_INSIDE
    return found


def _step(alpha: Alpha) -> int:
    return max(1, int(max(alpha.shape)) // SIDE)
