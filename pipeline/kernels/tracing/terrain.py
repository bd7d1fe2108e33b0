"""Heightfields: the height of dunes, the relief of hanging cloth, and the intersections of rays with them.

Lengths are in canvas heights.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import inlined, kernel

F = np.float32
Field = NDArray[np.float32]

_ZERO, _ONE, _TWO, _HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
_INF, _PI = np.float32(np.inf), np.float32(np.pi)
_TURN = np.float32(1 / (2 * np.pi))
# 2π in two parts (Cody and Waite), so that the remainder of some hundred turns is exact to 1e-6.
_HIGH, _LOW = np.float32(6.28125), np.float32(0.0019353072)
# Odd polynomial for the sine from -π/2 to π/2: maximum error 1.5e-7.
_S0, _S1, _S2, _S3, _S4 = (
    np.float32(c) for c in (0.999999977, -0.166666476, 0.00833289922, -0.000198008653, 2.59043003e-06)
)
# Polynomial for exp(-v), v from 0 to 1.
_E0, _E1, _E2, _E3, _E4, _E5, _E6 = (
    np.float32(c)
    for c in (0.999999985, -0.999998488, 0.499975485, -0.166516838, 0.0412265294, -0.00765717187, 0.000849954604)
)
#: The distances at which a ray of light is sampled over dunes, and its depth below the ground that counts as a hit.
_REACHES = tuple(np.float32(reach) for reach in np.geomspace(0.02, 2.0, 9))
_BELOW = np.float32(0.004)
#: Steps of the ternary search for a crest.
_CRESTS = 9
#: The ground next to a sampled crest is lower by at most this, as a slope of rays.
_LOWER = np.float32(5e-4)


@inlined
def sine(x: F) -> F:
    """Return the sine of an angle of at most some thousand radians."""
    turns: F = np.floor(x * _TURN + _HALF)
    r = x - turns * _HIGH - turns * _LOW
    # Reflect into -π/2 to π/2, where the sine is the same.
    side = (_PI if r > _ZERO else -_PI) - r
    r = side if np.abs(r) > _PI * _HALF else r
    q = r * r
    return r * (_S0 + q * (_S1 + q * (_S2 + q * (_S3 + q * _S4))))


@inlined
def decay(u: F) -> F:
    """Return exp(-u) for u >= 0, absolute error 1e-6."""
    # Not `exponentials.decaying`: sums of places must not be reordered (`pipeline.kernels.jit`).
    v = (u if u < np.float32(16) else np.float32(16)) * np.float32(1 / 16)
    e = _E0 + v * (_E1 + v * (_E2 + v * (_E3 + v * (_E4 + v * (_E5 + v * _E6)))))
    e = e * e
    e = e * e
    e = e * e
    return e * e


@inlined
def ridge(amplitude: F, kx: F, kz: F, phase: F, x: F, z: F) -> F:
    """Return the height that a ridge of dunes adds to the ground at (x, z); crests are sharper than troughs."""
    bend = sine(np.float32(0.7) * kx * z + phase)
    wave: F = _ONE - np.abs(sine(kx * x + kz * z + phase + np.float32(0.35) * bend))
    return amplitude * (wave * wave * np.float32(1.6) - np.float32(0.6))


@inlined
def ripples(height: F, x: F, z: F) -> F:
    """Return the height that wind ripples add to the ground of dunes at (x, z); their lee sides are steep."""
    warp = sine(np.float32(2.1) * x + np.float32(1.3) * z) + sine(np.float32(3.7) * x - np.float32(0.8) * z)
    along = np.float32(46) * z + np.float32(9) * x + np.float32(2.2) * warp
    high: F = height * sine(along + np.float32(0.5) * sine(along))
    return high


@kernel
def dune_heights(p: Field, x: Field, z: Field, out: Field) -> None:
    """Write the ground's height without its ripples at n places (x, z) into `out`, float32 each.

    `p` has level, back, height of the ripples, rise and the number of ridges, then each ridge's amplitude, x and z
    cycles and phase. The ground is level under the product.
    """
    n, level, rise = out.size, p[0], p[3]
    for j in range(n):
        out[j] = _ZERO
    for index in range(np.int64(p[4])):
        amplitude, kx, kz, phase = p[5 + 4 * index], p[6 + 4 * index], p[7 + 4 * index], p[8 + 4 * index]
        for j in range(n):
            out[j] += ridge(amplitude, kx, kz, phase, x[j], z[j])
    for j in range(n):
        u = x[j] / np.float32(0.75)
        w = (z[j] + np.float32(0.05)) / np.float32(0.6)
        away = u * u + w * w
        back = -_HALF - z[j]
        out[j] = out[j] * (_ONE - decay(away * away)) + rise * (back if back > _ZERO else _ZERO) + level


@kernel
def ground_heights(p: Field, x: Field, z: Field, out: Field) -> None:
    """Write the ground's height at n places (x, z) into `out`, float32 each; `p` as in `dune_heights`."""
    ripple = p[2]
    dune_heights(p, x, z, out)
    for j in range(out.size):
        out[j] += ripples(ripple, x[j], z[j])


