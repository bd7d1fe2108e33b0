"""Caustics: the key light that a clear solid refracts onto the level it stands on, in place of its shadow there.

What would fall on a place of that level and meets the solid falls where two refractions take it, in the solid's tint:
no light is lost but what glass mirrors and absorbs. Photon mapping (Jensen, EGWR 1996) on a grid of the level, a photon
to a place and a sample of the key light; samples are interleaved as those of the traced light are.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from pipeline.geometry.packing import meet
from pipeline.geometry.ray import Bounds, Field
from pipeline.geometry.sampling import square_samples, square_to
from pipeline.geometry.solids import Ball, Block, Drum, Solid
from pipeline.kernels.tracing.lights import THROUGH
from pipeline.light.emitters import gobo_openness
from pipeline.light.refraction import INDEX, REFLECTANCE, passed, refracted, through
from pipeline.light.surroundings import normals_against, schlick
from pipeline.scene.layout import Layout, Part

#: Cells along the longer side of the grid, and samples of the key light in each.
CELLS, SAMPLES = 60, 5
#: The grid's photons are blurred by so many cells: they are shared among neighbours of all patterns.
BLUR = 1.1
#: Light is focused so many times at most: more is white in any case, however dark the level.
BRIGHTEST = np.float32(8)
#: A shadow is followed so many times as far as the solid is wide or high.
_REACH = 2.5
#: Cells more all round: what is blurred ends there.
_MARGIN = 3
#: Photons that fall so flat that they land far off are left out: the sine of their elevation.
_FLAT = np.float32(0.02)

Point = tuple[float, float, float]


class _Grid(NamedTuple):
    """Cells of a level: the first one's corner and the side of all, canvas heights; how many along z and along x."""

    left: float
    back: float
    step: float
    rows: int
    columns: int


class _Photons(NamedTuple):
    """The key light about a solid, 1 on a surface at its target that faces it; the same whatever the colours."""

    grid: _Grid
    #: rows×columns: what falls on the level where nothing is, and what of it meets the solid.
    open: Field
    shadow: Field
    #: n: the cells that photons land in, what each brings there, and how long its way through the solid was.
    cell: NDArray[np.int64]
    power: Field
    length: Field


@dataclass(frozen=True)
class Caustic:
    """How much of its light a level has beside a solid of glass."""

    grid: _Grid
    #: rows×columns×3: over the light there with the shadow that was traced.
    factor: Field

    @classmethod
    def of(cls, part: Part, layout: Layout) -> "Caustic | None":
        """Follow the key light through a part of glass onto the level of its foot; None where none comes from above."""
        bounds, rig = part.solid.bounds, layout.rig
        assert bounds is not None, "glass has an end"
        photons = _followed(part.solid, rig.position, rig.target, rig.half)  # type: ignore[arg-type]  # glass is frozen
        if photons is None:
            return None
        grid = photons.grid
        light = photons.power[:, None] * passed(part, layout, photons.length)
        size = grid.rows * grid.columns
        landed = [np.bincount(photons.cell, light[:, c], size).reshape(grid.rows, grid.columns) for c in range(3)]
        maps = np.stack([photons.shadow, *landed]).astype(np.float32)
        shadow, *colours = gaussian_filter(maps, (0, BLUR, BLUR), mode="constant")
        key = np.float32(rig.key * gobo_openness(rig, _middle(bounds))) * rig.key_tint
        fill = rig.fill * rig.fill_tint
        was = fill + key * np.maximum(photons.open - (1 - THROUGH) * shadow, 0)[..., None]
        factor = 1 + key * (np.stack(colours, -1) - THROUGH * shadow[..., None]) / np.maximum(was, 1e-3)
        factor[[0, -1]] = factor[:, [0, -1]] = 1
        return cls(grid, np.minimum(factor, BRIGHTEST).astype(np.float32))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Its left, back, right and front."""
        left, back, step, rows, columns = self.grid
        return left, back, left + columns * step, back + rows * step

    def at(self, x: Field, z: Field) -> Field:
        """Return n×3 factors of the light, 0 to BRIGHTEST, at n places of the level, x and z in canvas heights."""
        left, back, step, _, _ = self.grid
        at = np.stack([(z - np.float32(back)) / np.float32(step), (x - np.float32(left)) / np.float32(step)]) - 0.5
        return np.stack([map_coordinates(self.factor[..., c], at, order=1, mode="nearest") for c in range(3)], -1)


@lru_cache(maxsize=8)
def _followed(solid: Solid, position: Point, target: Point, half: float) -> _Photons | None:
    """Follow photons from a square key light at `position`, half its side `half`; kept for a swap's other pictures."""
    bounds = solid.bounds
    assert bounds is not None, "glass has an end"
    grid = _grid(bounds, position, target, half)
    if grid is None:
        return None
    level = np.float32(bounds[1])
    rows, columns = np.arange(grid.rows), np.arange(grid.columns)
    x = np.float32(grid.left) + (columns + np.float32(0.5)) * np.float32(grid.step)
    z = np.float32(grid.back) + (rows + np.float32(0.5)) * np.float32(grid.step)
    lamp = _lamp(position, target, half)[:, (rows[:, None] % 3) * 3 + columns % 3]
    way = np.stack(np.broadcast_arrays(x[:, None] - lamp[0], level - lamp[1], z[:, None, None] - lamp[2]))
    square = (way * way).sum(0)
    far = np.sqrt(square)
    way /= far
    axis = np.asarray(target, np.float32) - np.asarray(position, np.float32)
    leaving = np.tensordot(axis, way, 1)
    # As `pipeline.kernels.tracing.lights` has it: the cosines at both ends, over the square of the distance.
    power = np.maximum(-way[1], 0) * np.maximum(leaving, 0) * np.linalg.norm(axis) / square / np.float32(SAMPLES)
    met, face = meet(solid.packed, (lamp[0], lamp[1], lamp[2]), (way[0], way[1], way[2]))
    meets = met < far
    start = lamp[:, meets] + way[:, meets] * met[meets]
    shadow = np.where(meets, power, 0).sum(-1)
    landed = _landed(solid, grid, start, way[:, meets], face[meets], power[meets])
    return _Photons(grid, power.sum(-1), shadow, *landed)


