"""Tileable noise with a spectrum asked for: what the finishes of surfaces are made from.

Frequencies are in cycles per tile. The same seed gives the same pattern at any size: sizes only sample it finer.
"""

import numpy as np
from PIL import Image

from pipeline.geometry.ray import Field

#: How many canvas heights a square tile covers.
TILE = 1.6


def noise(
    rng: np.random.Generator,
    n: int,
    slope: float,
    low: float = 1.0,
    *,
    stretch: float = 1.0,
    angle: float = 0.0,
    light_angle: float | None = None,
    grid: int = 1024,
) -> Field:
    """Return n×n float32 noise of mean 0 and variance 1 whose amplitude is flat up to `low`, then frequency^-slope.

    `stretch` draws it out along `angle` (radians from x towards y). With `light_angle` (radians too), it is a relief of
    that spectrum as light from there shades it. Frequencies end at grid / 2, and at n / 2 if that is less: then the
    variance is less too. Spectral synthesis: Saupe in Peitgen and Saupe, "The Science of Fractal Images", 1988, section
    2.4.
    """
    half = grid // 2
    draws = rng.standard_normal((grid, half, 2), dtype=np.float32)
    spectrum = draws.view(np.complex64)[..., 0]
    fy = (np.fft.fftfreq(grid) * grid).astype(np.float32)[:, None]
    fx = np.arange(half, dtype=np.float32)[None]
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    # (a fx + b fy)² summed over both axes of the ellipse, as one quadratic form.
    k = np.float32(stretch**2)
    square = (k * cos * cos + sin * sin) * fx * fx + (k * sin * sin + cos * cos) * fy * fy + np.float32(low**2)
    if angle and stretch != 1:
        square += 2 * (k - 1) * cos * sin * fx * fy
    spectrum *= square ** np.float32(-slope / 2)
    if light_angle is not None:
        way = np.float32(np.cos(light_angle)) * fx + np.float32(np.sin(light_angle)) * fy
        spectrum *= np.complex64(-1j) * (way / np.sqrt(np.maximum(fx * fx + fy * fy, 1)))
    # A real picture: the column of no x-frequency is its own mirror image; no mean, nothing at the last frequency.
    column = spectrum[:, 0]
    spectrum[:, 0] = (column + np.conj(np.roll(column[::-1], 1))) / np.float32(np.sqrt(2))
    spectrum[0, 0] = 0
    spectrum[half] = 0
    flat = spectrum.view(np.float32)
    power = 2 * float(np.vdot(flat, flat)) - float(np.sum(np.abs(spectrum[:, 0]) ** 2))
    kept = min(grid, n) // 2
    full = np.zeros((n, n // 2 + 1), np.complex64)
    full[:kept, :kept] = spectrum[:kept, :kept]
    full[1 - kept :, :kept] = spectrum[1 - kept :, :kept]
    full *= np.float32(n * n / np.sqrt(max(power, 1e-30)))
    return np.fft.irfft2(full, s=(n, n)).astype(np.float32, copy=False)


def crack_distance(rng: np.random.Generator, n: int, slope: float, low: float, stretch: float, angle: float) -> Field:
    """Return n×n distances from a branching net of cracks: 0 on it, and rising.

    It is how far the highest of four noises leads the next; a unit is about 1 / (2π low) of a tile.
    """
    first = noise(rng, n, slope, low, stretch=stretch, angle=angle, grid=512)
    second = np.full((n, n), -np.inf, np.float32)
    for _ in range(3):
        one = noise(rng, n, slope, low, stretch=stretch, angle=angle, grid=512)
        np.maximum(second, np.minimum(first, one), out=second)
        np.maximum(first, one, out=first)
    first -= second
    return first


def smoothstep(value: Field, low: float, high: float) -> Field:
    """Return the smoothstep of values: 0 up to `low`, 1 from `high`, 3t² - 2t³ between them."""
    t = (value - np.float32(low)) * np.float32(1 / (high - low))
    np.clip(t, 0, 1, out=t)
    t *= t * (3 - 2 * t)
    return t


def upsample_tile(value: Field, n: int) -> Field:
    """Upsample a smooth m×m tile to n×n, bicubic; it still tiles."""
    m = value.shape[0]
    if m == n:
        return value
    padded = Image.fromarray(np.pad(value, 3, mode="wrap"))
    return np.array(padded.resize((n, n), Image.Resampling.BICUBIC, box=(3, 3, m + 3, m + 3)), np.float32)
