"""A texture's pyramid of means (mipmap), for lookups by pixels of any size on the surface."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.parallel import by_rows
from pipeline.geometry.ray import Field
from pipeline.kernels.texture.texels import halved, looked_up, textured

#: Canvas heights that a square tile covers.
TILE = 1.6
#: The greatest code of a factor.
CODES = 65535


class Pyramid:
    """Texels of a repeating tile, level after level; Williams, "Pyramidal parametrics", 1983."""

    def __init__(self, channels: int, n: int, made: Callable[..., NDArray[Any]] = np.empty):
        """Allocate `channels` (1, or 3 for red, green and blue) × n×n texels and their means.

        `n` is a power of 2. Factors are stored as 16-bit codes. A wooden table of 2048 texels a side needs 32 MiB.
        `made` makes the array.
        """
        sides = [n >> level for level in range(n.bit_length())]
        #: Offset of each level in a channel's texels.
        self._starts: NDArray[np.int64] = np.concatenate([[0], np.cumsum(np.square(sides[:-1]))]).astype(np.int64)
        #: From a place in canvas heights to tiles: 2×3, a turn and a shift.
        self.way: Field = np.array([[1 / TILE, 0, 0], [0, 1 / TILE, 0]], np.float32)
        #: Factor of each channel's texels at lookup.
        self.scales: Field = np.ones(channels, np.float32)
        self._texels: NDArray[np.uint16] = made((channels, int(self._starts[-1]) + 1), np.uint16)
        self.levels: list[list[NDArray[np.uint16]]] = [
            [channel[start : start + side**2].reshape(side, side) for channel in self._texels]
            for start, side in zip(self._starts.tolist(), sides, strict=True)
        ]

    @property
    def texture(self) -> list[Field]:
        """The finest level, decoded to n×n float32 factors, one array per channel; computed at each call."""
        return [plane * scale for plane, scale in zip(self.levels[0], self.scales, strict=True)]

    def reduce(self) -> None:
        """Fill the coarser levels from the finest."""
        for finer, coarser in pairwise(self.levels):
            for fine, coarse in zip(finer, coarser, strict=True):
                by_rows(coarse.shape[0], partial(halved, fine, coarse), 256)

    def multiply(
        self,
        out: Field,
        part: NDArray[np.uint16],
        index: int,
        place: tuple[Field, Field],
        left: int,
        depth: Field,
        pixel: float,
    ) -> None:
        """Multiply the texture onto the rows×W×3 pixels `out` of the part `index`, trilinear.

        `place` is (u, v) along the surface in canvas heights, rows×w, of the columns from `left` on. `part` and `depth`
        are rows×W. A pixel covers depth × `pixel` canvas heights of the surface.
        """
        n = len(self.levels[0][0])
        u, v = (np.ascontiguousarray(axis, np.float32) for axis in place)
        textured(
            self._texels, self.scales, self._starts, n, self.way, u, v, part, index, depth,
            np.float32(pixel * n * np.hypot(*self.way[0, :2])), left, out,
        )  # fmt: skip


def filled(codes: NDArray[np.uint8], factors: Field, n: int) -> Pyramid:
    """Return a pyramid of mean 1 per channel of a tile: m×m codes, m at least n, and channels×256 factors of them."""
    times = codes.shape[0] // n
    # Contiguous rows: for others, Numba would compile another signature.
    tables = np.ascontiguousarray(np.rint(factors * (CODES / factors.max())), np.uint16)
    out = Pyramid(len(tables), n)

    def fill(top: int, bottom: int) -> None:
        for table, plane in zip(tables, out.levels[0], strict=True):
            strip = np.empty((times * (bottom - top), codes.shape[1]), np.uint16)
            looked_up(codes[times * top : times * bottom], table, strip)
            while strip.shape[1] > n:
                fine, strip = strip, np.empty((strip.shape[0] // 2, strip.shape[1] // 2), np.uint16)
                halved(fine, strip, 0, strip.shape[0])
            plane[top:bottom] = strip

    by_rows(n, fill)
    out.reduce()
    # Scaled to mean 1, so that the requested colour stays.
    out.scales = np.float32(1) / np.concatenate(out.levels[-1]).ravel().astype(np.float32)
    return out
