"""Things that stand in a scene: balls, drums and blocks."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.geometry.ray import INF, NEAR, ONE_FACE, Bounds, Face, Field, Triple, circle, slab, triple


class Caster(Protocol):
    """What can stand in a light's way."""

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        """Return the distance to the first meeting, inf where there is none, and the face met there."""


class Solid(Caster, Protocol):
    """A shape that rays can meet; its flat or round sides are faces, 0 to 7."""

    @property
    def bounds(self) -> Bounds | None:
        """The box around it; None where it has no end."""

    def normal(self, point: Triple, face: Face) -> Triple:
        """Return unit normals at points of its surface, which point away from the matter."""

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        """Return (u, v) of points along the surface, in canvas heights, for its texture."""


@dataclass(frozen=True)
class Ball:
    """An ellipsoid round its upright axis: half width `radius`, half height `radius` × `squash`."""

    x: float
    y: float
    z: float
    radius: float
    squash: float = 1.0

    @property
    def bounds(self) -> Bounds:
        r, tall = self.radius, self.radius * self.squash
        return self.x - r, self.y - tall, self.z - r, self.x + r, self.y + tall, self.z + r

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        s = np.float32(1 / self.squash)
        ox, oy, oz = (
            origin[0] - np.float32(self.x),
            (origin[1] - np.float32(self.y)) * s,
            origin[2] - np.float32(self.z),
        )
        dx, dy, dz = way[0], way[1] * s, way[2]
        a = dx * dx + dy * dy + dz * dz
        b = ox * dx + oy * dy + oz * dz
        c = ox * ox + oy * oy + oz * oz - np.float32(self.radius**2)
        root = b * b - a * c
        half = np.sqrt(np.maximum(root, 0))
        t = (-b - half) / a
        # A ray that starts inside, as one from the floor close to the foot, meets the far side.
        t = np.where(t > NEAR, t, (-b + half) / a)
        return np.where((root > 0) & (t > NEAR), t, INF).astype(np.float32), ONE_FACE

    def normal(self, point: Triple, face: Face) -> Triple:
        r = np.float32(1 / self.radius)
        nx, nz = (point[0] - np.float32(self.x)) * r, (point[2] - np.float32(self.z)) * r
        ny = (point[1] - np.float32(self.y)) * r / np.float32(self.squash**2)
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        return triple(nx / length, ny / length, nz / length, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0] + point[2], point[1]


@dataclass(frozen=True)
class Drum:
    """An upright cylinder on the level `y`: its side (face 0) and its top (1)."""

    x: float
    y: float
    z: float
    radius: float
    height: float

    @property
    def bounds(self) -> Bounds:
        r = self.radius
        return self.x - r, self.y, self.z - r, self.x + r, self.y + self.height, self.z + r

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        enter, leave = circle(
            origin[0] - np.float32(self.x), origin[2] - np.float32(self.z), way[0], way[2], self.radius
        )
        low, high = slab(origin[1], way[1], self.y, self.y + self.height)
        t = np.maximum(enter, low)
        face = np.where(low > enter, 1, 0).astype(np.uint8)
        hit = (t < np.minimum(leave, high)) & (t > NEAR)
        return np.where(hit, t, INF).astype(np.float32), face

    def normal(self, point: Triple, face: Face) -> Triple:
        r, side = np.float32(1 / self.radius), face == 0
        nx, nz = (point[0] - np.float32(self.x)) * r, (point[2] - np.float32(self.z)) * r
        return triple(np.where(side, nx, 0), np.where(side, 0, 1), np.where(side, nz, 0), point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        around = np.arctan2(point[0] - np.float32(self.x), point[2] - np.float32(self.z)) * np.float32(self.radius)
        return np.where(face == 0, around, point[0]), np.where(face == 0, point[1], point[2])


@dataclass(frozen=True)
class Block:
    """A box on the level `y`, turned by `yaw` radians about the upright: ends (face 0, 1), top (2), sides (4, 5)."""

    x: float
    y: float
    z: float
    half_x: float
    height: float
    half_z: float
    yaw: float = 0.0

    @property
    def bounds(self) -> Bounds:
        c, s = abs(np.cos(self.yaw)), abs(np.sin(self.yaw))
        rx, rz = c * self.half_x + s * self.half_z, s * self.half_x + c * self.half_z
        return self.x - rx, self.y, self.z - rz, self.x + rx, self.y + self.height, self.z + rz

    def _turned(self, x: Field, z: Field) -> tuple[Field, Field]:
        c, s = np.float32(np.cos(self.yaw)), np.float32(np.sin(self.yaw))
        return c * x - s * z, s * x + c * z

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        ox, oz = self._turned(origin[0] - np.float32(self.x), origin[2] - np.float32(self.z))
        dx, dz = self._turned(way[0], way[2])
        x0, x1 = slab(ox, dx, -self.half_x, self.half_x)
        y0, y1 = slab(origin[1], way[1], self.y, self.y + self.height)
        z0, z1 = slab(oz, dz, -self.half_z, self.half_z)
        t = np.maximum(np.maximum(x0, y0), z0)
        face = np.where(t == y0, 2, np.where(t == x0, np.where(dx > 0, 0, 1), np.where(dz > 0, 5, 4)))
        hit = (t < np.minimum(np.minimum(x1, y1), z1)) & (t > NEAR)
        return np.where(hit, t, INF).astype(np.float32), face.astype(np.uint8)

    def normal(self, point: Triple, face: Face) -> Triple:
        c, s = np.float32(np.cos(self.yaw)), np.float32(np.sin(self.yaw))
        along = np.where(face == 0, -1, np.where(face == 1, 1, 0)).astype(np.float32)
        across = np.where(face == 4, 1, np.where(face == 5, -1, 0)).astype(np.float32)
        return triple(c * along + s * across, np.where(face == 2, 1, 0), -s * along + c * across, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        x, z = self._turned(point[0] - np.float32(self.x), point[2] - np.float32(self.z))
        return np.where(face <= 1, z, x), np.where(face == 2, z, point[1])
