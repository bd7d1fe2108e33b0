"""Layers of an order: read from their JSON, checked, and their placeholders filled in."""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pipeline.colour.notation import parse_colour
from pipeline.core.order import Lettering, OptionFault, SwapOrder
from pipeline.core.spec import Preset
from pipeline.lettering.fonts import Fonts

#: Most layers, and most characters and lines of a text.
MAX_LAYERS, MAX_TEXT, MAX_LINES = 8, 500, 20
#: Most characters of the JSON text.
MAX_JSON = 20_000
Anchor = Literal[
    "top_left", "top", "top_right", "left", "center", "right", "bottom_left", "bottom", "bottom_right",
    "above", "below", "left_of", "right_of",
]  # fmt: skip
#: Anchors outside the product's box.
OUTSIDE = ("above", "below", "left_of", "right_of")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PALETTE = re.compile(r"palette:([1-6])")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Key:
    """A key of a layer: its description for the docs, and the least and greatest number or length."""

    description: str
    bounds: tuple[float, float] = (0, 120)


@dataclass(frozen=True)
class Layer:
    """A text or a logo on the picture. Percentages are numbers from 0 to 100."""

    text: Annotated[str, Key("The text, with line breaks as \\n. Send either text or logo.", (1, MAX_TEXT))] = ""
    logo: Annotated[str, Key("The logo, a PNG or SVG: an upload's key, or a file for the command line.", (1, 512))] = ""
    alt: Annotated[str, Key("Words for the logo in the picture's alt text.", (1, 200))] = ""
    font: Annotated[str, Key("Name of the font.")] = "source_sans_pro"
    weight: Annotated[int, Key("Weight of the font. Backdrop uses the nearest that the font has.", (100, 900))] = 400
    size: Annotated[float, Key("Size of the letters, or the logo's side, in percent of a side.", (0.5, 100))] = 5.0
    size_of: Annotated[Literal["height", "width"], Key("The picture's side that size is a share of.")] = "height"
    color: Annotated[str, Key("Colour: auto, palette:1 to palette:6, or as in dominant_colors.")] = "auto"
    align: Annotated[Literal["auto", "left", "center", "right"], Key("Alignment of the lines.")] = "auto"
    line_height: Annotated[float, Key("Distance of the lines, as a factor on the size.", (0.7, 3))] = 1.15
    max_width: Annotated[float, Key("Longest line, in percent of the picture's width.", (5, 100))] = 90.0
    plate: Annotated[str, Key("Colour of a plate behind the text, or none.")] = "none"
    plate_opacity: Annotated[float, Key("Opacity of the plate.", (0, 1))] = 1.0
    to: Annotated[Literal["canvas", "product"], Key("What anchor refers to.")] = "canvas"
    anchor: Annotated[Anchor, Key("The place. The last four are outside the product's box.")] = "top_left"
    x: Annotated[float, Key("Offset to the right, in percent of the picture's width.", (-100, 100))] = 0.0
    y: Annotated[float, Key("Offset down, in percent of the picture's height.", (-100, 100))] = 0.0
    margin: Annotated[float, Key("Distance to the anchor, in percent of the shorter side.", (0, 45))] = 5.0
    opacity: Annotated[float, Key("Opacity of the layer.", (0.05, 1))] = 1.0
    over_product: Annotated[bool, Key("Whether the layer may cover the product.")] = False


#: Keys that only a text has, and those that only a logo has.
_TEXT_ONLY = {"font", "weight", "color", "align", "line_height", "max_width", "plate", "plate_opacity"}
_LOGO_ONLY = {"alt"}


def keys() -> Iterator[tuple[str, Any, Any, Key]]:
    """Yield the name, the type, the default and the `Key` of each key of a layer."""
    kinds = get_type_hints(Layer, include_extras=True)
    for field in fields(Layer):
        kind, key = get_args(kinds[field.name])
        yield field.name, kind, field.default, key


