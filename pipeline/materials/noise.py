"""Tileable noise with a spectrum asked for: what the finishes of surfaces are made from.

Frequencies are in cycles per tile. The same seed gives the same pattern at any size: sizes only sample it finer.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.core.parallel import ROWS
from pipeline.geometry.ray import Field
from pipeline.kernels.texture.spectra import HEIGHTS, INSIDE, WIDTHS, add_scaled, normal_draws, shape

#: How many canvas heights a square tile covers.
TILE = 1.6
#: Rows of a spectrum that are drawn and shaped while they are in the cache.
_ROWS = 64


@dataclass(frozen=True)
class Spectrum:
    """The Fourier coefficients of a noise, and what makes its variance 1."""

    #: grid×half complex64: frequencies along y as `numpy.fft.fftfreq` has them, along x from 0.
    coefficients: NDArray[np.complex64]
    scale: float


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
) -> Spectrum:
    """Return the spectrum of noise whose amplitude is flat up to `low`, then frequency^-slope.

    `stretch` draws the noise out along `angle` (radians from x towards y). With `light_angle` (radians too), it is a
    relief of that spectrum as light from there shades it. Frequencies end at grid / 2. The noise is `shift` tiles on,
    both ways. Spectral synthesis: Saupe in Peitgen and Saupe, "The Science of Fractal Images", 1988, section 2.4.
    """
    half = grid // 2
    coefficients = np.empty((grid, half), np.complex64)
    rows = coefficients.view(np.float32)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    # (a x + b y)² summed over both axes of the ellipse, as one quadratic form.
    form = (stretch**2 * cos**2 + sin**2, 2 * (stretch**2 - 1) * cos * sin, stretch**2 * sin**2 + cos**2)
    xx, xy, yy, flat, steep = (np.float32(number) for number in (*form, low, slope))
    light = 0.0 if light_angle is None else light_angle
    way = np.float32(np.cos(light)), np.float32(np.sin(light))
    words = _Words(rng)
    power = 0.0
    for top in range(0, grid, _ROWS):
        strip = rows[top : top + _ROWS]
        draws = strip.reshape(-1)
        words.took(normal_draws(words.ahead(draws.size + draws.size // 32 + 1024), INSIDE, WIDTHS, HEIGHTS, draws))
        power += shape(strip, top, grid, xx, xy, yy, flat, steep, light_angle is not None, *way)
        if top <= half < top + _ROWS:
            # Nothing is at the last frequency.
            power -= float(np.sum(np.abs(coefficients[half, 1:]) ** 2))
    words.give_back()
    # A real picture: the column of no x-frequency is its own mirror image; no mean.
    column = coefficients[:, 0]
    coefficients[:, 0] = (column + np.conj(np.roll(column[::-1], 1))) / np.float32(np.sqrt(2))
    coefficients[0, 0] = 0
    coefficients[half] = 0
    power = 2 * power + float(np.sum(np.abs(coefficients[:, 0]) ** 2))
    if shift:
        y, x = np.fft.fftfreq(grid) * grid, np.arange(half)
        coefficients *= np.outer(*(np.exp(2j * np.pi * shift * axis) for axis in (y, x)))
    return Spectrum(coefficients, 1 / float(np.sqrt(max(power, 1e-30))))


class Waves:
    """A weighted sum of noises on n×n places, transformed along y; its rows are made as they are asked for.

    It is transformed on a thread of its own: meanwhile the next noise can be drawn, which takes one thread.
    """

    def __init__(self, n: int, *terms: tuple[float, Spectrum]):
        """Sum (weight, spectrum) up; frequencies of n / 2 and above are left out, and their variance with them."""
        self._n = n
        width = min(n // 2, max(term.coefficients.shape[1] for _, term in terms))
        # The last frequency, at which nothing is, spares the inverse transform a copy.
        self._columns = np.zeros((n, width + (width == n // 2)), np.complex64)
        sums = self._columns.view(np.float32)
        for weight, term in terms:
            kept = min(term.coefficients.shape[1], n // 2)
            source = term.coefficients.view(np.float32)
            scale = np.float32(weight * term.scale)
            add_scaled(source[:kept], scale, 2 * kept, sums[:kept])
            add_scaled(source[1 - kept :], scale, 2 * kept, sums[1 - kept :])

        def transform() -> None:
            for left in range(0, width, ROWS):
                columns = self._columns[:, left : min(left + ROWS, width)]
                columns[:] = fft.ifft(columns, axis=0, norm="forward", overwrite_x=True)

        pool = ThreadPoolExecutor(1)
        self._transformed = pool.submit(transform)
        pool.shutdown(wait=False)

    def rows(self, top: int, bottom: int) -> Field:
        """Return the rows top..bottom, float32; the tile repeats."""
        self._transformed.result()
        n = self._n
        if top < 0:
            return np.concatenate([self.rows(top + n, n), self.rows(0, bottom)])
        if bottom > n:
            return np.concatenate([self.rows(top, n), self.rows(0, bottom - n)])
        return np.asarray(fft.irfft(self._columns[top:bottom], n, axis=1, norm="forward"), np.float32)


def noise(rng: np.random.Generator, n: int, slope: float, low: float = 1.0, **form: Any) -> Field:
    """Return n×n float32 noise of mean 0 and variance 1, of the `spectrum` of these arguments.

    Where n is less than its grid, the variance is less, too.
    """
    return Waves(n, (1, spectrum(rng, slope, low, **form))).rows(0, n)


class _Words:
    """The 32-bit words that a generator draws next, taken off it in blocks."""

    def __init__(self, rng: np.random.Generator):
        self._bits = rng.bit_generator
        state = self._bits.state
        self._words = np.full(state["has_uint32"], state["uinteger"], np.uint32)

    def ahead(self, count: int) -> NDArray[np.uint32]:
        """Return the next words, `count` of them or a few more."""
        missing = max(0, count - self._words.size)
        drawn = np.asarray(self._bits.random_raw((missing + 1) // 2), "<u8")
        self._words = np.concatenate([self._words, drawn.view("<u4")])
        return self._words

    def took(self, count: int) -> None:
        """Say how many of them were used."""
        self._words = self._words[count:]

    def give_back(self) -> None:
        """Leave the generator as if it had drawn what was used and no more."""
        self._bits.advance(-(self._words.size // 2))  # type: ignore[attr-defined]  # PCG64's
        odd = self._words.size % 2
        self._bits.state = {**self._bits.state, "has_uint32": odd, "uinteger": int(self._words[0]) if odd else 0}


def smoothstep(value: Field, low: float, high: float) -> Field:
    """Return the smoothstep of values: 0 up to `low`, 1 from `high`, 3t² - 2t³ between them."""
    t = (value - np.float32(low)) * np.float32(1 / (high - low))
    np.clip(t, 0, 1, out=t)
    t *= t * (3 - 2 * t)
    return t
