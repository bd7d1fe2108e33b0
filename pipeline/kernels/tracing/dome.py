"""Dome light on the surfaces of a picture, by few samples a pixel, as `lights` has them."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import inlined, kernel
from pipeline.kernels.tracing.bundles import lay_ends, lay_starts, leaves_behind, may_meet, parallel
from pipeline.kernels.tracing.lights import MANY, Places, Shade, past_caster, start_bundle
from pipeline.kernels.tracing.rays import FACES, Field, Ints, meet_rays

_ZERO, _ONE, _INF = np.float32(0), np.float32(1), np.float32(np.inf)
#: Of so many solids that a bundle may meet, or fewer, each is asked for in turn: a lookup for every ray takes longer.
_IN_TURN = 5
#: A code of `meet_rays` without its face.
_FACE_BITS = np.int32(FACES.bit_length() - 1)


@inlined
def _towards_dome(
    sample: Field, n: int, q: int, pattern: NDArray[np.int64], normal: Field, dx: Field, dy: Field, dz: Field
) -> None:
    """Write unit ways to sample q of the dome, whose axis is the normal (frames: Duff et al., JCGT 6(1), 2017)."""
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


@inlined
def _bring(send: Field, index: int, n: int, kept: int, found: Ints, power: Field, total: Field) -> None:
    """Add what comes from one solid, or from the open dome, to the C×m `total` of the first n rays that met it."""
    own = np.int32(index)
    for c in range(len(send)):
        light = send[c, index]
        if c < kept:
            for j in range(n):
                total[c, j] = total[c, j] + light if found[j] == own else total[c, j]
        else:
            for j in range(n):
                total[c, j] = total[c, j] + light * power[j] if found[j] == own else total[c, j]


@kernel
def dome_light(
    top: int, bottom: int, places: Places, sample: Field, in_way: Shade, send: Field, kept: int, out: Field
) -> None:
    """Trace the dome onto rows `top` to `bottom`, into C×H×W float32, 0 where no light falls.

    `sample` are 9×S×3 directions about +z, `send` C×(solids + 1) what comes from each solid and, last, from the open
    dome. Of the channels from `kept` on nothing comes past the caster.
    """
    width, samples, channels = places.across.size, sample.shape[1], len(send)
    step = 3 if in_way.things.size >= MANY else 1
    beyond = send.shape[1] - 1
    open_dome = np.int32(beyond) * np.int32(FACES)
    casts = in_way.caster.kind.size > 0
    at, pattern, found = np.empty(width, np.int64), np.empty(width, np.int64), np.empty(width, np.int32)
    normal, ray = np.empty((3, width), np.float32), np.empty((6, width), np.float32)
    # Views are made once: each costs as much as ten rays.
    dx, dy, dz = ray[3], ray[4], ray[5]
    power, best = np.empty(width, np.float32), np.empty(width, np.float32)
    total, hull = np.empty((channels, width), np.float32), np.empty((4, 3), np.float32)
    near = np.empty(in_way.shapes.kind.size, np.int64)
    for i in range(top, bottom):
        for column in range(step):
            start = column
            while start < width:
                n, start = start_bundle(places, i, start, step, at, pattern, normal, ray)
                if n == 0:
                    continue
                pad = lay_starts(n, ray, hull) if step > 1 else _INF
                together = step > 1 and parallel(n, normal)
                total[:] = _ZERO
                for q in range(samples):
                    _towards_dome(sample, n, q, pattern, normal, dx, dy, dz)
                    lay_ends(n, ray, True, hull)
                    for j in range(n):
                        best[j] = _INF
                        power[j] = _ONE
                        found[j] = open_dome
                    count = 0
                    for index in in_way.things:
                        if together and leaves_behind(in_way.shapes.kind[index], ray):
                            continue
                        if not together or may_meet(hull, pad, in_way.box[index]):
                            near[count] = index
                            count += 1
                    meet_rays(in_way.shapes, near, count, n, ray, best, found)
                    if casts and (not together or may_meet(hull, pad, in_way.around)):
                        past_caster(in_way.caster, in_way.around, n, ray, best, power)
                    for j in range(n):
                        found[j] = found[j] >> _FACE_BITS
                    if count <= _IN_TURN:
                        for which in range(count):
                            _bring(send, near[which], n, kept, found, power, total)
                        _bring(send, beyond, n, kept, found, power, total)
                        continue
                    for c in range(kept):
                        for j in range(n):
                            total[c, j] += send[c, found[j]]
                    for c in range(kept, channels):
                        for j in range(n):
                            total[c, j] += send[c, found[j]] * power[j]
                for c in range(channels):
                    for j in range(n):
                        out[c, i, at[j]] = total[c, j] / np.float32(samples)
