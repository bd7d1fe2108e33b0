"""The plan of a product's place: the scene adapted to it, its box there, and the caller's move.

Both callers plan here: the pipeline with pixels, the API with its record of a cut-out.
"""

from dataclasses import replace

from pipeline.core.errors import NoHonestPlacement
from pipeline.core.spec import Spec
from pipeline.placement.adjust import FULL_BOX, Outline, Position, adjusted
from pipeline.placement.camera import OPEN_ABOVE, OPEN_FLOOR, TOP_DOWN, drawn_kind, has_angle, seen_from
from pipeline.placement.facts import Box, CutoutFacts
from pipeline.placement.fit import box_in, fit
from pipeline.placement.place import Place, Refusal, is_pinned
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

    A transparent picture of the photo's own size keeps the product's exact position and size.
    """
    drawn = shown(spec, facts)
    if isinstance(drawn, Refusal):
        return drawn
    preset, kind, aspect = spec.preset, drawn_kind(drawn), facts.aspect or 1.0
    edges, stands = facts.edges(kind), facts.stands_in(kind)
    if preset.background == "transparent" and preset.size is None:
        box: Box = facts.box or (0, 0, width, height)
    elif spec.earlier is not None and spec.earlier.box is not None and not edges:
        box = box_in(drawn, aspect, width, height, spec.earlier.box)
    elif is_pinned(drawn, facts):
        box = box_in(drawn, aspect, width, height)
    else:
        box = fit(preset, aspect, width, height, edges, top_down=kind in TOP_DOWN, stands=stands)
    return checked(Place(spec, drawn, facts, (width, height), box, Position.of(box)), BY_ITSELF)


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
