"""Exponentials and powers by polynomials against NumPy's in float64."""

import numpy as np

from pipeline.geometry.ray import Field
from pipeline.kernels.colour.exponentials import exp, exp2, log2, power
from pipeline.kernels.jit import colour_kernel


@colour_kernel
def every(values: Field, out: Field) -> None:
    for i in range(values.size):
        out[i, 0] = exp2(values[i])
        out[i, 1] = exp(values[i])
        out[i, 2] = log2(abs(values[i]))
        out[i, 3] = power(abs(values[i]), np.float32(0.18))


def test_they_are_exact_to_a_millionth() -> None:
    values = np.concatenate([np.linspace(-80, 80, 20_001), [1e-9, 0.5, 1.0, 2.0, 1e6]]).astype(np.float32)
    values = values[values != 0]
    out = np.empty((values.size, 4), np.float32)
    every(values, out)
    exact = values.astype(np.float64)
    small = np.abs(exact) < 80
    np.testing.assert_allclose(out[small, 0], np.exp2(exact[small]), rtol=1e-6)
    # For large e^x the argument's own rounding shows. Values below 1e-13 are returned as 1e-13.
    np.testing.assert_allclose(out[small, 1], np.exp(exact[small]), rtol=1e-5, atol=1e-13)
    np.testing.assert_allclose(out[:, 2], np.log2(np.abs(exact)), atol=3e-6)
    np.testing.assert_allclose(out[:, 3], np.abs(exact) ** 0.18, rtol=3e-6)


def test_no_exponential_makes_a_product_subnormal() -> None:
    out = np.empty((1, 4), np.float32)
    every(np.full(1, -1e6, np.float32), out)
    assert out[0, 1] ** 2 > 1e6 * np.finfo(np.float32).tiny, "sums with subnormal numbers take a hundred times as long"
