"""Fine noise from cached tiles, of which every seed sums two shifted and flipped copies."""

from dataclasses import dataclass
from functools import cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from pipeline.core.lasting import lasting
from pipeline.geometry.ray import Field
from pipeline.kernels.texture.enlarging import add_enlarged, add_tile
from pipeline.materials.noise import noise

#: From this number of cycles per tile on, a grain is so fine that it may repeat after half a tile.
FINE = 150.0
#: Copies are shifted by multiples of this fraction of a tile: whole texels of every swatch.
PLACES = 64
#: One tile is computed at a time: each needs 70 MB meanwhile, and two threads must not compute the same tile.
_making = Lock()


@dataclass(frozen=True)
class Grain:
    """Fine noise of variance 1: the spectrum of its cached tile, as in `pipeline.materials.noise.spectrum`.

    `copies` are the shifts of its copies, down and across, in 1 / PLACES of a tile, and whether they are upside down.
    """

    slope: float
    low: float
    stretch: float
    angle: float
    light_angle: float | None
    grid: int
    copies: tuple[tuple[int, int, bool], ...]


def grain(
    rng: np.random.Generator,
    slope: float,
    low: float,
    *,
    stretch: float = 1.0,
    angle: float = 0.0,
    light_angle: float | None = None,
    grid: int = 1024,
) -> Grain:
    """Return a grain whose two copies are placed by `rng`; `angle` is a multiple of a quarter turn."""
    places, turned = rng.integers(PLACES, size=(2, 2)).tolist(), rng.random(2) < 0.5
    copies = tuple((down, across, bool(turn)) for (down, across), turn in zip(places, turned, strict=True))
    return Grain(slope, low, stretch, angle, light_angle, grid, copies)


class Grains:
    """A weighted sum of grains on n×n places, and of an m×m tile enlarged to them, m at most n; computed by rows."""

    def __init__(self, n: int, *terms: tuple[float, Grain], soft: Field | None = None):
        """Sum (weight, grain) terms and `soft`, whose texel centres align with those of n×n; sizes are powers of 2."""
        self._n, self._soft = n, soft
        #: Tile, weight, shifts down and across in texels, and whether it is upside down.
        self._tiles: list[tuple[NDArray[np.int8], np.float32, int, int, bool]] = []
        step = max(1, n // PLACES)
        for weight, one in terms:
            for down, across, turned in one.copies:
                for tile, share in _shaded(one, n, turned):
                    scaled = np.float32(weight * share / np.sqrt(len(one.copies)))
                    self._tiles.append((tile, scaled, step * down, step * across, turned))

    def rows(self, top: int, bottom: int) -> Field:
        """Return the rows top..bottom, float32; the tile repeats."""
        out = np.zeros((bottom - top, self._n), np.float32)
        for tile, weight, down, across, turned in self._tiles:
            add_tile(tile, weight, top, down, across, turned, out)
        if self._soft is not None:
            add_enlarged(self._soft, top, out)
        return out


def _shaded(one: Grain, n: int, turned: bool) -> list[tuple[NDArray[np.int8], float]]:
    """Return the cached tiles of a grain and their weights.

    A relief is the sum of two tiles, lit along x and along y. They are the Riesz transform of one noise (Felsberg and
    Sommer, "The monogenic signal", 2001). In an upside-down tile, the slopes along y change their sign.
    """
    fine = 2 if one.low >= FINE else 1
    form = n // fine, one.slope, one.low / fine, one.stretch, one.angle, one.grid // fine
    lit: list[tuple[float | None, float]] = [(None, 1.0)]
    if one.light_angle is not None:
        cos, sin = float(np.cos(one.light_angle)), float(np.sin(one.light_angle))
        lit = [(0.0, cos), (np.pi / 2, -sin if turned else sin)]
    found = []
    for light, share in lit:
        with _making:
            tile, scale = _tile(*form, light)
        found.append((tile, share * scale))
    return found


@cache
def _tile(
    n: int, slope: float, low: float, stretch: float, angle: float, grid: int, light_angle: float | None
) -> tuple[NDArray[np.int8], float]:
    """Return n×n codes of a noise, sampled in the middles of texels, and the value of one code; once per process."""
    # Seeded by frequency and slope: no two finishes share a pattern, but the two lightings of a relief do.
    rng = np.random.default_rng([round(1000 * low), round(1000 * slope)])
    field = noise(rng, n, slope, low, stretch=stretch, angle=angle, light_angle=light_angle, grid=grid, shift=0.5 / n)
    scale = max(float(field.max()), -float(field.min())) / 127
    field *= np.float32(1 / scale)
    tile = lasting((n, n), np.int8)
    tile[:] = np.rint(field, out=field)
    return tile, scale
