"""Curves as polynomials, which become SIMD; `pow` and `exp` do not: sRGB's transfer curve, its inverse, a decay.

A value of sRGB (IEC 61966-2-1) takes 0.4 ns instead of 8. Each of its polynomials is a least-squares fit at Chebyshev
nodes to the curve's upper part. It is written around 1, f(x) = 1 + (x - 1) q(x), so that white stays exactly white.
"""

import numpy as np

from pipeline.kernels.jit import inlined_colour

_ZERO, _ONE = np.float32(0), np.float32(1)

# q for 1.055 t^(5/3) - 0.055, t the fourth root of linear light: maximum error 6e-7.
_E0, _E1, _E2, _E3, _E4, _E5, _E6 = (
    np.float32(c) for c in (1.0585313, 0.93372253, -0.5204572, 0.61217034, -0.55456046, 0.29920528, -0.070305614)
)
# q for ((u + 0.055) / 1.055)^2.4, u from 0.04 to 1: maximum error 9e-7.
_D0, _D1, _D2, _D3, _D4, _D5, _D6, _D7 = (
    np.float32(c)
    for c in (0.99914471, 0.96386937, 0.47827635, -0.38366946, 0.48261806, -0.46834182, 0.27064059, -0.067696723)
)
# q of exp(-u) as 1 + u q(u), u from 0 to 1: maximum error 2e-8.
_X0, _X1, _X2, _X3, _X4, _X5 = (
    np.float32(c) for c in (-0.999999, 0.49997961, -0.16653156, 0.041251808, -0.0076778606, 0.00085643609)
)


@inlined_colour
def encoded(linear: np.float32) -> np.float32:
    """Apply the sRGB transfer curve to one value of linear light, clipped to 0–1; 0–1."""
    x = min(max(linear, _ZERO), _ONE)
    t = np.sqrt(np.sqrt(x))
    q = _E0 + t * (_E1 + t * (_E2 + t * (_E3 + t * (_E4 + t * (_E5 + t * _E6)))))
    return x * np.float32(12.92) if x <= np.float32(0.0031308) else min(_ONE + (t - _ONE) * q, _ONE)


@inlined_colour
def decoded(srgb: np.float32) -> np.float32:
    """Undo the sRGB transfer curve of one value, clipped to 0–1; linear light, 0–1."""
    x = min(max(srgb, _ZERO), _ONE)
    q = _D0 + x * (_D1 + x * (_D2 + x * (_D3 + x * (_D4 + x * (_D5 + x * (_D6 + x * _D7))))))
    return x * np.float32(1 / 12.92) if x <= np.float32(0.04045) else min(_ONE + (x - _ONE) * q, _ONE)


@inlined_colour
def decaying(x: np.float32) -> np.float32:
    """Return exp(-x) of x ≥ 0, maximum error 7e-7; results below 1e-7 stay below it."""
    u = min(x * np.float32(1 / 16), _ONE)
    root = _ONE + u * (_X0 + u * (_X1 + u * (_X2 + u * (_X3 + u * (_X4 + u * _X5)))))
    root *= root
    root *= root
    root *= root
    return root * root
