"""CIE Lab, CIEDE2000, and clusters of Lab colours.

Lab and CIEDE2000 have no transcendental functions, so that both become SIMD; maximum error 5e-5 Lab units.
Angles are unit vectors. A mean hue is the direction of their sum; its multiples follow from the addition theorems.
Formula of the difference: Sharma, Wu and Dalal, Color Research and Application 30(1), 2005. Images are flat arrays,
because the compiler would read a last axis of three value by value.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.colour.curves import decaying, decoded
from pipeline.kernels.jit import colour_kernel, inlined_colour, kernel

Values = NDArray[np.float32]

_ZERO, _ONE, _TWO, _HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
#: Pixels compared at a time, so that their Lab stays in the processor's cache.
_PIECE = 8192
#: Smaller than any square that matters; avoids a division by 0.
_TINY = np.float32(1e-30)

# Linear sRGB (IEC 61966-2-1) to XYZ over that of white (D65).
_XR, _XG, _XB = np.float32(0.4124 / 0.9505), np.float32(0.3576 / 0.9505), np.float32(0.1805 / 0.9505)
_YR, _YG, _YB = np.float32(0.2126), np.float32(0.7152), np.float32(0.0722)
_ZR, _ZG, _ZB = np.float32(0.0193 / 1.089), np.float32(0.1192 / 1.089), np.float32(0.9505 / 1.089)
# q of the cube root as 1 + (t - 1) q(t), t the fourth root, from 0.3 to 1: maximum error 2e-7.
_R0, _R1, _R2, _R3, _R4, _R5, _R6 = (
    np.float32(c) for c in (1.0086386, 0.56979412, -0.59272373, 0.74012971, -0.65605581, 0.34008989, -0.0765578)
)
#: CIE 15:2004: below (6/29)^3 a straight line replaces the cube root.
_EPSILON, _SLOPE, _OFFSET = np.float32((6 / 29) ** 3), np.float32((29 / 6) ** 2 / 3), np.float32(4 / 29)
# Arc tangent of 0 to 1.25 and sine of 0 to 60 degrees: maximum errors 6e-6 and 4e-8.
_A0, _A1, _A2, _A3, _A4, _A5, _A6 = (
    np.float32(c) for c in (0.9999976, -0.3330326, 0.1960972, -0.1240937, 0.0650022, -0.021898, 0.0033219)
)
_S1, _S2, _S3 = np.float32(-0.16666593), np.float32(0.00832957), np.float32(-0.00019262)
_25_TO_7 = np.float32(25.0**7)
# Cosine and sine of the angles in the formula: 30, 6, 63 and 275 degrees.
_COS30, _SIN30 = np.float32(np.cos(np.pi / 6)), np.float32(0.5)
_COS6, _SIN6 = np.float32(np.cos(np.pi / 30)), np.float32(np.sin(np.pi / 30))
_COS63, _SIN63 = np.float32(np.cos(np.deg2rad(63))), np.float32(np.sin(np.deg2rad(63)))
_COS275, _SIN275 = np.float32(np.cos(np.deg2rad(275))), np.float32(np.sin(np.deg2rad(275)))
#: From the half angle in radians to the angle over 25 degrees.
_OVER_25 = np.float32(2 * 180 / np.pi / 25)


@inlined_colour
def _bent(ratio: np.float32) -> np.float32:
    """Return CIE's f of X, Y or Z, each relative to white's (CIE 15:2004, 8.2.1)."""
    t = np.sqrt(np.sqrt(ratio))
    q = _R0 + t * (_R1 + t * (_R2 + t * (_R3 + t * (_R4 + t * (_R5 + t * _R6)))))
    return _ONE + (t - _ONE) * q if ratio > _EPSILON else ratio * _SLOPE + _OFFSET


@inlined_colour
def _xyz(red: np.float32, green: np.float32, blue: np.float32) -> tuple[Any, Any, Any]:
    """Return CIE XYZ, relative to white's, of linear sRGB in 0–1."""
    x = red * _XR + green * _XG + blue * _XB
    y = red * _YR + green * _YG + blue * _YB
    z = red * _ZR + green * _ZG + blue * _ZB
    return x, y, z


