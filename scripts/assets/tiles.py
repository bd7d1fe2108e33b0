"""Bake the tiles of `pipeline/assets/tiles`: the albedo of finishes around 1, made by these procedures.

Usage: python -m scripts.assets.tiles [NAME ...]

A tile is square and seamless, N texels across. Its grey codes are logarithms of factors, from the lowest to the highest
of `pipeline.materials.tiles`, dithered, so that they do not band. Frequencies are in cycles per tile, lengths in canvas
heights. Rows go up an upright surface. A relief is lit from the right. Put the printed sizes into the folder's README.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.stats import norm

from pipeline.materials.pyramid import TILE
from pipeline.materials.tiles import ACCENT, BINDER, RANGES

Field = NDArray[np.float64]
Rng = np.random.Generator

N = 2048
#: The most bytes of a tile, and the best quality that JPEG files are given.
MOST, BEST = 390_000, 93
FOLDER = Path(__file__).parents[2] / "pipeline" / "assets" / "tiles"
#: Boards across a tile of wood: `pipeline.materials.tiles` lays them in another order for each seed.
BOARDS = 8
#: Terrazzo's classes of chips: radius, and number of places tried.
CHIPS = ((0.022, 200), (0.0135, 1100), (0.0075, 5000), (0.004, 6200))
#: Threads of linen across a tile: even, so that the weave tiles.
THREADS = 384

Y, X = ((np.arange(N) + 0.5) * TILE / N)[:, None], ((np.arange(N) + 0.5) * TILE / N)[None]


def noise(
    rng: Rng,
    slope: float,
    low: float,
    *,
    stretch: float = 1.0,
    angle: float = 0.0,
    light: float | None = None,
    n: int = N,
) -> Field:
    """Return n×n noise of mean 0 and variance 1: amplitude flat up to the frequency `low`, then frequency^-slope.

    `stretch` draws it out along `angle` (radians from x towards y). With `light` (radians), it is a relief of that
    spectrum shaded by light from there. Saupe in Peitgen and Saupe, "The Science of Fractal Images", 1988, section 2.4.
    """
    y, x = np.fft.fftfreq(n)[:, None] * N, np.fft.rfftfreq(n)[None] * N
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    spectrum = np.fft.rfft2(rng.standard_normal((n, n)))
    spectrum *= ((stretch * along) ** 2 + across**2 + low**2) ** (-slope / 2)
    if light is not None:
        spectrum *= -1j * (np.cos(light) * x + np.sin(light) * y) / np.maximum(np.hypot(x, y), 1)
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, (n, n))
    return np.asarray(field / field.std())


def smoothstep(value: Field, low: float, high: float) -> Field:
    """Return the smoothstep of values: 0 up to `low`, 1 from `high`, 3t² - 2t³ between them."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def cracks(rng: Rng, slope: float, low: float, stretch: float, angle: float) -> Field:
    """Return distances from a branching net of cracks: by how much the highest of four noises leads the next."""
    first = second = np.full((N, N), -np.inf)
    for _ in range(4):
        one = noise(rng, slope, low, stretch=stretch, angle=angle)
        first, second = np.maximum(first, one), np.maximum(second, np.minimum(first, one))
    return np.asarray(first - second)


def line(value: Field, width: float) -> Field:
    """Return the strength of a soft line along the zeros of a field."""
    return np.asarray(np.exp(-np.square(value / width)))


def carrara(rng: Rng) -> Field:
    """Return clouds, a net of veins of varying force with smears next to them, hairlines."""
    angle = 0.7
    clouds = noise(rng, 1.9, 2, stretch=2.2, angle=angle)
    drift = noise(rng, 2.6, 2, stretch=1.5, angle=angle)
    jag = 0.012 * noise(rng, 1.6, 40)
    strong = cracks(rng, 2.5, 2.6, 3.2, angle)
    hair = cracks(rng, 2.7, 5, 2.4, angle + 0.25)
    cross = noise(rng, 2.6, 4, stretch=2.0, angle=angle - 0.9)
    smear = np.exp(-strong / 0.22) * smoothstep(drift + 0.5 * clouds, -0.9, 1.5)
    force = smoothstep(drift, -1.1, 1.0)
    core = force * np.exp(-np.abs(strong + 0.5 * jag) / (0.055 * force + 0.009))
    thin = line(hair + jag, 0.04) * smoothstep(clouds - 0.4 * drift, -0.5, 1.4)
    thin += line(cross, 0.02) * 0.7 * smoothstep(-clouds, 0, 1.5)
    crystals = 0.006 * noise(rng, 0.8, 250)
    return np.asarray(np.exp(-0.6 * core - 0.26 * thin - 0.2 * smear - 0.03 * clouds + crystals))


