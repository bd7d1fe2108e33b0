"""Objects on a surface that faces the camera: slabs, leaves. Lengths in canvas heights."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.packing import Packed
from pipeline.geometry.panels import Sprig
from pipeline.geometry.ray import Bounds, Face, Field, Triple, triple, turned
from pipeline.kernels.tracing import solids

#: Slopes: of a leaf's halves, folded up along its rib, of its bend over its length, and of the leaves' leans in turn.
FOLD = 0.28
DROOP = 0.7
LEANS = ((0.0, 0.0), (0.22, 0.1), (-0.2, 0.14), (0.06, -0.24))
#: Pieces of a rib's bend, how much finer a leaf's finish is than a wall's, and the distance between leaves in it.
RIBS, FINE, APART = 16, np.float32(2), 0.137


@dataclass(frozen=True)
class Slab:
    """A board, sheet or card: its top (face 0) at the depth `z`, and an edge (1 to 7) for each side of its outline.

    `corners`, 3 to 7 of them, are convex and run anticlockwise as the camera sees them. `turn` is the angle of its
    grain in radians.
    """

    corners: tuple[tuple[float, float], ...]
    z: float
    thick: float
    turn: float = 0.0

    @cached_property
    def bounds(self) -> Bounds:
        points = np.asarray(self.corners)
        (left, low), (right, high) = points.min(0), points.max(0)
        return float(left), float(low), self.z - self.thick, float(right), float(high), self.z

    @cached_property
    def sides(self) -> list[tuple[float, float, float]]:
        """Return each side as (nx, ny, d): outside is where nx x + ny y > d."""
        points = np.asarray(self.corners)
        along = np.roll(points, -1, axis=0) - points
        out = np.stack([along[:, 1], -along[:, 0]], 1) / np.linalg.norm(along, axis=1, keepdims=True)
        return [(float(nx), float(ny), float(d)) for (nx, ny), d in zip(out, (out * points).sum(1), strict=True)]

    @cached_property
    def packed(self) -> Packed:
        sides = [*self.sides, *[(0.0, 0.0, 1.0)] * (solids.SIDES - len(self.sides))]
        return Packed(solids.SLAB, (self.z - self.thick, self.z, *(number for side in sides for number in side)))

    def normal(self, point: Triple, face: Face) -> Triple:
        sides = np.array([(0.0, 0.0), *((nx, ny) for nx, ny, _ in self.sides)], np.float32)
        which = np.minimum(face, len(self.sides))
        return triple(sides[which, 0], sides[which, 1], np.where(face == 0, 1, 0), point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        u, v = turned(point[0], point[1], self.turn)
        # The grain continues down an edge, instead of forming a streak.
        return np.where(face == 0, u, u + point[2]), np.where(face == 0, v, v + point[2])


@dataclass(frozen=True)
class Fronds(Sprig):
    """A sprig whose leaves are folded along their ribs and lean one by one: faces 0 to 7."""

    @cached_property
    def packed(self) -> Packed:
        return replace(super().packed, folded=True)

    @cached_property
    def _ends(self) -> Field:
        """Return foot and tip of each leaf's rib, n×4."""
        return np.array([(*points[0], *points[len(points) // 2 - 1]) for points in self.leaves], np.float32)

    @cached_property
    def _lengths(self) -> Field:
        ends = [np.subtract(points[len(points) // 2 - 1], points[0]) for points in self.leaves]
        return np.asarray(np.maximum(np.linalg.norm(ends, axis=1), 1e-6), np.float32)

    @cached_property
    def _ways(self) -> Field:
        """Return the direction of each leaf's rib, n×2 of length 1."""
        along = self._ends[:, 2:] - self._ends[:, :2]
        return np.asarray(along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6), np.float32)

    @cached_property
    def _bends(self) -> Field:
        """Return each rib's distance to the left of the line from foot to tip, at RIBS + 1 places along it: n×17."""
        out = np.empty((len(self.leaves), RIBS + 1), np.float32)
        for row, points, way, length in zip(out, self.leaves, self._ways, self._lengths, strict=True):
            half = len(points) // 2
            middle = (np.array(points[:half]) + np.array(points[: half - 1 : -1])) / 2 - points[0]
            along = np.maximum.accumulate(middle @ way) / length
            row[:] = np.interp(np.linspace(0, 1, RIBS + 1), along, middle @ (-way[1], way[0]))
        return out

    @cached_property
    def _widths(self) -> Field:
        """Return half the greatest width of each leaf."""
        out = []
        for points in self.leaves:
            half = len(points) // 2
            out.append(np.linalg.norm(np.array(points[:half]) - np.array(points[: half - 1 : -1]), axis=1).max() / 2)
        return np.maximum(out, 1e-4).astype(np.float32)

    def _on_leaf(self, point: Triple) -> tuple[NDArray[np.int32], Field, Field]:
        """Return each place's leaf, its position along the rib, 0 to 1, and its distance to the left of the rib."""
        x, y, _ = triple(*point, point)
        leaf = np.maximum(self.leaf_at(x, y), 0)
        way, dx, dy = self._ways[leaf], x - self._ends[leaf, 0], y - self._ends[leaf, 1]
        along = np.clip((way[..., 0] * dx + way[..., 1] * dy) / self._lengths[leaf], 0, 1)
        place = along * np.float32(RIBS)
        at = np.minimum(place.astype(np.int32), RIBS - 1)
        bend = self._bends[leaf, at] + (place - at) * (self._bends[leaf, at + 1] - self._bends[leaf, at])
        return leaf, along, way[..., 0] * dy - way[..., 1] * dx - bend

    def normal(self, point: Triple, face: Face) -> Triple:
        leaf, far, left = self._on_leaf(point)
        way, lean = self._ways[leaf], np.asarray(LEANS, np.float32)[leaf % len(LEANS)]
        out = np.minimum(np.abs(left) / self._widths[leaf], 1)
        # To the right of its rib, a leaf's upper side faces left; towards its rim, it bends down.
        side = np.where(left < 0, np.float32(-FOLD), np.float32(FOLD)) * (1 - np.float32(1.9) * out)
        droop = np.float32(DROOP) * (far - np.float32(0.4))
        nx = lean[..., 0] + side * way[..., 1] + droop * way[..., 0]
        ny = lean[..., 1] - side * way[..., 0] + droop * way[..., 1]
        length = np.sqrt(nx * nx + ny * ny + 1)
        return triple(nx / length, ny / length, 1 / length, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        leaf, far, left = self._on_leaf(point)
        # Each leaf uses its own stretch of the finish's strip, so that it has its own tone.
        return FINE * (far * self._lengths[leaf] + np.float32(APART) * leaf), FINE * left
