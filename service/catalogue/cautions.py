"""Cautions: warnings about valid but probably unintended input, given before the charge and with the result."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.core.order import Frame, Output, Placement, SwapOrder
from pipeline.core.spec import Preset, Spec
from pipeline.placement.camera import drawn_kind
from pipeline.placement.facts import CutoutFacts
from pipeline.placement.fit import leaves_place
from pipeline.placement.place import Refusal, scene_report
from pipeline.placement.plan import placed, shown
from pipeline.scene.surfaces import painted
from service.catalogue.catalogue import Catalogue
from service.catalogue.effects import unused


@dataclass(frozen=True)
class Caution:
    """A warning before the charge: a stable code and a sentence."""

    code: str
    message: str


def cautions(catalogue: Catalogue, asked: SwapOrder, spec: Spec) -> Iterator[Caution]:
    """Yield warnings about what the caller may not have intended: a scene or mood in words, a field without effect.

    `spec` is the resolved order, `asked` the same order with the caller's values in place of an earlier render's.
    """
    scene, mood = spec.scene, spec.mood
    if scene.name not in catalogue.scenes and spec.ground.composed:
        base, drawn = scene.name, scene.kind if scene.surface == "plain" else f"{scene.kind} of {scene.surface}"
        text = (
            f"The scene {base!r} is free text, not a name. Backdrop draws the nearest, {catalogue.nearest(base).name}:"
            f" a {drawn}. Named scenes: {', '.join(catalogue.scenes)}."
        )
        yield Caution("scene_in_words", text)
        if lacking := catalogue.lacking(base, mood.name):
            text = f"Not drawn of the scene {base!r}: {', '.join(lacking)}. A hub model can paint it from your words."
            yield Caution("scene_lacks", text)
    if mood.name not in catalogue.moods:
        nearest = catalogue.nearest_mood(mood.name, scene.name)
        text = (
            f"The mood {mood.name!r} is free text, not a name. The light is {nearest.name if nearest else 'a default'};"
            f" only a generator that reads prompts uses the words. Named moods: {', '.join(catalogue.moods)}."
        )
        yield Caution("mood_in_words", text)
    for one in unused(asked, spec, refused=False):
        yield Caution(one.code, f"{one.message} (received {one.received}).")
    rows = painted(spec) if spec.palette and spec.ground.composed else []
    lost = [colour for colour in spec.palette if rows and colour not in {row.colour for row in rows if row.asked}]
    if lost:
        text = f"Nothing in {scene.name} is painted in {', '.join(lost)} with props={spec.dressing.props}"
        yield Caution("colors_unused", f"{text}. Send props=few, or choose a scene with a wall.")


def output_cautions(output: Output, preset: Preset) -> Iterator[Caution]:
    """Yield warnings about a requested output that breaks the rules of the preset's place."""
    if output.format is not None and output.format not in preset.formats:
        text = f"{preset.title} takes {' and '.join(preset.formats)}, not {output.format}."
        yield Caution("output_breaks_rules", text)
    sides = [side for side in (output.width, output.height) if side is not None]
    if sides and min(sides) < preset.min_side:
        text = f"{preset.title} needs {preset.min_side} pixels on the shorter side; your order has {min(sides)}."
        yield Caution("output_breaks_rules", text)


def placing_cautions(catalogue: Catalogue, spec: Spec, facts: CutoutFacts) -> Iterator[Caution]:
    """Yield warnings about the product's place, as far as an earlier render of the photo shows it."""
    drawn = shown(spec, facts)
    how = ""
    if isinstance(drawn, Refusal):
        how = f"{drawn.message} The swap would fail and be refunded."
    elif (scene := scene_report(spec, drawn, facts)) and scene.changed:
        how = f"{scene.changed} Send stance={scene.own_view} for the scene's own view."
    if how:
        suiting = ", ".join(scene.name for scene in catalogue.scenes.values() if scene.kind in facts.suits)
        yield Caution("scene_unsuited", f"{how} These scenes suit it: {suiting}.")
    if spec.pinned and drawn_kind(spec) != "white" and leaves_place(spec.placement):
        text = "The brand's background fits only the usual place of a product. If moved, this product gets its own."
        yield Caution("placement_unpins", text)
    whole, framed = facts.stance in ("standing", "lying") and not facts.cut_sides, spec.frame != Frame()
    moves = spec.placement.moves and whole
    if isinstance(drawn, Refusal) or not ((moves or framed) and facts.aspect and spec.preset.size):
        return  # only the render itself will show it
    # The product's outline is unknown here, so a turn can't be computed, nor any move along a crop.
    upright = replace(spec, placement=replace(spec.placement, turn=0.0) if moves else Placement())
    place = placed(upright, facts, *spec.preset.size)
    if isinstance(place, Refusal):
        yield Caution("no_honest_placement", f"{place.message} The swap would fail and be refunded.")
        return
    if framed and (broken := place.frame_breaks):
        yield Caution("frame_breaks_rules", f"In this frame the picture breaks these rules: {', '.join(broken)}.")
    if moves and (broken := place.breaks()):
        yield Caution("placement_breaks_rules", f"At this place the picture breaks these rules: {', '.join(broken)}.")
