"""Tileable noise with a given spectrum, from which the finishes of surfaces are made.

Frequencies are in cycles per tile. Equal seeds give equal patterns at any size: the size only sets the sampling.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.geometry.ray import Field
from pipeline.kernels.texture.spectra import shape

#: Canvas heights that a square tile covers.
TILE = 1.6


def spectrum(
    rng: np.random.Generator,
    slope: float,
    low: float = 1.0,
    *,
    stretch: float = 1.0,
    angle: float = 0.0,
    light_angle: float | None = None,
    grid: int = 1024,
    shift: float = 0.0,
) -> NDArray[np.complex64]:
    """Return the Fourier coefficients of noise of variance 1 with an amplitude flat up to `low`, then frequency^-slope.

    They are grid×half. Frequencies along y are as in `numpy.fft.fftfreq`, along x from 0; they end at grid / 2.
    `stretch` draws the noise out along `angle` (radians from x towards y). With `light_angle` (also radians), the
    result is a relief of that spectrum, shaded by light from there. The noise is shifted by `shift` tiles, both ways.
    Spectral synthesis: Saupe in Peitgen and Saupe, "The Science of Fractal Images", 1988, section 2.4.
    """
    half = grid // 2
    rows = rng.standard_normal((grid, 2 * half), np.float32)
    coefficients = rows.view(np.complex64)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    # (a x + b y)² summed over both axes of the ellipse, as one quadratic form.
    form = (stretch**2 * cos**2 + sin**2, 2 * (stretch**2 - 1) * cos * sin, stretch**2 * sin**2 + cos**2)
    xx, xy, yy, flat, steep = (np.float32(number) for number in (*form, low, slope))
    light = 0.0 if light_angle is None else light_angle
    way = np.float32(np.cos(light)), np.float32(np.sin(light))
    power = shape(rows, 0, grid, xx, xy, yy, flat, steep, light_angle is not None, *way)
    # The power excludes the last frequency, which is set to 0 below.
    power -= float(np.sum(np.abs(coefficients[half, 1:]) ** 2))
    # For a real image, the column of x-frequency 0 is its own mirrored conjugate. The mean is 0.
    column = coefficients[:, 0]
    coefficients[:, 0] = (column + np.conj(np.roll(column[::-1], 1))) / np.float32(np.sqrt(2))
    coefficients[0, 0] = 0
    coefficients[half] = 0
    power = 2 * power + float(np.sum(np.abs(coefficients[:, 0]) ** 2))
    if shift:
        y, x = np.fft.fftfreq(grid) * grid, np.arange(half)
        for axis in (y[:, None], x):
            coefficients *= np.exp(2j * np.pi * shift * axis).astype(np.complex64)
    coefficients *= np.float32(1 / np.sqrt(max(power, 1e-30)))
    return coefficients


def noise(rng: np.random.Generator, n: int, slope: float, low: float = 1.0, **form: Any) -> Field:
    """Return n×n float32 noise of mean 0 and variance 1, with the `spectrum` of these arguments.

    Frequencies of n / 2 and above are left out, and their variance with them.
    """
    given = spectrum(rng, slope, low, **form)
    kept = min(given.shape[1], n // 2)
    coefficients = np.zeros((n, n // 2 + 1), np.complex64)
    coefficients[:kept, :kept] = given[:kept, :kept]
    coefficients[1 - kept :, :kept] = given[1 - kept :, :kept]
    del given  # as large as the result
    return np.asarray(fft.irfft2(coefficients, (n, n), norm="forward", overwrite_x=True), np.float32)


def smoothstep(value: Field, low: float, high: float) -> Field:
    """Return the smoothstep of values: 0 up to `low`, 1 from `high`, 3t² - 2t³ between them."""
    t = (value - np.float32(low)) * np.float32(1 / (high - low))
    np.clip(t, 0, 1, out=t)
    t *= t * (3 - 2 * t)
    return t
