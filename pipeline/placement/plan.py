"""The plan of a product's place: the scene adapted to it, its box there, and the caller's move.

Both callers plan here: the pipeline with pixels, the API with its record of a cut-out.
"""

from dataclasses import replace
from math import inf

from pipeline.core.errors import NoHonestPlacement
from pipeline.core.order import Frame
from pipeline.core.spec import Spec
from pipeline.placement.adjust import FULL_BOX, Outline, Position, adjusted
from pipeline.placement.camera import OPEN_ABOVE, OPEN_FLOOR, TOP_DOWN, drawn_kind, has_angle, seen_from
from pipeline.placement.facts import Box, CutoutFacts
from pipeline.placement.fit import box_in, fit
from pipeline.placement.place import MAX_ENLARGED, Place, Refusal, is_pinned
from pipeline.placement.refusals import BY_ITSELF, MOVED, checked, nothing_left


def shown(spec: Spec, facts: CutoutFacts) -> Spec | Refusal:
    """Return the spec with its scene shown from the product's viewing angle: from above, or from the side.

    The spec is unchanged where its scene suits the product, and where no scene is drawn.
    """
    if spec.ground.background == "image" and spec.plain is None:
        return replace(spec, scene=OPEN_ABOVE if facts.turned(OPEN_FLOOR.kind) == "above" else OPEN_FLOOR)
    angle = facts.turned(drawn_kind(spec))
    if angle is None:
        return spec
    if not has_angle(spec.scene.kind, angle):
        return nothing_left(facts)
    return replace(spec, scene=seen_from(spec.scene, angle))


def fitted(spec: Spec, facts: CutoutFacts, width: int, height: int) -> Place | Refusal:
    """Return the place of a product of known aspect on a width×height canvas, before the caller's move.

    A transparent picture of the photo's own size keeps the product's exact position and size, unless it is framed.
    """
    drawn = shown(spec, facts)
    if isinstance(drawn, Refusal):
        return drawn
    plain = _box(replace(drawn, frame=Frame()), facts, width, height)
    box = plain
    if spec.frame != Frame():
        # A frame enlarges the product no further than it stays sharp, or than the preset does.
        most = inf if facts.box is None else MAX_ENLARGED * (facts.box[3] - facts.box[1])
        box = _box(drawn, facts, width, height, max(most, plain[3] - plain[1]))
    return checked(Place(spec, drawn, facts, (width, height), box, Position.of(box), unframed=plain), BY_ITSELF)


def _box(spec: Spec, facts: CutoutFacts, width: int, height: int, most: float = inf) -> Box:
    """Return the box of a product in its scene as drawn, at most `most` pixels high where a frame decides it."""
    preset, kind, aspect = spec.preset, drawn_kind(spec), facts.aspect or 1.0
    if preset.background == "transparent" and preset.size is None and spec.frame == Frame():
        return facts.box or (0, 0, width, height)
    edges, hangs, stands = facts.cut_sides, facts.hangs_in(kind), facts.stands_in(kind)
    down = hangs or kind in TOP_DOWN
    if spec.earlier is not None and spec.earlier.box is not None and not (edges or hangs):
        return box_in(spec, aspect, width, height, most, spec.earlier.box)
    if is_pinned(spec, facts):
        return box_in(spec, aspect, width, height, most)
    return fit(preset, aspect, width, height, edges, top_down=down, stands=stands, frame=spec.frame, most=most)


def placed(spec: Spec, facts: CutoutFacts, width: int, height: int, outline: Outline = FULL_BOX) -> Place | Refusal:
    """Return the place of a product, as `fitted` does, after the spec's placement; `outline` is used for turns."""
    place = fitted(spec, facts, width, height)
    if isinstance(place, Refusal) or not spec.placement.moves:
        return place
    position = adjusted(
        place.box, spec.placement, width, height, outline=outline, edges=place.edges, stands=place.stands
    )
    return checked(replace(place, position=position, outline=outline), MOVED)


def accepted(found: Place | Refusal) -> Place:
    """Return the place. Raises NoHonestPlacement where it is refused."""
    if isinstance(found, Refusal):
        raise NoHonestPlacement(found.message)
    return found