def calacatta(rng: Rng) -> Field:
    """Return few broad veins, torn and feathered to one side, over a calm ground."""
    angle = 0.9
    clouds, drift = noise(rng, 2.2, 2, stretch=1.8, angle=angle), noise(rng, 2.6, 1.5, stretch=1.5, angle=angle)
    jag = 0.035 * noise(rng, 1.9, 12) + 0.012 * noise(rng, 1.5, 60)
    strong = cracks(rng, 2.6, 2.0, 2.6, angle)
    fine = cracks(rng, 2.4, 6, 2.0, angle + 0.4)
    near = np.exp(-strong / 0.35)
    force = smoothstep(drift, -1.6, 0.8)
    core = force * np.exp(-np.abs(strong + jag * near) / (0.07 * force + 0.01))
    feather = near * smoothstep(noise(rng, 1.6, 9, stretch=5, angle=angle), -0.6, 1.6) * force
    thin = line(fine + 0.3 * jag, 0.04) * np.clip(near + 0.5 * smoothstep(clouds, -0.5, 1.4), 0, 1)
    crystals = 0.006 * noise(rng, 0.8, 250)
    return np.exp(-0.5 * core - 0.3 * feather - 0.2 * thin - 0.022 * clouds + crystals)


def plaster(rng: Rng) -> Field:
    """Return thin coats brushed crosswise, uneven in tone, over nearly level ground, and fine grain."""
    soft = 0.027 * noise(rng, 1.9, 2.5) + 0.027 * noise(rng, 3.2, 5, stretch=1.3, angle=1.1, light=0)
    for angle in (0.6, 2.2):
        where, stroke = noise(rng, 2.2, 4), noise(rng, 1.5, 16, stretch=5, angle=angle)
        soft += 0.028 * smoothstep(where, -0.4, 0.8) * stroke
    return 1 + soft + 0.01 * noise(rng, 1.6, 70, light=0) + 0.011 * noise(rng, 1.0, 200, light=0)


def limewash(rng: Rng) -> Field:
    """Return lime that was brushed in short crossing strokes, cloudy, over a rubbed ground."""
    value = 0.035 * noise(rng, 1.7, 3.5) + 0.012 * noise(rng, 2.8, 9, light=0)
    for angle in (0.2, 1.0, 1.9, 2.7):
        where, stroke = noise(rng, 2.0, 6), noise(rng, 1.3, 22, stretch=7, angle=angle)
        value += 0.022 * smoothstep(where, -0.2, 1.0) * stroke
    return 1 + value + 0.012 * noise(rng, 1.1, 160, light=0)


