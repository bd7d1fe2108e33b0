"""What decides the pixels of a picture, after its preset has had its say."""

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from pipeline.colour.notation import parse_colour
from pipeline.core.order import Lettering, Shadow
from pipeline.core.spec import Spec
from pipeline.delivery.output import ordered


def pixels_of(spec: Spec) -> Hashable:
    """Return what decides a picture's pixels: equal values make equal pictures of a photo. In doubt they differ."""
    preset, plain = ordered(spec.preset, spec.output), spec.plain
    kept: dict[str, Any] = vars(spec) | {"preset": replace(preset, formats=preset.formats[:1]), "output": None}
    if plain is not None:
        lit = spec.traces_shadow or (spec.shadow == Shadow() and plain and preset.shadow)
        kept |= {"ground": plain and parse_colour(plain), "shadow": spec.shadow if lit else Shadow("none")}
    if plain is not None or spec.ground.background == "image":
        kept |= dict.fromkeys(("mood", "seed", "style_words", "pinned", "dressing", "earlier"))
        # Layers take colours from the palette, and limits compare it where the caller gives no ground.
        if spec.lettering == Lettering() and not (spec.acceptance.accept and spec.ground.composed):
            kept |= {"scene": None, "palette": None}
    return tuple(kept.values())