def _landed(
    solid: Solid, grid: _Grid, start: Field, way: Field, face: NDArray[np.uint8], power: Field
) -> tuple[NDArray[np.int64], Field, Field]:
    """Return the cells, powers and lengths of n photons that meet a solid at 3×n places along 3×n ways.

    Each lands in four cells, by the shares of bilinear interpolation.
    """
    normal = normals_against(solid, start, face, way)
    inside, _ = refracted(way, normal, 1 / INDEX)
    power = power * (1 - schlick(REFLECTANCE, way, normal)) * np.float32(1 - REFLECTANCE)
    end, _, beyond, _, length, still = through(solid, start, inside)
    falls = ~still & (beyond[1] < -_FLAT)
    if not isinstance(solid, Ball | Block | Drum):
        # What enters a sheet by its rim stays in it: it is followed from its front to its back alone.
        falls &= np.abs(normal[2]) > np.float32(0.5)
    end, beyond, length, power = end[:, falls], beyond[:, falls], length[falls], power[falls]
    level = np.float32(solid.bounds[1]) if solid.bounds is not None else np.float32(0)
    far = (level - end[1]) / beyond[1]
    column = (end[0] + far * beyond[0] - np.float32(grid.left)) / np.float32(grid.step) - np.float32(0.5)
    row = (end[2] + far * beyond[2] - np.float32(grid.back)) / np.float32(grid.step) - np.float32(0.5)
    found = []
    for down in (0, 1):
        for across in (0, 1):
            i, j = np.floor(row).astype(np.int64) + down, np.floor(column).astype(np.int64) + across
            within = (i >= 0) & (i < grid.rows) & (j >= 0) & (j < grid.columns)
            share = (1 - np.abs(row - i)) * (1 - np.abs(column - j)) * power
            found.append(((i * grid.columns + j)[within], share[within], length[within]))
    cells, powers, lengths = (np.concatenate(some) for some in zip(*found, strict=True))
    return cells, powers, lengths


def _grid(bounds: Bounds, position: Point, target: Point, half: float) -> _Grid | None:
    """Return the cells of a box's foot that its shadow covers; None where a part of the light is no higher."""
    left, low, back, right, high, front = bounds
    corners = np.array([(x, y, z) for x in (left, right) for y in (low, high) for z in (back, front)])
    centre = np.asarray(position)
    axis = (centre - np.asarray(target)) / np.linalg.norm(centre - np.asarray(target))
    u, v = square_to(axis.astype(np.float32))
    lights = np.stack([centre + half * (a * u + b * v) for a in (-1, 1) for b in (-1, 1)])
    if lights[:, 1].min() <= high:
        return None
    way = corners - lights[:, None]
    fallen = lights[:, None] + way * ((low - lights[:, 1, None]) / way[..., 1])[..., None]
    far = _REACH * max(right - left, high - low)
    x0, z0 = np.maximum(fallen[..., (0, 2)].reshape(-1, 2).min(0), (left - far, back - far))
    x1, z1 = np.minimum(fallen[..., (0, 2)].reshape(-1, 2).max(0), (right + far, front + far))
    step = max(x1 - x0, z1 - z0) / (CELLS - 2 * _MARGIN)
    columns, rows = (int(np.ceil(side / step)) + 2 * _MARGIN for side in (x1 - x0, z1 - z0))
    return _Grid(float(x0 - _MARGIN * step), float(z0 - _MARGIN * step), float(step), rows, columns)


def _lamp(position: Point, target: Point, half: float) -> Field:
    """Return 3×9×SAMPLES places on the key light, for each pattern."""
    centre, axis = np.asarray(position, np.float32), np.asarray(position, np.float32) - np.asarray(target, np.float32)
    u, v = square_to(axis / np.linalg.norm(axis))
    offset = square_samples(SAMPLES) * np.float32(2 * half)
    return np.asarray(np.moveaxis(centre + offset[..., :1] * u + offset[..., 1:] * v, -1, 0), np.float32)


def _middle(bounds: Bounds) -> Point:
    return (bounds[0] + bounds[3]) / 2, (bounds[1] + bounds[4]) / 2, (bounds[2] + bounds[5]) / 2
