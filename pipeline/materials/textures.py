"""What surfaces are made of: procedural albedo around 1, to be multiplied onto a flat colour.

A swatch is a function of its seed alone: its size only says how finely it is sampled. Lengths are in canvas heights
and frequencies in cycles per tile unless said otherwise.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.core.spec import Finish
from pipeline.geometry.ray import Field
from pipeline.kernels.texture import finishes
from pipeline.materials.appearance import Appearance
from pipeline.materials.grain import Grains, grain
from pipeline.materials.noise import TILE, noise, smoothstep
from pipeline.materials.pyramid import Pyramid, filled
from pipeline.materials.stone import concrete, marble, terrazzo

#: Boards of a wooden floor across a tile.
BOARDS = 6
#: Threads of cloth across a tile: a period of 1/180 canvas height, linen. Even, so that the weave closes.
THREADS = 288
#: Exponent of the weave's contrast: pale cloth with more of it is a net.
WEAVE = 0.8
#: Creases of a cloth that was folded, across a tile, and how wide they are, canvas heights.
CREASES, CREASE = 3, 0.022

AS_IT_IS = Appearance()


def swatch(finish: Finish, rng: np.random.Generator, n: int, shown: Appearance = AS_IT_IS) -> Pyramid | None:
    """Return n×n float32 albedo factors of a finish, grey or in three channels, linear, mean 1 per channel; they tile.

    None: it has no texture. `n` is a power of 2, at least 64. One number is taken from `rng`, whatever the finish, the
    size and how it is `shown`.
    """
    rng = np.random.default_rng(rng.integers(1 << 62))
    if finish == "marble":
        return marble(rng, n, shown)
    if finish == "wood":
        return _wood(rng, n, shown)
    if finish == "terrazzo":
        return terrazzo(rng, n, shown)
    if finish == "concrete":
        return concrete(rng, n, shown)
    if finish == "plaster":
        return _plaster(rng, n, shown)
    if finish == "sand":
        return _sand(rng, n, shown)
    if finish == "fabric":
        return _cloth(rng, n, shown)
    if finish == "velvet":
        return _velvet(rng, n, shown)
    return None


def _wood(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Boards along x, sawn lengthwise from logs: rings round a pith that runs askew to the board."""
    place = (np.arange(n, dtype=np.float32) + np.float32(0.5)) * np.float32(TILE / n)
    width = TILE / BOARDS
    small = max(n // 4, 64)
    bend = Grains(n, soft=noise(rng, small, 2.2, 2.5, stretch=4, grid=512, shift=0.5 / small))
    fibre = Grains(n, (1, grain(rng, 1.3, 40, stretch=14)))
    pores = Grains(n, (1, grain(rng, 2.0, 200, stretch=22, grid=2048)))
    tone = Grains(n, soft=noise(rng, small, 1.5, 3, stretch=8, grid=512, shift=0.5 / small))
    late = rng.uniform(0.45, 1, 64).astype(np.float32)
    boards = [_planks(rng, place) for _ in range(BOARDS)]
    which = np.minimum(place / np.float32(width), BOARDS - 1).astype(int)

    def work(top: int, bottom: int, out: list[Field]) -> None:
        for board in range(which[top], which[bottom - 1] + 1):
            rows = top + np.flatnonzero(which[top:bottom] == board)
            planks, columns, down = boards[board]
            start = (int(rows[0]) + down) % n
            bent, fine, open_, toned = (one.rows(start, start + rows.size) for one in (bend, fibre, pores, tone))
            y = place[rows] - np.float32((board + 0.5) * width)
            red, green, blue = (plane[rows[0] - top : rows[-1] + 1 - top] for plane in out)
            finishes.board(
                bent, fine, open_, toned, columns, y, planks, late, np.float32(width), red, green, blue
            )  # fmt: skip

    return filled(3, n, work, shown.contrast)


def _planks(rng: np.random.Generator, place: Field) -> tuple[Field, NDArray[np.int64], int]:
    """Return what `finishes.board` wants of a board's two planks, and how far down noise is read."""
    n = place.size
    # Which plank, how far from its butt joint, and how far to the next.
    cuts = ((rng.uniform() + np.array([0.0, rng.uniform(0.4, 0.6)])) * TILE % TILE).astype(np.float32)[:, None]
    since = (place - cuts) % np.float32(TILE)
    plank, along, until = since.argmin(0), since.min(0), ((cuts - place) % np.float32(TILE)).min(0)
    askew = rng.choice([-1, 1], 2) * rng.uniform(0.22, 0.45, 2)
    pith = np.where(rng.random(2) < 0.35, askew, rng.normal(0, 0.035, 2))
    deep, lean = rng.uniform(0.03, 0.11, 2), rng.uniform(0.025, 0.1, 2) * rng.choice([-1, 1], 2)
    ring, shade = rng.uniform(0.010, 0.017, 2), np.clip(rng.normal(0, 0.07, 2), -0.14, 0.14)
    hue = np.clip(rng.normal(0, 0.008, 2), -0.016, 0.016)
    # No two planks show the same stretch of noise.
    columns = (np.arange(n) + rng.integers(0, 1024, 2)[plank] * n // 1024) % n
    down = int(rng.integers(0, 1024)) * n // 1024
    knot = np.array([[0.0], [0.0], [1.0], [0.0]])
    if rng.random() < 0.4:
        knot = np.array([[rng.uniform(0.2, 0.5)], [rng.uniform(-0.07, 0.07)], [rng.uniform(0.011, 0.019)], [1.0]])
    knots = knot * [[1.0], [1.0], [1.0], [0.0]] + [[0.0], [0.0], [0.0], [1.0]] * knot * (plank == 0)
    own = np.stack([pith, deep, lean, ring, shade, hue])[:, plank]
    return np.concatenate([own, along[None], until[None], knots]).astype(np.float32), columns, down


def _plaster(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Thin coats that a broad brush laid crosswise, uneven in tone, over ground that is nearly level, and fine grain.

    The ground's relief is smooth: steps and ridges of its spectrum's fine end would be the creases of crumpled paper.
    """
    small, light = max(n // 4, 64), shown.light_angle
    middle = 0.5 / small
    soft = np.float32(0.027) * noise(rng, small, 1.9, 2.5, grid=512, shift=middle)[None]
    soft[0] += np.float32(0.027 * shown.relief) * noise(
        rng, small, 3.2, 5, stretch=1.3, angle=float(rng.uniform(0, np.pi)), light_angle=light, grid=256, shift=middle
    )
    first = rng.uniform(0, np.pi)
    for turn in range(2):
        angle = float(first + (turn + rng.uniform(-0.15, 0.15)) * np.pi / 2)
        where = noise(rng, small, 2.2, 4, grid=256, shift=middle)
        strokes = noise(rng, small, 1.5, 16, stretch=5, angle=angle, grid=512, shift=middle)
        finishes.add_strokes(where, strokes, np.float32(0.028), soft[0])
    coarse = grain(rng, 1.6, 70, light_angle=light)
    fine = grain(rng, 1.0, 200, light_angle=light, grid=2048)
    even = Grains(n, (0.01 * shown.relief, coarse), (0.011 * shown.relief, fine))

    def work(top: int, bottom: int, out: list[Field]) -> None:
        finishes.plaster(even.rows(top, bottom), soft, top, out[0])
        np.maximum(out[0], 0.3, out=out[0])

    return filled(1, n, work, shown.contrast)


def _sand(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Grains, clumps of them, and a few dark ones."""
    small = max(n // 4, 64)
    clouds = np.float32(0.028) * noise(rng, small, 1.4, 3, grid=512, shift=0.5 / small)
    grains, clumps = grain(rng, 1.5, 420, grid=2048), grain(rng, 2.5, 130)
    even = Grains(n, (0.055, grains), (0.042, clumps), soft=clouds)
    dark = Grains(n, (1, grain(rng, 2.5, 330, grid=2048)))

    def work(top: int, bottom: int, out: list[Field]) -> None:
        finishes.sand(even.rows(top, bottom), dark.rows(top, bottom), out[0])

    return filled(1, n, work, shown.contrast)


def _cloth(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Plain weave: threads over and under in turn, of uneven path and tone (slubs); what lies has creases."""
    slubs, sways = [], []
    light = shown.light_angle
    for angle in (0.0, np.pi / 2):
        slubs.append(Grains(n, (1, grain(rng, 1.9, 60, stretch=16, angle=angle))))
        sway = noise(rng, n // 4, 2.0, 6, stretch=2, angle=angle, grid=256)
        sways.append(np.float32(0.7 / np.pi) * sway)
    drape = noise(rng, n // 4, 2.3, 2.5, stretch=2.5, angle=float(rng.uniform(0, np.pi)), grid=256, light_angle=light)
    tone = 1 + np.float32(0.06 * shown.relief) * drape + np.float32(0.01) * noise(rng, n // 4, 1.4, 3, grid=256)
    if not shown.upright:
        along = _creases(n // 4, rng)
        across = _creases(n // 4, rng)
        tone += np.float32(0.24 * shown.relief * np.cos(light)) * along[None]
        tone += np.float32(0.24 * shown.relief * np.sin(light)) * across[:, None]
    soft = np.stack([*sways, np.maximum(tone, 0.5)])
    threads = np.float32(THREADS)

    def work(top: int, bottom: int, out: list[Field]) -> None:
        finishes.cloth(slubs[0].rows(top, bottom), slubs[1].rows(top, bottom), soft, threads, top, out[0])

    return filled(1, n, work, WEAVE * shown.contrast)


def _velvet(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Pile that was stroked this way here and that way there, drawn out downwards as it hangs, and its fine ends."""
    small = max(n // 4, 64)
    down = np.pi / 2
    brushed = Grains(n, soft=noise(rng, small, 2.4, 3.5, stretch=2.2, angle=down, grid=512, shift=0.5 / small))
    crushed = grain(rng, 2.0, 14, stretch=2.5, angle=down, light_angle=shown.light_angle)
    pile = grain(rng, 1.2, 180, stretch=2, angle=down, grid=2048)
    fine = Grains(n, (0.035 * shown.relief, crushed), (0.02, pile))

    def work(top: int, bottom: int, out: list[Field]) -> None:
        # Pile that leans towards the viewer is dark, that which leans away shines.
        out[0][:] = 0.97 + np.float32(0.12) * (smoothstep(brushed.rows(top, bottom), -0.7, 0.9) - np.float32(0.45))
        out[0] += fine.rows(top, bottom)

    return filled(1, n, work, shown.contrast)


def _creases(m: int, rng: np.random.Generator) -> Field:
    """Return m float32, -1 to 1: the slopes of the creases across a tile of m places; folds go up and down in turn."""
    place = (np.arange(m, dtype=np.float32) + np.float32(0.5)) * np.float32(TILE / m)
    out = np.zeros(m, np.float32)
    start = float(rng.uniform(0, TILE))
    for index in range(CREASES):
        away = (place - np.float32(start + index * TILE / CREASES)) / np.float32(CREASE)
        away -= np.float32(TILE / CREASE) * np.round(away / np.float32(TILE / CREASE))
        sign = 1 if index % 2 else -1
        out += np.float32(sign * np.sqrt(2 * np.e)) * away * np.exp(-away * away)
    return out
