"""Masks on a square canvas: uint8 0–255 at SUPER times the picture's size; points are shares of the side, y down."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

#: Masks are drawn this much larger than the picture, for smooth edges.
SUPER = 2

Mask = NDArray[np.uint8]
Point = tuple[float, float]
Shape = Callable[[np.random.Generator, int], list[Mask]]


def canvas(side: int) -> Image.Image:
    """Return an empty canvas for a picture of `side` pixels."""
    return Image.new("L", (side * SUPER, side * SUPER))


def scaled(points: list[Point], side: int) -> list[Point]:
    """Return the points in the canvas's pixels."""
    return [(float(x) * side * SUPER, float(y) * side * SUPER) for x, y in points]


def bounds(x0: float, y0: float, x1: float, y1: float, side: int) -> list[float]:
    """Return a box in the canvas's pixels, as Pillow takes it."""
    return [float(v) * side * SUPER for v in (x0, y0, x1, y1)]


def polygon(points: list[Point], side: int) -> Mask:
    """Fill an outline."""
    image = canvas(side)
    ImageDraw.Draw(image).polygon(scaled(points, side), fill=255)
    return np.asarray(image)


def stroke(points: list[Point], thick: float, side: int) -> Mask:
    """Draw a line with round ends, `thick` as a share of the side."""
    image = canvas(side)
    width = max(2, round(thick * side * SUPER))
    draw = ImageDraw.Draw(image)
    path = scaled(points, side)
    draw.line(path, fill=255, width=width, joint="curve")
    for x, y in (path[0], path[-1]):
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return np.asarray(image)


def arc(middle: Point, radius: Point, span: Point, turn: float = 0.0, square: float = 1.0) -> list[Point]:
    """Return 80 points of an ellipse's arc between two angles (`span`, radians); `square` below 1 has corners."""
    t = np.linspace(*span, 80)
    u = np.sign(np.cos(t)) * np.abs(np.cos(t)) ** square * radius[0]
    v = np.sign(np.sin(t)) * np.abs(np.sin(t)) ** square * radius[1]
    c, s = np.cos(turn), np.sin(turn)
    return [(float(middle[0] + a * c - b * s), float(middle[1] + a * s + b * c)) for a, b in zip(u, v, strict=True)]


def turned(points: list[Point], turn: float, middle: Point = (0.5, 0.5)) -> list[Point]:
    """Turn points about a middle by an angle in radians."""
    c, s = np.cos(turn), np.sin(turn)
    moved = [(x - middle[0], y - middle[1]) for x, y in points]
    return [(float(middle[0] + x * c - y * s), float(middle[1] + x * s + y * c)) for x, y in moved]
