"""Finishes of surfaces: procedural albedo around 1, to be multiplied onto a flat colour.

A swatch is a function of its seed only: its size just sets the sampling. Lengths are in canvas heights and frequencies
in cycles per tile unless noted otherwise.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

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

#: Boards of a wooden table across a tile.
BOARDS = 8
#: Threads of cloth across a tile: a period of 1/240 canvas height, linen. Even, so that the weave tiles. Small objects,
#: whose swatches have half as many texels, have fewer.
THREADS, FEWER = 384, 288
#: Exponent of the weave's contrast: pale cloth with more contrast looks like a net.
WEAVE = 0.8
#: Creases of a folded cloth across a tile, and their width in canvas heights.
CREASES, CREASE = 3, 0.022

#: Distance between two veins of a leaf on the strip that leaves are cut from, in canvas heights.
VEINS = 0.02

AS_IT_IS = Appearance()


def swatch(finish: Finish, rng: np.random.Generator, n: int, shown: Appearance = AS_IT_IS) -> Pyramid | None:
    """Return n×n float32 albedo factors of a finish, grey or in three channels, linear, mean 1 per channel; they tile.

    Returns None for a finish without texture. `n` is a power of 2, at least 64. Each call takes one number from `rng`,
    independent of finish, size and `shown`.
    """
    rng = np.random.default_rng(rng.integers(1 << 62))
    make = _MAKERS.get(finish)
    return None if make is None else make(rng, n, shown)


def _wood(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Return boards along x, sawn lengthwise from logs: rings around a pith at an angle to the board."""
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
    """Return the input of `finishes.board` for a board, and the row at which its noise starts.

    Boards of one table are sawn from one log: they are cut similarly, and differ slightly in tone.
    """
    n = place.size
    # Distance from the butt joint behind.
    along = (place - np.float32(rng.uniform(0, TILE))) % np.float32(TILE)
    pith = rng.choice([-1, 1]) * rng.uniform(0.1, 0.3)
    deep, lean = rng.uniform(0.03, 0.09), rng.uniform(0.015, 0.05) * rng.choice([-1, 1])
    ring, shade = rng.uniform(0.007, 0.0105), np.clip(rng.normal(0, 0.035), -0.07, 0.07)
    hue = np.clip(rng.normal(0, 0.005), -0.01, 0.01)
    # No two boards show the same stretch of noise.
    columns = (np.arange(n) + int(rng.integers(0, 1024)) * n // 1024) % n
    down = int(rng.integers(0, 1024)) * n // 1024
    knot = 0.0, 0.0, 1.0, 0.0
    if rng.random() < 0.12:
        knot = rng.uniform(0.2, 1.4), rng.uniform(-0.05, 0.05), rng.uniform(0.006, 0.011), 1.0
    own = np.array([pith, deep, lean, ring, shade, hue, 0, 0, *knot])[:, None] * np.ones(n)
    own[6], own[7] = along, np.float32(TILE) - along
    return own.astype(np.float32), columns, down


def _plaster(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Return thin coats brushed crosswise, uneven in tone, over nearly level ground, and fine grain.

    The ground's relief is smooth: a finer spectrum's steps and ridges would look like crumpled paper.
    """
    small, light = max(n // 4, 64), shown.light_angle
    middle = 0.5 / small
    soft = np.float32(0.027) * noise(rng, small, 1.9, 2.5, grid=512, shift=middle)
    soft += np.float32(0.027 * shown.relief) * noise(
        rng, small, 3.2, 5, stretch=1.3, angle=float(rng.uniform(0, np.pi)), light_angle=light, grid=256, shift=middle
    )
    first = rng.uniform(0, np.pi)
    for turn in range(2):
        angle = float(first + (turn + rng.uniform(-0.15, 0.15)) * np.pi / 2)
        where = noise(rng, small, 2.2, 4, grid=256, shift=middle)
        stroke = noise(rng, small, 1.5, 16, stretch=5, angle=angle, grid=512, shift=middle)
        finishes.add_strokes(where, stroke, np.float32(0.028), soft)
    coarse = grain(rng, 1.6, 70, light_angle=light)
    fine = grain(rng, 1.0, 200, light_angle=light, grid=2048)
    strokes, even = Grains(n, soft=soft), Grains(n, (0.01 * shown.relief, coarse), (0.011 * shown.relief, fine))

    def work(top: int, bottom: int, out: list[Field]) -> None:
        np.maximum(1 + strokes.rows(top, bottom) + even.rows(top, bottom), 0.3, out=out[0])

    return filled(1, n, work, shown.contrast)


def _grains(
    rng: np.random.Generator,
    n: int,
    shown: Appearance,
    *,
    clouds: tuple[float, float, float],
    fine: tuple[float, float, float],
    clumps: tuple[float, float, float],
    dark: tuple[float, float],
) -> Pyramid:
    """Return soft clouds, grains and clumps, each by weight, slope and lowest frequency, and a few dark grains."""
    small = max(n // 4, 64)
    soft = np.float32(clouds[0]) * noise(rng, small, *clouds[1:], grid=512, shift=0.5 / small)
    even = Grains(n, (fine[0], grain(rng, *fine[1:], grid=2048)), (clumps[0], grain(rng, *clumps[1:])), soft=soft)
    spots = Grains(n, (1, grain(rng, *dark, grid=2048)))

    def work(top: int, bottom: int, out: list[Field]) -> None:
        finishes.sand(even.rows(top, bottom), spots.rows(top, bottom), out[0])

    return filled(1, n, work, shown.contrast)


def _cloth(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Return a plain weave, with threads of uneven path and tone (slubs); cloth that lies flat has creases."""
    slubs, sways = [], []
    light = shown.light_angle
    for angle in (0.0, np.pi / 2):
        slubs.append(Grains(n, (0.6, grain(rng, 1.8, 110, stretch=12, angle=angle, grid=2048))))
        sway = noise(rng, n // 4, 2.0, 6, stretch=2, angle=angle, grid=256)
        sways.append(np.float32(0.4 / np.pi) * sway)
    drape = noise(rng, n // 4, 2.3, 2.5, stretch=2.5, angle=float(rng.uniform(0, np.pi)), grid=256, light_angle=light)
    tone = 1 + np.float32(0.04 * shown.relief) * drape + np.float32(0.01) * noise(rng, n // 4, 1.4, 3, grid=256)
    if not shown.upright:
        along = _creases(n // 4, rng)
        across = _creases(n // 4, rng)
        tone += np.float32(0.14 * shown.relief * np.cos(light)) * along[None]
        tone += np.float32(0.14 * shown.relief * np.sin(light)) * across[:, None]
    return _woven(n, shown, slubs, np.stack([*sways, np.maximum(tone, 0.5)]), THREADS)


def _linen(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Return the weave of small objects, pressed: even in tone, with short slubs."""
    slubs = [Grains(n, (0.7, grain(rng, 1.6, 160, stretch=9, angle=angle, grid=2048))) for angle in (0.0, np.pi / 2)]
    sways = [
        np.float32(0.35 / np.pi) * noise(rng, n // 4, 2.0, 8, stretch=2, angle=angle, grid=256)
        for angle in (0.0, np.pi / 2)
    ]
    tone = 1 + np.float32(0.02) * noise(rng, n // 4, 1.6, 3, grid=256)
    return _woven(n, shown, slubs, np.stack([*sways, tone]), FEWER)


def _woven(n: int, shown: Appearance, slubs: list[Grains], soft: Field, threads: int) -> Pyramid:
    """Weave threads with slubs in both directions; `soft`, 3×m×m, has the sway of both directions and the tone."""

    def work(top: int, bottom: int, out: list[Field]) -> None:
        finishes.cloth(slubs[0].rows(top, bottom), slubs[1].rows(top, bottom), soft, np.float32(threads), top, out[0])

    return filled(1, n, work, WEAVE * shown.contrast)


def _velvet(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Return pile that was stroked in varying directions, drawn out downwards as it hangs, and its fine ends."""
    small = max(n // 4, 64)
    down = np.pi / 2
    brushed = Grains(n, soft=noise(rng, small, 2.4, 3.5, stretch=6, angle=down, grid=512, shift=0.5 / small))
    crushed = grain(rng, 2.0, 14, stretch=2.5, angle=down, light_angle=shown.light_angle)
    pile = grain(rng, 1.2, 180, stretch=2, angle=down, grid=2048)
    fine = Grains(n, (0.02 * shown.relief, crushed), (0.02, pile))

    def work(top: int, bottom: int, out: list[Field]) -> None:
        # Pile that leans towards the viewer is dark; pile that leans away shines.
        out[0][:] = 0.97 + np.float32(0.08) * (smoothstep(brushed.rows(top, bottom), -0.7, 0.9) - np.float32(0.45))
        out[0] += fine.rows(top, bottom)

    return filled(1, n, work, shown.contrast)


def _page(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Return the edge of a block of pages: fine lines along x, with some sheets that stick out slightly."""
    lines = np.float32(0.05) * rng.standard_normal(n).astype(np.float32)
    lines -= np.float32(0.16) * (rng.random(n) < 0.05)
    soft = Grains(n, (0.02, grain(rng, 1.8, 60, stretch=20)))

    def work(top: int, bottom: int, out: list[Field]) -> None:
        out[0][:] = 1 + lines[top:bottom, None] + soft.rows(top, bottom)

    return filled(1, n, work, shown.contrast)


def _leaf(rng: np.random.Generator, n: int, shown: Appearance) -> Pyramid:
    """Return a strip along v = 0 that leaves are cut from: a pale rib, oblique veins, tones that change along u."""
    place = (np.arange(n, dtype=np.float32) + np.float32(0.5)) * np.float32(TILE / n)
    away = np.minimum(place, TILE - place)[:, None]
    wave = np.fft.rfft(rng.standard_normal((2, n)))
    wave[:, 0], wave[:, 9:] = 0, 0
    tone, hue = (np.fft.irfft(wave, n) / np.fft.irfft(wave, n).std(1, keepdims=True)).astype(np.float32)
    turns = round(TILE / VEINS)

    def work(top: int, bottom: int, out: list[Field]) -> None:
        far = away[top:bottom]
        # The place where a vein leaves the rib; the veins of a leaf's two halves alternate.
        root = (place - np.float32(0.8) * far) * np.float32(turns / TILE) + np.float32(0.5) * (
            np.arange(top, bottom) * 2 < n
        )[:, None]
        vein = np.abs(root - np.rint(root)) * np.float32(2)
        value = 1 + np.float32(0.06) * tone + np.float32(0.035) * np.exp(-np.square(vein / np.float32(0.2)))
        rib = np.exp(-np.square(far / np.float32(0.0028)))
        value += np.float32(0.16) * rib - np.float32(0.06) * np.exp(
            -np.square((far - np.float32(0.0065)) / np.float32(0.004))
        )
        warm = np.float32(0.02) * hue + np.float32(0.03) * rib
        out[0][:], out[1][:], out[2][:] = value * (1 + warm), value, value * (1 - warm)

    return filled(3, n, work, shown.contrast)


def _creases(m: int, rng: np.random.Generator) -> Field:
    """Return the slopes, m float32, -1 to 1, of the creases across a tile of m places; folds alternate up and down."""
    place = (np.arange(m, dtype=np.float32) + np.float32(0.5)) * np.float32(TILE / m)
    out = np.zeros(m, np.float32)
    start = float(rng.uniform(0, TILE))
    for index in range(CREASES):
        away = (place - np.float32(start + index * TILE / CREASES)) / np.float32(CREASE)
        away -= np.float32(TILE / CREASE) * np.round(away / np.float32(TILE / CREASE))
        sign = 1 if index % 2 else -1
        out += np.float32(sign * np.sqrt(2 * np.e)) * away * np.exp(-away * away)
    return out


#: The maker of each finish that has a texture.
_MAKERS: Mapping[Finish, Callable[[np.random.Generator, int, Appearance], Pyramid]] = MappingProxyType(
    {
        "marble": marble,
        "wood": _wood,
        "terrazzo": terrazzo,
        "concrete": concrete,
        "plaster": _plaster,
        "sand": partial(
            _grains, clouds=(0.028, 1.4, 3), fine=(0.055, 1.5, 420), clumps=(0.042, 2.5, 130), dark=(2.5, 330)
        ),
        "stone": partial(
            _grains, clouds=(0.05, 1.7, 5), fine=(0.022, 1.4, 300), clumps=(0.03, 2.2, 70), dark=(2.2, 200)
        ),
        "fabric": _cloth,
        "linen": _linen,
        "velvet": _velvet,
        "page": _page,
        "leaf": _leaf,
    }
)
