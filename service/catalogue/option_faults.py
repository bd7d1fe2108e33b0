"""All faults of an order's options, with the preset and the scene that it names."""

import difflib
from collections.abc import Iterator

from pipeline.background.faults import ground_faults, shadow_faults
from pipeline.core.order import OptionFault, SwapOrder
from pipeline.delivery.acceptance import acceptance_faults
from pipeline.delivery.output import output_faults
from pipeline.lettering.layers import layer_faults, placeholders
from pipeline.placement.frame import frame_faults
from pipeline.scene.surfaces import dressing_faults
from service.catalogue.catalogue import Catalogue
from service.catalogue.effects import unused
from service.catalogue.specs import planned_spec
from service.catalogue.templates import TEMPLATE


def option_faults(catalogue: Catalogue, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults of the order's options. Its scene and preset must be valid."""
    preset, scene = catalogue.presets[order.preset], catalogue.scene(order.scene)
    yield from output_faults(preset, order.output)
    yield from dressing_faults(scene, preset, order.colors, order.dressing)
    yield from unused(order, planned_spec(catalogue, order), refused=True)
    for faults in (ground_faults, shadow_faults, frame_faults):
        yield from faults(preset, order)
    scenery = order.ground.composed and preset.background == "scene" and scene.kind != "white"
    yield from acceptance_faults(order.acceptance.accept, scenery=scenery)
    layers = catalogue.lettered(order).lettering.layers
    if layers.startswith(TEMPLATE):
        near = ", ".join(difflib.get_close_matches(layers, catalogue.templates, 3, cutoff=0)) or "none"
        message = f"There is no template {layers.removeprefix(TEMPLATE)!r}. The nearest of the catalogue: {near}"
        yield OptionFault("layers", "template_unknown", message, layers)
    elif layers:
        colours = order.colors or scene.palette
        yield from layer_faults(layers, preset, colours, catalogue.fonts, placeholders(order))
