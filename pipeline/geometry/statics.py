"""The statics of a silhouette: what it rests on, and whether it stands plumb or is turned in the picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, label
from scipy.spatial import ConvexHull

from pipeline.core.resample import tight_box
from pipeline.geometry.contact import lowest_points, receding_base

Mask = NDArray[np.bool_]
#: What is so little above the lowest point, a share of the product's height, is taken to touch the surface.
TOUCHES = 0.04
#: So far above the lowest point, a share of the height, a stick on its end is still a stick.
ABOVE_FOOT = 0.15
#: What is slimmer than this is an appendage, in square roots of the silhouette's pixels. A book's ribbon is .15 wide
#: where it forks; of 104 other photos and renders only the bases of what stands on no base change from .1 to .2.
SLIM = 0.18
#: A side of a turned rectangle may lean by so much more or less than the whole, as perspective makes it: a share of the
#: angle, and degrees. A plumb side, as of a van that is seen askew, differs by the whole angle.
ASKEW, AT_MOST = 0.75, 10.0
#: A silhouette is compared with its mirror image on so many rings, each so many degrees, and an axis that is turned by
#: no more than the second is as good as plumb.
POLAR_RINGS, POLAR_STEP, ASKEW_AXIS = 64, 3, 3
#: A straight edge below is so long at least and bends by so little, in widths of the silhouette.
LONG, STRAIGHT = 0.5, 0.02


@dataclass(frozen=True)
class Footing:
    """What a silhouette rests on."""

    #: Degrees by which it can be turned before it falls; negative: it falls as it is.
    tips: float
    #: How far its centre of mass is from the middle of its support: 0 above it, 1 above its end.
    off_centre: float
    #: Width of the support, of what is lowest, and of the silhouette at ABOVE_FOOT and at a quarter of its height, over
    #: its whole width.
    support: float
    level: float
    above_foot: float
    at_quarter: float
    #: Degrees by which it could be turned if its centre of mass were above the middle of its support, and if no base
    #: receded from its lowest points.
    poise: float
    #: Width over height.
    aspect: float


def footing(solid: Mask) -> Footing:
    """Return what an h×w silhouette rests on. Something in it is True.

    Statics: it falls unless its centre of mass, here that of the outline, is above its base of support, the span of all
    that touches the surface, with a base that recedes.
    """
    solid = tight(solid)
    height, width = solid.shape
    lowest, columns = lowest_points(solid.astype(np.float32))
    receding, _ = receding_base(lowest, columns, (0, 0, width, height))
    low = columns & (height - lowest <= max(1.0, TOUCHES * height))
    touches = np.flatnonzero(low | (receding > 0.5))
    start, end = float(touches[0]), float(touches[-1] + 1)
    rows, across = np.nonzero(solid)
    x, up = float(across.mean()) + 0.5, height - float(rows.mean()) - 0.5
    level = float(np.ptp(np.flatnonzero(low)) + 1)
    return Footing(
        tips=float(np.degrees(np.arctan2(min(x - start, end - x), up))),
        off_centre=abs(x - (start + end) / 2) / max(0.5, (end - start) / 2),
        support=(end - start) / width,
        level=level / width,
        above_foot=_wide(solid, ABOVE_FOOT),
        at_quarter=_wide(solid, 0.25),
        poise=float(np.degrees(np.arctan2(level / 2, up))),
        aspect=width / height,
    )


def _wide(solid: Mask, up: float) -> float:
    """Return how wide a tight h×w silhouette is a share `up` of its height above its foot, over its whole width."""
    across = np.flatnonzero(solid[int((1 - up) * len(solid))])
    return float(np.ptp(across) + 1) / solid.shape[1] if across.size else 0.0


def without_appendages(solid: Mask) -> Mask:
    """Return an h×w silhouette without what is slim and hangs beside its base: a ribbon, a strap, a cable.

    By an opening with a disc (SLIM across): of what it removes, the parts that reach out by more than its radius, from
    one place alone, which a handle doesn't, beside a body that comes down to the lower half, which a seat doesn't. As
    it is where one reaches the foot: then they are legs, and it stands on them. Something in it is True.
    """
    radius = SLIM * float(np.sqrt(np.count_nonzero(solid))) / 2
    around = round(radius) + 2
    inside = np.pad(solid, around)
    away = distance_transform_edt(distance_transform_edt(inside) <= radius)
    away = away[around:-around, around:-around]
    joined = np.ones((3, 3), bool)
    labels, count = label(solid & (away > radius), joined)
    rows = np.flatnonzero(solid.any(axis=1))
    middle, foot = int(rows[[0, -1]].mean()), int(rows[-1]) - max(1, round(TOUCHES * len(rows)))
    body = solid.copy()
    for part in range(1, count + 1):
        slim = labels == part
        if away[slim].max() <= 2 * radius:
            continue
        if slim[foot:].any():
            return solid
        beside = binary_dilation(slim, joined) & solid & ~slim
        below = np.flatnonzero((solid & ~slim)[:, slim.any(axis=0)].any(axis=1))  # empty: it hangs at the side
        if label(beside, joined)[1] == 1 and below.size and below[-1] > middle:
            body &= ~slim
    return body


def straight_edge(solid: Mask) -> float:
    """Return how a long straight edge rises from a tight h×w silhouette's foot, rise over run; 0 without one."""
    height, width = solid.shape
    lowest, columns = lowest_points(solid.astype(np.float32))
    foot = np.flatnonzero(columns & (lowest >= height - 0.5))
    for reach in (np.arange(foot[-1], width), np.arange(foot[0], -1, -1)):
        rise, run = height - lowest[reach], np.arange(len(reach))
        for far in range(len(reach) - 1, int(LONG * width), -1):
            bend = np.abs(rise[: far + 1] - rise[far] / far * run[: far + 1]).max()
            if columns[reach[: far + 1]].all() and bend <= STRAIGHT * width:
                return float(rise[far] / far)
    return 0.0


