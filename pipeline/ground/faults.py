"""The faults of an order's background picture with the preset that it is for."""

from collections.abc import Iterator

from pipeline.core.order import OptionFault, SwapOrder
from pipeline.core.order_faults import sent
from pipeline.core.spec import Preset

#: The field that each background needs, and what its value is.
_NEEDED = {
    "image": ("background_image", "the key of an uploaded picture"),
    "reference": ("background_image", "the key of an uploaded picture"),
    "render": ("background_render", "the public id of one of your renders"),
}


def picture_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the order's own picture or earlier render can't be used for the preset.

    A brand's background is left out where the preset allows none.
    """
    ground = order.ground
    needed = _NEEDED.get(ground.background)
    if preset.background != "scene" and needed and sent(order, "background"):
        text = (
            f"{preset.name} allows only a {preset.background} background. Send background=scene, or output_preset"
            f" {preset.scene_sibling or 'shopify_product'} for a background of your own"
        )
        yield OptionFault("background", "background_forbidden", text)
    if needed and not getattr(ground, needed[0]).strip():
        text = f"background={ground.background} needs {needed[1]}. Send {needed[0]}, or another background"
        yield OptionFault(needed[0], f"{needed[0]}_missing", text)
    for field in {field for field, _ in _NEEDED.values()} - {needed[0] if needed else ""}:
        if getattr(ground, field) and sent(order, field):
            uses = "image or reference" if field == "background_image" else "render"
            text = f"{field} has no effect with background={ground.background}. Send background={uses}, or leave it out"
            yield OptionFault(field, f"{field}_unused", text)
