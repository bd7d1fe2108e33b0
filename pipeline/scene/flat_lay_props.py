"""Props for a surface that faces the camera: solids with their outline on the plan. Lengths in canvas heights.

The plan is the surface z = 0 itself: x to the right and y up, from the product's foot.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.spec import Finish
from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field
from pipeline.geometry.slabs import Pebble, Slab
from pipeline.geometry.solids import Ball, Rod, Solid

#: Thickness of paper or cloth and of a board.
PAPER, BOARD = 0.006, 0.016

Mask = NDArray[np.bool_]
Point = tuple[float, float]
#: Return which of the places x and y, which broadcast together, are under it.
Covers = Callable[[Field, Field], Mask]


@dataclass(frozen=True)
class Prop:
    """A thing that may be put down: its solids (True: in a tone of its colour), its outline, its height."""

    solids: tuple[tuple[Solid, bool], ...]
    covers: Covers
    height: float
    finish: Finish = "plain"
    #: As in `pipeline.scene.layout.Part`.
    mirror: float = 0.0


def ball(at: Point, radius: float, mirror: float = 0.0) -> Prop:
    """Return a ball, matt or polished."""
    solid = Ball(at[0], at[1], radius, radius)
    return Prop(((solid, False),), round_outline(at, radius), 2 * radius, mirror=mirror)


def pebbles(at: Point, radius: float, rng: np.random.Generator) -> Prop:
    """Return one stone, or two or three of different sizes beside each other."""
    count = int(rng.integers(1, 4))
    sizes = radius * np.array([1.0, 0.62, 0.4])[:count] / np.sqrt(1 + (0.38, 0.38, 0.54)[count - 1] * (count > 1))
    solids: list[tuple[Solid, bool]] = []
    outlines: list[Pebble] = []
    angle, x, y = float(rng.uniform(0, 2 * np.pi)), at[0], at[1]
    for index, size in enumerate(sizes):
        if index:
            reach = 0.95 * float(sizes[index - 1] + size)
            x, y = x + reach * float(np.cos(angle)), y + reach * float(np.sin(angle))
            angle += float(rng.uniform(-1.2, 1.2))
        flat = float(rng.uniform(0.68, 0.88))
        high = float(min(0.42 * size, 0.06))
        stone = Pebble(x, y, 0.8 * high, float(size), flat * float(size), high, float(rng.uniform(0, np.pi)))
        solids.append((stone, False))
        outlines.append(stone)

    def covers(px: Field, py: Field) -> Mask:
        found = np.zeros(np.broadcast_shapes(px.shape, py.shape), bool)
        for stone in outlines:
            c, s = np.float32(np.cos(stone.yaw)), np.float32(np.sin(stone.yaw))
            dx, dy = px - np.float32(stone.x), py - np.float32(stone.y)
            found |= ((c * dx + s * dy) / stone.rx) ** 2 + ((c * dy - s * dx) / stone.ry) ** 2 < 1
        return found

    return Prop(tuple(solids), covers, max(1.8 * stone.rz for stone in outlines), "concrete")


def disc(at: Point, radius: float, thick: float, finish: Finish = "plain") -> Prop:
    """Return a round board."""
    board = Panel("disc", at[0], at[1] - radius, thick, radius, 2 * radius, thick)
    return Prop(((board, False),), round_outline(at, radius), thick, finish)


def tray(at: Point, radius: float, high: float) -> Prop:
    """Return a rim, and a floor within it."""
    rim = Panel("disc", at[0], at[1] - radius, high, radius, 2 * radius, high, 0.91)
    inner = 0.92 * radius
    # Thicker than a board that it may stand on.
    low = 1.4 * BOARD
    floor = Panel("disc", at[0], at[1] - inner, low, inner, 2 * inner, low)
    return Prop(((rim, False), (floor, False)), round_outline(at, radius), high)


def bowl(at: Point, radius: float, rng: np.random.Generator) -> Prop:
    """Return a bowl with some round fruit in it."""
    high = 0.4 * radius
    rim = Panel("disc", at[0], at[1] - radius, high, radius, 2 * radius, high, 0.93)
    inner = 0.94 * radius
    floor = Panel("disc", at[0], at[1] - inner, 0.1 * high, inner, 2 * inner, 0.1 * high)
    fruit: list[tuple[Solid, bool]] = []
    for index in range(3):
        angle, size = 2.1 * index + float(rng.uniform(0, 1)), radius * float(rng.uniform(0.36, 0.42))
        x, y = at[0] + 0.47 * radius * float(np.cos(angle)), at[1] + 0.47 * radius * float(np.sin(angle))
        fruit.append((Ball(x, y, 0.1 * high + size, size), True))
    return Prop(((rim, False), (floor, False), *fruit), round_outline(at, radius), 2 * high, "plaster")


def books(at: Point, half: Point, turn: float, rng: np.random.Generator) -> Prop:
    """Return two books bound in cloth that lie on each other, their pages a little within the covers."""
    solids: list[tuple[Solid, bool]] = []
    top = 0.0
    for index, size in enumerate((1.0, 0.86)):
        here, sides = turn + index * float(rng.uniform(0.1, 0.35)), (size * half[0], size * half[1])
        for inset, thick, other in ((0.0, 0.004, False), (0.006, 0.022, True), (0.0, 0.004, False)):
            top += thick
            within = rectangle(at, (sides[0] - inset, sides[1] - inset), here, top, thick)
            solids.append((within.solids[0][0], other != (index > 0)))
    return Prop(tuple(solids), rectangle(at, half, turn, top, top).covers, top, "fabric")


def cloth(at: Point, half: Point, turn: float) -> Prop:
    """Return a folded cloth: leaves on each other, round where it is folded."""
    c, s = float(np.cos(turn)), float(np.sin(turn))
    thick, leaves = 0.012, 3
    solids: list[tuple[Solid, bool]] = []
    for index in range(leaves):
        # Each leaf ends a little before the one below.
        short = 0.035 * index * half[0]
        middle = at[0] + c * short, at[1] + s * short
        board = rectangle(middle, (half[0] - short, half[1]), turn, (index + 1) * thick, thick)
        solids.append((board.solids[0][0], False))
    radius = leaves * thick / 2
    foot = at[0] + c * half[0] + s * half[1], at[1] + s * half[0] - c * half[1], radius
    solids.append((Rod(foot, (-2 * s * half[1], 2 * c * half[1], 0.0), radius), False))
    return Prop(tuple(solids), rectangle(at, half, turn, 2 * radius, 2 * radius).covers, 2 * radius, "fabric")


def arch(foot: Point, half: float, thick: float) -> Prop:
    """Return an arch that lies on its back; `foot` is the middle of its foot."""
    tall = 1.5 * half
    board = Panel("arch", foot[0], foot[1], thick, half, tall, thick, 0.5)

    def covers(x: Field, y: Field) -> Mask:
        dx, dy = x - np.float32(foot[0]), y - np.float32(foot[1])
        spring = np.float32(tall - half)
        within = (dy > 0) & (np.abs(dx) < half) & ((dy < spring) | (dx * dx + (dy - spring) ** 2 < half**2))
        hole = (np.abs(dx) < 0.5 * half) & ((dy < spring) | (dx * dx + (dy - spring) ** 2 < (0.5 * half) ** 2))
        return np.asarray(within & ~hole)

    return Prop(((board, False),), covers, thick)


def rectangle(at: Point, half: Point, turn: float, top: float, thick: float) -> Prop:
    """Return a board with half sides `half`, turned by `turn` radians, whose top is at `top`."""
    c, s = float(np.cos(turn)), float(np.sin(turn))
    corners = tuple(
        (at[0] + c * u * half[0] - s * v * half[1], at[1] + s * u * half[0] + c * v * half[1])
        for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    )

    def covers(x: Field, y: Field) -> Mask:
        dx, dy = x - np.float32(at[0]), y - np.float32(at[1])
        return np.asarray((np.abs(c * dx + s * dy) < half[0]) & (np.abs(c * dy - s * dx) < half[1]))

    return Prop(((Slab(corners, top, thick, turn), False),), covers, top)


def round_outline(at: Point, radius: float) -> Covers:
    """Return a circle as an outline."""
    return lambda x, y: np.asarray((x - np.float32(at[0])) ** 2 + (y - np.float32(at[1])) ** 2 < radius**2)
