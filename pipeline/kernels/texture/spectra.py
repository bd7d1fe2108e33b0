"""Spectra of noise: normal draws, shaped to a power law.

A spectrum is grid×half complex numbers, of frequencies 0 … grid / 2 - 1, -grid / 2 … -1 along y and 0 … half - 1 along
x. Here each row is pairs of float32: grid×(2 half). Frequencies are in cycles per tile.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.colour.exponentials import power
from pipeline.kernels.jit import colour_kernel

Field = NDArray[np.float32]

_ZERO, _ONE = np.float32(0), np.float32(1)


@colour_kernel
def shape(
    spectrum: Field, top: int, grid: int, xx: np.float32, xy: np.float32, yy: np.float32, low: np.float32,
    slope: np.float32, lit: bool, light_x: np.float32, light_y: np.float32,
) -> float:  # fmt: skip
    """Shape rows of normal draws, from the row `top` on, into a power-law spectrum in place; return their power.

    The amplitude is (xx x² + xy x y + yy y² + low²)^(-slope / 2). If `lit`, the spectrum becomes that of the slopes
    along (light_x, light_y), divided by the frequency. The power excludes frequency 0 along x.
    """
    total = 0.0
    half = spectrum.shape[1] // 2
    for i in range(spectrum.shape[0]):
        row = spectrum[i]
        whole = top + i if top + i < grid // 2 else top + i - grid
        y = np.float32(whole)
        real, imaginary = row[0], row[1]
        squares = _ZERO
        for column in range(half):
            x = np.float32(column)
            amplitude = power(xx * x * x + xy * x * y + yy * y * y + low * low, np.float32(-0.5) * slope)
            if lit:
                amplitude *= (light_x * x + light_y * y) / np.sqrt(max(x * x + y * y, _ONE))
                real, imaginary = row[2 * column + 1] * amplitude, -row[2 * column] * amplitude
            else:
                real, imaginary = row[2 * column] * amplitude, row[2 * column + 1] * amplitude
            row[2 * column], row[2 * column + 1] = real, imaginary
            squares += real * real + imaginary * imaginary
        total += np.float64(squares - (row[0] * row[0] + row[1] * row[1]))
    return total