@inlined
def _clear_of(top: F, rise: F, y: F, z: F) -> np.bool:
    """Return whether a place is above the highest possible ground at its depth."""
    back = -_HALF - z
    return y > top + rise * (back if back > _ZERO else _ZERO)


@kernel
def meet_dunes(p: Field, code: int, ray: Field, best: Field, found: NDArray[np.int32]) -> None:
    """March rays, 6×n origins and unit directions, over dunes; a ray hits where it gets below the ground before `best`.

    Rays are sampled at a few distances, so a hit is only located between two of them.
    """
    n, rise, ripple = best.size, p[3], p[2]
    top = p[0] + ripple
    for index in range(np.int64(p[4])):
        top += max(p[5 + 4 * index], _ZERO)
    buffers = np.empty((5, n), np.float32)
    x, y, z, gap, ground = buffers[0], buffers[1], buffers[2], buffers[3], buffers[4]
    who, goes_on = np.empty(n, np.int64), np.empty(n, np.bool_)
    n = 0
    for j in range(best.size):
        who[n] = j
        n += 1 if best[j] > _ZERO else 0
    before = _ZERO
    for reach in _REACHES:
        for j in range(n):
            k = who[j]
            x[j] = ray[0, k] + reach * ray[3, k]
            y[j] = ray[1, k] + reach * ray[4, k]
            z[j] = ray[2, k] + reach * ray[5, k]
        dune_heights(p, x[:n], z[:n], ground[:n])
        t, rest = (before + reach) * _HALF, _REACHES[-1] - reach
        for j in range(n):
            k = who[j]
            last_y, last_z = y[j] + rest * ray[4, k], z[j] + rest * ray[5, k]
            # The bound is convex along the ray, so a ray clear of it here and at the end is clear in between.
            goes_on[j] = not (_clear_of(top, rise, y[j], z[j]) & _clear_of(top, rise, last_y, last_z))
            gap[j] = y[j] - (ground[j] - _BELOW) if z[j] > p[1] else _INF
        kept = 0
        for j in range(n):
            k = who[j]
            if gap[j] < ripple and (gap[j] < -ripple or gap[j] < ripples(ripple, x[j], z[j])):
                if t < best[k]:
                    best[k] = t
                    found[k] = code
                continue
            who[kept] = k
            kept += 1 if goes_on[j] else 0
        n = kept
        before = reach