def concrete(rng: Rng, *, formwork: bool) -> Field:
    """Return stains, runs, grain, holes left by air; `formwork`: also seams, joints and tie holes, lit from above."""
    light = np.pi / 2 if formwork else 0.0
    value = 0.06 * noise(rng, 1.7, 2) + 0.026 * noise(rng, 1.4, 4, stretch=4, angle=np.pi / 2)
    mottle = noise(rng, 1.1, 25)
    value += 0.03 * mottle + 0.026 * noise(rng, 0.6, 300)
    pit = np.clip(noise(rng, 4.0, 62) - 2.75, 0, 0.4) * 2.5 + np.clip(noise(rng, 3.0, 130) - 2.9, 0, 0.7)
    # Light reaches the far edge of a hole: the lower one (rows go up), or the left one.
    value -= 0.42 * pit - 0.26 * np.maximum(pit - np.roll(pit, 2, 0 if formwork else 1), 0)
    if not formwork:
        return np.exp(value)
    board = Y / TILE * 4
    seam = np.exp(-np.square((board - np.round(board)) / 0.009))
    value += rng.normal(0, 0.025, 4)[np.round(board).astype(int) % 4] - seam * (0.08 + 0.03 * mottle)
    out = np.exp(value)
    joint = np.minimum(X % (TILE / 2), -X % (TILE / 2)) / 0.002
    out *= 1 - 0.12 * np.exp(-joint * joint)
    for row in range(4):
        for column in range(4):
            if (row + column // 2) % 2:
                u, v = (X - (column + 0.5) * TILE / 4) / 0.016, (Y - (row + 0.5) * TILE / 4) / 0.016
                far, towards = np.hypot(u, v), np.cos(light) * u + np.sin(light) * v
                near = far < 2
                hole = 1 - smoothstep(far, 0.75, 1.1)
                rim = np.exp(-np.square((far - 1) / 0.22)) * towards
                out *= np.where(near, 1 - 0.42 * hole * (1 + 0.4 * towards) - 0.16 * rim, 1)
    return out


def sand(rng: Rng) -> Field:
    """Return grains of one to three texels, lit from the side, some dark ones and sparse glints, on half a tile's side.

    It has no larger marks, which would show that it repeats.
    """
    n = N // 2
    value = 0.03 * noise(rng, 2.0, 60, n=n) + 0.045 * noise(rng, 4.0, 420, light=0, n=n)
    value += 0.1 * noise(rng, 3.5, 540, n=n)
    dark, bright = (np.clip(noise(rng, 5.0, 420, n=n) - least, 0, 1) for least in (1.8, 2.4))
    return np.asarray(np.exp(value - 0.4 * dark + 0.7 * bright))


def linen(rng: Rng, *, folded: bool) -> Field:
    """Return a plain weave of threads of uneven path and tone (slubs), draped; `folded`: with creases of folds."""
    light = np.pi / 8
    slubs = [0.6 * noise(rng, 1.8, 110, stretch=12, angle=angle) for angle in (0.0, np.pi / 2)]
    sways = [0.4 / np.pi * noise(rng, 2.0, 6, stretch=2, angle=angle) for angle in (0.0, np.pi / 2)]
    tone = 1 + 0.05 * noise(rng, 2.3, 2.5, stretch=2.5, angle=0.6, light=light) + 0.02 * noise(rng, 1.4, 3)
    if folded:
        tone = tone + 0.14 * (np.cos(light) * _creases(X) + np.sin(light) * _creases(Y - 0.2))
    one, other = (place * THREADS / TILE + sway for place, sway in zip((Y, X), sways, strict=True))
    turn, twin = np.rint(one), np.rint(other)
    one, other = one - turn, other - twin
    sign = np.where((turn + twin) % 2 == 0, 1, -1)
    over = smoothstep(sign * np.cos(np.pi * one) * np.cos(np.pi * other), -0.5, 0.5)
    sine, sine2 = np.sin(np.pi * one), np.sin(np.pi * other)
    upper, lower = sine**2 + 0.26 * slubs[0], sine2**2 + 0.26 * slubs[1]
    value = lower + over * (upper - lower) + 0.15 * np.abs(sine * sine2)
    woven = tone + 0.08 * (value + 0.34 * (slubs[0] + slubs[1]))
    return np.asarray(np.maximum(woven, 0.5) ** 0.8)


def _creases(place: Field) -> Field:
    """Return the slopes, -1 to 1, of four creases across a tile, which go up and down in turn."""
    out = np.zeros_like(place)
    for index in range(4):
        away = (place - 0.13 - index * TILE / 4 + TILE / 2) % TILE - TILE / 2
        out += (1 if index % 2 else -1) * np.sqrt(2 * np.e) * (away / 0.022) * np.exp(-np.square(away / 0.022))
    return out


def velvet(rng: Rng) -> Field:
    """Return pile that was stroked in varying directions, drawn out downwards as it hangs, and its fine ends."""
    down = np.pi / 2
    brushed = noise(rng, 2.4, 3.5, stretch=6, angle=down)
    value = 0.97 + 0.1 * (smoothstep(brushed, -0.7, 0.9) - 0.45)
    value += 0.03 * noise(rng, 2.0, 14, stretch=2.5, angle=down, light=0)
    return np.asarray(value + 0.02 * noise(rng, 1.2, 180, stretch=2, angle=down))


def terrazzo(rng: Rng) -> Image.Image:
    """Return ground stone chips of four sizes in a dusty binder: indices of a palette of factors.

    From ACCENT on, indices are chips in other colours of the scene, three tones of each of two.
    """
    middles, radii = _scattered(rng)
    count = radii.size
    angles = (np.arange(7) + rng.uniform(-0.44, 0.44, (count, 7))) * 2 * np.pi / 7 + rng.uniform(0, 7, (count, 1))
    ring = np.stack([np.cos(angles), np.sin(angles)], -1) * rng.uniform(0.72, 1.0, (count, 7, 1))
    ring *= np.stack([np.ones(count), rng.uniform(0.72, 1, count)], -1)[:, None]
    # Corner cutting (Chaikin, 1974), once: broken stone, worn by grinding.
    after = np.roll(ring, -1, 1)
    ring = np.stack([0.82 * ring + 0.18 * after, 0.18 * ring + 0.82 * after], 2).reshape(count, 14, 2)
    turn = rng.uniform(0, 2 * np.pi, count)
    spin = np.stack([np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)], -1).reshape(count, 2, 2)
    ring = ring @ spin * radii[:, None, None] + middles[:, None]
    levels = np.array([0.45, 0.6, 0.74, 0.87, 1.1, 1.15])[:, None, None] * rng.normal(1, 0.03, (6, 10, 1))
    hue = rng.normal(0, 0.04, (6, 10, 1)) * [1, 0.15, -1.2] + rng.normal(0, 0.008, (6, 10, 3))
    dust = np.array([0.978, 1.022, 0.82, 0.9, 1.1, 1.18])[:, None] * np.ones(3)
    tones = np.array([0.94, 1, 1.06] * 2)[:, None] * np.ones(3)
    table = np.ones((256, 3))
    table[1:7], table[7:67], table[ACCENT : ACCENT + 6] = dust, (levels * (1 + hue)).reshape(60, 3), tones
    table[BINDER : BINDER + 16] = (1 + 0.045 * norm.ppf((np.arange(16) + 0.5) / 16))[:, None]
    index = np.zeros((N, N), np.uint8)
    veil, specks = noise(rng, 4.0, 16), noise(rng, 1.6, 260)
    for code, (field, low, high) in enumerate(
        (
            *((veil, low, high) for low, high in ((-9, -0.6), (0.6, 9))),
            *((specks, low, high) for low, high in ((-9, -2.7), (-2.7, -2.25), (2.25, 2.7), (2.7, 9))),
        ),
        1,
    ):
        index[(field > low) & (field <= high)] = code
    picture = Image.fromarray(index)
    pen = ImageDraw.Draw(picture)
    fills = np.where(rng.random(count) < 0.3, ACCENT + rng.integers(0, 6, count), 7 + rng.integers(0, 60, count))
    for outline, fill in zip(ring, fills.tolist(), strict=True):
        for dx in (-TILE, 0, TILE):
            for dy in (-TILE, 0, TILE):
                shape = (outline + np.array([dx, dy])) * N / TILE - 0.5
                if shape.max() > 0 and shape.min() < N:
                    pen.polygon([tuple(corner) for corner in shape.tolist()], fill=fill)
    picture.putpalette(codes(table, *RANGES["terrazzo"]).astype(np.uint8).ravel().tolist())
    return picture


