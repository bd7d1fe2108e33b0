"""The faults of an order's background and shadow with the preset that it is for.

What only the order's brand asks for is left out where the preset allows none.
"""

from collections.abc import Iterator

from pipeline.colour.notation import parse_colour
from pipeline.core.order import OptionFault, SwapOrder, given
from pipeline.core.spec import Preset

_WHITE = "#ffffff"
_PICTURE = "background_image", "the key of an uploaded picture", "or another background"
#: The field that each background needs, what its value is, and the end of the remedy where it is missing.
_NEEDED = {
    "image": _PICTURE,
    "reference": _PICTURE,
    "render": ("background_render", "the public id of one of your renders", "or another background"),
    "color": ("background_color", "a colour", "such as #f4ead9"),
}


def ground_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the order's background can't be made for the preset."""
    ground, word = order.ground, order.ground.background
    field, value, remedy = _NEEDED.get(word, ("", "", ""))
    if preset.background != "scene" and field and word != "color" and order.sends("background"):
        text = (
            f"{preset.name} allows only a {preset.background} background. Send background=scene, or output_preset"
            f" {preset.scene_sibling or 'shopify_product'} for a background of your own"
        )
        yield OptionFault("background", "background_forbidden", text)
    if field and not getattr(ground, field).strip():
        yield OptionFault(field, f"{field}_missing", f"background={word} needs {value}. Send {field}, {remedy}")
    elif word == "color":
        yield from _colour_faults(preset, order)


def _colour_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    try:
        colour = parse_colour(order.ground.background_color)
    except ValueError as error:
        yield OptionFault("background_color", "colour_invalid", str(error))
        return
    if preset.background == "transparent" and order.sends("background"):
        text = f"{preset.name} is delivered without a background. Leave background out, or choose another output_preset"
        yield OptionFault("background", "background_forbidden", text)
    if preset.background == "white" and colour != _WHITE and order.sends("background_color"):
        text = (
            f"{preset.name} allows only a white background. Send background_color {_WHITE}, or output_preset"
            f" {preset.scene_sibling or 'shopify_product'} for another colour"
        )
        yield OptionFault("background_color", "background_color_forbidden", text)


def shadow_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the order's shadow can't be made for the preset."""
    own = {name: value for name, value in given(order.shadow).items() if order.sends(name)}
    if order.shadow.shadow != "none" and own and preset.background == "white" and not preset.shadow:
        text = (
            f"{preset.name} allows no shadow. Leave the shadow's fields out, or send output_preset"
            f" {preset.scene_sibling or 'shopify_product'} for a shadow"
        )
        yield OptionFault(next(iter(own)), "shadow_forbidden", text)
