"""Faults of a cut-out against a true alpha: what each warning ought to have said of it.

All alphas are H×W float32 in [0, 1]. Areas are shares of the true product's; they are looked at where warnings are, at
some 320 pixels.
"""

from pipeline.core.codes import averaged
from pipeline.core.types import Alpha
from pipeline.cutout.warnings import MAX_HALF_INSIDE, SIDE, cut_sides, half_inside, half_inside_share, subject_boxes

#: Below the first intersection over union a cut-out is wrong, from the second on a warning is false; between them it is
#: not judged. From RIGHT on none should be warned of.
WRONG, FAIR, RIGHT = 0.8, 0.9, 0.92
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
    overlap = float((ours & theirs).sum() / max(1, int((ours | theirs).sum())))
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
