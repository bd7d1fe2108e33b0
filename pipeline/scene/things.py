"""Things to stand beside a product, made of solids: stones, books, cloth, trays, bowls, plants, water, glass.

Each is made for a place on the floor (x, level, z) and for the area that it covers of a picture at its own depth, in
square canvas heights. Its pieces name their colours by what they are to it: `own` is the thing's, `other` a second one
that goes with it, `leaf` that of leaves, `pale` the palest of all, `water` that of water.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import numpy as np

from pipeline.core.spec import PropName
from pipeline.geometry.panels import Panel
from pipeline.geometry.solids import Ball, Block, Drum, Pool, Rod
from pipeline.scene import plants
from pipeline.scene.pieces import Piece, Spot, Thing, Tint

#: Of glass, and all of its colour: 0 would be opaque.
TINTED = 1e-3


def thing(name: PropName, spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """Return a thing of that name."""
    return _MAKERS[name](spot, area, rng)


def _stones(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """Flat stones on top of each other, each smaller than the one below."""
    x, y, z = spot
    count = int(rng.integers(2, 5))
    sizes = np.cumprod([1.0, *rng.uniform(0.66, 0.85, count - 1)])
    flat = rng.uniform(0.3, 0.5, count)
    unit = float(np.sqrt(area / (np.pi * (sizes**2 * flat).sum())))
    pieces: list[Piece] = []
    for size, squash in zip(sizes * unit, flat, strict=True):
        radius = float(size)
        shift = 0.12 * radius * rng.normal(0, 1, 2)
        stone = Ball(x + float(shift[0]), y + 0.96 * radius * float(squash), z + float(shift[1]), radius, float(squash))
        pieces.append(Piece(stone, "stone", "concrete"))
        y += 1.86 * radius * float(squash)
    return Thing(tuple(pieces), unit)


def _pebbles(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """Stones of different sizes beside each other."""
    x, y, z = spot
    unit = float(np.sqrt(area / (np.pi * 0.62 * (1 + 0.38 + 0.16))))
    way = float(rng.choice([-1.0, 1.0]))
    pieces, at = [], 0.0
    for index, size in enumerate((1.0, 0.62, 0.4)):
        radius, squash = unit * size, float(rng.uniform(0.5, 0.75))
        at += way * radius * (0.9 if index else 0.0)
        stone = Ball(x + at, y + 0.9 * radius * squash, z + float(rng.uniform(0.0, 0.5)) * unit, radius, squash)
        pieces.append(Piece(stone, "stone", "concrete"))
        at += way * radius
    return Thing(tuple(pieces), 1.5 * unit)


def _books(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """Two or three books that lie on each other, each turned a little."""
    x, y, z = spot
    count = int(rng.integers(2, 4))
    ratio = float(rng.uniform(0.15, 0.2))
    half = float(np.sqrt(area / (2 * 2.2 * ratio * count)))
    pieces = []
    for index in range(count):
        high = 2 * half * ratio * float(rng.uniform(0.75, 1.2))
        size, yaw = half * (1 - 0.07 * index), float(rng.uniform(-0.2, 0.2))
        deep, cover = 0.72 * size, 0.12 * high
        tint: Tint = "other" if index % 2 else "own"
        pieces += [
            Piece(Block(x, y, z, size, cover, deep, yaw), tint, "fabric"),
            Piece(
                Block(x, y + cover, z, 0.96 * size, high - 2 * cover, 0.92 * deep, yaw),
                "page",
            ),
            Piece(Block(x, y + high - cover, z, size, cover, deep, yaw), tint, "fabric"),
        ]
        # The book's back, towards the viewer or away from them.
        way = 1.0 if rng.random() < 0.3 else -1.0
        c, s = way * float(np.cos(yaw)), way * float(np.sin(yaw))
        pieces.append(Piece(Block(x + s * deep, y, z + c * deep, size, high, 0.09 * high, yaw), tint, "fabric"))
        y += high
    return Thing(tuple(pieces), 1.2 * half)


def _folded_cloth(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """Two cloths, each folded once, on each other: leaves, pressed flat, whose folds are soft.

    Thinner ones would be a few rows of the traced light high, whose steps make planks of them.
    """
    x, y, z = spot
    half = float(np.sqrt(area / (2 * 0.5)))
    return Thing(tuple(_leaves_of_cloth((x, y, z), half, 0.5 * half, 2, 2, rng)), 1.15 * half)


def _leaves_of_cloth(
    spot: Spot, half: float, tall: float, below: int, above: int, rng: np.random.Generator
) -> Iterator[Piece]:
    """Yield leaves of cloth, `below` of one colour under `above` of another, half a width wide and `tall` in all.

    Cloth that is pressed has flat folds: the rod that a fold is lies deeper in its neighbours than it stands out. No
    leaf ends where the one below does, none is as thick, and the topmost is soft at its sides, too.
    """
    x, y, z = spot
    thick = rng.uniform(0.75, 1.2, below + above)
    thick *= tall / thick.sum()
    yaw = float(rng.uniform(-0.3, 0.3))
    for index, high in enumerate(float(one) for one in thick):
        turn, size = yaw + float(rng.uniform(-0.04, 0.04)), half * float(rng.uniform(0.95, 1.0))
        c, s, deep, radius = float(np.cos(turn)), float(np.sin(turn)), 0.62 * size, 0.56 * high
        tint: Tint = "own" if index < below else "other"
        last = index == below + above - 1
        wide = size - radius * last
        yield Piece(Block(x, y, z, wide, high, deep, turn), tint, "fabric")
        # The fold sags towards one end.
        sag = float(rng.uniform(-0.05, 0.05)) * high
        left = x - c * wide + s * deep, y + 0.5 * high - sag, z + s * wide + c * deep
        yield Piece(Rod(left, (2 * c * wide, 2 * sag, -2 * s * wide), radius), tint, "fabric")
        if last:
            right = left[0] + 2 * c * wide, left[1] + 2 * sag, left[2] - 2 * s * wide
            for corner, lower in ((left, sag), (right, -sag)):
                yield Piece(Rod(corner, (-2 * s * deep, lower, -2 * c * deep), radius), tint, "fabric")
                yield Piece(Ball(*corner, radius), tint, "fabric")
        y += high


def _towels(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """A pile of cloths, each folded once more: higher than wide is deep, of two colours."""
    x, y, z = spot
    half = float(np.sqrt(area / (2 * 0.8)))
    return Thing(tuple(_leaves_of_cloth((x, y, z), half, 0.8 * half, 3, 3, rng)), 1.15 * half)


def _tray(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """A round tray of polished metal with a rim, and a ball or two on it."""
    x, y, z = spot
    radius = float(np.sqrt(area / 0.75))
    high = 0.12 * radius
    pieces = [Piece(Drum(x, y, z, radius, high, 0.95 * radius, 0.25 * high), mirror=0.42)]
    for index in range(int(rng.integers(1, 3))):
        size = radius * float(rng.uniform(0.2, 0.3)) * (1 - 0.3 * index)
        at = x + (0.42 - 0.85 * index) * radius, z + float(rng.uniform(-0.3, 0.2)) * radius
        pieces.append(Piece(Ball(at[0], y + 0.25 * high + size, at[1], size), "other"))
    return Thing(tuple(pieces), radius)


def _bowl(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """A bowl with some round fruit in it."""
    x, y, z = spot
    radius = float(np.sqrt(area / 1.5))
    high = 0.62 * radius
    foot = 0.12 * high
    pieces = [
        Piece(Drum(x, y, z, 0.5 * radius, foot), "own", "plaster"),
        Piece(Drum(x, y + foot, z, radius, high, 0.92 * radius, 0.1 * high), "own", "plaster"),
    ]
    for index in range(3):
        angle, size = 2.1 * index + float(rng.uniform(0, 1)), radius * float(rng.uniform(0.32, 0.4))
        at = x + 0.48 * radius * float(np.cos(angle)), z + 0.48 * radius * float(np.sin(angle))
        pieces.append(Piece(Ball(at[0], y + foot + 0.78 * high, at[1], size, 0.92), "other"))
    return Thing(tuple(pieces), radius)


def _water(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """A shallow dish full of water, which mirrors what is behind it, in rings round a stone."""
    x, y, z = spot
    radius = float(np.sqrt(area / 0.75))
    high, brim = 0.13 * radius, 0.96 * radius
    size = 0.26 * radius
    at = x + float(rng.choice([-0.35, 0.35])) * radius, z - 0.15 * radius
    pieces = (
        Piece(Drum(x, y, z, radius, high, brim, 0.3 * high), "own", "plaster"),
        Piece(
            Pool(x, y + 0.2 * high, z, 0.999 * brim, 0.68 * high, middle=at, ring=0.17 * radius), "water", mirror=0.3
        ),
        Piece(Ball(at[0], y + 0.86 * high, at[1], size, 0.6), "other", "concrete"),
    )
    return Thing(pieces, radius)


def _glass_blocks(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """Two blocks of clear glass, one lower than the other."""
    x, y, z = spot
    half = float(np.sqrt(area / 4.4))
    turn, side = float(rng.uniform(0.2, 0.5)) * float(rng.choice([-1, 1])), float(rng.choice([-1.0, 1.0]))
    tall = Block(x, y, z, half, 2.2 * half, 0.8 * half, turn)
    low = Block(x + side * 1.9 * half, y, z + 0.5 * half, 0.62 * half, 0.95 * half, 0.62 * half, -0.7 * turn)
    return Thing((Piece(tall, clear=0.94), Piece(low, clear=0.7)), 1.6 * half)


def _glass_ball(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """A ball of clear glass, which shows the scene upside down, and a small tinted one."""
    x, y, z = spot
    radius = float(np.sqrt(area / 3.6))
    side = float(rng.choice([-1.0, 1.0]))
    small = 0.42 * radius
    ball, other = Ball(x, y + radius, z, radius), Ball(x + side * 1.35 * radius, y + small, z + 0.5 * radius, small)
    return Thing((Piece(ball, clear=0.96), Piece(other, clear=0.35)), 1.3 * radius)


def _tumbler(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """A cylinder of thick glass."""
    x, y, z = spot
    radius = float(np.sqrt(area / (2 * rng.uniform(2.4, 3.4))))
    return Thing((Piece(Drum(x, y, z, radius, area / (2 * radius)), clear=0.9),), radius)


def _acrylic(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """Two upright discs of tinted acrylic glass, one before the other."""
    x, y, z = spot
    half = float(np.sqrt(area / (1.5 * np.pi)))
    side = float(rng.choice([-1.0, 1.0]))
    one = Panel("disc", x, y, z, half, 2 * half, 0.022)
    two = Panel("disc", x + side * 0.9 * half, y, z + 0.09, 0.62 * half, 1.24 * half, 0.022)
    return Thing((Piece(one, clear=TINTED), Piece(two, "other", clear=TINTED)), 0.9 * half)


def _metal_ball(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """A polished ball of metal and a small one."""
    x, y, z = spot
    radius = float(np.sqrt(area / (1.2 * np.pi)))
    side = float(rng.choice([-1.0, 1.0]))
    small = 0.45 * radius
    balls = Ball(x, y + radius, z, radius), Ball(x + side * 1.3 * radius, y + small, z + 0.45 * radius, small)
    return Thing(tuple(Piece(ball, mirror=0.72) for ball in balls), 1.25 * radius)


_MAKERS: Mapping[PropName, Callable[[Spot, float, np.random.Generator], Thing]] = MappingProxyType(
    {
        "stones": _stones,
        "pebbles": _pebbles,
        "books": _books,
        "folded_cloth": _folded_cloth,
        "towels": _towels,
        "tray": _tray,
        "bowl": _bowl,
        "vase": plants.vase,
        "grass": plants.grass,
        "potted_plant": plants.potted_plant,
        "water": _water,
        "glass_blocks": _glass_blocks,
        "glass_ball": _glass_ball,
        "tumbler": _tumbler,
        "acrylic": _acrylic,
        "metal_ball": _metal_ball,
    }
)
