"""Drawn silhouettes for tests: h×w coverage, 0–1, of polygons and ellipses."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

#: Side in pixels of the canvas.
SIDE = 400
Point = tuple[float, float]


def drawn(*shapes: list[Point], discs: tuple[tuple[float, float, float, float], ...] = ()) -> NDArray[np.float32]:
    """Polygons, and ellipses as left, top, right, bottom, on a canvas of SIDE."""
    picture = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(picture)
    for shape in shapes:
        draw.polygon(shape, fill=255)
    for disc in discs:
        draw.ellipse(disc, fill=255)
    return np.asarray(picture, np.float32) / np.float32(255)


def rectangle(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
