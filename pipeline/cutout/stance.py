"""The stance of a product in its photo: standing, lying, hanging or cut off below, and the scenes that follow from it.

A network that looks at the photo (`pipeline.cutout.viewpoint`) tells most of it where it is sure; without one, or where
it is in doubt, the silhouette tells what is plain. Whether a thing stands or was photographed from above is mostly not
in its outline: on 107 photos (27 from above) no measure of the outline told them apart better than an area under the
curve of .67, and a logistic regression on sixteen of them had a precision of .43 at a recall of .44 (cross-validated).
So to the outline a skirt that lies with its hem down stands. Numbers below were chosen on 2026-11-26 on half of those
photos, every second one in the order of their names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import label

from pipeline.core.camera_angle import CameraAngle, angle_of, has_angle, seen_from
from pipeline.core.resample import Box, resize, tight_box
from pipeline.core.spec import Scene, SceneKind
from pipeline.core.stance_rules import StanceName, edges_in, stands_in
from pipeline.core.types import Alpha, Cutout
from pipeline.cutout.camera_pose import UNKNOWN_POSE, CameraPose, camera_pose
from pipeline.cutout.viewpoint import is_held
from pipeline.geometry.contact import lowest_points, receding_base

#: Longer side in pixels of the silhouette that is looked at.
SIDE = 400
#: What is so little above the lowest point, a share of the product's height, is taken to touch the surface.
TOUCHES = 0.04
#: What can be turned by so few degrees before it falls, with its centre of mass so near the end of its support (0 above
#: its middle, 1 above its end), can't stand. Of the half, standing things that fall within 9 degrees were at .71 at
#: most; a pencil on its end is at 0.
FALLS, OFF_CENTRE = 5.0, 0.8
#: Shoes seen from above stand on their toes: two things of about one size (a share of the larger one's pixels), each of
#: which falls so easily, is so much narrower where it touches than at most, and already so wide at a quarter of its
#: height. The half's two pairs of shoes had 4.9 to 12.9 degrees, .35 to .56 and .79 to .98; slim bottles have feet. The
#: rule's form was found by looking at all photos: a single thing of that form may be a letter box.
PAIR_FALLS, PAIR_SUPPORT, PAIR_WIDE, SAME_SIZE = 15.0, 0.65, 0.75, 0.6
#: A hook: no wider than this share of the product's width over this share of its height from the top, half of that
#: where the photo cuts it; then shoulders, so wide within so much of the height, from a hook near the middle. Chosen on
#: all photos, since only two of them show a hanger; of the others none is taken for one.
HOOK_WIDE, HOOK_TALL = 0.065, 0.05
SHOULDERS, SHOULDERS_WITHIN = 0.5, 0.15
HOOK_MIDDLE = 0.17

#: Kinds without a wall that something could hang in front of.
OPEN: frozenset[SceneKind] = frozenset({"sand", "bokeh"})
#: A viewpoint of `Cutout.viewpoint` is believed from these probabilities on; between them nothing is claimed.
#: `models/viewpoint/README.md` says how they were chosen and what they are worth.
SURE_ABOVE, SURE_SIDE = 0.7, 0.7
#: Of what is in doubt, from this probability of "above" on, a part that would hang in the air decides: one so large,
#: a share of the largest, that ends so far above the foot, shares of the whole height. Two shoes in a slanting photo
#: (.51 above) have .44; by eye, on that one.
DOUBT_ABOVE, PART, IN_THE_AIR = 0.4, 0.2, 0.3

Mask = NDArray[np.bool_]
NOBODY_LOOKED: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Stance:
    """How a product is in its photo, and what follows for its place in a picture."""

    name: StanceName
    #: Sides of the photo that cut it: any of "left", "top", "right", "bottom".
    cut_sides: tuple[str, ...] = ()
    #: How the photo sees its base.
    pose: CameraPose = UNKNOWN_POSE
    #: The network that looks at the photo is sure that the product stands and was seen from the side.
    side: bool = False
    #: The network is sure that a hand holds it.
    held: bool = False

    @property
    def angle(self) -> CameraAngle | None:
        """The camera angle that the photo was plainly taken from; None where nothing is plain.

        What lies was seen from above. What is seen over its base's corner, or by the network's word stands, was looked
        at from the side; what the photo cuts above can only stand in a picture that it reaches to the top of.
        """
        if self.name == "lying":
            return "above"
        seen = (self.name == "standing" and self.pose.over_corner) or self.side
        return "side" if seen and self.name in ("standing", "cut_below") and "top" not in self.cut_sides else None

    @property
    def suits(self) -> tuple[SceneKind, ...]:
        """The kinds of scene that it looks right in as they are, in their usual order.

        White takes everything. What lies belongs on a flat lay, what stands in scenes seen from the side, and what
        hangs before a wall or on a flat lay.
        """
        kinds: tuple[SceneKind, ...] = get_args(SceneKind)
        if self.name == "hanging":
            return tuple(kind for kind in kinds if kind not in OPEN)
        return tuple(kind for kind in kinds if self.angle is None or angle_of(kind) in (None, self.angle))

    def refused_in(self, kind: SceneKind) -> str | None:
        """Return why there is no honest placement in a scene of that kind, for a person; None where there is one."""
        turned = self._turned(kind)
        if turned is None or has_angle(kind, turned):
            return None
        how = "In the photo the product hangs" if self.name == "hanging" else "The product was photographed from above"
        if self.held:
            how = "In the photo a hand holds the product, so it stands on nothing"
        return (
            f"{how}, and this scene is what is far behind it: of that nothing is left seen from above. A table, a"
            " floor, dunes, a flat lay or a white background takes it as it is."
        )

    def scene_for(self, scene: Scene) -> Scene:
        """Return the scene as the photo sees the product: where it does not suit, its surface from the other angle.

        Raises ValueError where `refused_in` says why there is none.
        """
        turned = self._turned(scene.kind)
        return scene if turned is None else seen_from(scene, turned)

    def _turned(self, kind: SceneKind) -> CameraAngle | None:
        """Return the angle that a scene of that kind has to be shown from instead of its own."""
        if kind in self.suits:
            return None
        return "above" if self.name == "hanging" else self.angle

    def edges(self, kind: SceneKind) -> tuple[str, ...]:
        """Return the sides of the canvas that the product goes to in a scene of that kind."""
        return edges_in(self.name, self.cut_sides, kind)

    def stands_in(self, kind: SceneKind) -> bool:
        """Tell whether the product rests on its foot in a scene of that kind, which is then seen and mirrored."""
        return stands_in(self.name, kind)


def stance_of(cutout: Cutout) -> Stance:
    """Return how a cut-out's product is in its photo. A few milliseconds, whatever its size."""
    return stance(cutout.alpha, cutout.cut_sides, cutout.viewpoint)


