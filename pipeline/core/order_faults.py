"""The faults of an order's shadow with the preset that it is for."""

from collections.abc import Iterator

from pipeline.core.order import OptionFault, SwapOrder, given
from pipeline.core.spec import Preset


def shadow_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the order's shadow can't be made for the preset.

    A brand's shadow is left out where the preset allows none.
    """
    own = {name: value for name, value in given(order.shadow).items() if sent(order, name)}
    if order.shadow.shadow == "none":
        for name in own.keys() - {"shadow"}:
            text = f"{name} has no effect with shadow=none. Leave it out, or choose another shadow"
            yield OptionFault(name, "shadow_unused", text)
    elif own and preset.background == "white" and not preset.shadow:
        text = (
            f"{preset.name} allows no shadow. Leave the shadow's fields out, or send output_preset"
            f" {preset.scene_sibling or 'shopify_product'} for a shadow"
        )
        yield OptionFault(next(iter(own)), "shadow_forbidden", text)


def sent(order: SwapOrder, name: str) -> bool:
    """Return whether the caller gave an option of the order, and not only its brand."""
    return order.brand is None or name in order.sent
