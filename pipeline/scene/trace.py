"""What the camera sees of a layout, pixel by pixel: which part, how far, which way it faces. Exact at any size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.ray import Field, Triple
from pipeline.scene.layout import Layout

#: Faces of one solid, so that part × FACES + face tells every surface apart.
FACES = 8


@dataclass(frozen=True)
class Geometry:
    """One picture's worth of surfaces."""

    #: H×W uint16: part index × FACES + face.
    surface: NDArray[np.uint16]
    #: H×W float32 canvas heights along the view axis.
    depth: Field
    #: World places, three times H×W.
    point: Triple

    @property
    def part(self) -> NDArray[np.uint16]:
        """H×W part indices."""
        return self.surface // FACES

    def normals(self, layout: Layout) -> Triple:
        """Return unit normals, three times H×W float32, turned towards the camera where they look away from it."""
        shape = self.depth.shape
        out = tuple(np.zeros(shape, np.float32) for _ in range(3))
        part = self.part
        for index, thing in enumerate(layout.parts):
            rows, columns = window_of(part == index)
            where = part[rows, columns] == index
            if not where.any():
                continue
            at = tuple(axis[rows, columns][where] for axis in self.point)
            face = (self.surface[rows, columns][where] % FACES).astype(np.uint8)
            for axis, value in zip(out, thing.solid.normal((at[0], at[1], at[2]), face), strict=True):
                axis[rows, columns][where] = value
        return out[0], out[1], out[2]


def trace(layout: Layout, width: int, height: int) -> Geometry:
    """Follow one ray through the centre of each pixel of a width×height picture; what meets nothing is 50 away."""
    way = layout.rays(width, height)
    camera = layout.camera
    depth = np.full((height, width), np.inf, np.float32)
    surface = np.zeros((height, width), np.uint16)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for index, part in enumerate(layout.parts):
            rows, columns = _seen(layout, index, width, height)
            if rows.stop <= rows.start or columns.stop <= columns.start:
                continue
            window = (way[0][:, columns], way[1][rows], way[2])
            t, face = part.solid.meet(camera, window)
            old = depth[rows, columns]
            nearer = t < old
            np.copyto(old, t, where=nearer)
            ids = (index * FACES + face).astype(np.uint16)
            np.copyto(surface[rows, columns], np.broadcast_to(ids, old.shape), where=nearer)
    depth = np.where(np.isfinite(depth), depth, np.float32(50))
    point = (camera[0] + way[0] * depth, camera[1] + way[1] * depth, camera[2] - depth)
    return Geometry(surface, depth, point)


def _seen(layout: Layout, index: int, width: int, height: int) -> tuple[slice, slice]:
    """Return the rows and columns that a part can be seen in."""
    bounds = layout.parts[index].solid.bounds
    if bounds is None:
        return slice(0, height), slice(0, width)
    front = min(bounds[5], 1.9)
    x = np.array([bounds[0], bounds[3]] * 4, np.float32)
    y = np.repeat(np.array([bounds[1], bounds[4]], np.float32), 4)
    z = np.array([bounds[2], bounds[2], front, front] * 2, np.float32)
    px, py = layout.project((x, y, z))
    px = px * np.float32(width / layout.aspect)
    py = py * np.float32(height)
    return (
        slice(max(0, int(py.min()) - 2), min(height, max(0, int(py.max()) + 3))),
        slice(max(0, int(px.min()) - 2), min(width, max(0, int(px.max()) + 3))),
    )


def window_of(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns that hold all the True pixels; empty ones where there are none."""
    rows = np.flatnonzero(mask.any(1))
    columns = np.flatnonzero(mask.any(0))
    if rows.size == 0:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
