"""Ray casting in rows: many rays against one solid after another, and a camera's view of solids.

`best` is the distance of the nearest hit so far, and `found` its solid and face: a code × FACES + the face.
"""

from collections.abc import Callable

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
#: The origins and directions of n rays.
Rays = tuple[Field, Field, Field, Field, Field, Field]

#: The most faces of one solid.
FACES = 8

_ZERO, _INF, _NEAR, _AWAY = np.float32(0), np.float32(np.inf), np.float32(1e-3), np.float32(-1)
_FLOOR, _WALL, _OPEN_WALL, _RECESS, _SWEEP = solids.FLOOR, solids.WALL, solids.OPEN_WALL, solids.RECESS, solids.SWEEP
_PANEL, _ELLIPSOID, _DRUM, _BLOCK, _SLAB = solids.PANEL, solids.ELLIPSOID, solids.DRUM, solids.BLOCK, solids.SLAB
_DUNES, _UPRIGHT, _FLAT = solids.DUNES, solids.UPRIGHT, solids.FLAT


@inlined
def _numbers(p: Field) -> Numbers:
    """Return a solid's numbers as scalars, which writes into an array cannot change."""
    # Written out: Numba's `to_fixed_tuple` passes them through memory, a quarter more time for short rows.
    return (
        p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11],
        p[12], p[13], p[14], p[15], p[16], p[17], p[18], p[19], p[20], p[21], p[22], p[23],
    )  # fmt: skip


@inlined
def _each(meet: Meet, p: Numbers, own: np.int32, rays: Rays, best: Field, found: Ints) -> None:
    """Assign to a solid of numbers p those of n rays that it meets before `best`."""
    ox, oy, oz, dx, dy, dz = rays
    for j in range(best.size):
        t, face = meet(p, ox[j], oy[j], oz[j], dx[j], dy[j], dz[j])
        nearer = t < best[j]
        best[j] = t if nearer else best[j]
        found[j] = own + face if nearer else found[j]


@inlined
def _pictured(shapes: Shapes, kind: np.int32, p: Field, own: np.int32, rays: Rays, best: Field, found: Ints) -> None:
    """Assign rays as `_each` does to a solid that is described by a picture, too."""
    ox, oy, oz, dx, dy, dz = rays
    for j in range(best.size):
        if kind == _UPRIGHT:
            t, _ = meet_upright(shapes, p, ox[j], oy[j], oz[j], dx[j], dy[j], dz[j])
        elif kind == _FLAT:
            t, _ = meet_flat(shapes, p, ox[j], oy[j], oz[j], dx[j], dy[j], dz[j])
        else:
            t, _ = meet_card(shapes, p, ox[j], oy[j], oz[j], dx[j], dy[j], dz[j])
        if t < best[j]:
            best[j] = t
            found[j] = own


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
    rays = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
    for at in range(count):
        index = which[at]
        kind, numbers, own = shapes.kind[index], shapes.number[index], np.int32(index * FACES)
        p = _numbers(numbers)
        # No loop over a tuple of functions: Numba would call them by pointers, which it cannot inline.
        if kind == _FLOOR:
            _each(meet_floor, p, own, rays, best, found)
        elif kind == _WALL:
            _each(meet_wall, p, own, rays, best, found)
        elif kind == _OPEN_WALL:
            _each(meet_open_wall, p, own, rays, best, found)
        elif kind == _RECESS:
            _each(meet_recess, p, own, rays, best, found)
        elif kind == _SWEEP:
            _each(meet_sweep, p, own, rays, best, found)
        elif kind == _PANEL:
            _each(meet_panel, p, own, rays, best, found)
        elif kind == _ELLIPSOID:
            _each(meet_ellipsoid, p, own, rays, best, found)
        elif kind == _DRUM:
            _each(meet_drum, p, own, rays, best, found)
        elif kind == _BLOCK:
            _each(meet_block, p, own, rays, best, found)
        elif kind == _SLAB:
            _each(meet_slab, p, own, rays, best, found)
        elif kind == _DUNES:
            meet_dunes(numbers, index * FACES, ray[:, :n], best, found)
        else:
            _pictured(shapes, kind, numbers, own, rays, best, found)


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


@inlined
def camera_rays(origin: Field, count: int) -> Field:
    """Return `count` rays of a camera at `origin` (3,), 6×count, for `meet_all` to give slopes to."""
    ray = np.empty((6, count), np.float32)
    for j in range(count):
        ray[0, j], ray[1, j], ray[2, j], ray[5, j] = origin[0], origin[1], origin[2], _AWAY
    return ray


@inlined
def meet_all(
    shapes: Shapes, window: Field, dx: Field, dy: F, which: NDArray[np.int64], ray: Field, best: Field, found: Ints
) -> None:
    """Intersect a camera's rays, in a row of slope `dy`, with solids; keep hits before `best`.

    `dx` are the ascending slopes of n rays, and `ray` is from `camera_rays`. `window` is as in `see`. `which` (1) is a
    buffer.
    """
    for index in range(shapes.kind.size):
        if (dy >= window[index, 1]) & (dy <= window[index, 3]):
            a, b = first_above(dx, window[index, 0]), first_above(dx, window[index, 2])
            if a == b:
                continue
            for j in range(a, b):
                ray[3, j - a], ray[4, j - a] = dx[j], dy
            which[0] = index
            # `which.size` and not a literal, for which Numba would compile another signature.
            meet_rays(shapes, which, which.size, b - a, ray, best[a:b], found[a:b])


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
    found, ray, which = np.empty(width, np.int32), camera_rays(origin, width), np.empty(1, np.int64)
    for i in range(top, bottom):
        for j in range(width):
            found[j] = surface[i, j]
        meet_all(shapes, window, across, down[i], which, ray, depth[i], found)
        for j in range(width):
            surface[i, j] = found[j]
