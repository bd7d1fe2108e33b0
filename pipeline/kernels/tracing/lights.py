"""Direct and dome light on the surfaces of a picture, by few samples a pixel (Keller and Heidrich, EGWR 2001).

Each pixel takes its own samples of a pattern that repeats every 3×3 pixels; `interleaved.share` then shares them among
neighbours.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import inlined, kernel
from pipeline.kernels.tracing.rays import FACES, Field, Ints, meet_rays
from pipeline.kernels.tracing.solids import Shapes

_ZERO, _ONE, _INF = np.float32(0), np.float32(1), np.float32(np.inf)
#: A code of `meet_rays` without its face.
_FACE_BITS = np.int32(FACES.bit_length() - 1)
#: Places are so far off their surfaces, and off dunes so much higher, canvas heights.
_OFF, _ABOVE = np.float32(2e-3), np.float32(0.004)
#: Tubes stop at this share of the way to them; what brings less than _DIM is not traced; dunes shade so far.
_TO_TUBE, _DIM, _DUNES_REACH = np.float32(0.97), np.float32(1e-4), np.float32(6)
#: The share of a light that glass lets through to what is behind it.
_THROUGH = np.float32(0.6)


class Places(NamedTuple):
    """The surfaces of an H×W picture."""

    #: H×W float32 along the view axis, 3×H×W float32 unit normals, H×W bool where light falls.
    depth: NDArray[np.float32]
    normal: NDArray[np.float32]
    lit: NDArray[np.bool_]
    #: The camera's place, (3,) float32, and the slopes of its columns and rows.
    origin: NDArray[np.float32]
    across: NDArray[np.float32]
    down: NDArray[np.float32]


class Lamps(NamedTuple):
    """The key light, a square that faces its target, with what stands before it; and tubes."""

    #: 9×S×3 float32: a place on it for each pattern and sample; its axis, (3,); the way to its target.
    sample: NDArray[np.float32]
    axis: NDArray[np.float32]
    reach: np.float32
    #: The gobo's mask, 0 opaque to 1 open, 1×1 where there is none; 4×3: its centre, axis, and axes along its sides.
    mask: NDArray[np.float32]
    gobo: NDArray[np.float32]
    #: Its pixels to a canvas height, and half its side in canvas heights.
    mask_scale: np.float32
    mask_half: np.float32
    #: m×7 float32: places on tubes, what each weighs, the linear RGB of its radiance.
    tube: NDArray[np.float32]


class Shade(NamedTuple):
    """What stands in the light's way."""

    shapes: Shapes
    #: Indices of the solids in the way, and of dunes, which shade as well; int64.
    things: NDArray[np.int64]
    dunes: NDArray[np.int64]
    #: Those of glass, which take a part of the light.
    glass: NDArray[np.int64]
    #: One solid whose shadow is told apart, or none, and the ball around it: centre and squared radius.
    caster: Shapes
    ball: NDArray[np.float32]


@inlined
def _start(places: Places, i: int, at: NDArray[np.int64], pattern: NDArray[np.int64], normal: Field, ray: Field) -> int:
    """Write the columns of row i where light falls, patterns, normals (3×W) and the rays' origins; return their count.

    Each place is a little off its surface.
    """
    n = 0
    for j in range(places.across.size):
        if places.lit[i, j]:
            at[n] = j
            n += 1
    for k in range(n):
        j = at[k]
        depth = places.depth[i, j]
        pattern[k] = (i % 3) * 3 + j % 3
        for axis in range(3):
            normal[axis, k] = places.normal[axis, i, j]
        ray[0, k] = places.origin[0] + places.across[j] * depth + _OFF * normal[0, k]
        ray[1, k] = places.origin[1] + places.down[i] * depth + _OFF * normal[1, k]
        ray[2, k] = places.origin[2] - depth + _OFF * normal[2, k]
    return n


