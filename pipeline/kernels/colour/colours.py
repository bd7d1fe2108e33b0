"""Colours of pixels, value by value and in place: transfer curves, tone mapping."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.colour.curves import decoded, encoded
from pipeline.kernels.colour.exponentials import decaying
from pipeline.kernels.jit import colour_kernel

Values = NDArray[np.float32]

_ZERO, _ONE = np.float32(0), np.float32(1)


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
    # `encode` into its own argument would be no SIMD, seven times as slow: arrays that overlap go value by value.
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
