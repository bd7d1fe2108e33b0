"""The placement that a caller asks for: the product's box moved, scaled and turned, and what is refused of that.

A similarity transform of the canvas. What stands is scaled about its foot and turned about it, and what hangs about
its upper edge; the rest about its middle. A side that the canvas's edge has to hide stays hidden, or there is no honest
placement.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import NoHonestPlacement
from pipeline.core.spec import Placement
from pipeline.placement.fit import LEAST_FOOT, MAX_LOST

Box = tuple[float, float, float, float]
#: Share of the product's height, from below or above, whose middle it is turned about.
FOOT = 0.12
#: Pixels by which a cut may miss the canvas's edge: no more than what the box is rounded by.
SLACK = 0.75


@dataclass(frozen=True)
class Position:
    """Where a product goes on the canvas, in its pixels."""

    #: Of the product as it is in the photo, before it is turned: left, top, right, bottom.
    box: Box
    #: Degrees clockwise, about a point.
    turn: float
    pivot: tuple[float, float]
    #: The box of the turned product.
    bounds: Box

    @classmethod
    def of(cls, box: Box) -> "Position":
        """Return the position of a product that fills a box as it is."""
        return cls(box, 0.0, ((box[0] + box[2]) / 2, box[3]), box)


@dataclass(frozen=True)
class Outline:
    """The ends of a product's rows, as shares of its tight box: x0 and x1 from the left, y from the top; each N."""

    x0: NDArray[np.float64]
    x1: NDArray[np.float64]
    y: NDArray[np.float64]

    @classmethod
    def of(cls, alpha: NDArray[np.float32]) -> "Outline":
        """Return that of an H×W alpha with something above 0.5; each row twice, at its top and its bottom."""
        solid = alpha > 0.5
        rows = np.flatnonzero(solid.any(axis=1))
        first, last = np.argmax(solid[rows], axis=1), solid.shape[1] - np.argmax(solid[rows, ::-1], axis=1)
        left, width = first.min(), last.max() - first.min()
        y = np.concatenate([rows, rows + 1]) - rows[0]
        return cls(np.tile((first - left) / width, 2), np.tile((last - left) / width, 2), y / y.max())

    def middle(self, *, at_top: bool) -> float:
        """Return the middle of the lowest rows, or the highest: the foot, or the hook."""
        end = self.y <= FOOT if at_top else self.y >= 1 - FOOT
        return float(self.x0[end].min() + self.x1[end].max()) / 2


#: What is known of a product whose outline is not: a box full of it.
BOX = Outline(np.zeros(2), np.ones(2), np.array([0.0, 1.0]))


def adjusted(
    box: Box,
    placement: Placement,
    width: int,
    height: int,
    *,
    outline: Outline = BOX,
    cut_sides: tuple[str, ...] = (),
    edges: tuple[str, ...] = (),
    stands: bool = False,
) -> Position:
    """Return where a product goes that was to fill `box` on a width×height canvas, moved as a placement asks.

    `cut_sides` are those that the photo cuts, `edges` those of the canvas that it goes to: the same, and the upper one
    where it hangs. `stands`: its foot is seen on something. Raises NoHonestPlacement where a cut would show, it
    would hang in the air, or the canvas would cut off more than MAX_LOST of it.
    """
    left, top, right, bottom = box
    up = stands or "bottom" in edges
    hung = "top" in edges and not up
    x = left if "left" in edges else right if "right" in edges else (left + right) / 2
    x = (left + right) / 2 if {"left", "right"} <= set(edges) else x
    y = bottom if up else top if hung else (top + bottom) / 2
    move_x, move_y = placement.shift_x * width, placement.shift_y * height
    left, right = (x + (side - x) * placement.scale + move_x for side in (left, right))
    top, bottom = (y + (side - y) * placement.scale + move_y for side in (top, bottom))
    moved = (left, top, right, bottom)
    pivot = (left + right) / 2, (top + bottom) / 2
    if up or hung:
        pivot = left + outline.middle(at_top=hung) * (right - left), top if hung else bottom
    position = Position(moved, placement.turn, pivot, moved)
    if placement.turn:
        position = _set_down(position, outline, up, hung)
    _check(position, width, height, outline, cut_sides, edges, stands)
    return position