def logos_of(layers: str) -> dict[int, str]:
    """Return the logos of a JSON text, which need not be checked, by the place of their layers."""
    found = enumerate(_parsed(layers) or [])
    return {at: one["logo"] for at, one in found if isinstance(one, dict) and isinstance(one.get("logo"), str)}


def with_logos(order: SwapOrder, names: Mapping[str, str]) -> SwapOrder:
    """Return an order with other names for these logos."""
    if not names:
        return order
    found = _parsed(order.lettering.layers) or []
    for at, name in logos_of(order.lettering.layers).items():
        found[at]["logo"] = names.get(name, name)
    return replace(order, lettering=_written(found))


def _parsed(text: str) -> list[Any] | None:
    """Return the list of a JSON text; None: it is none, or too long."""
    try:
        found = json.loads((text or "[]") if len(text) <= MAX_JSON else "")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and len(found) <= MAX_LAYERS else None


def _written(layers: list[Any]) -> Lettering:
    return Lettering(json.dumps(layers, separators=(",", ":"), ensure_ascii=False))


def layers_of(text: str) -> tuple[Layer, ...]:
    """Return the layers of a checked JSON text. Unknown keys are ignored, as in a newer release's order."""
    known = {field.name for field in fields(Layer)}
    found = json.loads(text or "[]")
    return tuple(Layer(**{name: value for name, value in one.items() if name in known}) for one in found)


def placeholders(order: SwapOrder) -> dict[str, str]:
    """Return the values that fill in an order's placeholders: {reference}, and {metadata.NAME} for each pair."""
    values = {"reference": order.reference} if order.reference else {}
    return values | {f"metadata.{name}": value for name, value in order.metadata}


def filled(order: SwapOrder) -> Lettering:
    """Return the order's layers, which must be valid, with the values of its placeholders."""
    found = json.loads(order.lettering.layers or "[]")
    if "{" not in "".join(one.get("text", "") for one in found):
        return order.lettering
    values = placeholders(order)
    for one in found:
        if "text" in one:
            one["text"] = _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), one["text"])
    return _written(found)


def layer_faults(
    text: str, preset: Preset, colours: Sequence[str], fonts: Fonts, values: Mapping[str, str]
) -> Iterator[OptionFault]:
    """Yield the faults for which a JSON text of layers can't be drawn on a picture of a preset.

    `colours` are the palette, as #rrggbb, and `values` those of placeholders. A fault's field is `layers`, or a key of
    one layer, as layers[0].size.
    """
    if not text:
        return
    found = _parsed(text)
    if found is None:
        about = f"layers must be a JSON list of up to {MAX_LAYERS} objects, with at most {MAX_JSON:,} characters"
        yield OptionFault("layers", "layers_invalid", about, text[:80])
        return
    if found and preset.background == "white":
        sibling = preset.scene_sibling or "shopify_product"
        about = f"{preset.name} allows no text or logo. Leave layers out, or send output_preset {sibling}"
        yield OptionFault("layers", "layers_forbidden", about, text[:80])
        return
    for index, entry in enumerate(found):
        for fault in _faults(entry, colours, fonts, values):
            place = f"layers[{index}]{fault.field and '.'}{fault.field}"
            yield replace(fault, field=place, received=f"{fault.received}"[:80])