def stance(alpha: Alpha, cut_sides: tuple[str, ...] = (), viewpoint: Mapping[str, float] = NOBODY_LOOKED) -> Stance:
    """Return how the product of an H×W alpha, which the photo cuts at `cut_sides`, is in its photo.

    `viewpoint`: as `Cutout.viewpoint`.
    """
    height, width = alpha.shape
    scale = min(1.0, SIDE / max(height, width))
    grid = max(2, round(width * scale)), max(2, round(height * scale))
    solid = np.asarray(resize(alpha, *grid, Image.Resampling.BOX) > 0.5)
    box = tight_box(solid)
    if box is None:
        return Stance("standing", cut_sides)
    solid = _cropped(solid, box)
    above, side = (viewpoint.get(name, 0.0) >= sure for name, sure in (("above", SURE_ABOVE), ("side", SURE_SIDE)))
    if "bottom" not in cut_sides and has_hook(solid, cut="top" in cut_sides):
        return Stance("hanging", cut_sides)
    held = is_held(viewpoint)
    # A hand whose arm the photo cuts may hold it at that edge; without its arm it would stand with fingers on it.
    in_the_air = held and not set(cut_sides) - {"top"}
    above = above or (viewpoint.get("above", 0.0) >= DOUBT_ABOVE and not side and has_part_in_the_air(solid))
    if above or in_the_air or (not cut_sides and cannot_stand(solid)):
        return Stance("lying", cut_sides, held=held)
    if "bottom" in cut_sides:
        return Stance("cut_below", cut_sides, side=side, held=held)
    return Stance("standing", cut_sides, camera_pose(alpha), side, held)