@kernel
def past_caster(caster: Shapes, ball: Field, n: int, ray: Field, far: Field, power: Field) -> None:
    """Follow shadow rays to the caster alone: those of the first n, 6×m, that meet it within `far` lose their power.

    `far`, in units of each ray's way, and `power` are m float32; `ball` is a centre and a squared radius (4).
    """
    who = np.empty(n, np.int64)
    kept = 0
    for j in range(n):
        x, y, z = ball[0] - ray[0, j], ball[1] - ray[1, j], ball[2] - ray[2, j]
        dx, dy, dz = ray[3, j], ray[4, j], ray[5, j]
        along = x * dx + y * dy + z * dz
        beyond = x * x + y * y + z * z - ball[3]
        near = (along > _ZERO) | (beyond < _ZERO)
        who[kept] = j
        if (far[j] > _ZERO) & near & (along * along > beyond * (dx * dx + dy * dy + dz * dz)):
            kept += 1
    if kept == 0:
        return
    some, best, found = np.empty((6, kept), np.float32), np.empty(kept, np.float32), np.empty(kept, np.int32)
    for k in range(kept):
        best[k] = far[who[k]]
        for axis in range(6):
            some[axis, k] = ray[axis, who[k]]
    # Sizes of arrays, where Numba would take a literal for another type and compile once more.
    only = caster.kind.size - 1
    meet_rays(caster, only, only, best.size, some, best, found)
    for k in range(kept):
        if best[k] < far[who[k]]:
            power[who[k]] = _ZERO


@kernel
def shaded(shade: Shade, n: int, ray: Field, far: Field, power: Field, best: Field, found: Ints) -> None:
    """Follow shadow rays: those of the first n, 6×m, that meet something within `far` lose their power.

    `far`, in units of each ray's way, `power` and the room for `best` are m float32, that for `found` m int32.
    """
    for j in range(n):
        best[j] = far[j]
    for index in shade.things:
        meet_rays(shade.shapes, index, index, n, ray, best, found)
    for j in range(n):
        power[j] = power[j] if best[j] >= far[j] else _ZERO
    for index in shade.glass:
        for j in range(n):
            best[j] = far[j]
        meet_rays(shade.shapes, index, index, n, ray, best, found)
        for j in range(n):
            power[j] *= _ONE if best[j] >= far[j] else _THROUGH
    for index in shade.dunes:
        unit = np.empty((6, n), np.float32)
        for j in range(n):
            dx, dy, dz = ray[3, j], ray[4, j], ray[5, j]
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            unit[0, j], unit[1, j], unit[2, j] = ray[0, j], ray[1, j] + _ABOVE, ray[2, j]
            unit[3, j], unit[4, j], unit[5, j] = dx / length, dy / length, dz / length
            best[j] = _DUNES_REACH if power[j] > _ZERO else _ZERO
        meet_rays(shade.shapes, index, index, n, unit, best, found)
        for j in range(n):
            power[j] = power[j] if best[j] >= _DUNES_REACH else _ZERO


@inlined
def _towards_key(
    lamps: Lamps, n: int, q: int, pattern: NDArray[np.int64], normal: Field, ray: Field, far: Field, power: Field
) -> None:
    """Write the ways to sample q of the key light, one length long, and what comes along them: 1 straight at it."""
    a0, a1, a2, square_reach = lamps.axis[0], lamps.axis[1], lamps.axis[2], lamps.reach * lamps.reach
    x, y, z, dx, dy, dz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
    nx, ny, nz = normal[0], normal[1], normal[2]
    for j in range(n):
        dx[j] = lamps.sample[pattern[j], q, 0]
        dy[j] = lamps.sample[pattern[j], q, 1]
        dz[j] = lamps.sample[pattern[j], q, 2]
    for j in range(n):
        wx, wy, wz = dx[j] - x[j], dy[j] - y[j], dz[j] - z[j]
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
    """Take from each ray to the key light what the gobo keeps."""
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
        open_ = lamps.mask[np.int64(min(max(row, _ZERO), last)), np.int64(min(max(column, _ZERO), last))]
        power[j] *= open_ if before > _ZERO else _ONE


@inlined
def _towards_tube(place: Field, n: int, normal: Field, ray: Field, far: Field, power: Field) -> None:
    """Write the ways to a place on a tube, and what comes along them."""
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
def _add(tube: Field, n: int, power: Field, total: Field) -> None:
    """Add to three rows of n what comes from a place on a tube, in its colour."""
    for c in range(3):
        light, row = tube[4 + c], total[c]
        for j in range(n):
            row[j] += power[j] * light


