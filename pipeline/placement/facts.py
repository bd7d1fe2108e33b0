"""What follows from a product's stance for its place: the sides that it goes to, and whether its foot is seen to rest.

Rules alone, for callers that know a stance and have no pixels; `pipeline.cutout.stance` finds it, or takes the
caller's word for it.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args

from pipeline.core.spec import SceneKind, StanceWord
from pipeline.placement.camera import PLAIN, TOP_DOWN, CameraAngle, angle_of

#: `standing`: on a foot that the photo shows. `lying`: it could not stand as it is seen, so it was photographed from
#: above, or leant, or a hand holds it whole. `hanging`: from a hook, or from where the photo cuts it. `cut_below`: its
#: foot is not in the photo.
StanceName = Literal["standing", "lying", "hanging", "cut_below"]
#: What a caller's word means: the stance, and the angle that the product is seen from; None: either suits it.
WORDS: Mapping[StanceWord, tuple[StanceName, CameraAngle | None]] = {
    "standing": ("standing", "side"),
    "lying": ("lying", None),
    "hanging": ("hanging", None),
    "from_above": ("lying", "above"),
}
#: The same in a sentence, but for what lies, of which no scene has to be changed.
SAID: Mapping[StanceWord, str] = {
    "standing": "The order says that the product stands",
    "hanging": "The order says that the product hangs",
    "from_above": "The order says that the product is seen from above",
}
#: Kinds without a wall that something could hang in front of.
OPEN: frozenset[SceneKind] = frozenset({"sand", "bokeh"})


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


def suited(stance: StanceName, angle: CameraAngle | None) -> tuple[SceneKind, ...]:
    """Return the kinds of scene that a product of that stance, seen from that angle, looks right in, in their order.

    White takes everything. What is seen from above belongs on a flat lay, what is seen from the side in scenes seen
    from there, and what hangs before a wall or on a flat lay.
    """
    kinds: tuple[SceneKind, ...] = get_args(SceneKind)
    if stance == "hanging":
        return tuple(kind for kind in kinds if kind not in OPEN)
    return tuple(kind for kind in kinds if angle is None or angle_of(kind) in (None, angle))


def cuts_said(word: StanceWord, cut_sides: Collection[str]) -> tuple[str, ...]:
    """Return the sides of the photo that cut a product of which a caller said how it stands.

    What stands or lies rests on what the photo shows of it, even where that touches the photo's lower edge.
    """
    rests = word in ("standing", "lying")
    return tuple(side for side in cut_sides if not (rests and side == "bottom"))


def as_said(facts: Mapping[str, Any], word: StanceWord) -> Mapping[str, Any]:
    """Return a cut-out's facts, `stance`, `suits` and `cut_sides`, by the caller's word; as they are where it is auto.

    `cut_sides` stays out where the facts have none.
    """
    if word == "auto":
        return facts
    name, angle = WORDS[word]
    said: dict[str, Any] = {"stance": name, "suits": suited(name, angle)}
    if "cut_sides" in facts:
        said["cut_sides"] = cuts_said(word, facts["cut_sides"])
    return {**facts, **said}


def turned_to(stance: StanceName) -> CameraAngle:
    """Return the angle that a scene which does not suit a product of that stance is shown from."""
    return "side" if stance in ("standing", "cut_below") else "above"
