"""What follows from a product's stance for its place: the sides that it goes to, and whether its foot is seen to rest.

Rules alone, for whoever knows a stance and has no pixels; `pipeline.cutout.stance` finds it.
"""

from collections.abc import Collection
from typing import Literal

from pipeline.core.camera_angle import PLAIN, TOP_DOWN, CameraAngle, angle_of
from pipeline.core.spec import SceneKind

#: `standing`: on a foot that the photo shows. `lying`: it could not stand as it is seen, so it was photographed from
#: above, or leant, or a hand holds it whole. `hanging`: from a hook, or from where the photo cuts it. `cut_below`: its
#: foot is not in the photo. `in_the_air`: an aircraft, in reports of older releases alone.
StanceName = Literal["standing", "lying", "hanging", "cut_below", "in_the_air"]


def edges_in(stance: StanceName, cut_sides: tuple[str, ...], kind: SceneKind) -> tuple[str, ...]:
    """Return the sides of the canvas that a product goes to in a scene of that kind.

    A cut is hidden where the canvas ends, and what hangs comes down from the upper edge where things stand.
    """
    hung = stance == "hanging" and kind not in PLAIN | TOP_DOWN and "top" not in cut_sides
    return (*cut_sides, "top") if hung else cut_sides


def stands_in(stance: StanceName, kind: SceneKind) -> bool:
    """Tell whether a product rests on its foot in a scene of that kind, which is then seen and mirrored."""
    return kind not in PLAIN | TOP_DOWN and stance in ("standing", "lying")


def angle_for(stance: StanceName, suits: Collection[SceneKind], kind: SceneKind) -> CameraAngle | None:
    """Return the angle that a scene of that kind is shown from; None: as it is, or it shows no surface.

    `suits`: the kinds that the product looks right in as they are.
    """
    if kind in suits or angle_of(kind) is None:
        return None
    return turned_to(stance)


def turned_to(stance: StanceName) -> CameraAngle:
    """Return the angle that a scene which does not suit a product of that stance is shown from."""
    return "side" if stance in ("standing", "cut_below") else "above"
