"""Colours of pixels, value by value: transfer curves, tone mapping, tints."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.colour.curves import decaying, decoded, encoded
from pipeline.kernels.jit import colour_kernel

Values = NDArray[np.float32]

_ZERO, _ONE = np.float32(0), np.float32(1)
#: Values tinted at a time: whole pixels.
_PIECE = 768


@colour_kernel
def decode(srgb: Values, linear: Values) -> None:
    """Undo the sRGB transfer curve of N float32 values, clipped to 0–1, into `linear`."""
    for i in range(srgb.size):
        linear[i] = decoded(srgb[i])


@colour_kernel
def encode(linear: Values, srgb: Values) -> None:
    """Apply the sRGB transfer curve to N float32 values of linear light, clipped to 0–1, into `srgb`."""
    for i in range(linear.size):
        srgb[i] = encoded(linear[i])


@colour_kernel
def roll_off(light: Values, shoulder: np.float32) -> None:
    """Tone-map N float32 values of linear light in place: an exponential shoulder from `shoulder` to 1."""
    room = _ONE - shoulder
    for i in range(light.size):
        x = max(light[i], _ZERO)
        over = max(x - shoulder, _ZERO)
        light[i] = min(x, shoulder) + room * (_ONE - decaying(over / room))


def encode_in_place(light: Values) -> None:
    """Apply the sRGB transfer curve to N float32 values of linear light, clipped to 0–1, in place."""
    # A copy, because overlapping arrays prevent SIMD, which is seven times slower.
    encode(light.copy(), light)


def tint(gains: Values, srgb: Values) -> None:
    """Apply `tint_light` to N sRGB pixels, 3N float32 values in 0–1; in place."""
    light = np.empty_like(srgb)
    decode(srgb, light)
    tint_light(gains, light)
    encode(light, srgb)


@colour_kernel
def tint_light(gains: Values, light: Values) -> None:
    """Scale the channels of N pixels of linear light, 3N float32 values in 0–1, by `gains` (3); in place.

    A channel's light x becomes g·x / (1 + (g - 1)·x⁴) of its gain g, which keeps black and white
    (`pipeline.colour.photo_light.matched`).
    """
    # The three gains repeated, so that neighbouring values become SIMD.
    factors = np.empty(_PIECE, np.float32)
    for i in range(factors.size):
        factors[i] = gains[i % 3]
    for start in range(0, light.size, _PIECE):
        piece = light[start : start + _PIECE]
        for i in range(piece.size):
            x = piece[i]
            squared = x * x
            piece[i] = factors[i] * x / (_ONE + (factors[i] - _ONE) * squared * squared)
