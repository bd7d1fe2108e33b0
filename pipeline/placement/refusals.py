"""The refusals: rules that keep a place honest, each with its sentence for the caller.

To add a rule, write a function here and list its name in one of the two tuples at the end.
"""

from collections.abc import Callable, Iterable

from pipeline.core.order import Frame
from pipeline.placement.adjust import on_canvas
from pipeline.placement.facts import CutoutFacts
from pipeline.placement.fit import lost
from pipeline.placement.frame import LEAST_SPACE, copy_room, insets
from pipeline.placement.place import Place, Refusal

#: Minimum height of the foot of a standing product whose top is cropped, from the top, as a share of the canvas height.
#: Chosen by eye, on six pictures on 2026-11-26. With the foot at 0.43 to 0.5 a can and a box stand on their table. At
#: 0.4 a pillow seems to hang from the upper edge.
LEAST_FOOT = 0.42
#: Share of the product that the canvas may crop where the photo did not. A close-up loses some, but a loss of a quarter
#: is assumed to change the subject. No users were asked.
MAX_LOST = 0.25
#: Pixels by which a crop may miss the canvas's edge: the box's largest rounding error.
SLACK = 0.75

_MORE_ROOM = "Use a photo that shows all of it, or a preset whose picture has the photo's shape."


def nothing_left(facts: CutoutFacts) -> Refusal:
    """Return the refusal of a scene that can't be shown from the product's viewing angle."""
    needs, choose = "this scene needs a photo from the front", "Choose a table or a flat lay."
    if facts.stance == "hanging":
        needs, choose = "this scene has no wall", "Choose a scene with a wall, or a flat lay."
    return Refusal("nothing_left", f"{facts.why}, and {needs}. {choose}")


def cut_again(place: Place) -> Refusal | None:
    """Refuse a box that hides the photo's crops, but makes the canvas crop too much."""
    share = lost(place.box, *place.size)
    if share <= MAX_LOST:
        return None
    message = (
        f"The photo crops the product at {_listed(place.edges)}. To hide that, this picture would have to crop another"
        f" {round(100 * share)} % of the product. {_MORE_ROOM}"
    )
    return Refusal("cut_again", message)


def too_wide_to_stand(place: Place) -> Refusal | None:
    """Refuse a standing product whose top is cropped, and which does not reach from the upper edge to the floor."""
    from_above = "top" in place.edges and "bottom" not in place.edges
    if not (place.stands and from_above and place.box[3] < LEAST_FOOT * place.size[1]):
        return None
    message = (
        "The photo crops the product's top. The product is so wide that it would hang in the air from this picture's"
        f" upper edge. {_MORE_ROOM} A flat lay or a white background also works."
    )
    return Refusal("too_wide_to_stand", message)


def in_copy_room(place: Place) -> Refusal | None:
    """Refuse a product that goes to the side of the canvas where the order wants copy."""
    frame, (width, height), (left, top, right, bottom) = place.spec.frame, place.size, place.box
    room = copy_room(frame)
    if room is None:
        return None
    across = min(right, room[2] * width) - max(left, room[0] * width)
    if across < SLACK or min(bottom, room[3] * height) - max(top, room[1] * height) < SLACK:
        return None
    message = (
        f"The photo crops the product at {_listed(place.edges)}, so it goes to that edge of the picture. It would cover"
        f" the room for copy (copy_space={frame.copy_space}). Choose another copy_space."
    )
    return Refusal("in_copy_room", message)


def no_room(place: Place) -> Refusal | None:
    """Refuse margins in pixels that leave no space on a canvas whose size is the photo's."""
    left, top, right, bottom = insets(place.spec.preset, place.spec.frame, *place.size)
    if place.spec.frame == Frame() or 1 - max(left + right, top + bottom) >= LEAST_SPACE:
        return None
    size = "{}x{}".format(*place.size)
    message = f"The margins {place.spec.frame.margins} leave no room on a picture of {size} pixels. Make them smaller."
    return Refusal("no_room", message)


def beyond_the_edge(place: Place) -> Refusal | None:
    """Refuse a move that puts too much of the product beyond the canvas."""
    share = lost(place.position.bounds, *place.size)
    if share <= MAX_LOST:
        return None
    message = (
        f"This placement puts {round(100 * share)} % of the product beyond the picture's edge. Shift it less, or"
        " make it smaller."
    )
    return Refusal("beyond_the_edge", message)


def off_its_edge(place: Place) -> Refusal | None:
    """Refuse a move away from a side of the canvas that hides the photo's crop."""
    width, height = place.size
    for side in place.edges:
        x, y = on_canvas(place.position, *place.outline.along(side))
        gap = float({"left": x.max(), "top": y.max(), "right": width - x.min(), "bottom": height - y.min()}[side])
        if gap > SLACK:
            message = (
                f"The photo crops the product at the {side}, and this placement would show the crop. Keep it at the"
                " edge: shift it outwards only or enlarge it, and don't turn it."
            )
            return Refusal("off_its_edge", message)
    return None


def off_the_floor(place: Place) -> Refusal | None:
    """Refuse a move that lifts a standing product, whose top is cropped, off the floor."""
    bottom, height = place.position.bounds[3], place.size[1]
    if not (place.stands and "top" in place.facts.cut_sides and bottom < LEAST_FOOT * height):
        return None
    message = (
        "The photo crops the product's top, and with this placement it would hang in the air from the picture's upper"
        " edge. Shift it down."
    )
    return Refusal("off_the_floor", message)


Rule = Callable[[Place], Refusal | None]
#: Rules for the place that preset and scene give a product, and for its place after the caller's move.
BY_ITSELF: tuple[Rule, ...] = (no_room, cut_again, too_wide_to_stand, in_copy_room)
MOVED: tuple[Rule, ...] = (beyond_the_edge, off_its_edge, off_the_floor)


def checked(place: Place, rules: Iterable[Rule]) -> Place | Refusal:
    """Return the place, or the first rule's refusal."""
    return next((refusal for rule in rules if (refusal := rule(place))), place)


def _listed(edges: tuple[str, ...]) -> str:
    sides = [{"top": "the top", "bottom": "the bottom"}.get(side, f"the {side}") for side in edges]
    return sides[0] if len(sides) == 1 else f"{', '.join(sides[:-1])} and {sides[-1]}"
