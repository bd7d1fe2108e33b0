"""What surfaces are made of: procedural albedo around 1, to be multiplied onto a flat colour.

A swatch is a function of its seed alone: its size only says how finely it is sampled. Lengths are in canvas heights
and frequencies in cycles per tile unless said otherwise.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.core.parallel import by_rows
from pipeline.core.spec import Finish
from pipeline.geometry.ray import Field
from pipeline.kernels.texture import finishes
from pipeline.materials.noise import TILE, Waves, noise, spectrum
from pipeline.materials.pyramid import Pyramid, filled
from pipeline.materials.stone import concrete, marble, terrazzo

#: Boards of a wooden floor across a tile.
BOARDS = 10
#: Threads of cloth across a tile: a period of 1/220 canvas height. Even, so that the weave closes.
THREADS = 352


def swatch(finish: Finish, rng: np.random.Generator, n: int, *, dark: bool = False) -> Pyramid | None:
    """Return n×n float32 albedo factors of a finish, grey or in three channels, linear, mean 1 per channel; they tile.

    None: it has no texture. `dark` is for stone of a dark colour, whose veins and chips are lighter than it; the other
    finishes ignore it. `n` is a power of 2, at least 64. One number is taken from `rng`, whatever the finish and size.
    """
    rng = np.random.default_rng(rng.integers(1 << 62))
    if finish == "marble":
        return marble(rng, n, dark)
    if finish == "wood":
        return _wood(rng, n)
    if finish == "terrazzo":
        return terrazzo(rng, n, dark)
    if finish == "concrete":
        return concrete(rng, n)
    if finish == "plaster":
        return _plaster(rng, n)
    if finish == "sand":
        return _sand(rng, n)
    if finish == "fabric":
        return _cloth(rng, n)
    return None


def _wood(rng: np.random.Generator, n: int) -> Pyramid:
    """Boards along x, sawn lengthwise from logs: rings round a pith that runs askew to the board."""
    place = (np.arange(n, dtype=np.float32) + np.float32(0.5)) * np.float32(TILE / n)
    width = TILE / BOARDS
    bend = Waves(n, (1, spectrum(rng, 2.2, 2.5, stretch=4, grid=512)))
    fibre = Waves(n, (1, spectrum(rng, 1.3, 40, stretch=14)))
    pores = Waves(n, (1, spectrum(rng, 2.0, 200, stretch=22, grid=2048)))
    tone = Waves(n, (1, spectrum(rng, 1.5, 3, stretch=8, grid=512)))
    late = rng.uniform(0.45, 1, 64).astype(np.float32)
    boards = [_planks(rng, place, width, board) for board in range(BOARDS)]
    which = np.minimum(place / np.float32(width), BOARDS - 1).astype(int)

    def work(top: int, bottom: int, out: list[Field]) -> None:
        for board in range(which[top], which[bottom - 1] + 1):
            rows = top + np.flatnonzero(which[top:bottom] == board)
            planks, columns, down = boards[board]
            start = (int(rows[0]) + down) % n
            bent, fine, open_, toned = (waves.rows(start, start + rows.size) for waves in (bend, fibre, pores, tone))
            y = place[rows] - np.float32((board + 0.5) * width)
            red, green, blue = (plane[rows[0] - top : rows[-1] + 1 - top] for plane in out)
            finishes.board(
                bent, fine, open_, toned, columns, y, planks, late, np.float32(width), red, green, blue
            )  # fmt: skip

    return filled(3, n, work)


def _planks(rng: np.random.Generator, place: Field, width: float, board: int) -> tuple[Field, NDArray[np.int64], int]:
    """Return what `finishes.board` wants of a board's two planks, and how far down noise is read."""
    n = place.size
    # Which plank, how far from its butt joint, and how far to the next.
    cuts = ((rng.uniform() + np.array([0.0, rng.uniform(0.4, 0.6)])) * TILE % TILE).astype(np.float32)[:, None]
    since = (place - cuts) % np.float32(TILE)
    plank, along, until = since.argmin(0), since.min(0), ((cuts - place) % np.float32(TILE)).min(0)
    askew = rng.choice([-1, 1], 2) * rng.uniform(0.14, 0.3, 2)
    pith = np.where(rng.random(2) < 0.35, askew, rng.normal(0, 0.02, 2))
    deep, lean = rng.uniform(0.02, 0.07, 2), rng.uniform(0.015, 0.06, 2) * rng.choice([-1, 1], 2)
    ring, shade = rng.uniform(0.006, 0.0095, 2), np.clip(rng.normal(0, 0.035, 2), -0.07, 0.07)
    hue = np.clip(rng.normal(0, 0.007, 2), -0.014, 0.014)
    # No two planks show the same stretch of noise.
    columns = (np.arange(n) + rng.integers(0, 1024, 2)[plank] * n // 1024) % n
    down = int(rng.integers(0, 1024)) * n // 1024
    knot = np.array([[0.0], [0.0], [1.0], [0.0]])
    if rng.random() < 0.2:
        knot = np.array([[rng.uniform(0.2, 0.5)], [rng.uniform(-0.04, 0.04)], [rng.uniform(0.006, 0.011)], [1.0]])
    knots = knot * [[1.0], [1.0], [1.0], [0.0]] + [[0.0], [0.0], [0.0], [1.0]] * knot * (plank == 0)
    own = np.stack([pith, deep, lean, ring, shade, hue])[:, plank]
    return np.concatenate([own, along[None], until[None], knots]).astype(np.float32), columns, down


def _plaster(rng: np.random.Generator, n: int) -> Pyramid:
    """Strokes of a trowel in three directions, lit from above on the left (v runs up), and fine grain."""
    half = n // 2
    broad = spectrum(rng, 1.8, 2, grid=512, shift=-0.5 / n)
    soft = np.zeros((1, half, half), np.float32)
    first = rng.uniform(0, np.pi)
    for third in range(3):
        where = Waves(half, (1, spectrum(rng, 2.4, 4, grid=256)))
        angle = float(first + (third + rng.uniform(-0.25, 0.25)) * np.pi / 3)
        strokes = Waves(half, (1, spectrum(rng, 1.8, 16, stretch=3.5, angle=angle, light_angle=2.2)))

        def stroke(top: int, bottom: int, where: Waves = where, strokes: Waves = strokes) -> None:
            finishes.add_strokes(where.rows(top, bottom), strokes.rows(top, bottom), soft[0, top:bottom])

        by_rows(half, stroke)
    grain = spectrum(rng, 1.6, 70, light_angle=2.2)
    fine = spectrum(rng, 1.0, 200, light_angle=2.2, grid=2048)
    even = Waves(n, (0.013, broad), (0.006, grain), (0.008, fine))
    return filled(1, n, lambda top, bottom, out: finishes.plaster(even.rows(top, bottom), soft, top, out[0]))


def _sand(rng: np.random.Generator, n: int) -> Pyramid:
    """Grains, clumps of them, and a few dark ones."""
    grain = spectrum(rng, 1.5, 420, grid=2048)
    clouds = spectrum(rng, 1.4, 3, grid=512, shift=-0.5 / n)
    clumps = spectrum(rng, 2.5, 130)
    even = Waves(n, (0.045, grain), (0.013, clouds), (0.016, clumps))
    dark = Waves(n, (1, spectrum(rng, 2.5, 330, grid=2048)))
    return filled(1, n, lambda top, bottom, out: finishes.sand(even.rows(top, bottom), dark.rows(top, bottom), out[0]))


def _cloth(rng: np.random.Generator, n: int) -> Pyramid:
    """Plain weave: threads over and under in turn, whose path and tone vary along them (slubs)."""
    slubs, sways = [], []
    for angle in (0.0, np.pi / 2):
        slubs.append(Waves(n, (1, spectrum(rng, 2.0, 110, stretch=14, angle=angle))))
        sway = noise(rng, n // 4, 2.0, 6, stretch=2, angle=angle, grid=256)
        sways.append(np.float32(0.7 / np.pi) * sway)
    soft = np.stack([*sways, 1 + np.float32(0.006) * noise(rng, n // 4, 1.4, 3, grid=256)])
    threads = np.float32(THREADS)

    def work(top: int, bottom: int, out: list[Field]) -> None:
        finishes.cloth(slubs[0].rows(top, bottom), slubs[1].rows(top, bottom), soft, threads, top, out[0])

    return filled(1, n, work)
