"""What bounds a scene: floors, walls with or without a recess, seamless paper."""

from dataclasses import dataclass

import numpy as np

from pipeline.geometry.panels import Opening, arch
from pipeline.geometry.ray import INF, NEAR, ONE_FACE, Bounds, Face, Field, Triple, circle, constant, triple, turned


@dataclass(frozen=True)
class Floor:
    """A level plane from z = `back` towards the camera and without end to the sides."""

    level: float
    back: float

    bounds = None

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        t = (np.float32(self.level) - origin[1]) / way[1]
        t = np.where((way[1] < 0) & (t > NEAR) & (origin[2] + t * way[2] > self.back), t, INF)
        return t.astype(np.float32), ONE_FACE

    def normal(self, point: Triple, face: Face) -> Triple:
        return constant(point, 0, 1, 0)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0], point[2]


@dataclass(frozen=True)
class Wall:
    """An upright plane z = `z`, seen from the front, with an opening or without."""

    z: float
    opening: Opening | None = None

    bounds = None

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        t = (np.float32(self.z) - origin[2]) / way[2]
        # From behind it is met too: what lies in a recess is shaded by the wall around it.
        hit = t > NEAR if self.opening is not None else (way[2] < 0) & (t > NEAR)
        if self.opening is not None:
            t0 = np.where(np.isfinite(t), t, 0)
            hit = hit & ~self.opening.holds(origin[0] + t0 * way[0], origin[1] + t0 * way[1])
        return np.where(hit, t, INF).astype(np.float32), ONE_FACE

    def normal(self, point: Triple, face: Face) -> Triple:
        return constant(point, 0, 0, 1)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0], point[1]


@dataclass(frozen=True)
class Top(Wall):
    """A tabletop or a floor seen from straight above: a wall to the camera, whose grain is turned by `turn` radians."""

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

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        o = self.opening
        enter = np.maximum((np.float32(self.z) - origin[2]) / way[2], 0)
        enter = np.where(origin[2] > self.z + NEAR, enter, 0)
        inside = o.holds(origin[0] + enter * way[0], origin[1] + enter * way[1]) & (way[2] != 0)
        inside = inside & ((way[2] < 0) | (origin[2] < self.z))
        back = (np.float32(self.z - self.depth) - origin[2]) / way[2]
        back = np.where(way[2] < 0, back, INF)
        _, rim = arch(origin, way, o)
        t = np.minimum(back, rim)
        low = np.abs(origin[1] + np.where(np.isfinite(t), t, 0) * way[1] - np.float32(o.foot)) < NEAR
        face = np.where(t == back, 0, np.where(low, 2, 1)).astype(np.uint8)
        # Leaving through the mouth again is no meeting.
        mouth = (origin[2] + t * way[2]) < self.z + NEAR
        return np.where(inside & (t > NEAR) & mouth, t, INF).astype(np.float32), face

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

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        y, z = np.float32(self.level + self.radius), np.float32(self.z + self.radius)
        floor = np.where(way[1] < 0, (np.float32(self.level) - origin[1]) / way[1], INF)
        wall = np.where(way[2] < 0, (np.float32(self.z) - origin[2]) / way[2], INF)
        _, bend = circle(origin[2] - z, origin[1] - y, way[2], way[1], self.radius)
        on_floor = (
            (floor > NEAR) & np.isfinite(floor) & (origin[2] + np.where(np.isfinite(floor), floor, 0) * way[2] > z)
        )
        on_wall = (wall > NEAR) & np.isfinite(wall) & (origin[1] + np.where(np.isfinite(wall), wall, 0) * way[1] > y)
        t = np.where(on_floor, floor, np.where(on_wall, wall, bend))
        bent = ~on_floor & ~on_wall
        at_y, at_z = origin[1] + t * way[1], origin[2] + t * way[2]
        wrong = bent & ~((at_y <= y + NEAR) & (at_z <= z + NEAR) & (t > NEAR))
        return np.where(wrong, INF, t).astype(np.float32), ONE_FACE

    def normal(self, point: Triple, face: Face) -> Triple:
        dy = np.clip((np.float32(self.level + self.radius) - point[1]) / np.float32(self.radius), 0, 1)
        dz = np.clip((np.float32(self.z + self.radius) - point[2]) / np.float32(self.radius), 0, 1)
        length = np.maximum(np.hypot(dy, dz), np.float32(1e-6))
        return triple(np.float32(0), dy / length, dz / length, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0], point[1] - point[2]
