"""Things that lie on a surface which faces the camera: slabs, pebbles, leaves. Lengths in canvas heights."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipeline.geometry.packing import Packed
from pipeline.geometry.panels import Sprig
from pipeline.geometry.ray import Bounds, Face, Field, Triple, triple, turned
from pipeline.kernels.tracing import solids

#: Slopes: how far the halves of a leaf are folded up along its rib, how much a leaf bends down over its length, and
#: how leaves lean this way or that.
FOLD = 0.28
DROOP = 0.7
LEANS = ((0.0, 0.0), (0.22, 0.1), (-0.2, 0.14), (0.06, -0.24))


@dataclass(frozen=True)
class Slab:
    """A board, sheet or card: its top (face 0) at the depth `z`, and an edge (1 to 7) for each side of its outline.

    `corners` run anticlockwise as the camera sees them, 3 to 7 of them, and are convex. `turn` is the angle of its
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
        # Down an edge the grain goes on, so that it is no streak.
        return np.where(face == 0, u, u + point[2]), np.where(face == 0, v, v + point[2])


@dataclass(frozen=True)
class Pebble:
    """An ellipsoid with half axes `rx` and `ry` along the surface, turned by `yaw` radians, and `rz` off it."""

    x: float
    y: float
    z: float
    rx: float
    ry: float
    rz: float
    yaw: float = 0.0

    @property
    def bounds(self) -> Bounds:
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        wide, tall = float(np.hypot(c * self.rx, s * self.ry)), float(np.hypot(s * self.rx, c * self.ry))
        return self.x - wide, self.y - tall, self.z - self.rz, self.x + wide, self.y + tall, self.z + self.rz

    def _unit(self, x: Field, y: Field, z: Field) -> Triple:
        u, v = turned(x, y, self.yaw)
        return u / np.float32(self.rx), v / np.float32(self.ry), z / np.float32(self.rz)

    @property
    def packed(self) -> Packed:
        axes = (1 / self.rx, 1 / self.ry, 1 / self.rz)
        return Packed(solids.ELLIPSOID, (self.x, self.y, self.z, np.cos(self.yaw), np.sin(self.yaw), *axes))

    def normal(self, point: Triple, face: Face) -> Triple:
        u, v, w = self._unit(
            point[0] - np.float32(self.x), point[1] - np.float32(self.y), point[2] - np.float32(self.z)
        )
        nx, ny = turned(u / np.float32(self.rx), v / np.float32(self.ry), -self.yaw)
        nz = w / np.float32(self.rz)
        length = np.maximum(np.sqrt(nx * nx + ny * ny + nz * nz), np.float32(1e-6))
        return triple(nx / length, ny / length, nz / length, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0], point[1] + point[2]


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
    def _widths(self) -> Field:
        """Return half the greatest width of each leaf."""
        out = []
        for points, length in zip(self.leaves, self._lengths, strict=True):
            at = np.subtract(points, points[0])
            out.append(np.abs(at[:, 0] * at[len(at) // 2 - 1, 1] - at[:, 1] * at[len(at) // 2 - 1, 0]).max() / length)
        return np.maximum(out, 1e-4).astype(np.float32)

    def normal(self, point: Triple, face: Face) -> Triple:
        x, y, _ = triple(*point, point)
        leaf, right, ends = np.maximum(self.leaf_at(x, y), 0), face % 2 == 1, self._ends
        along = ends[:, 2:] - ends[:, :2]
        along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), np.float32(1e-6))
        lean = np.asarray(LEANS, np.float32)[leaf % len(LEANS)]
        dx, dy = x - ends[leaf, 0], y - ends[leaf, 1]
        out = np.abs(along[leaf, 0] * dy - along[leaf, 1] * dx) / self._widths[leaf]
        # To the right of its rib a leaf's upper side looks back to the left, and towards its rim it bends down.
        side = np.where(right, np.float32(-FOLD), np.float32(FOLD)) * (1 - np.float32(1.9) * out)
        far = (along[leaf, 0] * dx + along[leaf, 1] * dy) / self._lengths[leaf]
        droop = np.float32(DROOP) * (far - np.float32(0.4))
        nx = lean[..., 0] + side * along[leaf, 1] + droop * along[leaf, 0]
        ny = lean[..., 1] - side * along[leaf, 0] + droop * along[leaf, 1]
        length = np.sqrt(nx * nx + ny * ny + 1)
        return triple(nx / length, ny / length, 1 / length, point)
