"""Spectra are shaped as they are written down."""

import numpy as np
import pytest

from pipeline.kernels.texture.spectra import shape


@pytest.mark.parametrize("lit", [False, True])
def test_a_spectrum_is_shaped_by_its_frequencies(lit: bool) -> None:
    grid, half = 32, 16
    draws = np.random.default_rng(1).standard_normal((grid, half, 2)).astype(np.float32).view(np.complex64)[..., 0]
    y, x = np.fft.fftfreq(grid)[:, None] * grid, np.arange(half)[None]
    expected = draws * (2 * x * x + 0.5 * x * y + 3 * y * y + 4**2) ** (-1.7 / 2)
    if lit:
        expected = expected * -1j * (0.6 * x + 0.8 * y) / np.sqrt(np.maximum(x * x + y * y, 1))
    total = 0.0
    numbers = [np.float32(number) for number in (2, 0.5, 3, 4, 1.7)]
    for top in (0, 8, 16, 24):
        strip = draws[top : top + 8].view(np.float32)
        total += shape(
            strip, top, grid, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], lit, np.float32(0.6),
            np.float32(0.8),
        )  # fmt: skip
    np.testing.assert_allclose(draws, expected, rtol=1e-4, atol=1e-7)
    assert total == pytest.approx(float(np.sum(np.abs(expected[:, 1:]) ** 2)), rel=1e-5)
