"""Props for a surface that faces the camera: solids with their outlines on the plan. Lengths in canvas heights.

The plan is the surface z = 0 itself: x to the right and y up, from the product's foot.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.spec import Finish
from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field
from pipeline.geometry.slabs import Slab
from pipeline.geometry.sprites import Sprite
from pipeline.scene.props import PropPart, Spot, lying

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


def sprite(
    name: str, at: Point, level: float, area: float, turn: float, rng: np.random.Generator, eye: Spot
) -> LyingProp:
    """Return a prop of that name that lies on a level."""
    made = lying(name, (*at, level), area, turn, rng, eye)
    first = made.parts[0].solid
    assert isinstance(first, Sprite), "props that lie are sprites"
    # Without a shadow: the lamp that a caller moves must not move the prop.
    return LyingProp(made.parts, first.covers, 0.0)


def disc(at: Point, radius: float, thick: float, finish: Finish = "plain") -> LyingProp:
    """Return a round board."""
    board = Panel("disc", at[0], at[1] - radius, thick, radius, 2 * radius, thick)

    def covers(x: Field, y: Field) -> Mask:
        return np.asarray((x - np.float32(at[0])) ** 2 + (y - np.float32(at[1])) ** 2 < radius**2)

    return LyingProp((PropPart(board, "own", finish),), covers, thick)


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
