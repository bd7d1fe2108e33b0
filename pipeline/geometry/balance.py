"""Whether a silhouette can stand as it is seen: the judgements that follow from its statics.

Of the photos and renders whose numbers are given below, those that are told so were looked at one by one (2026-11-27,
pipeline/README.md).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

from pipeline.geometry.contact import lowest_points
from pipeline.geometry.statics import (
    TOUCHES,
    Footing,
    footing,
    mirror_axis,
    straight_edge,
    turned_ellipse,
    turned_rectangle,
)

Mask = NDArray[np.bool_]
#: What can be turned by so few degrees before it falls, with its centre of mass so near the end of its support (0 above
#: its middle, 1 above its end), can't stand. Of the half, standing things that fall within 9 degrees were at .71 at
#: most; a pencil on its end is at 0.
FALLS, OFF_CENTRE = 5.0, 0.8
#: Shoes seen from above stand on their toes: two things of about one size (a share of the larger one's pixels), each of
#: which falls so easily, is so much narrower where it touches than at most, and already so wide at a quarter of its
#: height. The half's two pairs of shoes had 4.9 to 12.9 degrees, .35 to .56 and .79 to .98; slim bottles have feet. The
#: rule's form was found by looking at all photos: a single thing of that form may be a letter box.
PAIR_FALLS, PAIR_SUPPORT, PAIR_WIDE, SAME_SIZE = 15.0, 0.65, 0.75, 0.6
#: What falls so easily whose support is less than this share of its width is balanced on a point. What is slimmer than
#: this, width over height, may stand: a pen, a lipstick. Two signs on the tip of their triangle have 5.4 and 5.7
#: degrees.
POINT_FALLS, POINT, SLENDER = 8.0, 0.2, 0.4
#: A base over its corner is seen from less than 45 degrees above: the geometric mean of its edges' slopes is that
#: angle's sine at most. What is steeper, and could be turned by so few degrees if that corner were all it stands on, is
#: balanced on it: a heart, a bracket's end. A bowl with straight sides has a foot.
STEEPEST_VIEW, ON_A_CORNER = 0.7, 10.0
#: A rod, so much wider than high, that slants lies on the ground into the distance: how far, no photo tells, and beside
#: it an end would hover.
ROD = 4.0
#: The straight edge of a board rises by less, rise over run, where it is seen from the side. A sign that hung and was
#: seen from below has .53, what else of 121 is not seen over a corner .33 at most.
STEEP_EDGE = 0.45
#: What stands is plumb: a rectangle that is turned by more degrees, each of whose sides the outline shows so much of at
#: least, stands on its corner.
PLUMB, RECTANGLE = 7.0, 0.6
#: An ellipse that is turned so stands askew on its rim, as a plate that is seen at an angle does not: so much of it and
#: of the outline is common to both, and it is so much longer than wide. An oval sign has .991 and 1.67; what else of
#: 121 photos and renders is above .97 is level or round.
ELLIPSE, OVAL = 0.97, 1.25
#: A base that shows one edge is a guess, and not believed where it puts the camera so high, more than a photo that was
#: taken a little askew, though without it the body would be on a corner, and the side beyond that corner leans outward
#: by so many degrees up to so much of the height: what stands there has a plumb side. By eye, on a pillow (.38, 16 and
#: .90) and a leaf (.32, 27 and .53); a van on its wheels has .23.
GUESSED, LEANS, LEANS_UP_TO = 0.28, 10.0, 0.5
#: Nor is it believed of a stick on its end, so wide above its foot (`Footing.above_foot`): a hammer, a brush and a flag
#: have .03 to .21. Of 156 stamps, photos and renders that stand, some show such an edge: a hat has .13, the others .5
#: at least.
STICK = 0.25
#: What is alike its mirror image about an axis that is turned by more degrees, and by so much more (intersection over
#: union) than about a plumb or a level one, was photographed askew: what stands is symmetric about plumb. Of 77 photos
#: and renders of what stands uncut, a carton seen over its corner has .12, a doll that sits .29; where less than the
#: third share is alike, so many times what is missing is asked for on top. Chosen on these and on 48 renders that were
#: turned by 19 to 42 degrees.
TILTED, MORE_ALIKE, ALIKE, LESS_ALIKE = 11.0, 0.15, 0.85, 1.5
#: What is less wide at a quarter of its height, over its whole width, is on a stalk or in a pot, and so is what is
#: nearly as wide where it is lowest, over that width. Of 28 flowers' heads seven are, half a flower has .99 and .12, a
#: plant in its pot .5, flowers of 1.6 times the width of a mug or pot below them .62 to .85 of the second.
STALK, POT = 0.55, 0.6
#: What rests on so much of its width stands, however its sides lean: a shoe with a high heel has .69.
LEVEL = 0.5
#: Two lobes of one outline, each at least so much of it and so much of an ellipse (intersection over union), one above
#: the other: round on round is no equilibrium. Two eggs of a nest have .96 and .92; of 104 others in which a waist
#: divides such lobes none has both above .87 but two clocks, which lie for another reason.
LOBE, ROUND = 0.25, 0.9
#: What hangs has its centre of mass plumb below what holds it, and its lowest point too, within so much of its width.
BELOW_ITS_HOLD = 0.12
#: Depths of erosion at which a waist is looked for.
WAISTS = 20
#: A part that would hang in the air is so large, a share of the largest, and ends so far above the foot, shares of the
#: whole height. Two shoes in a slanting photo have .44; by eye, on that one.
PART, IN_THE_AIR = 0.2, 0.3
#: Whoever says that it stands: what ends so far above the foot is on no surface that is seen from the side, which goes
#: on to the horizon at most, some half of a product's height up. It is so large at least, a share of the largest. Two
#: clocks above each other have .58, a sign that lost its posts beside a box on its post .47, a tyre behind a sign .81
#: and a share of .08.
FAR_UP, SEEN_PART = 0.45, 0.03
#: It is above a foot alone, so flat and so near to plumb below its middle, where the cut-out lost a glass's stem:
#: shares of the height and of the width.
FOOT_ALONE, PLUMB_ABOVE = 0.12, 0.1
#: What the photo cuts below rises from there, if its weight is above the cut. Of nine things without a hand a kite on
#: its wing's tip is at 3.8, all others at .52 at most.
BESIDE_THE_CUT = 1.5


def cannot_rise(solid: Mask) -> bool:
    """Tell whether an h×w silhouette that the photo cuts below can't rise from there.

    Its weight is beside the cut, or a part of it is by itself in the air.
    """
    return has_part_far_up(solid) or footing(solid).off_centre > BESIDE_THE_CUT


def cannot_stand(solid: Mask, pitch_slope: float, *, over_corner: bool) -> bool:
    """Tell whether an h×w silhouette would fall over: as a whole, or each of a pair of things by itself.

    It falls where a part of it would be in the air; where its weight is not above its support; where it is balanced on
    a point, or on a corner, whose edges rise steeper than those of any base that is seen from the side, or beyond which
    its side leans outward, or which is a stick's end; where it is a rod that slants, or a board on a steep edge; where
    it is symmetric about an axis that is not plumb, and rests on little; and where a large part of it is a rectangle or
    an ellipse that is turned. `pitch_slope`: the camera's height above the foot over its distance, as the base tells
    it; a guess if not `over_corner`.
    """
    if has_part_far_up(solid):
        return True
    whole = footing(solid)
    if (whole.tips < FALLS and whole.off_centre > OFF_CENTRE) or _is_on_a_point(whole):
        return True
    if over_corner and pitch_slope > STEEPEST_VIEW and whole.poise < ON_A_CORNER:
        return True
    if not over_corner and (_slants(whole, pitch_slope) or straight_edge(solid) > STEEP_EDGE):
        return True
    guessed = not over_corner and pitch_slope > GUESSED and whole.poise < ON_A_CORNER
    if guessed and (whole.above_foot < STICK or _leans_over_its_corner(solid)):
        return True
    if not over_corner and whole.level < LEVEL and _is_askew(solid):
        return True
    labels, count = label(solid, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    pair = np.flatnonzero(areas >= SAME_SIZE * areas.max())
    if len(pair) == 2 and all(_on_its_toe(footing(labels == one)) for one in pair):
        return True
    return any(_is_turned(labels == part) for part in np.flatnonzero(areas >= PART * areas.max()))


def has_part_in_the_air(solid: Mask) -> bool:
    """Tell whether a tight h×w silhouette has a large part by itself that ends IN_THE_AIR above the foot."""
    return any(part.end > IN_THE_AIR for part in _parts(solid, PART))


def has_part_far_up(solid: Mask) -> bool:
    """Tell whether a tight h×w silhouette has a part by itself that ends FAR_UP above the foot, where no surface is.

    What stands further back stands higher in the picture, but below the horizon. A small part is by itself where it is
    further from all else than half its height: the star on a tree is not. A glass whose stem the cut-out lost has none:
    it is plumb above a foot that lies there alone.
    """
    parts = _parts(solid, SEEN_PART)
    up = [part for part in parts if part.end > FAR_UP and (part.share >= PART or _is_apart(solid, part))]
    if len(up) != 1:
        return bool(up)
    below = [part for part in _parts(solid, 0.0) if part.end <= FAR_UP]
    is_foot = all(part.end + part.tall <= FOOT_ALONE for part in below)
    return not is_foot or all(abs(part.middle - up[0].middle) > PLUMB_ABOVE for part in below)


class _Part(NamedTuple):
    """A part of a tight silhouette by itself: shares of the silhouette's height or width, but for its mask."""

    #: Pixels, of the largest part's.
    share: float
    #: How far above the foot it ends, and how tall it is.
    end: float
    tall: float
    #: How far from the left its middle is.
    middle: float
    mask: Mask


