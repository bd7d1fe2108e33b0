"""A picture that discs are painted on: linear light, antialiased by signed distance in canvas heights."""

import numpy as np

from pipeline.geometry.ray import Field


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
