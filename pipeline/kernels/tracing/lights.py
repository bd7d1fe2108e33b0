"""Direct light on an image's surfaces, with few samples per pixel (Keller and Heidrich, EGWR 2001).

Each pixel takes its own samples from a pattern that repeats every 3×3 pixels; `interleaved.share` then shares them
among neighbours.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import inlined, kernel
from pipeline.kernels.tracing.bundles import lay_ends, lay_starts, may_meet, select
from pipeline.kernels.tracing.rays import Field, Ints, meet_rays
from pipeline.kernels.tracing.solids import Shapes, slab

_ZERO, _ONE, _INF = np.float32(0), np.float32(1), np.float32(np.inf)
#: Offsets of places from their surfaces, and upwards from dunes, in canvas heights. With a larger offset, places at the
#: foot of a solid would be inside it, and lit.
_OFF, _ABOVE = np.float32(5e-4), np.float32(0.004)
#: Rays to tubes end at this share of the way. Light below _DIM is not traced. Dunes shade up to _DUNES_REACH.
_TO_TUBE, _DIM, _DUNES_REACH = np.float32(0.97), np.float32(1e-4), np.float32(6)
#: Columns of a block of pixels whose rays are bundled. Fewer than _FEW that face one way share a bundle with others.
BLOCK, _FEW = 96, 8


Indices = NDArray[np.int64]


class Places(NamedTuple):
    """The surfaces of an H×W image."""

    #: 3×H×W float32 places in the world, 3×H×W float32 unit normals, H×W bool where light falls.
    point: NDArray[np.float32]
    normal: NDArray[np.float32]
    lit: NDArray[np.bool_]


class Lamps(NamedTuple):
    """The key light, a square that faces its target, with its gobo; and tubes."""

    #: 9×S×3 float32 places on it for each pattern and sample, its axis, (3,), and the distance to its target.
    sample: NDArray[np.float32]
    axis: NDArray[np.float32]
    reach: np.float32
    #: The gobo's mask, 0 opaque to 1 open, 1×1 if there is none. Its centre, axis, and the axes along its sides, 4×3.
    mask: NDArray[np.float32]
    gobo: NDArray[np.float32]
    #: Mask pixels per canvas height, and half its side in canvas heights.
    mask_scale: np.float32
    mask_half: np.float32
    #: m×7 float32: places on tubes (3), the weight of each, the linear RGB of its radiance.
    tube: NDArray[np.float32]


class Shade(NamedTuple):
    """The solids that block light."""

    shapes: Shapes
    #: The boxes around the solids, n×6 float32: lowest and highest x, y, z. Infinite if they have no end.
    box: NDArray[np.float32]
    #: Indices of the solids in the way, and of dunes, which also shade; int64.
    things: NDArray[np.int64]
    dunes: NDArray[np.int64]
    #: One solid, or none, whose shadow is kept apart, and the box around it: lowest and highest x, y, z.
    caster: Shapes
    around: NDArray[np.float32]


@inlined
def waiting_in(lit: NDArray[np.bool_], bottom: int, right: int, first: tuple[int, int], waiting: Indices) -> int:
    """Write the places where light falls of one pattern, in a block of the H×W `lit`; return their count.

    `first` is the pattern's first row and column in the block, which ends at `bottom` and `right`. A place is
    row × W + column.
    """
    count = 0
    for i in range(first[0], bottom, 3):
        for j in range(first[1], right, 3):
            waiting[count] = i * lit.shape[1] + j
            count += 1 if lit[i, j] else 0
    return count


@inlined
def start_bundle(
    point: Field, facing: Field, count: int, waiting: Indices, at: Indices, normal: Field, ray: Field
) -> tuple[int, int]:
    """Start a bundle at those of the `count` places waiting that face as the first does, or at all if these are few.

    Returns their count, and that of the places that go on waiting. `point` and `facing` are the image's places and
    normals, 3×(H·W). Writes the bundle's places, its normals (3×m) and its rays' origins, slightly off the surface.
    """
    first, alike = waiting[0], 0
    for k in range(count):
        alike += 1 if _faces_as(facing, waiting[k], first) else 0
    n, left, every = 0, 0, alike < _FEW
    for k in range(count):
        place = waiting[k]
        if every or _faces_as(facing, place, first):
            at[n] = place
            n += 1
        else:
            waiting[left] = place
            left += 1
    for axis in range(3):
        for k in range(n):
            normal[axis, k] = facing[axis, at[k]]
            ray[axis, k] = point[axis, at[k]] + _OFF * normal[axis, k]
    return n, left


@inlined
def _faces_as(facing: Field, one: int, other: int) -> np.bool:
    same: np.bool = (
        (facing[0, one] == facing[0, other])
        & (facing[1, one] == facing[1, other])
        & (facing[2, one] == facing[2, other])
    )
    return same


@kernel
def past_caster(shade: Shade, n: int, hull: Field, pad: np.float32, ray: Field, far: Field, power: Field) -> None:
    """Follow shadow rays to the caster only: of the first n, 6×m, those that meet it within `far` lose their power.

    `far`, in units of each ray's direction, and `power` are m float32; `hull` and `pad` are the rays', as in `bundles`.
    """
    caster, around = shade.caster, shade.around
    if not may_meet(hull, pad, around):
        return
    near, who = np.empty(n, np.bool_), np.empty(n, np.int64)
    x, y, z, dx, dy, dz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
    x0, y0, z0, x1, y1, z1 = around[0], around[1], around[2], around[3], around[4], around[5]
    for j in range(n):
        left, right = slab(x[j], dx[j], x0, x1)
        low, high = slab(y[j], dy[j], y0, y1)
        back, front = slab(z[j], dz[j], z0, z1)
        enter = left if left > low else low
        enter = enter if enter > back else back
        leave = right if right < high else high
        leave = leave if leave < front else front
        near[j] = (enter <= leave) & (leave > _ZERO) & (enter < far[j]) & (power[j] > _ZERO)
    kept = 0
    for j in range(n):
        who[kept] = j
        kept += 1 if near[j] else 0
    if kept == 0:
        return
    some, best, found = np.empty((6, kept), np.float32), np.empty(kept, np.float32), np.empty(kept, np.int32)
    for k in range(kept):
        best[k] = far[who[k]]
        for axis in range(6):
            some[axis, k] = ray[axis, who[k]]
    # `best.size` and not a literal, for which Numba would compile another signature.
    meet_rays(caster, np.zeros(1, np.int64), caster.kind.size, best.size, some, best, found)
    for k in range(kept):
        if best[k] < far[who[k]]:
            power[who[k]] = _ZERO


@kernel
def shaded(
    shade: Shade,
    n: int,
    hull: Field,
    pad: np.float32,
    near: NDArray[np.int64],
    ray: Field,
    far: Field,
    power: Field,
    best: Field,
    found: Ints,
) -> None:
    """Follow shadow rays: of the first n, 6×m, those that meet something within `far` lose their power.

    `far`, in units of each ray's direction, `power` and the buffer `best` are m float32; the buffer `found` is m int32.
    `hull` and `pad` are the rays', as in `bundles`. `near` is a buffer for the index of each solid.
    """
    for j in range(n):
        best[j] = far[j]
    one = np.empty(1, np.int64)
    count = select(shade.things, shade.box, hull, pad, near)
    if count > 0:
        meet_rays(shade.shapes, near, count, n, ray, best, found)
        for j in range(n):
            power[j] = power[j] if best[j] >= far[j] else _ZERO
    for index in shade.dunes:
        unit = np.empty((6, n), np.float32)
        for j in range(n):
            dx, dy, dz = ray[3, j], ray[4, j], ray[5, j]
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            unit[0, j], unit[1, j], unit[2, j] = ray[0, j], ray[1, j] + _ABOVE, ray[2, j]
            unit[3, j], unit[4, j], unit[5, j] = dx / length, dy / length, dz / length
            best[j] = _DUNES_REACH if power[j] > _ZERO else _ZERO
        one[0] = index
        meet_rays(shade.shapes, one, one.size, n, unit, best, found)
        for j in range(n):
            power[j] = power[j] if best[j] >= _DUNES_REACH else _ZERO


@inlined
def _towards_key(lamps: Lamps, n: int, to: Field, normal: Field, ray: Field, far: Field, power: Field) -> None:
    """Write the rays to a place (3,) on the key light, of full length, and their light: 1 straight at it."""
    to_x, to_y, to_z = to[0], to[1], to[2]
    a0, a1, a2, square_reach = lamps.axis[0], lamps.axis[1], lamps.axis[2], lamps.reach * lamps.reach
    x, y, z, dx, dy, dz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
    nx, ny, nz = normal[0], normal[1], normal[2]
    for j in range(n):
        wx, wy, wz = to_x - x[j], to_y - y[j], to_z - z[j]
        square = wx * wx + wy * wy + wz * wz
        length = np.sqrt(square)
        facing = (wx * nx[j] + wy * ny[j] + wz * nz[j]) / length
        leaving = (wx * a0 + wy * a1 + wz * a2) / length
        facing = facing if facing > _ZERO else _ZERO
        leaving = leaving if leaving > _ZERO else _ZERO
        dx[j], dy[j], dz[j] = wx, wy, wz
        power[j] = facing * leaving * square_reach / square
        far[j] = _ONE if power[j] > _ZERO else _ZERO


@inlined
def _through_gobo(lamps: Lamps, n: int, ray: Field, power: Field) -> None:
    """Reduce the light of each ray to the key light by the gobo."""
    side, centre, axis, u, v = lamps.mask.shape[0], lamps.gobo[0], lamps.gobo[1], lamps.gobo[2], lamps.gobo[3]
    last = np.float32(side - 1)
    for j in range(n):
        x, y, z = ray[0, j], ray[1, j], ray[2, j]
        dx, dy, dz = ray[3, j], ray[4, j], ray[5, j]
        along = dx * axis[0] + dy * axis[1] + dz * axis[2]
        before = (centre[0] - x) * axis[0] + (centre[1] - y) * axis[1] + (centre[2] - z) * axis[2]
        t = min(max(before / along, _ZERO), _ONE)
        x, y, z = x + t * dx - centre[0], y + t * dy - centre[1], z + t * dz - centre[2]
        column = (x * u[0] + y * u[1] + z * u[2] + lamps.mask_half) * lamps.mask_scale
        row = (x * v[0] + y * v[1] + z * v[2] + lamps.mask_half) * lamps.mask_scale
        # A place between gobo and lamp is as light as the mask beside it: around a window's panes the wall has no end.
        power[j] *= lamps.mask[np.int64(min(max(row, _ZERO), last)), np.int64(min(max(column, _ZERO), last))]


@inlined
def _towards_tube(place: Field, n: int, normal: Field, ray: Field, far: Field, power: Field) -> None:
    """Write the rays to a place on a tube, and their light."""
    px, py, pz, weight = place[0], place[1], place[2], place[3]
    x, y, z, dx, dy, dz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
    nx, ny, nz = normal[0], normal[1], normal[2]
    for j in range(n):
        wx, wy, wz = px - x[j], py - y[j], pz - z[j]
        square = wx * wx + wy * wy + wz * wz + np.float32(1e-4)
        facing = (wx * nx[j] + wy * ny[j] + wz * nz[j]) / np.sqrt(square)
        one = (facing if facing > _ZERO else _ZERO) / square * weight
        dx[j], dy[j], dz[j] = wx, wy, wz
        power[j] = one
        far[j] = _TO_TUBE if one > _DIM else _ZERO


@inlined
def _add(colour: Field, n: int, power: Field, total: Field) -> None:
    """Add light of a colour (4) to four rows of n."""
    for c in range(4):
        light, row = colour[c], total[c]
        if light != _ZERO:
            for j in range(n):
                row[j] += power[j] * light


@kernel
def direct_light(top: int, bottom: int, places: Places, lamps: Lamps, in_way: Shade, out: Field) -> None:
    """Trace the key light and the tubes onto rows `top` to `bottom`, into C×H×W float32, 0 where no light falls.

    There are four channels. The first is the key light, 1 on a surface at its target that faces it. The others are the
    tubes' linear RGB, radiance over albedo. With a caster, four more are the same light with the caster in its way.
    """
    width, samples, most = places.lit.shape[1], lamps.sample.shape[1], (bottom - top) * BLOCK
    at, waiting, found = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int32)
    normal, ray = np.empty((3, most), np.float32), np.empty((6, most), np.float32)
    power, far, best = np.empty(most, np.float32), np.empty(most, np.float32), np.empty(most, np.float32)
    total, hull = np.empty((8, most), np.float32), np.empty((4, 3), np.float32)
    colour = np.empty(4, np.float32)
    near = np.empty(in_way.shapes.kind.size, np.int64)
    point, facing, to = places.point.reshape(3, -1), places.normal.reshape(3, -1), out.reshape(out.shape[0], -1)
    for block in range(9 * ((width + BLOCK - 1) // BLOCK)):
        pattern, left = block % 9, block // 9 * BLOCK
        first = top + (pattern // 3 - top) % 3, left + (pattern % 3 - left) % 3
        waits = waiting_in(places.lit, bottom, min(left + BLOCK, width), first, waiting)
        while waits > 0:
            n, waits = start_bundle(point, facing, waits, waiting, at, normal, ray)
            pad = lay_starts(n, ray, hull)
            total[:, :n] = _ZERO
            for q in range(samples + len(lamps.tube)):
                colour[:] = _ZERO
                if q < samples:
                    colour[0] = _ONE / np.float32(samples)
                    _towards_key(lamps, n, lamps.sample[pattern, q], normal, ray, far, power)
                    if lamps.mask.size > 1:
                        _through_gobo(lamps, n, ray, power)
                else:
                    for c in range(3):
                        colour[1 + c] = lamps.tube[q - samples, 4 + c]
                    _towards_tube(lamps.tube[q - samples], n, normal, ray, far, power)
                lay_ends(n, ray, False, hull)
                shaded(in_way, n, hull, pad, near, ray, far, power, best, found)
                _add(colour, n, power, total)
                if in_way.caster.kind.size > 0:
                    past_caster(in_way, n, hull, pad, ray, far, power)
                    _add(colour, n, power, total[4:])
            for c in range(len(to)):
                for j in range(n):
                    to[c, at[j]] = total[c, j]