def _faults(entry: Any, colours: Sequence[str], fonts: Fonts, values: Mapping[str, str]) -> Iterator[OptionFault]:
    if not isinstance(entry, dict):
        about = 'A layer is an object, such as {"text": "New", "anchor": "top_left"}'
        yield OptionFault("", "layer_invalid", about, entry)
        return
    known = {name: (kind, key) for name, kind, _, key in keys()}
    wrong = ("text" in entry) == ("logo" in entry)
    if wrong:
        yield OptionFault("", "layer_content", "A layer has either text or logo. Send one of the two", sorted(entry))
    unused, other = (_LOGO_ONLY, "text") if entry.get("text") else (_TEXT_ONLY, "logo")
    for name, value in entry.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            remedy = f"Did you mean {near[0]}?" if near else f"The keys are {', '.join(known)}"
            yield OptionFault(name, "layer_key_unknown", f"A layer has no {name}. {remedy}", value)
        elif name in unused:
            yield OptionFault(name, "layer_key_unused", f"A {other} layer has no {name}. Leave it out", value)
        elif allowed := _type_fault(value, *known[name]):
            wrong = True
            yield OptionFault(name, "layer_value_invalid", f"{name} must be {allowed}", value)
    if not wrong:
        layer = Layer(**{name: value for name, value in entry.items() if name in known})
        if layer.anchor in OUTSIDE and layer.to != "product":
            about = f'The anchor {layer.anchor} is beside the product. Send "to": "product" as well'
            yield OptionFault("anchor", "layer_anchor", about, layer.anchor)
        for name, word, special in (("color", layer.color, "auto"), ("plate", layer.plate, "none")):
            try:
                if word != special:
                    colour_of(word, colours)
            except ValueError as error:
                yield OptionFault(name, "colour_invalid", str(error).removesuffix("."), word)
        yield from _text_faults(layer, fonts, values) if layer.text else ()


def _type_fault(value: Any, kind: Any, key: Key) -> str:
    """Return what a key's value must be, or nothing where it is right."""
    least, most = key.bounds
    if get_origin(kind) is Literal:
        return "" if value in get_args(kind) else f"one of {', '.join(get_args(kind))}"
    if kind is bool:
        return "" if isinstance(value, bool) else "true or false"
    if kind is str:
        fits = isinstance(value, str) and least <= len(value) <= most and not _CONTROL.search(value)
        return "" if fits else f"{max(1, least):g} to {most:g} characters, none of them a control character"
    number = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    name = "a whole number" if kind is int else "a number"
    return "" if number and least <= value <= most else f"{name} from {least:g} to {most:g}"


def _text_faults(layer: Layer, fonts: Fonts, values: Mapping[str, str]) -> Iterator[OptionFault]:
    for name in dict.fromkeys(_PLACEHOLDER.findall(layer.text)):
        if name not in values:
            there = ", ".join(f"{{{one}}}" for one in values) or "none, as it has no reference and no metadata"
            about = f"The order has no value for {{{name}}}. Send it, or leave it out. The order has: {there}"
            yield OptionFault("text", "layer_placeholder_unknown", about, layer.text)
    text = unicodedata.normalize("NFC", _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), layer.text))
    if not text.strip() and not _PLACEHOLDER.search(layer.text):
        about = "text must not be blank. Write words, or leave the layer out"
        yield OptionFault("text", "layer_text_blank", about, layer.text)
    if len(text) > MAX_TEXT or text.count("\n") >= MAX_LINES:
        about = f"text must have at most {MAX_TEXT} characters and {MAX_LINES} lines. Shorten it"
        yield OptionFault("text", "layer_text_long", about, text)
    face = fonts.face(layer.font, layer.weight)
    if face is None:
        about = f"There is no font {layer.font}. The fonts are {', '.join(fonts.names)}"
        yield OptionFault("font", "font_unknown", about, layer.font)
    elif missing := face.lacks(text):
        others = ", ".join(fonts.having(text)) or "none here, so leave them out"
        about = f"The font {layer.font} lacks {' '.join(missing)}. Fonts that have all characters: {others}"
        yield OptionFault("text", "characters_missing", about, missing)


def colour_of(word: str, colours: Sequence[str]) -> str:
    """Return a colour word, other than auto and none, as #rrggbb. Raises ValueError."""
    place = _PALETTE.fullmatch(word)
    if place and int(place[1]) > len(colours):
        raise ValueError(f"{word} is not there. The palette has {len(colours)} colours")
    return colours[int(place[1]) - 1] if place else parse_colour(word)
