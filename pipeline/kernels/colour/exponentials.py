"""Powers of two, exponentials, logarithms and powers as polynomials, which become SIMD; libm's do not."""

import numpy as np

from pipeline.kernels.jit import inlined_colour

_ONE, _HALF = np.float32(1), np.float32(0.5)
_LOG2_E = np.float32(1.4426950408889634)
_LEAST = np.float32(-30)
# 2^f, f from -0.5 to 0.5: maximum error 1e-7.
_E0, _E1, _E2, _E3, _E4, _E5 = (
    np.float32(c)
    for c in (1.0000000755, 0.69314720671, 0.24022107356, 0.055503272142, 0.0096760370979, 0.0013400432164)
)
# log2(1 + t) / t, t from √0.5 - 1 to √2 - 1: maximum error 9e-8.
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7 = (
    np.float32(c)
    for c in (
        1.4426949024, -0.72135275602, 0.48092404008, -0.36024197936, 0.28707560897, -0.24882180989, 0.23420985043,
        -0.14620353281,
    )
)  # fmt: skip
# q of exp(-u) as 1 + u q(u), u from 0 to 1: maximum error 2e-8.
_X0, _X1, _X2, _X3, _X4, _X5 = (
    np.float32(c) for c in (-0.999999, 0.49997961, -0.16653156, 0.041251808, -0.0076778606, 0.00085643609)
)


@inlined_colour
def exp2(x: np.float32) -> np.float32:
    """Return 2^x; x is clipped to -126 … 126."""
    x = min(max(x, np.float32(-126)), np.float32(126))
    whole = np.floor(x + _HALF)
    f = x - whole
    scale = np.int32((np.int32(whole) + 127) << 23).view(np.float32)
    return np.float32(scale * (_E0 + f * (_E1 + f * (_E2 + f * (_E3 + f * (_E4 + f * _E5))))))


@inlined_colour
def exp(x: np.float32) -> np.float32:
    """Return e^x; x is clipped to -30 … 87."""
    # At least 1e-13: less, times a factor below 1, would be subnormal, which is a hundred times slower.
    return exp2(max(x, _LEAST) * _LOG2_E)


@inlined_colour
def decaying(x: np.float32) -> np.float32:
    """Return exp(-x) of x ≥ 0, maximum error 7e-7; results below 1e-7 stay below it."""
    # `exp(-x)` is as fast, but differs in the last digits, which would change the result of the colour fit.
    u = min(x * np.float32(1 / 16), _ONE)
    root = _ONE + u * (_X0 + u * (_X1 + u * (_X2 + u * (_X3 + u * (_X4 + u * _X5)))))
    root *= root
    root *= root
    root *= root
    return root * root


@inlined_colour
def log2(x: np.float32) -> np.float32:
    """Return the binary logarithm of a positive, normal number."""
    bits = np.float32(x).view(np.int32)
    # The mantissa is in √0.5 to √2: its bits are counted from those of √0.5.
    exponent = np.int32((bits - 0x3F3504F3) >> 23)
    t = np.int32(bits - (exponent << 23)).view(np.float32) - _ONE
    q = _L0 + t * (_L1 + t * (_L2 + t * (_L3 + t * (_L4 + t * (_L5 + t * (_L6 + t * _L7))))))
    return np.float32(exponent) + t * q


@inlined_colour
def power(x: np.float32, exponent: np.float32) -> np.float32:
    """Return x^exponent of a positive, normal number."""
    return exp2(exponent * log2(x))
