"""Ray casting in rows: many rays against one solid after another, and a camera's view of solids.

`best` is the distance of the nearest hit so far, and `found` its solid and face: a code × FACES + the face.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import inlined, kernel
from pipeline.kernels.tracing import solids
from pipeline.kernels.tracing.solids import (
    Meeting,
    Numbers,
    Shapes,
    meet_block,
    meet_card,
    meet_drum,
    meet_ellipsoid,
    meet_flat,
    meet_floor,
    meet_open_wall,
    meet_panel,
    meet_recess,
    meet_slab,
    meet_sweep,
    meet_upright,
    meet_wall,
)
from pipeline.kernels.tracing.terrain import meet_dunes

F = np.float32
Field = NDArray[np.float32]
Ints = NDArray[np.int32]
Surfaces = NDArray[np.uint16]
#: One of `pipeline.kernels.tracing.solids`' functions.
Meet = Callable[[Numbers, F, F, F, F, F, F], Meeting]
#: A ray's origin and direction, the same of n rays of light, and a camera's place with slopes of columns and of a row.
Ray = tuple[F, F, F, F, F, F]
Lines = tuple[Field, Field, Field, Field, Field, Field]
Row = tuple[F, F, F, Field, F]
Rays = Lines | Row
RayOf = Callable[[Any, int], Ray]

#: The most faces of one solid.
FACES = 8

_ZERO, _INF, _NEAR, _AWAY = np.float32(0), np.float32(np.inf), np.float32(1e-3), np.float32(-1)
_FLOOR, _WALL, _OPEN_WALL, _RECESS, _SWEEP = solids.FLOOR, solids.WALL, solids.OPEN_WALL, solids.RECESS, solids.SWEEP
_PANEL, _ELLIPSOID, _DRUM, _BLOCK, _SLAB = solids.PANEL, solids.ELLIPSOID, solids.DRUM, solids.BLOCK, solids.SLAB
_DUNES, _UPRIGHT, _FLAT, _CARD = solids.DUNES, solids.UPRIGHT, solids.FLAT, solids.CARD


@inlined
def _numbers(p: Field) -> Numbers:
    """Return a solid's numbers as scalars, which writes into an array cannot change."""
    # Written out: Numba's `to_fixed_tuple` passes them through memory, a quarter more time for short rows.
    return (
        p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11],
        p[12], p[13], p[14], p[15], p[16], p[17], p[18], p[19], p[20], p[21], p[22], p[23],
    )  # fmt: skip


@inlined
def _light_ray(rays: Lines, j: int) -> Ray:
    """Return ray j of n rays of light."""
    return rays[0][j], rays[1][j], rays[2][j], rays[3][j], rays[4][j], rays[5][j]


@inlined
def _camera_ray(rays: Row, j: int) -> Ray:
    """Return ray j of a row of a camera's rays."""
    x, y, z, across, down = rays
    return x, y, z, across[j], down, _AWAY


@inlined
def _each(meet: Meet, p: Numbers, own: np.int32, ray_of: RayOf, rays: Rays, best: Field, found: Ints) -> None:
    """Assign to a solid of numbers p those of n rays that it meets before `best`; ray j is `ray_of(rays, j)`."""
    for j in range(best.size):
        ox, oy, oz, dx, dy, dz = ray_of(rays, j)
        t, face = meet(p, ox, oy, oz, dx, dy, dz)
        nearer = t < best[j]
        best[j] = t if nearer else best[j]
        found[j] = own + face if nearer else found[j]


@inlined
def _by_kind(kind: np.int32, p: Numbers, own: np.int32, ray_of: RayOf, rays: Rays, best: Field, found: Ints) -> None:
    """Assign rays to a solid as `_each` does, if numbers alone describe its kind."""
    # No loop over a tuple of functions: Numba would call them by pointers, which it cannot inline.
    if kind == _FLOOR:
        _each(meet_floor, p, own, ray_of, rays, best, found)
    elif kind == _WALL:
        _each(meet_wall, p, own, ray_of, rays, best, found)
    elif kind == _OPEN_WALL:
        _each(meet_open_wall, p, own, ray_of, rays, best, found)
    elif kind == _RECESS:
        _each(meet_recess, p, own, ray_of, rays, best, found)
    elif kind == _SWEEP:
        _each(meet_sweep, p, own, ray_of, rays, best, found)
    elif kind == _PANEL:
        _each(meet_panel, p, own, ray_of, rays, best, found)
    elif kind == _ELLIPSOID:
        _each(meet_ellipsoid, p, own, ray_of, rays, best, found)
    elif kind == _DRUM:
        _each(meet_drum, p, own, ray_of, rays, best, found)
    elif kind == _BLOCK:
        _each(meet_block, p, own, ray_of, rays, best, found)
    elif kind == _SLAB:
        _each(meet_slab, p, own, ray_of, rays, best, found)


