"""Colours of pixels, value by value and in place: transfer curves, CIE Lab, tone mapping."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.colour.curves import decoded, encoded
from pipeline.kernels.jit import colour_kernel, inlined_colour

Values = NDArray[np.float32]

_ZERO, _ONE = np.float32(0), np.float32(1)

# q of the cube root as 1 + (t - 1) q(t), t the fourth root, from 0.3 to 1: 2e-7 off at most.
_R0, _R1, _R2, _R3, _R4, _R5, _R6 = (
    np.float32(c) for c in (1.0086386, 0.56979412, -0.59272373, 0.74012971, -0.65605581, 0.34008989, -0.0765578)
)
# q of exp(-u) as 1 + u q(u), u from 0 to 1: 2e-8 off at most.
_X0, _X1, _X2, _X3, _X4, _X5 = (
    np.float32(c) for c in (-0.999999, 0.49997961, -0.16653156, 0.041251808, -0.0076778606, 0.00085643609)
)
#: CIE 15:2004: below (6/29)^3 the cube root gives way to a straight line.
_EPSILON, _SLOPE, _OFFSET = np.float32((6 / 29) ** 3), np.float32((29 / 6) ** 2 / 3), np.float32(4 / 29)


@inlined_colour
def decaying(x: np.float32) -> np.float32:
    """Return exp(-x) of x ≥ 0; what is below 1e-7 stays there."""
    u = min(x * np.float32(1 / 16), _ONE)
    root = _ONE + u * (_X0 + u * (_X1 + u * (_X2 + u * (_X3 + u * (_X4 + u * _X5)))))
    root *= root
    root *= root
    root *= root
    return root * root


@inlined_colour
def bent(ratio: np.float32) -> np.float32:
    """Return CIE's f of one of X, Y, Z over that of white."""
    t = np.sqrt(np.sqrt(ratio))
    q = _R0 + t * (_R1 + t * (_R2 + t * (_R3 + t * (_R4 + t * (_R5 + t * _R6)))))
    return _ONE + (t - _ONE) * q if ratio > _EPSILON else ratio * _SLOPE + _OFFSET


@colour_kernel
def decode(srgb: Values, linear: Values) -> None:
    """Write N sRGB values as `linear` light, clipped to 0–1."""
    for i in range(srgb.size):
        linear[i] = decoded(srgb[i])


@colour_kernel
def encode(linear: Values, srgb: Values) -> None:
    """Write N values of linear light, clipped to 0–1, as `srgb`."""
    for i in range(linear.size):
        srgb[i] = encoded(linear[i])


@colour_kernel
def lab(srgb: Values, matrix: Values, out: Values) -> None:
    """Write N×3 sRGB as N×3 CIE L*a*b*; `matrix` (3×3) takes linear light to X, Y, Z over those of white."""
    xr, xg, xb = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    yr, yg, yb = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    zr, zg, zb = matrix[2, 0], matrix[2, 1], matrix[2, 2]
    # the curves value by value, so that they become SIMD, of as many pixels as stay in the cache
    some = np.empty((512, 3), np.float32)
    values = some.reshape(-1)
    for start in range(0, srgb.shape[0], 512):
        end = min(start + 512, srgb.shape[0])
        given = srgb[start:end].reshape(-1)
        for i in range(given.size):
            values[i] = decoded(given[i])
        for i in range(end - start):
            r, g, b = some[i, 0], some[i, 1], some[i, 2]
            some[i, 0] = r * xr + g * xg + b * xb
            some[i, 1] = r * yr + g * yg + b * yb
            some[i, 2] = r * zr + g * zg + b * zb
        for i in range(given.size):
            values[i] = bent(values[i])
        for i in range(end - start):
            x, y, z = some[i, 0], some[i, 1], some[i, 2]
            out[start + i, 0] = np.float32(116) * y - np.float32(16)
            out[start + i, 1] = np.float32(500) * (x - y)
            out[start + i, 2] = np.float32(200) * (y - z)


@colour_kernel
def roll_off(light: Values, shoulder: np.float32) -> None:
    """Roll N values of linear light off above `shoulder` to at most 1, exponentially; in place."""
    room = _ONE - shoulder
    for i in range(light.size):
        x = max(light[i], _ZERO)
        over = max(x - shoulder, _ZERO)
        light[i] = min(x, shoulder) + room * (_ONE - decaying(over / room))


@colour_kernel
def encode_in_place(light: Values) -> None:
    """Turn N values of linear light, clipped to 0–1, into sRGB."""
    for i in range(light.size):
        light[i] = encoded(light[i])


@colour_kernel
def tint(gains: Values, srgb: Values) -> None:
    """Turn each channel's light x of sRGB pixels, 3N values, into g·x / (1 + (g - 1)·x⁴) of its gain g; in place."""
    for c in range(3):
        gain = gains[c]
        more = gain - _ONE
        channel = srgb[c:]
        for i in range(srgb.size // 3):
            x = decoded(channel[3 * i])
            squared = x * x
            channel[3 * i] = encoded(gain * x / (_ONE + more * squared * squared))