def _scattered(rng: Rng) -> tuple[Field, Field]:
    """Return middles (N×2) and radii of discs that hardly touch, large discs first; the tile wraps."""
    middles, radii = np.empty((0, 2)), np.empty(0)
    for radius, tries in CHIPS:
        for spot, size in zip(rng.uniform(0, TILE, (tries, 2)), radius * rng.uniform(0.6, 1.15, tries), strict=True):
            away = np.abs(middles - spot)
            if not (np.hypot(*np.minimum(away, TILE - away).T) < 0.92 * (size + radii)).any():
                middles, radii = np.concatenate([middles, spot[None]]), np.append(radii, size)
    return middles, radii


def codes(factors: Field, low: float, high: float) -> Field:
    """Return the codes, 0 to 255, of factors from `low` to `high`."""
    return np.asarray(np.clip(255 * np.log(factors / low) / np.log(high / low), 0, 255))


#: The procedure of each tile.
TILES: dict[str, Callable[[Rng], Field]] = {
    "marble-1": carrara,
    "marble-2": calacatta,
    "plaster-1": plaster,
    "plaster-2": limewash,
    "concrete": lambda rng: concrete(rng, formwork=False),
    "concrete-wall": lambda rng: concrete(rng, formwork=True),
    "linen": lambda rng: linen(rng, folded=False),
    "linen-folded": lambda rng: linen(rng, folded=True),
    "velvet": velvet,
    "sand": sand,
}


def bake(name: str) -> None:
    """Write a tile, at the best quality whose file is small enough."""
    rng = np.random.default_rng([ord(letter) for letter in name])
    if name == "terrazzo":
        terrazzo(rng).save(FOLDER / "terrazzo.png", optimize=True)
        print(f"terrazzo: {(FOLDER / 'terrazzo.png').stat().st_size:,} bytes")
        return
    factors = TILES[name](rng)
    factors /= factors.mean()
    low, high = RANGES[name]
    clipped = float(((factors < low) | (factors > high)).mean())
    dither = rng.random(factors.shape) - 0.5
    picture = Image.fromarray(np.rint(np.clip(codes(factors, low, high) + dither, 0, 255)).astype(np.uint8))
    for quality in range(BEST, 20, -2):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True)
        if len(file.getvalue()) <= MOST:
            break
    (FOLDER / f"{name}.jpg").write_bytes(file.getvalue())
    print(f"{name}: {len(file.getvalue()):,} bytes, quality {quality}, {clipped:.2%} clipped")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or [*TILES, "terrazzo"]:
        bake(chosen)
