"""The exponential as a polynomial, which becomes SIMD; libm's does not."""

import numpy as np

from pipeline.kernels.jit import inlined_colour

_ONE = np.float32(1)
# q of exp(-u) as 1 + u q(u), u from 0 to 1: maximum error 2e-8.
_X0, _X1, _X2, _X3, _X4, _X5 = (
    np.float32(c) for c in (-0.999999, 0.49997961, -0.16653156, 0.041251808, -0.0076778606, 0.00085643609)
)


@inlined_colour
def decaying(x: np.float32) -> np.float32:
    """Return exp(-x) of x ≥ 0, maximum error 7e-7; results below 1e-7 stay below it."""
    u = min(x * np.float32(1 / 16), _ONE)
    root = _ONE + u * (_X0 + u * (_X1 + u * (_X2 + u * (_X3 + u * (_X4 + u * _X5)))))
    root *= root
    root *= root
    root *= root
    return root * root
