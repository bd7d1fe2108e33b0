"""A caller's placement: the product's box moved, scaled and turned.

It is a similarity transform of the canvas. A standing product scales and turns about its foot, a product cropped above
about its upper edge, any other about its middle.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.core.order import Placement
from pipeline.placement.facts import Box

#: Fixed point of scaling and turning: the middle of the box's lower edge, of its upper edge, or of the box.
Anchor = Literal["foot", "hook", "middle"]
#: Share of the product's height, from below or above, whose middle is the pivot of a turn.
FOOT = 0.12


@dataclass(frozen=True)
class Position:
    """A product's position on the canvas, in its pixels."""

    #: Box of the product before the turn: left, top, right, bottom.
    box: Box
    #: Degrees clockwise, about a point.
    turn: float
    pivot: tuple[float, float]
    #: The box of the turned product.
    bounds: Box

    @classmethod
    def of(cls, box: Box) -> "Position":
        """Return the position of an unturned product that fills a box."""
        return cls(box, 0.0, ((box[0] + box[2]) / 2, box[3]), box)


@dataclass(frozen=True)
class Outline:
    """The ends of a product's rows, as shares of its tight box: x0 and x1 from the left, y from the top; each N."""

    x0: NDArray[np.float64]
    x1: NDArray[np.float64]
    y: NDArray[np.float64]

    @classmethod
    def of(cls, alpha: NDArray[np.float32]) -> "Outline":
        """Return the outline of an H×W alpha with something above 0.5; each row twice, at its top and its bottom."""
        solid = alpha > 0.5
        rows = np.flatnonzero(solid.any(axis=1))
        first, last = np.argmax(solid[rows], axis=1), solid.shape[1] - np.argmax(solid[rows, ::-1], axis=1)
        left, width = first.min(), last.max() - first.min()
        y = np.concatenate([rows, rows + 1]) - rows[0]
        return cls(np.tile((first - left) / width, 2), np.tile((last - left) / width, 2), y / y.max())

    def middle(self, *, at_top: bool) -> float:
        """Return the middle of the lowest rows (the foot) or of the highest (the hook)."""
        end = self.y <= FOOT if at_top else self.y >= 1 - FOOT
        return float(self.x0[end].min() + self.x1[end].max()) / 2

    def along(self, side: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the two ends, as shares x and y, of the outline's part that touches a side of the box."""
        if side in ("left", "right"):
            at = self.x0 <= self.x0.min() + 1e-9 if side == "left" else self.x1 >= self.x1.max() - 1e-9
            y = self.y[at]
            return np.full(2, 0.0 if side == "left" else 1.0), np.array([y.min(), y.max()])
        end = 0.0 if side == "top" else 1.0
        at = np.abs(self.y - end) < 1e-9
        return np.array([self.x0[at].min(), self.x1[at].max()]), np.full(2, end)


#: The outline of a product whose outline is unknown: a full box.
FULL_BOX = Outline(np.zeros(2), np.ones(2), np.array([0.0, 1.0]))


def anchor_of(edges: tuple[str, ...], stands: bool) -> Anchor:
    """Return the fixed point of a product that goes to these sides of the canvas, or stands there."""
    if stands or "bottom" in edges:
        return "foot"
    return "hook" if "top" in edges else "middle"


def adjusted(
    box: Box,
    placement: Placement,
    width: int,
    height: int,
    *,
    outline: Outline = FULL_BOX,
    edges: tuple[str, ...] = (),
    stands: bool = False,
) -> Position:
    """Return the position of a product placed in `box` on a width×height canvas, after the caller's placement.

    `edges` are the sides of the canvas that it goes to. `stands`: its foot rests on something visible.
    """
    left, top, right, bottom = box
    anchor = anchor_of(edges, stands)
    x = left if "left" in edges else right if "right" in edges else (left + right) / 2
    x = (left + right) / 2 if {"left", "right"} <= set(edges) else x
    y = {"foot": bottom, "hook": top, "middle": (top + bottom) / 2}[anchor]
    move_x, move_y = placement.shift_x * width, placement.shift_y * height
    left, right = (x + (side - x) * placement.scale + move_x for side in (left, right))
    top, bottom = (y + (side - y) * placement.scale + move_y for side in (top, bottom))
    moved = (left, top, right, bottom)
    pivot = (left + right) / 2, (top + bottom) / 2
    if anchor != "middle":
        hung = anchor == "hook"
        pivot = left + outline.middle(at_top=hung) * (right - left), top if hung else bottom
    position = Position(moved, placement.turn, pivot, moved)
    return _set_down(position, outline, anchor) if placement.turn else position


def _set_down(position: Position, outline: Outline, anchor: Anchor) -> Position:
    """Return the position with its bounds, after moving the foot, or the hook, back to its height before the turn."""
    x, y = on_canvas(position, np.concatenate([outline.x0, outline.x1]), np.tile(outline.y, 2))
    bounds = float(x.min()), float(y.min()), float(x.max()), float(y.max())
    down = {"foot": position.box[3] - bounds[3], "hook": position.box[1] - bounds[1], "middle": 0.0}[anchor]
    # the foot stands on a whole pixel row
    down += round(bounds[3] + down) - (bounds[3] + down)

    def moved(box: Box) -> Box:
        return box[0], box[1] + down, box[2], box[3] + down

    pivot = position.pivot[0], position.pivot[1] + down
    return Position(moved(position.box), position.turn, pivot, moved(bounds))


def on_canvas(
    position: Position, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return canvas coordinates, in pixels, of shares x and y of the box's width and height."""
    left, top, right, bottom = position.box
    across = left + x * (right - left) - position.pivot[0]
    down = top + y * (bottom - top) - position.pivot[1]
    cos, sin = np.cos(np.deg2rad(position.turn)), np.sin(np.deg2rad(position.turn))
    return position.pivot[0] + cos * across - sin * down, position.pivot[1] + sin * across + cos * down
