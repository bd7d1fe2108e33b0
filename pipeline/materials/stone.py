"""Stone: marble, terrazzo and concrete, as albedo around 1. Lengths in canvas heights, frequencies in cycles a tile."""

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.ray import Field
from pipeline.kernels.texture import finishes
from pipeline.materials.appearance import Appearance
from pipeline.materials.grain import Grains, grain
from pipeline.materials.noise import TILE, noise, smoothstep
from pipeline.materials.pyramid import MOST, Pyramid, filled

#: N×2, and N.
Places = NDArray[np.float64]
Lengths = NDArray[np.float64]

#: Terrazzo's classes of chips: radius, and number of places tried.
CHIPS = ((0.034, 110), (0.019, 700), (0.0095, 4200), (0.0045, 9000))
#: Radius of the hole that a formwork tie leaves, in canvas heights.
TIE = 0.016
#: Steps of a chip's colour, up to the binder's.
_BINDER = 100


def marble(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Return clouds, a net of strong veins of varying force, smears next to them, hairlines; dark marble is grey."""
    dark = shown.dark
    # Everything but the jags is so soft that a small grid suffices.
    small = max(n // 4, 64)
    middle = 0.5 / small
    angle = float(rng.uniform(0.5, 0.9)) * float(rng.choice([-1, 1]))

    def cracks(slope: float, low: float, stretch: float, angle: float) -> list[Field]:
        """Return four noises; the lead of the highest over the next is the distance from a branching net of cracks."""
        return [noise(rng, small, slope, low, stretch=stretch, angle=angle, grid=512, shift=middle) for _ in range(4)]

    clouds = noise(rng, small, 1.9, 2, stretch=2.2, angle=angle, grid=512, shift=middle)
    drift = noise(rng, small, 2.6, 2, stretch=1.5, angle=angle, grid=256, shift=middle)
    jag = Grains(n, (0.012, grain(rng, 1.6, 40)))
    strong = cracks(2.5, 2.6, 3.2, angle)
    hair = cracks(2.7, 5, 2.4, angle + 0.25)
    cross = noise(rng, small, 2.6, 4, stretch=2.0, angle=angle - 0.9, grid=512, shift=middle)
    smear = np.exp(_lead(strong) / np.float32(-0.22)) * smoothstep(drift + np.float32(0.5) * clouds, -0.9, 1.5)
    force = smoothstep(drift, -1.1, 1.0)
    hairlines = smoothstep(clouds - np.float32(0.4) * drift, -0.5, 1.4)
    lines = np.float32(0.7) * smoothstep(-clouds, 0, 1.5)
    if dark:
        ground = 1 + np.float32(0.3) * smear + np.float32(0.06) * clouds
    else:
        ground = np.float32(0.18) * smear + np.float32(0.03) * clouds
    # Smears of iron are warm; grey stone next to them is slightly cool.
    warm = np.float32(0.03) * smear * smoothstep(clouds, -0.5, 1.5) - np.float32(0.0015) * clouds
    soft = np.stack([*strong, *hair, cross, force, hairlines, lines, ground, warm])

    def work(top: int, bottom: int, out: list[Field]) -> None:
        finishes.marble(soft, jag.rows(top, bottom), dark, top, out[0], out[len(out) // 2], out[-1])

    return filled(1 if dark else 3, n, work, shown.contrast, most=16 if dark else MOST)


def terrazzo(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Return ground stone chips of four sizes, some in the scene's other colours, in a dusty binder."""
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
    ring = ring @ spin * radii[:, None, None]
    levels = np.array([0.7, 1.3, 1.8, 2.5]) if shown.dark else np.array([0.45, 0.6, 0.74, 0.87, 1.1, 1.15])
    level = rng.choice(levels, (count, 1)) * rng.normal(1, 0.03, (count, 1))
    hue = rng.normal(0, 0.04, (count, 1)) * [1, 0.15, -1.2] + rng.normal(0, 0.008, (count, 3))
    chosen, tone = rng.integers(0, 8, count), rng.normal(1, 0.06, (count, 1))
    for index, accent in enumerate(shown.accents):
        # One chip in eight has the scene's next colour.
        level = np.where(chosen[:, None] == index, np.array(accent) * tone, level)
    fills = np.clip(_BINDER * level * (1 + hue), 1, 254).astype(int) / _BINDER
    corners, colours = [], [np.ones((1, 3))]
    for dx in (-TILE, 0, TILE):
        for dy in (-TILE, 0, TILE):
            at = middles + np.array([dx, dy])
            seen = np.flatnonzero(((at > -0.05) & (at < TILE + 0.05)).all(1))
            corners.append(np.trunc((ring[seen] + at[seen, None]) * (2 * n / TILE) - 0.5))
            colours.append(fills[seen])
    small = max(n // 4, 64)
    dust = Grains(n, (1, grain(rng, 1.6, 260, grid=2048)))
    veil = Grains(n, soft=np.float32(0.016) * noise(rng, small, 1.0, 12, grid=512, shift=0.5 / small))
    polygons = np.concatenate(corners).astype(np.float32)
    lowest, highest = polygons[..., 1].min(1), polygons[..., 1].max(1)
    table = np.concatenate(colours).astype(np.float32)

    def work(top: int, bottom: int, out: list[Field]) -> None:
        chips = np.zeros((2 * (bottom - top), 2 * n), np.uint16)
        finishes.draw_chips(polygons, lowest, highest, 2 * top, chips)
        finishes.terrazzo(chips, table, dust.rows(top, bottom), veil.rows(top, bottom), *out)

    return filled(3, n, work, shown.contrast, most=4)  # higher than the default, for chips in other colours


def concrete(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Return stains, runs, grain, holes left by air, and the seams of four boards of formwork.

    Upright concrete also has the joints of the formwork's panels and the holes of its ties.
    """
    small = max(n // 4, 64)
    soft = np.float32(0.06) * noise(rng, small, 1.7, 2, grid=512, shift=0.5 / small)
    soft += np.float32(0.026) * noise(rng, small, 1.4, 4, stretch=4, angle=np.pi / 2, grid=512, shift=0.5 / small)
    mottle = grain(rng, 1.1, 25)
    even = Grains(n, (0.026, grain(rng, 0.6, 300, grid=2048)), (0.03, mottle), soft=soft)
    uneven = Grains(n, (1, mottle))
    large, holes = Grains(n, (1, grain(rng, 4.0, 62))), Grains(n, (1, grain(rng, 3.0, 130)))
    lip = max(1, n // 800)
    y = (np.arange(n, dtype=np.float32) + np.float32(0.5)) / np.float32(n) * 4
    seam = np.exp(-(((y - np.round(y)) / np.float32(0.009)) ** 2))
    panel = rng.normal(0, 0.025, 4).astype(np.float32)[np.round(y).astype(np.int32) % 4]
    marks = _formwork(n, shown) if shown.upright else []

    def work(top: int, bottom: int, out: list[Field]) -> None:
        stained = even.rows(top, bottom)
        worn = uneven.rows(top, bottom) if seam[top:bottom].max() > 1e-4 else stained
        pits = large.rows(top - lip, bottom), holes.rows(top - lip, bottom)
        finishes.concrete(stained, *pits, worn, seam, panel, top, out[0])
        for row, column, mark in marks:
            first, last = max(row, top), min(row + mark.shape[0], bottom)
            if first < last:
                out[0][first - top : last - top, column : column + mark.shape[1]] *= mark[first - row : last - row]

    return filled(1, n, work, shown.contrast)


def _formwork(n: int, shown: Appearance) -> list[tuple[int, int, Field]]:
    """Return the marks of the formwork's panels, two across and two down a tile: row and column of n×n, and factors.

    The marks are the joints between panels, and two dark tie holes in each panel. A hole's far edge is lit.
    """
    size = max(4, round(4 * TIE / TILE * n))
    y, x = (np.mgrid[:size, :size].astype(np.float32) + np.float32(0.5)) * np.float32(4 / size) - 2
    hole = 1 - smoothstep(np.hypot(x, y), 0.75, 1.1)
    towards = np.float32(np.cos(shown.light_angle)) * x + np.float32(np.sin(shown.light_angle)) * y
    rim = np.exp(-(((np.hypot(x, y) - 1) / np.float32(0.22)) ** 2)) * towards
    mark = np.asarray(
        1 - np.float32(0.42) * hole * (1 + np.float32(0.4) * towards) - np.float32(0.16) * rim, np.float32
    )
    found = [
        (round((row + 0.5) * n / 4) - size // 2, round((column + 0.5) * n / 4) - size // 2, mark)
        for row in range(4)
        for column in range(4)
        if (row + column // 2) % 2
    ]
    wide = max(3, round(0.008 / TILE * n))
    away = (np.arange(wide, dtype=np.float32) + np.float32(0.5)) / np.float32(wide) * 4 - 2
    joint = np.broadcast_to(1 - np.float32(0.12) * np.exp(-away * away), (n, wide))
    return [*found, (0, 0, joint), (0, n // 2, joint)]


def _lead(noises: list[Field]) -> Field:
    """Return by how much the highest of four fields leads the next."""
    one, two, three, four = noises
    high, other = np.maximum(one, two), np.maximum(three, four)
    least = np.maximum(np.minimum(one, two), np.minimum(three, four))
    return np.asarray(np.maximum(high, other) - np.maximum(np.minimum(high, other), least), np.float32)


def _scattered(rng: np.random.Generator) -> tuple[Places, Lengths]:
    """Return middles (N×2) and radii of discs that hardly touch, large discs first; the tile wraps."""
    middles, radii = np.empty((0, 2)), np.empty(0)
    largest = 1.15 * CHIPS[0][0]
    for radius, tries in CHIPS:
        spots, sizes = rng.uniform(0, TILE, (tries, 2)), radius * rng.uniform(0.6, 1.15, tries)
        spots, sizes = _apart(spots, sizes, middles, radii, largest)
        spots, sizes = _apart(spots, sizes, spots, sizes, 1.15 * radius)
        middles, radii = np.concatenate([middles, spots]), np.concatenate([radii, sizes])
    return middles, radii


def _apart(spots: Places, sizes: Lengths, there: Places, reach: Lengths, largest: float) -> tuple[Places, Lengths]:
    """Drop the discs that overlap those `there`, or an earlier disc if `there` is `spots` itself."""
    if there.size == 0:
        return spots, sizes
    from scipy.spatial import cKDTree  # late: the import takes 0.25 s, and only terrazzo needs it

    one, other = cKDTree(spots, boxsize=TILE), cKDTree(there, boxsize=TILE)
    pairs = one.sparse_distance_matrix(other, float(sizes.max()) + largest, output_type="ndarray")
    i, j = pairs["i"], pairs["j"]
    close = pairs["v"] < 0.92 * (sizes[i] + reach[j])
    if there is spots:
        close &= i > j
    keep = np.ones(len(spots), bool)
    keep[i[close]] = False
    return spots[keep], sizes[keep]