def turned_rectangle(solid: Mask) -> tuple[float, float]:
    """Return how a silhouette's smallest rectangle is turned, degrees in -45 to 45, and how much it is a rectangle.

    The second: of the side that shows least, the share along which the convex hull follows it, 0 to 1 or a little more.
    Something in the h×w silhouette is True. The smallest rectangle around a hull has one of its edges (Freeman and
    Shapira 1975).
    """
    rows = np.flatnonzero(solid.any(axis=1))
    first, last = solid[rows].argmax(axis=1), solid.shape[1] - solid[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([x, y], axis=1) for x in (first, last) for y in (rows, rows + 1)]).astype(float)
    corners = ends[ConvexHull(ends).vertices]
    edges = np.roll(corners, -1, axis=0) - corners
    ways = np.arctan2(edges[:, 1], edges[:, 0])
    long = np.hypot(edges[:, 0], edges[:, 1])
    along = np.ptp(np.cos(ways) * corners[:, :1] + np.sin(ways) * corners[:, 1:], axis=0)
    across = np.ptp(np.cos(ways) * corners[:, 1:] - np.sin(ways) * corners[:, :1], axis=0)
    least = int(np.argmin(along * across))
    turn = (float(np.degrees(ways[least])) + 45) % 90 - 45
    shown = []
    for side in range(4):
        off = (np.degrees(ways - ways[least]) - 90 * side + 180) % 360 - 180
        follows = np.abs(off) <= min(AT_MOST, ASKEW * abs(turn))
        shown.append(float(long[follows].sum() / (across if side % 2 else along)[least]))
    return turn, min(shown)


def turned_ellipse(solid: Mask) -> tuple[float, float, float]:
    """Return how the ellipse with a silhouette's moments is turned, its longer axis over its shorter, and its share.

    The turn is the longer axis' from level, degrees in -90 to 90, clockwise; the share is what is common to both of
    what is in either (intersection over union). Two pixels of the h×w silhouette, not in one row, are True.
    """
    y, x = np.nonzero(solid)
    spread = np.cov(np.stack([x, y])) + np.eye(2) / 12  # a pixel is no point
    lengths, ways = np.linalg.eigh(spread)
    turn = (float(np.degrees(np.arctan2(ways[1, 1], ways[0, 1]))) + 90) % 180 - 90
    rows, columns = np.indices(solid.shape)
    away = np.stack([columns - x.mean(), rows - y.mean()], axis=-1)
    ellipse = ((away @ np.linalg.inv(spread)) * away).sum(axis=-1) <= 4
    share = float((ellipse & solid).sum() / (ellipse | solid).sum())
    return turn, float(np.sqrt(lengths[1] / lengths[0])), share


def mirror_axis(solid: Mask) -> tuple[float, float, float]:
    """Return how the axis nearest to plumb about which a silhouette is most alike its mirror image is turned, and how.

    Degrees clockwise in -45 to 45; how much it is alike (intersection over union, 0-1), and how much more so than about
    a plumb and a level axis, the better of both. Each axis goes through the centre of mass, as one of symmetry does.
    Something in the h×w silhouette is True.
    """
    rows, columns = np.nonzero(solid)
    y, x = float(rows.mean()), float(columns.mean())
    far = float(np.hypot(rows - y, columns - x).max()) + 1
    out = (np.arange(POLAR_RINGS) + 0.5) * (far / POLAR_RINGS)
    ways = np.deg2rad(np.arange(0, 360, POLAR_STEP))
    down = np.rint(y + np.outer(out, -np.cos(ways))).astype(int)
    across = np.rint(x + np.outer(out, np.sin(ways))).astype(int)
    inside = (down >= 0) & (down < solid.shape[0]) & (across >= 0) & (across < solid.shape[1])
    polar = inside & solid[np.where(inside, down, 0), np.where(inside, across, 0)]
    alike = []
    turns = np.arange(-45, 91, POLAR_STEP)
    for turn in turns:
        # what is at an angle is mirrored to twice the axis' angle less it
        mirrored = polar[:, (2 * turn // POLAR_STEP - np.arange(len(ways))) % len(ways)]
        alike.append(float(out @ (polar & mirrored).sum(axis=1)) / float(out @ (polar | mirrored).sum(axis=1)))
    shares = np.array(alike)
    best = int(np.argmax(shares[turns <= 45]))
    straight = max(shares[np.abs(turns - axis) <= ASKEW_AXIS].max() for axis in (0, 90))
    return float(turns[best]), float(shares[best]), float(shares[best] - straight)


def tight(solid: Mask) -> Mask:
    """Return an h×w silhouette without what is empty around it. Something in it is True."""
    box = tight_box(solid)
    assert box is not None  # the caller saw a pixel
    left, top, right, bottom = box
    return solid[top:bottom, left:right]
