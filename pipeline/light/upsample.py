"""Edge-aware upsampling from a small grid to any size, where each surface uses only its own values.

Light is smooth within a surface and jumps between surfaces, and the geometry has the exact edges. Light is therefore
interpolated among places of one surface only, and edges stay as sharp as the drawing's. This is joint bilateral
upsampling (Kopf, Cohen, Lischinski and Uyttendaele, SIGGRAPH 2007).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from pipeline.core.parallel import by_rows
from pipeline.geometry.ray import Field
from pipeline.kernels.image.resampling import columns_between, enlarge
from pipeline.kernels.image.surfaces import Grid, even_cells, pixels_of, touching, upsample, upsample_at
from pipeline.kernels.tracing.rays import FACES

#: Light is smooth where it bends, between three neighbours, by less than the share STEADY of all light there and of
#: DARK of the mean.
STEADY, DARK = 0.03, 0.1


@dataclass(frozen=True)
class Upsampling:
    """Values on a small grid's surfaces, which can be upsampled to any image's surfaces, strip by strip."""

    grid: Grid

    @classmethod
    def of(cls, values: Field, low: NDArray[np.uint16], others: float = 0.0) -> "Upsampling":
        """Return h×w×C values on h×w surfaces; `others` is as in `Grid`."""
        known = np.zeros(1 << 16, np.bool_)
        known[low] = True
        low = np.require(low, np.uint16, ["C", "W"])
        values = np.require(values, np.float32, ["C", "W"])
        return cls(Grid(values, low, even_cells(low), known, np.float32(others)))

    def strip(self, high: NDArray[np.uint16], top: int, bottom: int) -> Field:
        """Return n×W×C for the rows `top` … `bottom` of H×W surfaces.

        Values are bilinear within a surface, and a smooth mean of its own values at its edges. Where it has none
        nearby, they are its nearest value. A surface too thin for the small grid gets the values of its surroundings.
        """
        out = np.empty((bottom - top, high.shape[1], self.grid.values.shape[2]), np.float32)
        upsample(self.grid, high[top:bottom], high.shape[0], top, out)
        return out

    def over(self, high: NDArray[np.uint16]) -> Field:
        """Return H×W×C for H×W surfaces."""
        out = np.empty((*high.shape, self.grid.values.shape[2]), np.float32)

        def work(top: int, bottom: int) -> None:
            out[top:bottom] = self.strip(high, top, bottom)

        by_rows(high.shape[0], work)
        return out

    def at(self, place: NDArray[np.int32], surfaces: NDArray[np.uint16], shape: tuple[int, int]) -> Field:
        """Return n×C for the pixels `place`, n×2 rows and columns, of an image of a shape (height, width).

        The pixels show n `surfaces`.
        """
        out = np.empty((len(place), self.grid.values.shape[2]), np.float32)
        upsample_at(self.grid, place, surfaces, *shape, out)
        return out

    def contacts(
        self, depth: Field, apart: float, reach: int, shape: tuple[int, int]
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return the pixels, n×2 sorted by rows, near places where parts meet less than `apart` from each other.

        Near means at most `reach` places of the grid, whose `depth` is h×w; `shape` is the image's. Also returns n
        numbers: `reach` + 1 minus the distance in places.
        """
        cells, beside = np.empty(depth.shape, np.uint8), np.empty(shape, np.uint8)
        touching(self.grid.low, FACES, depth, np.float32(apart), reach, cells)
        by_rows(shape[0], lambda a, b: pixels_of(cells, shape[0], a, beside[a:b]))
        place = np.argwhere(beside).astype(np.int32)
        return place, beside[place[:, 0], place[:, 1]]


def upsample_within_surfaces(
    values: Field, low: NDArray[np.uint16], high: NDArray[np.uint16], *, others: float = 0.0
) -> Field:
    """Upsample h×w×C `values` on the surfaces `low` (h×w) to the surfaces `high` (H×W): H×W×C, edge-aware.

    `others` is as in `Grid`.
    """
    return Upsampling.of(values, low, others).over(high)


def _bent(shown: Field, beside: Field) -> NDArray[np.bool_]:
    """Return h×w: where light bends between three neighbours by more than a share of all light there, `beside`."""
    allowed = STEADY * (beside + DARK * beside.mean())
    bent = np.zeros(shown.shape, np.bool_)
    bent[1:-1] = np.abs(shown[2:] - 2 * shown[1:-1] + shown[:-2]) > allowed[1:-1]
    bent[:, 1:-1] |= np.abs(shown[:, 2:] - 2 * shown[:, 1:-1] + shown[:, :-2]) > allowed[:, 1:-1]
    return bent


def enlarged(
    rough: Field, shown: Field, beside: Field, low: NDArray[np.uint16], high: NDArray[np.uint16]
) -> tuple[Field, NDArray[np.uint8]]:
    """Return C×h×w on surfaces `low` enlarged to those of `high`, C×H×W, and H×W marks of where that is not enough.

    Marks are 2 where light is to be traced, 1 around and 0 elsewhere: at edges of surfaces, and where the light
    `shown`, h×w, bends by more than a share of all light there, `beside`.
    """
    (tall, wide), (height, width) = high.shape, low.shape
    out, marks = np.empty((len(rough), tall, wide), np.float32), np.empty(high.shape, np.uint8)
    upper, left = columns_between(height, tall)[0], columns_between(width, wide)[0]
    bent = _bent(shown, beside)
    # Also where a cell's corners and its pixels don't show one surface.
    rows, columns = np.nonzero(even_cells(low)[np.ix_(upper, left)] != high)
    bent[upper[rows], left[columns]] = True
    near = maximum_filter(bent.astype(np.uint8), 3)
    near += maximum_filter(near, 3)

    def work(top: int, bottom: int) -> None:
        for channel, to in zip(rough, out, strict=True):
            enlarge(channel[..., None], tall, top, to[top:bottom, :, None])
        pixels_of(near, tall, top, marks[top:bottom])

    by_rows(tall, work)
    return out, marks