@inlined_colour
def _lab(x: np.float32, y: np.float32, z: np.float32) -> tuple[Any, Any, Any]:
    """Return CIE L*a*b* from CIE's f of X, Y and Z, each relative to white's."""
    return np.float32(116) * y - np.float32(16), np.float32(500) * (x - y), np.float32(200) * (y - z)


@colour_kernel
def lab(srgb: Values, out: Values) -> None:
    """Write N×3 sRGB, clipped to 0–1, as N×3 CIE L*a*b* (CIE 15:2004; D65)."""
    # Transfer curves value by value, so that they become SIMD, in blocks of pixels that fit the cache.
    some = np.empty((512, 3), np.float32)
    values = some.reshape(-1)
    for start in range(0, srgb.shape[0], 512):
        end = min(start + 512, srgb.shape[0])
        given = srgb[start:end].reshape(-1)
        for i in range(given.size):
            values[i] = decoded(given[i])
        for i in range(end - start):
            some[i, 0], some[i, 1], some[i, 2] = _xyz(some[i, 0], some[i, 1], some[i, 2])
        for i in range(given.size):
            values[i] = _bent(values[i])
        for i in range(end - start):
            out[start + i, 0], out[start + i, 1], out[start + i, 2] = _lab(some[i, 0], some[i, 1], some[i, 2])


@inlined_colour
def _saturated(chroma: np.float32) -> np.float32:
    """Return the square root of c⁷ / (c⁷ + 25⁷)."""
    cubed = chroma * chroma * chroma
    seventh = cubed * cubed * chroma
    return np.float32(np.sqrt(seventh / (seventh + _25_TO_7)))


@inlined_colour
def delta_e00(
    l1: np.float32, a1: np.float32, b1: np.float32, l2: np.float32, a2: np.float32, b2: np.float32
) -> np.float32:
    """Return the CIEDE2000 difference of two Lab colours (D65), kL = kC = kH = 1."""
    chroma = (np.sqrt(a1 * a1 + b1 * b1) + np.sqrt(a2 * a2 + b2 * b2)) * _HALF
    stretch = _ONE + _HALF * (_ONE - _saturated(chroma))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.sqrt(a1 * a1 + b1 * b1), np.sqrt(a2 * a2 + b2 * b2)
    product, dot, cross = c1 * c2, a1 * a2 + b1 * b2, a1 * b2 - a2 * b1
    # 2 √(c₁c₂) sin(Δh / 2), by the half-angle formula that has no cancellation.
    near = cross * np.sqrt(_TWO / max(product + dot, _TINY))
    far = np.sqrt(_TWO * max(product - dot, _ZERO))
    turn = near if dot > _ZERO else (far if cross > _ZERO else -far)
    one, two = _ONE / max(c1, _TINY), _ONE / max(c2, _TINY)
    # A grey has no hue: the zero vector.
    x, y = a1 * one + a2 * two, b1 * one + b2 * two
    length = np.sqrt(x * x + y * y)
    scale = _ONE / max(length, _TINY)
    cosine, sine = (x * scale if length > _ZERO else _ONE), y * scale
    cosine2, sine2 = _TWO * cosine * cosine - _ONE, _TWO * sine * cosine
    cosine3, sine3 = cosine2 * cosine - sine2 * sine, sine2 * cosine + cosine2 * sine
    cosine4, sine4 = _TWO * cosine2 * cosine2 - _ONE, _TWO * sine2 * cosine2
    t = (
        _ONE
        - np.float32(0.17) * (cosine * _COS30 + sine * _SIN30)
        + np.float32(0.24) * cosine2
        + np.float32(0.32) * (cosine3 * _COS6 - sine3 * _SIN6)
        - np.float32(0.20) * (cosine4 * _COS63 + sine4 * _SIN63)
    )
    mean_c = (c1 + c2) * _HALF
    off_50 = (l1 + l2) * _HALF - np.float32(50)
    off_50 *= off_50
    light = (l2 - l1) / (_ONE + np.float32(0.015) * off_50 / np.sqrt(np.float32(20) + off_50))
    chroma = (c2 - c1) / (_ONE + np.float32(0.045) * mean_c)
    hue = turn / (_ONE + np.float32(0.015) * mean_c * t)
    rotation = -_TWO * _saturated(mean_c) * _twice_theta(cosine, sine)
    return np.float32(np.sqrt(max(light * light + chroma * chroma + hue * hue + rotation * chroma * hue, _ZERO)))