@kernel
def direct_light(top: int, bottom: int, places: Places, lamps: Lamps, in_way: Shade, out: Field) -> None:
    """Trace the key light and the tubes onto rows `top` to `bottom`, into C×H×W float32, 0 where no light falls.

    Four channels: the key light, 1 on a surface at its target that faces it, and the tubes' linear RGB, radiance over
    albedo. With a caster four more: what it leaves of them.
    """
    width, samples, tubes = places.across.size, lamps.sample.shape[1], len(lamps.tube)
    casts = in_way.caster.kind.size > 0
    at, pattern, found = np.empty(width, np.int64), np.empty(width, np.int64), np.empty(width, np.int32)
    normal, ray = np.empty((3, width), np.float32), np.empty((6, width), np.float32)
    power, far, best = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    total = np.empty((8, width), np.float32)
    for i in range(top, bottom):
        n = _start(places, i, at, pattern, normal, ray)
        total[:] = _ZERO
        for q in range(samples):
            _towards_key(lamps, n, q, pattern, normal, ray, far, power)
            if lamps.mask.size > 1:
                _through_gobo(lamps, n, ray, power)
            shaded(in_way, n, ray, far, power, best, found)
            for j in range(n):
                total[0, j] += power[j]
            if casts:
                for j in range(n):
                    far[j] = far[j] if power[j] > _ZERO else _ZERO
                past_caster(in_way.caster, in_way.ball, n, ray, far, power)
                for j in range(n):
                    total[4, j] += power[j]
        for j in range(n):
            total[0, j] /= np.float32(samples)
            total[4, j] /= np.float32(samples)
        for index in range(tubes):
            _towards_tube(lamps.tube[index], n, normal, ray, far, power)
            shaded(in_way, n, ray, far, power, best, found)
            _add(lamps.tube[index], n, power, total[1:4])
            if casts:
                for j in range(n):
                    far[j] = far[j] if power[j] > _ZERO else _ZERO
                past_caster(in_way.caster, in_way.ball, n, ray, far, power)
                _add(lamps.tube[index], n, power, total[5:8])
        for c in range(out.shape[0]):
            for j in range(n):
                out[c, i, at[j]] = total[c, j]


@inlined
def _towards_dome(sample: Field, n: int, q: int, pattern: NDArray[np.int64], normal: Field, ray: Field) -> None:
    """Write unit ways to sample q of the dome, whose axis is the normal (frames: Duff et al., JCGT 6(1), 2017)."""
    dx, dy, dz = ray[3], ray[4], ray[5]
    for j in range(n):
        dx[j] = sample[pattern[j], q, 0]
        dy[j] = sample[pattern[j], q, 1]
        dz[j] = sample[pattern[j], q, 2]
    for j in range(n):
        p, r, s = dx[j], dy[j], dz[j]
        nx, ny, nz = normal[0, j], normal[1, j], normal[2, j]
        sign = _ONE if nz >= _ZERO else -_ONE
        a = -_ONE / (sign + nz)
        b = nx * ny * a
        dx[j] = p * (_ONE + sign * nx * nx * a) + r * b + s * nx
        dy[j] = p * (sign * b) + r * (sign + ny * ny * a) + s * ny
        dz[j] = p * (-sign * nx) - r * ny + s * nz


@kernel
def dome_light(
    top: int, bottom: int, places: Places, sample: Field, in_way: Shade, send: Field, kept: int, out: Field
) -> None:
    """Trace the dome onto rows `top` to `bottom`, into C×H×W float32, 0 where no light falls.

    `sample` are 9×S×3 directions about +z, `send` C×(solids + 1) what comes from each solid and, last, from the open
    dome. Of the channels from `kept` on nothing comes past the caster.
    """
    width, samples, channels = places.across.size, sample.shape[1], len(send)
    open_dome = np.int32(send.shape[1] - 1) * np.int32(FACES)
    casts = in_way.caster.kind.size > 0
    at, pattern, found = np.empty(width, np.int64), np.empty(width, np.int64), np.empty(width, np.int32)
    normal, ray = np.empty((3, width), np.float32), np.empty((6, width), np.float32)
    power, best, total = (
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty((channels, width), np.float32),
    )
    for i in range(top, bottom):
        n = _start(places, i, at, pattern, normal, ray)
        total[:] = _ZERO
        for q in range(samples):
            _towards_dome(sample, n, q, pattern, normal, ray)
            for j in range(n):
                best[j] = _INF
                power[j] = _ONE
                found[j] = open_dome
            for index in in_way.things:
                meet_rays(in_way.shapes, index, index, n, ray, best, found)
            if casts:
                past_caster(in_way.caster, in_way.ball, n, ray, best, power)
            for c in range(channels):
                light, row = send[c], total[c]
                if c < kept:
                    for j in range(n):
                        row[j] += light[found[j] >> _FACE_BITS]
                else:
                    for j in range(n):
                        row[j] += light[found[j] >> _FACE_BITS] * power[j]
        for c in range(channels):
            for j in range(n):
                out[c, i, at[j]] = total[c, j] / np.float32(samples)
