"""Cautions: what a valid request may not mean, told before it is paid for and with what it gives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.core.spec import Mood, Output, Preset, Scene
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
