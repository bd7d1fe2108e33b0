"""How much of a picture each part of a layout has, looked at small."""

import numpy as np
from numpy.typing import NDArray

from pipeline.scene.layout import Layout
from pipeline.scene.trace import trace

#: Pixels across.
SAMPLE = 96


def part_shares(layout: Layout) -> NDArray[np.float64]:
    """Return the share, 0–1, that each part has of the picture around the product's box."""
    width, height = sampled(layout)
    part = trace(layout, width, height).part
    left, top, right, bottom = layout.product
    x = (np.arange(width) + 0.5) * (layout.aspect / width)
    y = (np.arange(height) + 0.5) / height
    free = (x < left) | (x > right) | ((y < top) | (y > bottom))[:, None]
    return np.bincount(part[free], minlength=len(layout.parts)) / max(1, int(free.sum()))


def min_share(layout: Layout) -> float:
    """Return the share, 0–1, that the least present asked colour has of the picture around the product's box."""
    if layout.kind == "bokeh":
        # Its lights are drawn, on as much of the picture as they need.
        return 1.0
    # A glowing tube is seen white, so it shows none of the colours.
    slots = [len(layout.colours) if part.role == "tube" else part.slot for part in layout.parts]
    shares = np.bincount(slots, part_shares(layout), layout.asked)
    return float(shares[: layout.asked].min())


def sampled(layout: Layout) -> tuple[int, int]:
    """Return the width and height in pixels that a layout is looked at with."""
    width = max(16, round(SAMPLE * min(1.0, layout.aspect)))
    return width, max(16, round(width / layout.aspect))
