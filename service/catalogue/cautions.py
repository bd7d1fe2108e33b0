"""Cautions: what a valid request may not mean, told before it is paid for and with what it gives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.core.order import Output
from pipeline.core.spec import Mood, Preset, Scene, Spec
from pipeline.placement.camera import TOP_DOWN, drawn_kind
from pipeline.placement.facts import SAID, CutoutFacts
from pipeline.placement.fit import leaves_place
from pipeline.placement.place import Refusal
from pipeline.placement.plan import placed, shown
from service.catalogue.catalogue import Catalogue


@dataclass(frozen=True)
class Caution:
    """One thing to hear before paying: a stable code and a sentence."""

    code: str
    message: str


def cautions(
    catalogue: Catalogue, scene: Scene, mood: Mood, colours: Sequence[str], preset: Preset
) -> Iterator[Caution]:
    """Give what may not be meant by that scene, mood and preset with these colours, as they are resolved."""
    if scene.name not in catalogue.scenes:
        drawn = scene.kind if scene.surface == "plain" else f"{scene.kind} of {scene.surface}"
        text = (
            f"The scene {scene.name!r} is described in words: the studio draws the nearest of its kinds, a {drawn}."
            f" Scenes with a name: {', '.join(catalogue.scenes)}."
        )
        yield Caution("scene_in_words", text)
    if mood.name not in catalogue.moods:
        text = (
            f"The mood {mood.name!r} is described in words: a network that reads prompts follows them; the light is an"
            f" ordinary one. Moods with a name: {', '.join(catalogue.moods)}."
        )
        yield Caution("mood_in_words", text)
    if colours and (preset.background != "scene" or scene.kind == "white"):
        rule = "transparent" if preset.background == "transparent" else "white"
        yield Caution("colors_unused", f"The background will be {rule}: the colours asked for are not used.")


def output_cautions(output: Output, preset: Preset) -> Iterator[Caution]:
    """Give what of a caller's own output the preset's place does not take."""
    if output.format is not None and output.format not in preset.formats:
        text = f"{preset.title} takes {' and '.join(preset.formats)}, not {output.format}."
        yield Caution("output_breaks_rules", text)
    sides = [side for side in (output.width, output.height) if side is not None]
    if sides and min(sides) < preset.min_side:
        text = f"{preset.title} asks for {preset.min_side} pixels on the shorter side; {min(sides)} are ordered."
        yield Caution("output_breaks_rules", text)


def placing_cautions(catalogue: Catalogue, spec: Spec, facts: CutoutFacts) -> Iterator[Caution]:
    """Give what a caller should hear of the product's place, as far as an earlier render of the same photo tells."""
    drawn = shown(spec, facts)
    if drawn != spec:
        yield Caution("scene_unsuited", _unsuited(catalogue, drawn, facts))
    if spec.pinned and drawn_kind(spec) != "white" and leaves_place(spec.placement):
        text = "The brand's background is pinned to where its products stand: moved away, this one gets its own."
        yield Caution("placement_unpins", text)
    whole = facts.stance in ("standing", "lying") and not facts.cut_sides
    if isinstance(drawn, Refusal) or not (spec.placement.moves and whole and facts.aspect and spec.preset.size):
        return  # the picture itself will tell
    # The outline that a turn is worked out from is not known.
    upright = replace(spec, placement=replace(spec.placement, turn=0.0))
    place = placed(upright, facts, *spec.preset.size)
    if isinstance(place, Refusal):
        yield Caution("no_honest_placement", f"{place.message} The swap would fail and be refunded.")
    elif broken := place.breaks():
        yield Caution("placement_breaks_rules", f"Placed so, the picture breaks the preset's {' and '.join(broken)}.")


def _unsuited(catalogue: Catalogue, drawn: Spec | Refusal, facts: CutoutFacts) -> str:
    """Return what becomes of a scene that does not suit the product's stance, and which scenes do."""
    fitting = [scene.name for scene in catalogue.scenes.values() if scene.kind in facts.suits]
    suiting = f"These scenes suit it as it is: {', '.join(fitting)}."
    if isinstance(drawn, Refusal):
        return f"{drawn.message} The swap would fail and be refunded. {suiting}"
    above = drawn.scene.kind in TOP_DOWN
    if facts.word == "auto" and facts.stance == "lying" and above:
        # Which of the two, these facts don't say.
        return f"Photographed from above, or in a hand, so shown lying down. {suiting}"
    how = SAID.get(facts.word) or (
        "The product hangs, and this scene has no wall"
        if facts.stance == "hanging"
        else "The product was photographed standing"
    )
    then = "Backdrop shows the scene from above" if above else "Backdrop shows the scene's surface from the side"
    return f"{how}. {then}. {suiting}"
