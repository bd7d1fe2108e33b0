"""Things that lie on a surface which faces the camera: slabs, pebbles, leaves. Lengths in canvas heights."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.panels import Sprig
from pipeline.geometry.ray import INF, NEAR, ONE_FACE, Bounds, Face, Field, Triple, slab, triple, turned

#: Slopes: how far the halves of a leaf are folded up along its rib, how much a leaf bends down over its length, and
#: how leaves lean this way or that.
FOLD = 0.42
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

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        enter, leave = slab(origin[2], way[2], self.z - self.thick, self.z)
        face: Face = ONE_FACE
        for index, (nx, ny, d) in enumerate(self.sides):
            before = np.float32(nx) * origin[0] + np.float32(ny) * origin[1] - np.float32(d)
            speed = np.float32(nx) * way[0] + np.float32(ny) * way[1]
            with np.errstate(divide="ignore", invalid="ignore"):
                t = -before / speed
            inwards = np.where(speed < 0, t, np.where((speed == 0) & (before > 0), INF, -INF))
            face = np.where(inwards > enter, index + 1, face).astype(np.uint8)
            enter = np.maximum(enter, inwards)
            leave = np.minimum(leave, np.where(speed > 0, t, INF))
        hit = (enter < leave) & (enter > NEAR)
        return np.where(hit, enter, INF).astype(np.float32), np.broadcast_to(face, hit.shape)

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

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        o = self._unit(origin[0] - np.float32(self.x), origin[1] - np.float32(self.y), origin[2] - np.float32(self.z))
        d = self._unit(*way)
        a = d[0] ** 2 + d[1] ** 2 + d[2] ** 2
        b = o[0] * d[0] + o[1] * d[1] + o[2] * d[2]
        root = b * b - a * (o[0] ** 2 + o[1] ** 2 + o[2] ** 2 - 1)
        half = np.sqrt(np.maximum(root, 0))
        t = (-b - half) / a
        # A ray that starts inside, as one from the surface close to the foot, meets the far side.
        t = np.where(t > NEAR, t, (-b + half) / a)
        return np.where((root > 0) & (t > NEAR), t, INF).astype(np.float32), ONE_FACE

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

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        t, _ = super().meet(origin, way)
        hit = np.isfinite(t)
        face = np.zeros(t.shape, np.uint8)
        far = np.where(hit, t, 0)
        x, y, _ = (np.asarray(np.broadcast_to(origin[k] + far * way[k], t.shape)[hit], np.float32) for k in range(3))
        leaf, right = self._leaf(x, y)
        face[hit] = 2 * (leaf % len(LEANS)) + right
        return t, face

    def _leaf(self, x: Field, y: Field) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return which leaf points are on, the first of several, and whether they are on the right of its rib."""
        leaf, right = np.zeros(x.shape, np.intp), np.zeros(x.shape, bool)
        free = np.arange(x.size)
        for index, points in enumerate(self.leaves):
            holds = Sprig(self.z, (points,))._holds(x[free], y[free])
            inside = free[holds]
            (x0, y0), (x1, y1) = points[0], points[len(points) // 2 - 1]
            leaf[inside] = index
            right[inside] = (x1 - x0) * (y[inside] - y0) - (y1 - y0) * (x[inside] - x0) < 0
            free = free[~holds]
        return leaf, right

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
        leaf, right = (found.reshape(x.shape) for found in self._leaf(x.ravel(), y.ravel()))
        ends = np.array([(*points[0], *points[len(points) // 2 - 1]) for points in self.leaves], np.float32)
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