@inlined_colour
def _twice_theta(cosine: np.float32, sine: np.float32) -> np.float32:
    """Return sin 2θ, θ = 30° exp(-((h - 275°) / 25°)²); it is 0 more than 100 degrees from 275."""
    away, beside = cosine * _COS275 + sine * _SIN275, sine * _COS275 - cosine * _SIN275
    tangent = min(max(beside / max(_ONE + away, np.float32(0.5)), np.float32(-1.25)), np.float32(1.25))
    s = tangent * tangent
    half = tangent * (_A0 + s * (_A1 + s * (_A2 + s * (_A3 + s * (_A4 + s * (_A5 + s * _A6))))))
    power = half * _OVER_25
    power = power * power if away > np.float32(-0.2) else np.float32(16)
    angle = np.float32(np.pi / 3) * decaying(power)
    s = angle * angle
    return angle * (_ONE + s * (_S1 + s * (_S2 + s * _S3)))


@colour_kernel
def differences(colours: Values, others: Values, out: Values) -> None:
    """Write into `out` (N) the CIEDE2000 between N Lab colours, 3N float32, and N others (3N), or one (3)."""
    step = 3 if others.size > 3 else 0
    for at in range(out.size):
        i, j = 3 * at, step * at
        out[at] = delta_e00(colours[i], colours[i + 1], colours[i + 2], others[j], others[j + 1], others[j + 2])


def errors(laid: Values, arrived: NDArray[np.uint8], out: Values) -> None:
    """Write into `out` (N) the CIEDE2000 between N sRGB pixels, N×3 float32 in 0–1, and N delivered ones, N×3 uint8."""
    for start in range(0, out.size, _PIECE):
        piece = slice(start, start + _PIECE)
        one, two = np.empty((2, *laid[piece].shape), np.float32)
        lab(laid[piece], one)
        lab(arrived[piece] * np.float32(1 / 255), two)
        differences(one.reshape(-1), two.reshape(-1), out[piece])


@kernel
def assign(
    planes: NDArray[np.float64], centres: NDArray[np.float64], labels: NDArray[np.int32], sums: NDArray[np.float64]
) -> float:
    """Assign 3×N pixels to the nearest of K×3 centres, the first of equal ones: one round of k-means (Lloyd, 1982).

    Writes N labels, and K×4 the sum of each centre's pixels and their count, from which the next centres follow.
    Returns the sum of the distances, which shows convergence. Everything but the labels is float64; colours are Lab.
    """
    piece = 1024
    least = np.empty(piece, np.float64)
    total = 0.0
    sums[:] = 0.0
    for start in range(0, labels.size, piece):
        mine = labels[start : start + piece]
        end = start + piece
        x, y, z = planes[0, start:end], planes[1, start:end], planes[2, start:end]
        least[:] = np.inf
        for index in range(centres.shape[0]):
            cx, cy, cz = centres[index, 0], centres[index, 1], centres[index, 2]
            number = np.int32(index)
            for at in range(mine.size):
                across, down, deep = x[at] - cx, y[at] - cy, z[at] - cz
                squared = across * across + down * down + deep * deep
                nearer = squared < least[at]
                mine[at] = number if nearer else mine[at]
                least[at] = squared if nearer else least[at]
        for at in range(mine.size):
            total += np.sqrt(least[at])
            row = sums[mine[at]]
            row[0] += x[at]
            row[1] += y[at]
            row[2] += z[at]
            row[3] += 1.0
    return total
