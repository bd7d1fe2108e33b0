"""All faults of an order's options, with the preset and the scene that it names."""

from collections.abc import Iterator

from pipeline.colour.flat import flat_faults
from pipeline.core.order import OptionFault, SwapOrder
from pipeline.core.order_faults import frame_faults, shadow_faults
from pipeline.delivery.output import output_faults
from pipeline.ground.faults import picture_faults
from pipeline.lettering.layers import layer_faults, placeholders
from pipeline.scene.surfaces import dressing_faults
from service.catalogue.catalogue import Catalogue
from service.catalogue.fonts import bundled_fonts


def option_faults(catalogue: Catalogue, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults of the order's options. Its scene and preset must be valid."""
    preset, scene = catalogue.presets[order.preset], catalogue.scene(order.scene)
    yield from output_faults(preset, order.output)
    yield from dressing_faults(scene, preset, order.colors, order.dressing)
    for faults in (picture_faults, flat_faults, shadow_faults, frame_faults):
        yield from faults(preset, order)
    if order.lettering.layers:
        colours, layers = order.colors or scene.palette, order.lettering.layers
        yield from layer_faults(layers, preset, colours, bundled_fonts(), placeholders(order))