def _set_down(position: Position, outline: Outline, up: bool, hung: bool) -> Position:
    """Return the position with its bounds, and with its foot, or its hook, at the height that it had."""
    x, y = _turned(position, np.concatenate([outline.x0, outline.x1]), np.tile(outline.y, 2))
    bounds = float(x.min()), float(y.min()), float(x.max()), float(y.max())
    down = position.box[3] - bounds[3] if up else position.box[1] - bounds[1] if hung else 0.0
    # the foot stands on a whole pixel row
    down += round(bounds[3] + down) - (bounds[3] + down)

    def moved(box: Box) -> Box:
        return box[0], box[1] + down, box[2], box[3] + down

    pivot = position.pivot[0], position.pivot[1] + down
    return Position(moved(position.box), position.turn, pivot, moved(bounds))


def _turned(
    position: Position, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where shares x and y of the box's width and height are on the canvas, pixels."""
    left, top, right, bottom = position.box
    across = left + x * (right - left) - position.pivot[0]
    down = top + y * (bottom - top) - position.pivot[1]
    cos, sin = np.cos(np.deg2rad(position.turn)), np.sin(np.deg2rad(position.turn))
    return position.pivot[0] + cos * across - sin * down, position.pivot[1] + sin * across + cos * down


def _check(
    position: Position,
    width: int,
    height: int,
    outline: Outline,
    cut_sides: tuple[str, ...],
    edges: tuple[str, ...],
    stands: bool,
) -> None:
    left, top, right, bottom = position.bounds
    shown = max(0.0, min(right, width) - max(left, 0.0)) * max(0.0, min(bottom, height) - max(top, 0.0))
    lost = 1 - shown / ((right - left) * (bottom - top))
    if lost > MAX_LOST:
        raise NoHonestPlacement(
            f"Placed so, {round(100 * lost)} % of the product would be beyond the picture's edge. Shift it less, or"
            " make it smaller."
        )
    for side in edges:
        x, y = _turned(position, *_along(outline, side)) if side in cut_sides else _corners(position.bounds)
        beyond = {"left": x.max(), "top": y.max(), "right": width - x.min(), "bottom": height - y.min()}
        if side not in cut_sides:  # it hangs: its uppermost point is at the edge
            beyond["top"] = y.min()
        if beyond[side] > SLACK:
            why = (
                f"The photo cuts the product at the {side}, and placed so the cut would show"
                if side in cut_sides
                else "The product hangs from the picture's upper edge, and placed so it would hang in the air"
            )
            raise NoHonestPlacement(f"{why}. Leave it at the edge: shift it outwards only, enlarge it, don't turn it.")
    if stands and "top" in cut_sides and bottom < LEAST_FOOT * height:
        raise NoHonestPlacement(
            "The photo cuts the product off above, and placed so it would hang in the air from this picture's upper"
            " edge. Shift it down."
        )


def _along(outline: Outline, side: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends, as shares, of what of an outline lies along a side of its box."""
    if side in ("left", "right"):
        at = outline.x0 <= outline.x0.min() + 1e-9 if side == "left" else outline.x1 >= outline.x1.max() - 1e-9
        y = outline.y[at]
        return np.full(2, 0.0 if side == "left" else 1.0), np.array([y.min(), y.max()])
    end = 0.0 if side == "top" else 1.0
    at = np.abs(outline.y - end) < 1e-9
    return np.array([outline.x0[at].min(), outline.x1[at].max()]), np.full(2, end)


def _corners(box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([box[0], box[2]]), np.array([box[1], box[3]])
