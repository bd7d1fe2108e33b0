"""The faults of an order's background with the preset that it is for."""

from collections.abc import Iterator

from pipeline.colour.notation import parse_colour
from pipeline.core.order import OptionFault, SwapOrder
from pipeline.core.spec import Preset

#: The field that each background needs, and how to get its value.
_NEEDED = {
    "color": ("background_color", "a colour, such as #f4ead9"),
    "image": ("background_image", "the key of an uploaded picture"),
    "reference": ("background_image", "the key of an uploaded picture"),
    "render": ("background_render", "the public id of one of your renders"),
}


def ground_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the order's background can't be made for the preset."""
    ground = order.ground
    if ground.background == "scene":
        return
    field, needed = _NEEDED[ground.background]
    value = getattr(ground, field)
    sibling = preset.scene_sibling or "shopify_product"
    transparent = preset.background == "transparent"
    if preset.background == "white" or (transparent and ground.background != "color"):
        text = (
            f"{preset.name} allows only a {preset.background} background. Send background scene, or output_preset"
            f" {sibling} for another background"
        )
        yield OptionFault("background", "background_forbidden", text, ground.background)
    if not value.strip():
        text = f"background {ground.background} needs {needed}. Send {field}, or another background"
        yield OptionFault(field, "background_missing", text, value)
    elif field == "background_color":
        try:
            parse_colour(value)
        except ValueError as error:
            yield OptionFault(field, "colour_invalid", str(error), value)
