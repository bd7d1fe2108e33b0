"""Props for a surface that faces the camera: solids with their outlines on the plan. Lengths in canvas heights.

The plan is the surface z = 0 itself: x to the right and y up, from the product's foot.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.spec import Finish
from pipeline.geometry.lathed import Lathed
from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field
from pipeline.geometry.rounded import axes
from pipeline.geometry.slabs import Slab
from pipeline.scene.prop_parts import PropPart, book, bowl_radii, egg, laid, leaves_of_cloth, stone

#: Thickness of paper or cloth and of a board.
PAPER, BOARD = 0.006, 0.016

Mask = NDArray[np.bool_]
Point = tuple[float, float]
#: Returns which of the places x and y, which broadcast together, it covers.
Covers = Callable[[Field, Field], Mask]


@dataclass(frozen=True)
class LyingProp:
    """A prop that may be placed: its solids, its outline, its height."""

    parts: tuple[PropPart, ...]
    covers: Covers
    height: float


def pebbles(at: Point, radius: float, rng: np.random.Generator) -> LyingProp:
    """Return one stone, or two or three of different sizes next to each other."""
    count = int(rng.integers(1, 4))
    sizes = radius * np.array([1.0, 0.62, 0.4])[:count] / np.sqrt(1 + (0.38, 0.38, 0.54)[count - 1] * (count > 1))
    parts: list[PropPart] = []
    rounds: list[tuple[Point, float]] = []
    angle, x, y = float(rng.uniform(0, 2 * np.pi)), at[0], at[1]
    for index, size in enumerate(float(one) for one in sizes):
        if index:
            reach = 1.02 * (rounds[-1][1] + size)
            x, y = x + reach * float(np.cos(angle)), y + reach * float(np.sin(angle))
            angle += float(rng.uniform(-1.2, 1.2))
        body = stone((x, y, 0.0), size, float(min(0.4 * size, 0.05)), rng, lying=True)
        parts.append(PropPart(body, "stone", "stone"))
        rounds.append(((x, y), size))

    def covers(px: Field, py: Field) -> Mask:
        found = np.zeros(np.broadcast_shapes(px.shape, py.shape), bool)
        for place, size in rounds:
            found |= round_outline(place, 0.92 * size)(px, py)
        return found

    return LyingProp(tuple(parts), covers, max(part.solid.bounds[5] for part in parts if part.solid.bounds))


def disc(at: Point, radius: float, thick: float, finish: Finish = "plain") -> LyingProp:
    """Return a round board."""
    board = Panel("disc", at[0], at[1] - radius, thick, radius, 2 * radius, thick)
    return LyingProp((PropPart(board, "own", finish),), round_outline(at, radius), thick)


def tray(at: Point, radius: float, high: float) -> LyingProp:
    """Return a lacquered tray: a level floor within a rim."""
    radii = tuple(radius * one for one in (0.97, 0.98, 0.99, 1.0, 1.0))
    # Its floor is higher than a board that it may be placed on.
    body = Lathed(at[0], at[1], 0.0, high, radii, 0.96, 1.4 * BOARD, lying=True)
    return LyingProp((PropPart(body),), round_outline(at, radius), high)


def bowl(at: Point, radius: float, rng: np.random.Generator) -> LyingProp:
    """Return a bowl, empty or with eggs in it."""
    high = 0.5 * radius
    # The floor is as high as a tray's.
    body = Lathed(at[0], at[1], 0.0, high, bowl_radii(radius), 0.94, max(0.12 * high, 1.4 * BOARD), lying=True)
    parts = [PropPart(body, "own", "plaster")]
    if rng.random() < 0.6:
        first = float(rng.uniform(0, 2.1))
        for angle in first + 2.1 * np.arange(3):
            x, y = at[0] + 0.36 * radius * float(np.cos(angle)), at[1] + 0.36 * radius * float(np.sin(angle))
            turn = laid(axes(float(rng.uniform(0, 6.3)), 0.15, 1.45))
            parts.append(PropPart(egg((x, y, 0.62 * high), 0.25 * radius, turn), "egg"))
    return LyingProp(tuple(parts), round_outline(at, radius), high)


def books(at: Point, half: Point, turn: float, rng: np.random.Generator) -> LyingProp:
    """Return two books bound in cloth on top of each other, their pages a little inside the covers."""
    parts: list[PropPart] = []
    top = 0.0
    # The back is along a long side.
    across = half[0] >= half[1]
    for index, size in enumerate((1.0, 0.86)):
        here, high = turn + index * float(rng.uniform(0.1, 0.35)), float(rng.uniform(0.026, 0.038))
        sides = (size * half[0], size * half[1]) if across else (size * half[1], size * half[0])
        own = laid(axes(here + (0.0 if across else np.pi / 2) + np.pi * float(rng.integers(2))))
        parts += book((*at, top), sides, high, own, "other" if index else "own", bool(rng.random() < 0.5))
        top += high
    return LyingProp(tuple(parts), rectangle(at, half, turn, top, top).covers, top)


def cloth(at: Point, half: Point, turn: float, rng: np.random.Generator) -> LyingProp:
    """Return a folded cloth: leaves on top of each other, round at the fold."""
    high = 0.036
    parts = tuple(leaves_of_cloth((*at, 0.0), half, high, 3, 0, turn, rng, lying=True))
    return LyingProp(parts, rectangle(at, half, turn, high, high).covers, high)


def arch(foot: Point, half: float, thick: float) -> LyingProp:
    """Return an arch that lies on its back; `foot` is the middle of its foot."""
    tall = 1.5 * half
    board = Panel("arch", foot[0], foot[1], thick, half, tall, thick, 0.5)

    def covers(x: Field, y: Field) -> Mask:
        dx, dy = x - np.float32(foot[0]), y - np.float32(foot[1])
        spring = np.float32(tall - half)
        within = (dy > 0) & (np.abs(dx) < half) & ((dy < spring) | (dx * dx + (dy - spring) ** 2 < half**2))
        hole = (np.abs(dx) < 0.5 * half) & ((dy < spring) | (dx * dx + (dy - spring) ** 2 < (0.5 * half) ** 2))
        return np.asarray(within & ~hole)

    return LyingProp((PropPart(board),), covers, thick)


def rectangle(at: Point, half: Point, turn: float, top: float, thick: float, finish: Finish = "plain") -> LyingProp:
    """Return a board with half sides `half`, turned by `turn` radians, whose top is at `top`."""
    c, s = float(np.cos(turn)), float(np.sin(turn))
    corners = tuple(
        (at[0] + c * u * half[0] - s * v * half[1], at[1] + s * u * half[0] + c * v * half[1])
        for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    )

    def covers(x: Field, y: Field) -> Mask:
        dx, dy = x - np.float32(at[0]), y - np.float32(at[1])
        return np.asarray((np.abs(c * dx + s * dy) < half[0]) & (np.abs(c * dy - s * dx) < half[1]))

    return LyingProp((PropPart(Slab(corners, top, thick, turn), "own", finish),), covers, top)


def round_outline(at: Point, radius: float) -> Covers:
    """Return a circle as an outline."""
    return lambda x, y: np.asarray((x - np.float32(at[0])) ** 2 + (y - np.float32(at[1])) ** 2 < radius**2)
