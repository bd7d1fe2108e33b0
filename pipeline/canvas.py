"""A picture that shapes are painted on: linear light, antialiased by signed distance.

Distances are in canvas heights, negative inside, after Quilez, "2D distance functions"
(iquilezles.org/articles/distfunctions2d); the ellipse's is the usual first-order estimate.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.resample import resize

Field = NDArray[np.float32]
#: A function of x (1×w) and y (h×1) in canvas heights.
SmoothField = Callable[[Field, Field], Field]


class Canvas:
    """H×W×3 float32 linear light with its coordinates in canvas heights."""

    def __init__(self, width: int, height: int):
        self.width, self.height = width, height
        self.pixels: Field = np.zeros((height, width, 3), np.float32)
        #: 1×W and H×1 coordinates of the pixels' centres.
        self.x: Field = np.asarray((np.arange(width) + 0.5) / height, np.float32)[None]
        self.y: Field = np.asarray((np.arange(height) + 0.5) / height, np.float32)[:, None]

    def window(self, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
        """Return the rows and columns of a box given in canvas heights, clipped to the canvas."""
        h = self.height
        rows = slice(max(0, int(top * h) - 2), min(self.height, max(0, int(bottom * h) + 3)))
        columns = slice(max(0, int(left * h) - 2), min(self.width, max(0, int(right * h) + 3)))
        return rows, columns

    def coverage(self, distance: Field, blur: float = 0.0) -> Field:
        """Return 0–1 coverage of a signed distance; `blur` is the edge's width in canvas heights, at least a pixel."""
        width = max(blur, 1.0 / self.height)
        t = np.clip(0.5 - distance / width, 0, 1)
        return np.asarray(t * t * (3 - 2 * t) if blur > 2.0 / self.height else t, np.float32)

    def paint(self, where: tuple[slice, slice], coverage: Field | float, colour: Field) -> None:
        """Put linear `colour` ((3,) or h×w×3) over the window `where`, weighted by its h×w coverage."""
        patch = self.pixels[where]
        if isinstance(coverage, float):
            patch += (colour - patch) * np.float32(coverage)
        else:
            patch += (colour - patch) * coverage[..., None]

    def darken(self, where: tuple[slice, slice], shadow: Field) -> None:
        """Take the share `shadow` (h×w, 0–1) of the light away."""
        self.pixels[where] *= (1 - shadow)[..., None]

    def add(self, where: tuple[slice, slice], light: Field) -> None:
        """Add h×w×3 linear light."""
        self.pixels[where] += light

    def everything(self) -> tuple[slice, slice]:
        """Return the window of the whole canvas."""
        return slice(0, self.height), slice(0, self.width)

    def smooth(self, function: SmoothField, side: int = 384) -> Field:
        """Evaluate a slowly varying function of (x, y) on a coarse grid and return it at full size, H×W."""
        scale = min(1.0, side / max(self.width, self.height))
        w, h = max(2, round(self.width * scale)), max(2, round(self.height * scale))
        x = np.asarray((np.arange(w) + 0.5) * (self.width / w / self.height), np.float32)[None]
        y = np.asarray((np.arange(h) + 0.5) / h, np.float32)[:, None]
        values = np.broadcast_to(function(x, y), (h, w)).astype(np.float32)
        return resize(values, self.width, self.height)


def ellipse(x: Field, y: Field, rx: float, ry: float) -> Field:
    """Return the signed distance to an ellipse around the origin."""
    reach = np.sqrt((x / rx) ** 2 + (y / ry) ** 2)
    slope = np.sqrt((x / rx**2) ** 2 + (y / ry**2) ** 2)
    return np.asarray(reach * (reach - 1) / np.maximum(slope, 1e-6), np.float32)


def rectangle(x: Field, y: Field, half_width: float, half_height: float, radius: float = 0.0) -> Field:
    """Return the signed distance to a rectangle around the origin with rounded corners."""
    dx, dy = np.abs(x) - half_width + radius, np.abs(y) - half_height + radius
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return np.asarray(outside + np.minimum(np.maximum(dx, dy), 0) - radius, np.float32)


def arch(x: Field, y: Field, half_width: float, height: float) -> Field:
    """Return the signed distance to a round arch whose foot's middle is the origin (y down, so it rises to -height)."""
    spring = -(height - half_width)
    round_part = np.hypot(x, y - spring) - half_width
    top = np.where(y < spring, round_part, np.abs(x) - half_width)
    return np.asarray(np.maximum(top, y), np.float32)