@kernel
def meet_rays(
    shapes: Shapes, which: NDArray[np.int64], count: int, n: int, ray: Field, best: Field, found: Ints
) -> None:
    """Intersect the first n rays, 6×m float32 origins and directions, with solids; keep hits before `best`.

    The solids are the first `count` of the indices `which`, and a solid's code is its index. `best` is m float32,
    `found` m int32. Dunes need unit directions.
    """
    # One call for all solids: Numba counts references to a dozen arrays at each call.
    best, found = best[:n], found[:n]
    ox, oy, oz, dx, dy, dz = rays = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
    for at in range(count):
        index = which[at]
        kind, numbers, own = shapes.kind[index], shapes.number[index], np.int32(index * FACES)
        p = _numbers(numbers)
        if kind == _DUNES:
            meet_dunes(numbers, index * FACES, ray[:, :n], best, found)
        elif (kind == _UPRIGHT) | (kind == _FLAT):
            for j in range(n):
                if kind == _UPRIGHT:
                    t, _ = meet_upright(shapes, numbers, ox[j], oy[j], oz[j], dx[j], dy[j], dz[j])
                else:
                    t, _ = meet_flat(shapes, numbers, ox[j], oy[j], oz[j], dx[j], dy[j], dz[j])
                if t < best[j]:
                    best[j] = t
                    found[j] = own
        else:
            _by_kind(kind, p, own, _light_ray, rays, best, found)


@kernel
def meet_row(
    shapes: Shapes, index: int, code: int, a: int, b: int, origin: Field, dx: Field, dy: F, best: Field, found: Ints
) -> None:
    """Intersect a camera's rays a to b, in a row of slope `dy`, with solid `index`; keep hits before `best`.

    `origin` (3,) is the camera's place. `dx` is n ascending float32 slopes, `best` n float32, `found` n int32.
    """
    kind, p, own = shapes.kind[index], _numbers(shapes.number[index]), np.int32(code * FACES)
    ox, oy, oz = origin[0], origin[1], origin[2]
    dx, best, found = dx[a:b], best[a:b], found[a:b]
    if kind == _CARD:
        for j in range(dx.size):
            t, _ = meet_card(shapes, p, ox, oy, oz, dx[j], dy, _AWAY)
            if t < best[j]:
                best[j] = t
                found[j] = own
    else:
        _by_kind(kind, p, own, _camera_ray, (ox, oy, oz, dx, dy), best, found)


@inlined
def first_above(rising: Field, value: F) -> int:
    """Return the index of the first of ascending values that is not below `value`, by binary search."""
    low, high = 0, rising.size
    while low < high:
        middle = (low + high) // 2
        if rising[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def see(
    top: int,
    bottom: int,
    shapes: Shapes,
    window: Field,
    origin: Field,
    across: Field,
    down: Field,
    depth: Field,
    surface: Surfaces,
) -> None:
    """Cast a camera's rays of rows `top` to `bottom` to the nearest solid, into H×W `depth` and `surface`.

    `window` is n×4, the slopes between which each solid is visible: left, low, right and top. `across` and `down` are
    the W and H slopes of columns and rows. `depth`, float32, and `surface`, uint16, contain earlier hits, or inf and 0.
    """
    width = across.size
    found = np.empty(width, np.int32)
    for i in range(top, bottom):
        for j in range(width):
            found[j] = surface[i, j]
        for index in range(shapes.kind.size):
            if (down[i] >= window[index, 1]) & (down[i] <= window[index, 3]):
                a, b = first_above(across, window[index, 0]), first_above(across, window[index, 2])
                meet_row(shapes, index, index, a, b, origin, across, down[i], depth[i], found)
        for j in range(width):
            surface[i, j] = found[j]