def _parts(solid: Mask, least: float) -> list[_Part]:
    """Return the parts of a tight h×w silhouette of which each has `least` of the largest's pixels at least."""
    labels, _ = label(solid, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    height, width = solid.shape
    found = []
    for index in np.flatnonzero(areas >= max(1.0, least * areas.max())):
        mask = labels == index
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        found.append(
            _Part(
                share=float(areas[index] / areas.max()),
                end=float(height - 1 - rows[-1]) / height,
                tall=float(rows[-1] + 1 - rows[0]) / height,
                middle=float(columns[0] + columns[-1] + 1) / 2 / width,
                mask=mask,
            )
        )
    return found


def _is_apart(solid: Mask, part: _Part) -> bool:
    away = distance_transform_edt(~(solid & ~part.mask))
    return bool(away[part.mask].min() > part.tall * len(solid) / 2)


def has_level_base(solid: Mask) -> bool:
    """Tell whether an h×w silhouette's lowest points span LEVEL of its width."""
    return footing(solid).level >= LEVEL


def is_on_a_stalk(solid: Mask) -> bool:
    """Tell whether an h×w silhouette is slim below, or as wide as it stands: a stalk, a vase, a pot."""
    foot = footing(solid)
    return foot.at_quarter < STALK or foot.level > POT * foot.at_quarter


def is_heap(solid: Mask) -> bool:
    """Tell whether an h×w silhouette is two round things, one upon the other, which roll apart.

    Its lobes are what its erosion falls into, each with all that is nearest to it.
    """
    inside = distance_transform_edt(np.pad(solid, 1))[1:-1, 1:-1]
    for depth in np.linspace(1, float(inside.max()), WAISTS):
        labels, count = label(inside > depth)
        if count < 2:
            continue
        cores = np.argsort(-np.bincount(labels.ravel())[1:])[:2] + 1
        seeds = np.where(np.isin(labels, cores), labels, 0)
        rows, columns = distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
        lobes = [solid & (seeds[rows, columns] == core) for core in cores]
        if min(int(lobe.sum()) for lobe in lobes) >= LOBE * solid.sum():
            (y, x), (other_y, other_x) = (np.argwhere(lobe).mean(axis=0) for lobe in lobes)
            return abs(x - other_x) < abs(y - other_y) and min(turned_ellipse(lobe)[2] for lobe in lobes) > ROUND
    return False


def hangs_plumb(solid: Mask) -> bool:
    """Tell whether a tight h×w silhouette that the photo cuts above hangs from there: it is balanced on a point.

    As of a pendulum, its centre of mass and its lowest point are plumb below the cut.
    """
    width = solid.shape[1]
    hold, lowest = (float(np.flatnonzero(row).mean()) for row in (solid[0], solid[-1]))
    mass = float(np.nonzero(solid)[1].mean())
    off = max(abs(mass - hold), abs(lowest - hold))
    return balanced_on_a_point(solid) and off < BELOW_ITS_HOLD * width


def balanced_on_a_point(solid: Mask) -> bool:
    """Tell whether an h×w silhouette would tip over at less than FALLS degrees if no base receded from its foot."""
    return footing(solid).poise < FALLS


def _is_askew(solid: Mask) -> bool:
    turn, alike, more = mirror_axis(solid)
    return abs(turn) > TILTED and more > MORE_ALIKE + LESS_ALIKE * max(0.0, ALIKE - alike)


def _slants(foot: Footing, pitch_slope: float) -> bool:
    return foot.aspect > ROD and pitch_slope > 0


def _leans_over_its_corner(solid: Mask) -> bool:
    """Tell whether a tight h×w silhouette's base rises to one side of its foot, and its side leans out to the other."""
    height, width = solid.shape
    lowest, columns = lowest_points(solid.astype(np.float32))
    low = np.flatnonzero(columns & (height - lowest <= max(1.0, TOUCHES * height)))
    left, right = int(low[0]), width - 1 - int(low[-1])
    run, end = (left, 0) if left < right else (right, width - 1)
    up = height - float(lowest[end])
    return bool(up >= LEANS_UP_TO * height and run > up * np.tan(np.deg2rad(LEANS)))


def _is_on_a_point(foot: Footing) -> bool:
    return foot.tips < POINT_FALLS and foot.support < POINT and foot.aspect > SLENDER


def _is_turned(solid: Mask) -> bool:
    turn, shown = turned_rectangle(solid)
    if abs(turn) > PLUMB and shown > RECTANGLE:
        return True
    turn, long, share = turned_ellipse(solid)
    return PLUMB < abs(turn) < 90 - PLUMB and long > OVAL and share > ELLIPSE


def _on_its_toe(foot: Footing) -> bool:
    return foot.tips < PAIR_FALLS and foot.support < PAIR_SUPPORT and foot.at_quarter > PAIR_WIDE
