"""All faults of an order's options, with the preset and the scene that it names."""

from collections.abc import Iterator

from pipeline.core.order import OptionFault, SwapOrder
from pipeline.core.order_faults import frame_faults, ground_faults, lettering_faults, shadow_faults
from pipeline.delivery.output import output_faults
from pipeline.scene.surfaces import dressing_faults
from service.catalogue.catalogue import Catalogue


def option_faults(catalogue: Catalogue, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults of the order's options. Its scene and preset must be valid."""
    preset, scene = catalogue.presets[order.preset], catalogue.scene(order.scene)
    yield from output_faults(preset, order.output)
    yield from dressing_faults(scene, preset, order.colors, order.dressing)
    for faults in (ground_faults, shadow_faults, frame_faults, lettering_faults):
        yield from faults(preset, order)
