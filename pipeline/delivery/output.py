"""A caller's own output: size, format and quality in place of the preset's. And what decides a picture's pixels."""

from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Any

from pipeline.colour.notation import parse_colour
from pipeline.core.order import MAX_ASPECT, MAX_PIXELS, SIDES, Lettering, OptionFault, Output, Shadow
from pipeline.core.spec import Preset, Spec


def output_faults(preset: Preset, output: Output) -> Iterator[OptionFault]:
    """Yield the faults that keep the preset from being delivered with an output."""
    width, height = output.width, output.height
    form = output.format or preset.formats[0]
    if width is None and height is not None:
        yield OptionFault("width", "output_incomplete", "height was given without width. Give both, or neither")
    elif height is None and width is not None:
        yield OptionFault("height", "output_incomplete", "width was given without height. Give both, or neither")
    elif width is not None and height is not None:
        yield from _size_faults(preset, width, height)
    if form == "jpeg" and preset.background == "transparent":
        yield OptionFault("format", "output_no_alpha", f"JPEG has no transparency. Use png or webp for {preset.name}")
    if output.quality is not None and (form == "png" or preset.background == "transparent"):
        text = "This file is lossless and has no quality. Leave quality out, or choose jpeg, webp or avif"
        if preset.background == "transparent":
            text = f"{preset.name} is delivered lossless and has no quality. Leave quality out"
        yield OptionFault("quality", "output_lossless", text)


def _size_faults(preset: Preset, width: int, height: int) -> Iterator[OptionFault]:
    if preset.size is None:
        yield OptionFault(
            "width", "output_size_fixed", f"{preset.name} keeps the photo's size. Leave width and height out"
        )
        return
    for field, side in (("width", width), ("height", height)):
        if not SIDES[0] <= side <= SIDES[1]:
            yield OptionFault(field, "output_size", f"{field} must be {SIDES[0]} to {SIDES[1]} pixels, not {side}")
            return
    if width * height > MAX_PIXELS:
        text = f"{width}x{height} has {width * height:,} pixels; the limit is {MAX_PIXELS:,}. Choose a smaller size"
        yield OptionFault("width", "output_size", text)
    if max(width, height) > MAX_ASPECT * min(width, height):
        text = f"{width}x{height} is too long. Choose sides of which one is at most {MAX_ASPECT:g} times the other"
        yield OptionFault("width", "output_size", text)


def ordered(preset: Preset, output: Output) -> Preset:
    """Return the preset with the ordered size, format and quality; `output_faults` must have found no fault.

    An ordered quality is the start of the search. It rises until the product's colours are kept, and falls where the
    file is too heavy for the place.
    """
    if output == Output():
        return preset
    size, (start, floor) = preset.size, preset.quality
    if output.width is not None and output.height is not None:
        size = output.width, output.height
    if output.quality is not None:
        start, floor = output.quality, min(output.quality, floor)
    formats = preset.formats if output.format is None else (output.format,)
    return replace(preset, size=size, formats=formats, quality=(start, floor))


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
