"""Objects of a scene: balls, drums, blocks, and slabs that lie flat; and solids as numbers, for the kernels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from pipeline.geometry.ray import Bounds, Face, Field, Triple, triple, turned
from pipeline.kernels.tracing import solids
from pipeline.kernels.tracing.solids import CARD, NUMBERS, UPRIGHT, Shapes


@dataclass(frozen=True, eq=False)
class Packed:
    """A solid for the kernels: its kind and its numbers, as in `pipeline.kernels.tracing.solids`."""

    kind: int
    numbers: tuple[float, ...]
    #: h×w float32 image of a shadow proxy or of a card.
    image: Field = field(default_factory=lambda: np.zeros((1, 1), np.float32))

    def row(self) -> Field:
        """Return its NUMBERS float32 numbers, filled up with 0."""
        out = np.zeros(NUMBERS, np.float32)
        out[: len(self.numbers)] = self.numbers
        return out


def shapes(things: Sequence[Packed]) -> Shapes:
    """Return the arrays of some solids in order; their images, each once, one below the other."""
    number = np.stack([thing.row() for thing in things]) if things else np.zeros((0, NUMBERS), np.float32)
    images = {id(thing.image): thing.image for thing in things if thing.image.size > 1}
    rows = dict(zip(images, np.cumsum([0, *(len(image) for image in images.values())]), strict=False))
    for index, thing in enumerate(things):
        if thing.kind in (UPRIGHT, CARD):
            number[index, 22:24] = rows.get(id(thing.image), 0), len(thing.image)
    wide = max((image.shape[1] for image in images.values()), default=1)
    shown = [np.pad(image, ((0, 0), (0, wide - image.shape[1]))) for image in images.values()]
    return Shapes(
        np.array([thing.kind for thing in things], np.int32),
        number,
        np.ascontiguousarray(np.concatenate(shown) if shown else np.zeros((1, 1)), np.float32),
    )


class Caster(Protocol):
    """A solid that can block light."""

    @property
    def packed(self) -> Packed:
        """The solid in numbers, for rays to meet."""


class Solid(Caster, Protocol):
    """A shape that rays can meet; its flat or round sides are faces, 0 to 7."""

    @property
    def bounds(self) -> Bounds | None:
        """The box around it; None if it has no end."""

    def normal(self, point: Triple, face: Face) -> Triple:
        """Return unit normals at points of its surface, which point outwards."""

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        """Return (u, v) of points along the surface, in canvas heights, for its texture."""


@dataclass(frozen=True)
class Ball:
    """An ellipsoid of revolution about its upright axis: half width `radius`, half height `radius` × `squash`."""

    x: float
    y: float
    z: float
    radius: float
    squash: float = 1.0

    @property
    def bounds(self) -> Bounds:
        r, tall = self.radius, self.radius * self.squash
        return self.x - r, self.y - tall, self.z - r, self.x + r, self.y + tall, self.z + r

    @property
    def packed(self) -> Packed:
        return Packed(solids.ELLIPSOID, (self.x, self.y, self.z, 1 / self.radius, 1 / (self.radius * self.squash)))

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

    @property
    def packed(self) -> Packed:
        return Packed(solids.DRUM, (self.x, self.y, self.z, self.radius, self.height))

    def normal(self, point: Triple, face: Face) -> Triple:
        r = np.where(face == 0, np.float32(1 / self.radius), np.float32(0))
        nx, nz = (point[0] - np.float32(self.x)) * r, (point[2] - np.float32(self.z)) * r
        return triple(nx, np.where(face == 1, 1, 0), nz, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        around = np.arctan2(point[0] - np.float32(self.x), point[2] - np.float32(self.z)) * np.float32(self.radius)
        level = face == 1
        return np.where(level, point[0], around), np.where(level, point[2], point[1])


@dataclass(frozen=True)
class Block:
    """A box on the level `y`, turned by `yaw` radians about the vertical: ends (face 0, 1), top (2), sides (4, 5)."""

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

    @property
    def packed(self) -> Packed:
        size = (self.half_x, self.height, self.half_z)
        return Packed(solids.BLOCK, (self.x, self.y, self.z, *size, np.cos(self.yaw), np.sin(self.yaw)))

    def normal(self, point: Triple, face: Face) -> Triple:
        c, s = np.float32(np.cos(self.yaw)), np.float32(np.sin(self.yaw))
        along = np.where(face == 0, -1, np.where(face == 1, 1, 0)).astype(np.float32)
        across = np.where(face == 4, 1, np.where(face == 5, -1, 0)).astype(np.float32)
        return triple(c * along + s * across, np.where(face == 2, 1, 0), -s * along + c * across, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        x, z = turned(point[0] - np.float32(self.x), point[2] - np.float32(self.z), -self.yaw)
        return np.where(face <= 1, z, x), np.where(face == 2, z, point[1])


@dataclass(frozen=True)
class Slab:
    """A board, sheet or card: its top (face 0) at the depth `z`, and an edge (1 to 4) for each side of its outline.

    `corners`, 3 or 4 of them, are convex and run anticlockwise as the camera sees them. `turn` is the angle of its
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
