"""Props that stand beside a product, made of solids: stones, books, cloth, trays, bowls, plants, water, metal.

Each is made for a place on the floor (x, level, z) and for an area. That is the area that it covers in a picture at its
own depth, in square canvas heights. Its parts name their colours by role (`pipeline.scene.prop_parts.Tint`): `own` is
the prop's, and `other` a second colour of the palette.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np

from pipeline.core.spec import PropName
from pipeline.geometry.lathed import Lathed
from pipeline.geometry.rounded import axes
from pipeline.geometry.solids import Ball, Drum
from pipeline.scene import plant_props
from pipeline.scene.prop_parts import Prop, PropPart, Spot, Tint, book, bowl_radii, egg, leaves_of_cloth, stone


def prop(name: PropName, spot: Spot, area: float, rng: np.random.Generator) -> Prop:
    """Return a prop of that name."""
    return _MAKERS[name](spot, area, rng)


def _stones(spot: Spot, area: float, rng: np.random.Generator) -> Prop:
    """Return flat stones on top of each other, each smaller than the stone below."""
    x, y, z = spot
    count = int(rng.integers(2, 5))
    sizes = np.cumprod([1.0, *rng.uniform(0.64, 0.84, count - 1)])
    flat = rng.uniform(0.28, 0.42, count)
    unit = float(np.sqrt(area / (np.pi * (sizes**2 * flat).sum())))
    parts: list[PropPart] = []
    for size, squash in zip(sizes * unit, flat, strict=True):
        shift = 0.07 * size * rng.normal(0, 1, 2)
        body = stone((x + float(shift[0]), y, z + float(shift[1])), float(size), float(squash * size), rng, level=0.3)
        parts.append(PropPart(body, "stone", "stone"))
        # Sunk a little into the stone below, as if worn by its weight.
        y = body.bounds[4] - 0.09 * float(size)
    return Prop(tuple(parts), unit)


def _pebbles(spot: Spot, area: float, rng: np.random.Generator) -> Prop:
    """Return stones of different sizes next to each other."""
    x, y, z = spot
    unit = float(np.sqrt(area / (np.pi * 0.55 * (1 + 0.38 + 0.16))))
    way = float(rng.choice([-1.0, 1.0]))
    parts, before = [], 0.0
    # The second is in front of or beside the first, the third beside the second.
    turns = 0.0, rng.uniform(0.2, 0.8), rng.uniform(-0.9, 0.1)
    for size, turn in zip(unit * np.array([1.0, 0.62, 0.4]), turns, strict=True):
        radius, squash = float(size), float(rng.uniform(0.42, 0.56))
        if before:
            reach = 1.03 * (before + radius)
            x, z = x + way * reach * float(np.cos(turn)), z + reach * float(np.sin(turn))
        parts.append(PropPart(stone((x, y, z), radius, squash * radius, rng), "stone", "stone"))
        before = radius
    return Prop(tuple(parts), 1.5 * unit)


def _books(spot: Spot, area: float, rng: np.random.Generator) -> Prop:
    """Return two or three books on top of each other, each turned a little."""
    x, y, z = spot
    count = int(rng.integers(2, 4))
    ratio = float(rng.uniform(0.14, 0.18))
    half = float(np.sqrt(area / (2 * 2.2 * ratio * count)))
    parts: list[PropPart] = []
    for index in range(count):
        high = 2 * half * ratio * float(rng.uniform(0.75, 1.2))
        size, yaw = half * (1 - 0.07 * index), float(rng.uniform(-0.2, 0.2))
        # The book's back faces the viewer or points away from them.
        way = 1.0 if rng.random() < 0.35 else -1.0
        tint: Tint = "other" if index % 2 else "own"
        sides = size, float(rng.uniform(0.68, 0.76)) * size
        parts += book((x, y, z), sides, high, axes(yaw if way > 0 else yaw + np.pi), tint, bool(rng.random() < 0.6))
        y += high
    return Prop(tuple(parts), 1.2 * half)


def _cloth(spot: Spot, area: float, rng: np.random.Generator, *, tall: float, leaves: tuple[int, int]) -> Prop:
    """Return folded cloth of two colours, `tall` half widths high; `leaves` counts those below and above."""
    half = float(np.sqrt(area / (2 * tall)))
    yaw = float(rng.uniform(-0.3, 0.3))
    return Prop(tuple(leaves_of_cloth(spot, (half, 0.62 * half), tall * half, *leaves, yaw, rng)), 1.15 * half)


def _tray(spot: Spot, area: float, rng: np.random.Generator) -> Prop:
    """Return a round tray of polished brass with a rim, and a stone or two on it."""
    x, y, z = spot
    radius = float(np.sqrt(area / 0.75))
    high = 0.1 * radius
    radii = tuple(radius * one for one in (0.95, 0.97, 0.985, 1.0, 1.0))
    parts = [PropPart(Lathed(x, y, z, high, radii, 0.975, 0.22 * high), "brass", mirror=0.5)]
    for index in range(int(rng.integers(1, 3))):
        size = radius * float(rng.uniform(0.2, 0.3)) * (1 - 0.3 * index)
        at = x + (0.42 - 0.85 * index) * radius, y + 0.22 * high, z + float(rng.uniform(-0.3, 0.2)) * radius
        parts.append(PropPart(stone(at, size, 0.55 * size, rng), "stone", "stone"))
    return Prop(tuple(parts), radius)


def _bowl(spot: Spot, area: float, rng: np.random.Generator) -> Prop:
    """Return a bowl, empty or with eggs in it."""
    x, y, z = spot
    radius = float(np.sqrt(area / 1.35))
    high = float(rng.uniform(0.55, 0.75)) * radius
    parts = [PropPart(Lathed(x, y, z, high, bowl_radii(radius), 0.955, 0.1 * high), "own", "plaster")]
    if rng.random() < 0.5:
        first = float(rng.uniform(0, 2.1))
        for angle in first + 2.1 * np.arange(3):
            at = x + 0.4 * radius * float(np.cos(angle)), y + 0.84 * high, z + 0.4 * radius * float(np.sin(angle))
            parts.append(PropPart(egg(at, 0.235 * radius, axes(float(rng.uniform(0, 6.3)), 0.2, 1.4)), "egg"))
    return Prop(tuple(parts), 0.6 * radius)


def _water(spot: Spot, area: float, rng: np.random.Generator) -> Prop:
    """Return a shallow dish full of water, which mirrors its background and a stone that lies in it."""
    x, y, z = spot
    radius = float(np.sqrt(area / 0.75))
    high, brim = 0.13 * radius, 0.96 * radius
    size = 0.26 * radius
    at = x + float(rng.choice([-0.35, 0.35])) * radius, z - 0.15 * radius
    parts = (
        PropPart(Drum(x, y, z, radius, high, brim, 0.3 * high), "own", "plaster"),
        PropPart(Drum(x, y + 0.2 * high, z, 0.999 * brim, 0.68 * high), "water", mirror=0.3),
        PropPart(stone((at[0], y + 0.3 * high, at[1]), size, 0.6 * size, rng), "stone", "stone"),
    )
    return Prop(parts, radius)


def _metal_ball(spot: Spot, area: float, rng: np.random.Generator) -> Prop:
    """Return a large and a small polished ball of brass."""
    x, y, z = spot
    radius = float(np.sqrt(area / (1.2 * np.pi)))
    side = float(rng.choice([-1.0, 1.0]))
    small = 0.45 * radius
    balls = Ball(x, y + radius, z, radius), Ball(x + side * 1.3 * radius, y + small, z + 0.45 * radius, small)
    return Prop(tuple(PropPart(ball, "brass", mirror=0.72) for ball in balls), 1.25 * radius)


_MAKERS: Mapping[PropName, Callable[[Spot, float, np.random.Generator], Prop]] = MappingProxyType(
    {
        "stones": _stones,
        "pebbles": _pebbles,
        "books": _books,
        "folded_cloth": partial(_cloth, tall=0.42, leaves=(2, 2)),
        "towels": partial(_cloth, tall=0.78, leaves=(3, 1)),
        "tray": _tray,
        "bowl": _bowl,
        "vase": plant_props.vase,
        "potted_plant": plant_props.potted_plant,
        "water": _water,
        "metal_ball": _metal_ball,
    }
)
