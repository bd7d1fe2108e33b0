"""Dome light on an image's surfaces, with few samples per pixel, shared among neighbours as in `lights`."""

from typing import NamedTuple

import numpy as np

from pipeline.kernels.jit import inlined, kernel
from pipeline.kernels.tracing.bundles import lay_ends, lay_starts, leaves_behind, may_meet, parallel
from pipeline.kernels.tracing.lights import BLOCK, Places, Shade, past_caster, start_bundle, waiting_in
from pipeline.kernels.tracing.rays import FACES, F, Field, meet_rays

_ZERO, _HALF, _ONE, _INF = np.float32(0), np.float32(0.5), np.float32(1), np.float32(np.inf)
#: Bits of the face in a code of `meet_rays`.
_FACE_BITS = np.int32(FACES.bit_length() - 1)


class Bring(NamedTuple):
    """The light that the rays of the dome bring."""

    #: C×(solids + 1) float32: the light from each solid and, last, from the open dome.
    send: Field
    #: By solid and, last, of the open dome: the share of its light that is equal in all directions. The rest comes from
    #: the side lit by the key light.
    even: Field
    #: (4,) float32: the unit direction to the key light, and the factor that makes the rest 1 towards the camera.
    key: Field
    #: A hit at this distance, in canvas heights, counts half as near and half as far; 0 if all hits are far.
    reach: F


@inlined
def _towards_dome(way: Field, n: int, normal: Field, dx: Field, dy: Field, dz: Field) -> None:
    """Write the unit direction `way` (3,) turned from +z to the normals (frames: Duff et al., JCGT 6(1), 2017)."""
    p, r, s = way[0], way[1], way[2]
    for j in range(n):
        nx, ny, nz = normal[0, j], normal[1, j], normal[2, j]
        sign = _ONE if nz >= _ZERO else -_ONE
        a = -_ONE / (sign + nz)
        b = nx * ny * a
        dx[j] = p * (_ONE + sign * nx * nx * a) + r * b + s * nx
        dy[j] = p * (sign * b) + r * (sign + ny * ny * a) + s * ny
        dz[j] = p * (-sign * nx) - r * ny + s * nz


@inlined
def _row(channel: int, kept: int, near: int) -> int:
    """Return the row of `_weigh`'s weights for a channel."""
    return (2 if channel >= kept else 0) + (1 if channel >= near else 0)


@inlined
def _weigh(bring: Bring, n: int, ray: Field, best: Field, power: Field, weight: Field) -> None:
    """Write five weights of each of n rays, 5×m: far share, near share, both past the caster, and the lit share.

    The lit share is how much of a round object's lit side the ray meets, relative to what the camera sees of it. It is
    roughly a matt sphere's phase.
    """
    reach, x, y, z, gain = bring.reach, bring.key[0], bring.key[1], bring.key[2], bring.key[3]
    for j in range(n):
        square = best[j] * best[j]
        far = square / (square + reach * reach) if best[j] < _INF else _ONE
        weight[0, j], weight[1, j] = far, _ONE - far
        weight[2, j], weight[3, j] = far * power[j], (_ONE - far) * power[j]
        facing = _HALF - _HALF * (ray[3, j] * x + ray[4, j] * y + ray[5, j] * z)
        weight[4, j] = facing * facing * gain


@kernel
def dome_light(
    top: int, bottom: int, places: Places, sample: Field, in_way: Shade, bring: Bring, kept: int, near: int, out: Field
) -> None:
    """Trace the dome onto rows `top` to `bottom`, into C×H×W float32, 0 where no light falls.

    `sample` are 9×S×3 directions around +z. The caster blocks all light of the channels from `kept` on. Channels from
    `near` on receive the near share of a ray's light, the channels before it the far share.
    """
    width, samples, channels = places.lit.shape[1], sample.shape[1], len(bring.send)
    beyond = bring.send.shape[1] - 1
    open_dome = np.int32(beyond) * np.int32(FACES)
    most = (bottom - top) * BLOCK
    at, waiting, found = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int32)
    normal, ray = np.empty((3, most), np.float32), np.empty((6, most), np.float32)
    # Views are created once: each costs as much time as ten rays.
    dx, dy, dz = ray[3], ray[4], ray[5]
    power, best = np.empty(most, np.float32), np.empty(most, np.float32)
    total, hull = np.empty((channels, most), np.float32), np.empty((4, 3), np.float32)
    which, weight = np.empty(in_way.shapes.kind.size, np.int64), np.empty((5, most), np.float32)
    lit = weight[4]
    point, facing, to = places.point.reshape(3, -1), places.normal.reshape(3, -1), out.reshape(channels, -1)
    for block in range(9 * ((width + BLOCK - 1) // BLOCK)):
        pattern, left = block % 9, block // 9 * BLOCK
        first = top + (pattern // 3 - top) % 3, left + (pattern % 3 - left) % 3
        waits = waiting_in(places.lit, bottom, min(left + BLOCK, width), first, waiting)
        while waits > 0:
            n, waits = start_bundle(point, facing, waits, waiting, at, normal, ray)
            pad = lay_starts(n, ray, hull)
            together = parallel(n, normal)
            total[:, :n] = _ZERO
            for q in range(samples):
                _towards_dome(sample[pattern, q], n, normal, dx, dy, dz)
                lay_ends(n, ray, True, hull)
                for j in range(n):
                    best[j] = _INF
                    power[j] = _ONE
                    found[j] = open_dome
                # Not a literal, for which Numba would compile another signature of `meet_rays`.
                count = int(np.int64(0))
                for index in in_way.things:
                    if together and leaves_behind(in_way.shapes.kind[index], ray):
                        continue
                    if not together or may_meet(hull, pad, in_way.box[index]):
                        which[count] = index
                        count += 1
                meet_rays(in_way.shapes, which, count, n, ray, best, found)
                if in_way.caster.kind.size > 0:
                    past_caster(in_way, n, hull, pad if together else _INF, ray, best, power)
                _weigh(bring, n, ray, best, power, weight)
                for j in range(n):
                    found[j] = found[j] >> _FACE_BITS
                    even = bring.even[np.uint32(found[j])]
                    lit[j] = even + (_ONE - even) * lit[j]
                for c in range(channels):
                    send, by, row = bring.send[c], weight[_row(c, kept, near)], total[c]
                    for j in range(n):
                        row[j] += send[np.uint32(found[j])] * lit[j] * by[j]
            for c in range(channels):
                for j in range(n):
                    to[c, at[j]] = total[c, j] / np.float32(samples)
