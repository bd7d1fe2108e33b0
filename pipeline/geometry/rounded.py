"""Soft bodies, rounded all over: a pebble, an egg, folded cloth or the cover of a book."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.geometry.packing import Packed
from pipeline.geometry.ray import Bounds, Face, Field, Triple, triple
from pipeline.kernels.tracing import solids

Vector = tuple[float, float, float]
Axes = tuple[Vector, Vector, Vector]
UPRIGHT: Axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def axes(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Axes:
    """Return the axes of a body that is rolled about z, pitched about x and turned about y, radians, in that order."""
    c, s = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    about_y = np.array([[c[0], 0, s[0]], [0, 1, 0], [-s[0], 0, c[0]]])
    about_x = np.array([[1, 0, 0], [0, c[1], -s[1]], [0, s[1], c[1]]])
    about_z = np.array([[c[2], -s[2], 0], [s[2], c[2], 0], [0, 0, 1]])
    one, two, three = (about_y @ about_x @ about_z).T.tolist()
    return tuple(one), tuple(two), tuple(three)


@dataclass(frozen=True)
class Rounded:
    """All places around a box, its core, within the rounding's distance.

    `at` is the core's middle, and `core` half its sides along `axes`, of which the second is the body's upright axis.
    All lengths are in canvas heights. `plus` and `minus` are the rounding on either side of each axis. Different values
    make an egg.
    """

    at: Vector
    core: Vector
    plus: Vector
    minus: Vector
    axes: Axes = UPRIGHT
    #: How much finer its finish is than a wall's, such as a napkin's weave.
    fine: float = 1.0
    #: Its finish runs in layers perpendicular to its upright axis, like the pages of a book.
    layered: bool = False

    @cached_property
    def bounds(self) -> Bounds:
        turn = np.array(self.axes)
        out = (np.abs(turn) * np.array(self.core)[:, None]).sum(0)
        plus, minus = np.array(self.plus)[:, None], np.array(self.minus)[:, None]
        # The farthest point of an ellipsoid along each axis of the world.
        high = out + np.linalg.norm(turn * np.where(turn > 0, plus, minus), axis=0)
        low = out + np.linalg.norm(turn * np.where(turn > 0, minus, plus), axis=0)
        left, bottom, back = (np.array(self.at) - low).tolist()
        right, top, front = (np.array(self.at) + high).tolist()
        return left, bottom, back, right, top, front

    @cached_property
    def packed(self) -> Packed:
        turn = (number for axis in self.axes for number in axis)
        sides = list(zip(self.core, self.plus, self.minus, strict=True))
        rounding = (1 / side for _, plus, minus in sides for side in (plus, minus))
        ball = sum((half + max(plus, minus)) ** 2 for half, plus, minus in sides)
        return Packed(solids.ROUNDED, (*self.at, *turn, *self.core, *rounding, ball))

    def _local(self, point: Triple) -> list[Field]:
        away = [part - np.float32(at) for part, at in zip(point, self.at, strict=True)]
        return [_dot(axis, away) for axis in self.axes]

    def _normal(self, local: list[Field]) -> list[Field]:
        """Return unit normals in the body's own axes: the gradient of the squared distance from its core."""
        out = []
        for q, half, plus, minus in zip(local, self.core, self.plus, self.minus, strict=True):
            beyond = np.maximum(np.abs(q) - np.float32(half), 0)
            out.append(np.sign(q) * beyond / np.where(q > 0, np.float32(plus**2), np.float32(minus**2)))
        length = np.maximum(np.sqrt(out[0] ** 2 + out[1] ** 2 + out[2] ** 2), np.float32(1e-12))
        return [np.asarray(part / length, np.float32) for part in out]

    def normal(self, point: Triple, face: Face) -> Triple:
        own = self._normal(self._local(point))
        x, y, z = (_dot([axis[k] for axis in self.axes], own) for k in range(3))
        return triple(x, y, z, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        local = self._local(point)
        if self.layered:
            return np.float32(self.fine) * (local[0] + local[2]), np.float32(self.fine) * local[1]
        out, _, on = self._normal(local)
        flat = np.maximum(np.hypot(out, on), np.float32(1e-6))
        # Over its edge and down its side, the finish continues by the distance from the top.
        down = np.maximum(np.float32(self.core[1] + self.plus[1]) - local[1], 0)
        u, v = (
            self._unrolled(axis, local, np.asarray(part / flat, np.float32)) + part * np.abs(part) / flat**2 * down
            for axis, part in ((0, out), (2, on))
        )
        return np.asarray(u * np.float32(self.fine)), np.asarray(v * np.float32(self.fine))

    def _unrolled(self, axis: int, local: list[Field], out: Field) -> Field:
        """Return a coordinate that keeps growing where the body narrows below its greatest width."""
        q, side = local[axis], np.where(out > 0, np.float32(self.plus[axis]), np.float32(self.minus[axis]))
        beyond = np.maximum(np.abs(q) - np.float32(self.core[axis]), 0)
        lost = np.where(local[1] < -self.core[1], side * np.abs(out) - beyond, 0)
        return np.asarray(q + 2 * np.sign(out) * np.maximum(lost, 0))


def _dot(axis: "Vector | list[float]", parts: list[Field]) -> Field:
    return np.asarray(sum(part * np.float32(a) for part, a in zip(parts, axis, strict=True)), np.float32)