@kernel
def dune_slopes(first: int, last: int, p: Field, origin: Field, depths: Field, across: Field, seen: Field) -> None:
    """Write the horizon of dunes, D×W, columns `first` to `last`: the steepest slope of ground up to each of D depths.

    `origin` is the camera's place, and `across` the W columns' slopes. Ground hidden by a nearer crest drops out. The
    search for crests includes places between depths: a distant oblique crest would otherwise look like a row of teeth.
    """
    n, y = last - first, origin[1]
    x, z, ground = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
    before, which = np.full(n, -_INF, np.float32), np.empty(n, np.int64)
    low, high, nearer = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
    for index in range(depths.size):
        depth = depths[index]
        for j in range(n):
            x[j] = origin[0] + across[first + j] * depth
            z[j] = origin[2] - depth
        ground_heights(p, x, z, ground)
        count = 0
        for j in range(n):
            slope = (ground[j] - y) / depth
            highest = seen[index - 1, first + j] if index > 0 else -_INF
            seen[index, first + j] = slope if slope > highest else highest
            # If the ground just began to fall, the step before was a crest that may be visible.
            which[count] = j
            count += 1 if (slope < before[j]) & (before[j] > highest - _LOWER) & (index > 1) else 0
            before[j] = slope
        if count == 0:
            continue
        for k in range(count):
            low[k], high[k] = depths[index - 2], depth
        for half in range(2 * _CRESTS):
            for k in range(count):
                at = low[k] + (high[k] - low[k]) * np.float32((1 + half % 2) / 3)
                x[k], z[k] = origin[0] + across[first + which[k]] * at, origin[2] - at
            ground_heights(p, x[:count], z[:count], ground[:count])
            for k in range(count):
                at = origin[2] - z[k]
                slope = (ground[k] - y) / at
                if half % 2 == 0:
                    nearer[k] = slope
                    continue
                for step in range(index - 1, index + 1):
                    seen[step, first + which[k]] = max(seen[step, first + which[k]], max(slope, nearer[k]))
                third = (high[k] - low[k]) * np.float32(1 / 3)
                if nearer[k] < slope:
                    low[k] += third
                else:
                    high[k] -= third


@kernel
def see_dunes(
    top: int, bottom: int, code: int, depths: Field, seen: Field, down: Field, depth: Field, surface: NDArray[np.uint16]
) -> None:
    """Cast a camera's rays of rows `top` to `bottom` to dunes; keep hits before `depth`.

    `depth` is H×W float32, and `surface` H×W uint16. `depths` and `seen` are those of `dune_slopes`; `down` are the H
    rows' slopes.
    """
    count, width = seen.shape
    at = np.empty(width, np.int64)
    for j in range(width):
        low, high = -1, count - 1
        while low < high:
            middle = (low + high + 1) // 2
            if seen[middle, j] <= down[top]:
                low = middle
            else:
                high = middle - 1
        at[j] = low
    for i in range(top, bottom):
        slope = down[i]
        for j in range(width):
            k = at[j]
            while k >= 0 and seen[k, j] > slope:
                k -= 1
            while k < count - 1 and seen[k + 1, j] <= slope:
                k += 1
            at[j] = k
            if k < 0:
                t = depths[0]
            elif k == count - 1:
                t = depths[k] if seen[k, j] == slope else _INF
            else:
                share = (slope - seen[k, j]) / (seen[k + 1, j] - seen[k, j])
                t = depths[k] + share * (depths[k + 1] - depths[k])
            if t < depth[i, j]:
                depth[i, j] = t
                surface[i, j] = code


@inlined
def fold(amplitude: F, k: F, phase: F, x: F) -> F:
    """Return the relief of one wave of hanging cloth at x; a second harmonic sharpens it towards the viewer."""
    return amplitude * (sine(k * x + phase) + np.float32(0.2) * sine(_TWO * k * x + _TWO * phase))


@kernel
def cloth_depths(z: F, reach: F, waves: Field, origin: Field, across: Field, out: Field) -> None:
    """March rays to hanging cloth: write its depth near the plane `z` in W columns of a camera at `origin` to `out`.

    `waves` is n×3: amplitudes, radians per canvas height, and phases. `reach` is the greatest sum of the amplitudes.
    """
    width = out.size
    start, step = origin[2] - (z + reach), _TWO * reach / np.float32(159)
    gap, relief = np.empty(width, np.float32), np.empty(width, np.float32)
    for j in range(width):
        gap[j] = _ZERO
        out[j] = _INF
    for index in range(160):
        depth = start + np.float32(index) * step
        for j in range(width):
            relief[j] = _ZERO
        for wave in range(len(waves)):
            amplitude, k, phase = waves[wave, 0], waves[wave, 1], waves[wave, 2]
            for j in range(width):
                relief[j] += fold(amplitude, k, phase, origin[0] + depth * across[j])
        for j in range(width):
            after = (origin[2] - depth - z) - relief[j]
            fall = gap[j] - after
            share = gap[j] / (fall if fall > np.float32(1e-9) else np.float32(1e-9))
            share = min(max(share, _ZERO), _ONE)
            met = depth - step + share * step
            met = depth if index == 0 else met
            out[j] = met if (after <= _ZERO) & (out[j] == _INF) else out[j]
            gap[j] = after
    for j in range(width):
        out[j] = start if out[j] == _INF else out[j]