def cannot_stand(solid: Mask) -> bool:
    """Tell whether an h×w silhouette would fall over: as a whole, or each of a pair of things by itself."""
    whole = footing(solid)
    if whole.tips < FALLS and whole.off_centre > OFF_CENTRE:
        return True
    labels, count = label(solid, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    pair = np.flatnonzero(areas >= SAME_SIZE * areas.max())
    return len(pair) == 2 and all(_on_its_toe(footing(labels == one)) for one in pair)


def has_part_in_the_air(solid: Mask) -> bool:
    """Tell whether a tight h×w silhouette has a part by itself that would hang in the air if the whole stood."""
    labels, _ = label(solid, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    parts = np.flatnonzero(areas >= PART * areas.max())
    ends = [np.flatnonzero((labels == part).any(axis=1))[-1] for part in parts]
    return bool(min(ends) < (1 - IN_THE_AIR) * len(solid))


@dataclass(frozen=True)
class Footing:
    """What a silhouette rests on."""

    #: Degrees by which it can be turned before it falls; negative: it falls as it is.
    tips: float
    #: How far its centre of mass is from the middle of its support: 0 above it, 1 above its end.
    off_centre: float
    #: Width of the support, and of the silhouette at a quarter of its height, over its whole width.
    support: float
    at_quarter: float


def footing(solid: Mask) -> Footing:
    """Return what an h×w silhouette rests on. Something in it is True.

    Statics: it falls unless its centre of mass, here that of the outline, is above its base of support, the span of all
    that touches the surface, with a base that recedes.
    """
    box = tight_box(solid)
    assert box is not None  # the caller saw a pixel
    solid = _cropped(solid, box)
    height, width = solid.shape
    lowest, columns = lowest_points(solid.astype(np.float32))
    receding, _ = receding_base(lowest, columns, (0, 0, width, height))
    touches = np.flatnonzero(columns & (height - lowest <= max(1.0, TOUCHES * height)) | (receding > 0.5))
    start, end = float(touches[0]), float(touches[-1] + 1)
    rows, across = np.nonzero(solid)
    x, up = float(across.mean()) + 0.5, height - float(rows.mean()) - 0.5
    quarter = np.flatnonzero(solid[int(0.75 * height)])
    return Footing(
        tips=float(np.degrees(np.arctan2(min(x - start, end - x), up))),
        off_centre=abs(x - (start + end) / 2) / max(0.5, (end - start) / 2),
        support=(end - start) / width,
        at_quarter=float(np.ptp(quarter) + 1) / width if quarter.size else 0.0,
    )


def _on_its_toe(foot: Footing) -> bool:
    return foot.tips < PAIR_FALLS and foot.support < PAIR_SUPPORT and foot.at_quarter > PAIR_WIDE


def has_hook(solid: Mask, *, cut: bool = False) -> bool:
    """Tell whether a tight h×w silhouette hangs from a hook, as on a hanger; `cut`: the photo cuts it above."""
    height, width = solid.shape
    ends = width - solid[:, ::-1].argmax(axis=1)
    spans = np.where(solid.any(axis=1), ends - solid.argmax(axis=1), 0) / width
    tall = int(np.argmax(spans > HOOK_WIDE))
    if tall < HOOK_TALL * height * (0.5 if cut else 1.0):
        return False
    middle = np.nonzero(solid[:tall])[1].mean() / width
    shoulders = spans[tall : tall + max(1, round(SHOULDERS_WITHIN * height))]
    return abs(float(middle) - 0.5) < HOOK_MIDDLE and bool((shoulders > SHOULDERS).any())


def _cropped(solid: Mask, box: Box) -> Mask:
    left, top, right, bottom = box
    return solid[top:bottom, left:right]
