"""The uploads that an order uses besides its photo."""

from collections.abc import Iterator

from pipeline.core.order import SwapOrder
from pipeline.lettering.layers import layers_of


def extra_sources(order: SwapOrder) -> Iterator[tuple[str, str]]:
    """Yield each further upload of a valid order: the field that names it, and its key in the bucket of photos."""
    if order.ground.background_image:
        yield "background_image", order.ground.background_image
    for index, layer in enumerate(layers_of(order.lettering.layers)):
        if layer.logo:
            yield f"layers[{index}].logo", layer.logo
