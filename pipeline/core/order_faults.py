"""The faults of an order's ground, shadow, frame and lettering with the preset that it is for."""

from collections.abc import Iterator

from pipeline.core.order import OptionFault, SwapOrder
from pipeline.core.spec import Preset


def ground_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the order's background can't be made for the preset."""
    yield from ()


def shadow_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the order's shadow can't be made for the preset."""
    yield from ()


def frame_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the product can't be framed as ordered."""
    yield from ()


def lettering_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the order's layers can't be drawn for the preset."""
    yield from ()
