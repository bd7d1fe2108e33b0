"""The bounds of a scene: floors, walls with or without a recess, seamless paper."""

from dataclasses import dataclass

import numpy as np

from pipeline.geometry.panels import Opening
from pipeline.geometry.ray import Bounds, Face, Field, Triple, constant, triple, turned
from pipeline.geometry.solids import Packed
from pipeline.kernels.tracing import solids


@dataclass(frozen=True)
class Floor:
    """A level plane from z = `back` towards the camera, endless to the sides; its grain is turned by `turn`."""

    level: float
    back: float
    #: Radians.
    turn: float = 0.0

    bounds = None

    @property
    def packed(self) -> Packed:
        return Packed(solids.FLOOR, (self.level, self.back))

    def normal(self, point: Triple, face: Face) -> Triple:
        return constant(point, 0, 1, 0)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return turned(point[0], point[2], self.turn)


@dataclass(frozen=True)
class Wall:
    """An upright plane z = `z`, seen from the front, with or without an opening."""

    z: float
    opening: Opening | None = None

    bounds = None

    @property
    def packed(self) -> Packed:
        if self.opening is None:
            return Packed(solids.WALL, (self.z,))
        o = self.opening
        return Packed(solids.OPEN_WALL, (self.z, o.x, o.foot, o.spring, o.half))

    def normal(self, point: Triple, face: Face) -> Triple:
        return constant(point, 0, 0, 1)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0], point[1]


@dataclass(frozen=True)
class Top(Wall):
    """A tabletop or a floor seen from straight above: a wall to the camera, its grain turned by `turn` radians."""

    turn: float = 0.0

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return turned(point[0], point[1], self.turn)


@dataclass(frozen=True)
class Recess:
    """The inside of an opening in the wall z = `z`: its back (face 0), its reveal (1) and its sill (2)."""

    z: float
    opening: Opening
    depth: float

    @property
    def bounds(self) -> Bounds:
        o = self.opening
        return o.x - o.half, o.foot, self.z - self.depth, o.x + o.half, o.foot + o.height, self.z

    @property
    def packed(self) -> Packed:
        o = self.opening
        return Packed(solids.RECESS, (self.z, o.x, o.foot, o.spring, o.half, self.z - self.depth))

    def normal(self, point: Triple, face: Face) -> Triple:
        o = self.opening
        dx, dy = np.float32(o.x) - point[0], np.maximum(np.float32(0), point[1] - np.float32(o.spring))
        length = np.maximum(np.hypot(dx, dy), np.float32(1e-6))
        flat, sill = face == 0, face == 2
        nx = np.where(flat | sill, 0, dx / length)
        ny = np.where(flat, 0, np.where(sill, 1, -dy / length))
        return triple(nx, ny, np.where(flat, 1, 0), point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return np.where(face == 1, point[2], point[0]), np.where(face == 2, point[2], point[1])


@dataclass(frozen=True)
class Sweep:
    """Seamless paper: a floor at `level`, a wall at `z` and a quarter circle of `radius` between them."""

    z: float
    level: float
    radius: float

    bounds = None

    @property
    def packed(self) -> Packed:
        return Packed(solids.SWEEP, (self.z, self.level, self.radius))

    def normal(self, point: Triple, face: Face) -> Triple:
        dy = np.clip((np.float32(self.level + self.radius) - point[1]) / np.float32(self.radius), 0, 1)
        dz = np.clip((np.float32(self.z + self.radius) - point[2]) / np.float32(self.radius), 0, 1)
        length = np.maximum(np.hypot(dy, dz), np.float32(1e-6))
        return triple(np.float32(0), dy / length, dz / length, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0], point[1] - point[2]
