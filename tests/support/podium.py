"""Where a layout's stand is in its picture."""

from typing import NamedTuple

import numpy as np

from pipeline.geometry.solids import Drum
from pipeline.scene.layout import FOCAL, Layout


class Podium(NamedTuple):
    """The ellipse of a stand's top: its centre and half axes, in canvas heights from the left and the top."""

    x: float
    y: float
    rx: float
    ry: float


def podium_of(layout: Layout) -> Podium | None:
    """Return the ellipse under the product; None where the product is on the floor itself."""
    stand = next((part.solid for part in layout.parts if part.role == "stand"), None)
    if stand is None or stand.bounds is None:
        return None
    left, _, back, right, top, front = stand.bounds
    middle = (back + front) / 2
    x, y, *depths = (np.asarray(value, np.float32) for value in ((left + right) / 2, top, middle, front, back))
    (centre, _), (_, near), (_, far) = (layout.project((x, y, depth)) for depth in depths)
    round_it = 1.0 if isinstance(stand, Drum) else 1.25
    rx, ry = round_it * (right - left) / 2 * FOCAL / (FOCAL - middle), round_it * float(near - far) / 2
    return Podium(float(centre), float(near + far) / 2, rx, ry)
