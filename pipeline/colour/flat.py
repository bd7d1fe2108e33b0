"""The faults of an order's flat background colour."""

from collections.abc import Iterator

from pipeline.colour.notation import parse_colour
from pipeline.core.order import OptionFault, SwapOrder
from pipeline.core.order_faults import sent
from pipeline.core.spec import Preset

_WHITE = "#ffffff"


def flat_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the order's flat background can't be made for the preset."""
    ground = order.ground
    if ground.background != "color":
        if ground.background_color and sent(order, "background_color"):
            text = "background_color has no effect without background=color. Send background=color, or leave it out"
            yield OptionFault("background_color", "background_color_unused", text)
        return
    if not ground.background_color:
        text = "background=color needs a colour. Send background_color, such as #f4ead9"
        yield OptionFault("background_color", "background_color_missing", text)
        return
    try:
        colour = parse_colour(ground.background_color)
    except ValueError as error:
        yield OptionFault("background_color", "colour_invalid", str(error))
        return
    if preset.background == "transparent" and sent(order, "background"):
        text = f"{preset.name} is delivered without a background. Leave background out, or choose another output_preset"
        yield OptionFault("background", "background_forbidden", text)
    if preset.background == "white" and colour != _WHITE and sent(order, "background_color"):
        text = (
            f"{preset.name} allows only a white background. Send background_color {_WHITE}, or output_preset"
            f" {preset.scene_sibling or 'shopify_product'} for another colour"
        )
        yield OptionFault("background_color", "background_color_forbidden", text)
