"""What surfaces are made of: procedural albedo around 1, to be multiplied onto a flat colour."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import map_coordinates

from pipeline.layout import FOCAL, Layout
from pipeline.spec import Finish

Field = NDArray[np.float32]

#: Side in pixels of the square swatch, which tiles, and how many canvas heights of floor it covers at distance 1.
SWATCH = 1024
TILE = 2.0


def fractal(rng: np.random.Generator, size: int, slope: float, stretch: float = 1.0) -> Field:
    """Return size×size tileable noise of unit variance whose spectrum falls as frequency^-slope.

    `stretch` above 1 draws it out along x. Spectral synthesis: Saupe in Peitgen and Saupe, "The Science of Fractal
    Images", 1988, section 2.4.
    """
    fy = np.fft.fftfreq(size)[:, None].astype(np.float32)
    fx = np.fft.rfftfreq(size)[None].astype(np.float32) * stretch
    radius = np.hypot(fx, fy)
    radius[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32)) * radius**-slope
    noise = np.fft.irfft2(spectrum, s=(size, size)).astype(np.float32)
    return noise / max(float(noise.std()), 1e-9)


def swatch(finish: Finish, rng: np.random.Generator) -> Field:
    """Return SWATCH×SWATCH (or ×3) albedo factors of a finish, about 1 on average; it tiles."""
    n = SWATCH
    if finish == "marble":
        warp, patches = fractal(rng, n, 2.3), fractal(rng, n, 1.9)
        wide = np.exp(-((warp / 0.06) ** 2)) * np.clip(0.55 + 0.5 * patches, 0, 1)
        fine = np.exp(-((fractal(rng, n, 2.1) / 0.035) ** 2)) * np.clip(0.3 + 0.5 * warp, 0, 1)
        return np.asarray(1.02 - 0.22 * wide - 0.1 * fine + 0.025 * patches, np.float32)
    if finish == "wood":
        return _planks(rng)
    if finish == "terrazzo":
        return _chips(rng)
    if finish == "concrete":
        pits = np.clip(fractal(rng, n, 0.7) - 2.9, 0, 1)
        return np.asarray(1 + 0.035 * fractal(rng, n, 1.5) + 0.012 * fractal(rng, n, 0.5) - 0.35 * pits, np.float32)
    if finish == "plaster":
        relief = fractal(rng, n, 1.35)
        slope = np.roll(relief, 2, 0) - np.roll(relief, -2, 0) + np.roll(relief, 2, 1) - np.roll(relief, -2, 1)
        return np.asarray(1 + 0.018 * fractal(rng, n, 1.6) + 0.016 * slope / max(float(slope.std()), 1e-9), np.float32)
    if finish == "sand":
        return np.asarray(1 + 0.05 * fractal(rng, n, 0.15) + 0.02 * fractal(rng, n, 1.2), np.float32)
    if finish == "fabric":
        weave = fractal(rng, n, 0.3, 6.0) + fractal(rng, n, 0.3, 6.0).T
        return np.asarray(1 + 0.014 * weave, np.float32)
    return np.asarray(1 + 0.006 * fractal(rng, n, 1.2), np.float32)


def on_wall(texture: Field, width: int, height: int) -> Field:
    """Return H×W (×3) factors of a swatch hung on the wall, seen straight on; 1.5 of it to a canvas height."""
    scale = SWATCH * 1.5 / height
    rows = (np.arange(height, dtype=np.float32) * scale)[:, None]
    columns = (np.arange(width, dtype=np.float32) * scale)[None]
    shape = (height, width)
    return _sample(texture, np.broadcast_to(rows, shape), np.broadcast_to(columns, shape))


def on_floor(texture: Field, layout: Layout, width: int, height: int, first_row: int) -> Field:
    """Return factors of a swatch laid on the floor for the rows from `first_row` down, in the layout's perspective."""
    y = (np.arange(first_row, height, dtype=np.float32) + 0.5) / height
    x = (np.arange(width, dtype=np.float32) + 0.5) / height - layout.aspect / 2
    below = np.maximum(y - layout.eye, 1e-3)[:, None]
    scale = SWATCH / TILE
    columns = x[None] / below * scale
    rows = np.broadcast_to(FOCAL / below * scale, columns.shape)
    return _sample(texture, rows, columns)


def _sample(texture: Field, rows: NDArray[np.floating], columns: NDArray[np.floating]) -> Field:
    if texture.ndim == 3:
        return np.stack([_sample(texture[..., c], rows, columns) for c in range(3)], -1)
    out: Field = map_coordinates(texture, [rows, columns], output=np.float32, order=1, mode="grid-wrap")
    return out


def _planks(rng: np.random.Generator) -> Field:
    n, boards = SWATCH, 8
    grain = 0.55 * fractal(rng, n, 1.0, 14.0) + 0.3 * fractal(rng, n, 0.5, 30.0)
    value = np.empty((n, n), np.float32)
    step = n // boards
    for board in range(boards):
        rows = slice(board * step, (board + 1) * step)
        value[rows] = np.roll(grain[rows], int(rng.integers(n)), 1) * 0.07 + 1 + 0.05 * rng.standard_normal()
        value[board * step : board * step + 2] *= 0.72
    # Darker grain is also redder.
    return np.stack([value**0.8, value, value**1.2], -1).astype(np.float32)


def _chips(rng: np.random.Generator) -> Field:
    n, over = SWATCH, 2
    picture = Image.new("RGB", (n * over, n * over), (128, 128, 128))
    draw = ImageDraw.Draw(picture)
    for _ in range(1500):
        x, y = rng.uniform(0, n * over, 2)
        radius = rng.uniform(5, 22) * over * rng.random() ** 0.5
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 7))))
        reach = radius * rng.uniform(0.6, 1, angles.size)
        level = int(rng.choice([84, 104, 146, 156]))
        tint = rng.integers(-7, 8, 3)
        colour = tuple(int(level + t) for t in tint)
        for dx in (-n * over, 0, n * over):
            for dy in (-n * over, 0, n * over):
                if -50 < x + dx < n * over + 50 and -50 < y + dy < n * over + 50:
                    corners = zip(x + dx + reach * np.cos(angles), y + dy + reach * np.sin(angles), strict=True)
                    draw.polygon([(float(a), float(b)) for a, b in corners], fill=colour)
    small = picture.resize((n, n), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(128)
