"""Upright outlines: arches, discs and half discs as boards with or without a hole, and leaves."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.ray import INF, NEAR, ONE_FACE, Bounds, Face, Field, Triple, circle, constant, slab, triple

Outline = Literal["arch", "disc", "half_disc"]


@dataclass(frozen=True)
class Opening:
    """The outline of an arch, round (`half`) over straight jambs, whose foot's middle is (x, foot)."""

    x: float
    foot: float
    half: float
    height: float

    @property
    def spring(self) -> float:
        """The height at which the round part begins."""
        return self.foot + self.height - self.half

    def holds(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return where points are inside."""
        dx, dy = x - np.float32(self.x), y - np.float32(self.spring)
        low = (np.abs(dx) < self.half) & (dy <= 0) & (y > self.foot)
        return np.asarray(low | ((dy > 0) & (dx * dx + dy * dy < self.half**2)))


@dataclass(frozen=True)
class Panel:
    """An upright board with a round outline: its front (face 0), its edge (1) and the edge of its hole (2).

    (x, y) is the foot's middle, z its front; `hole` is the share of the half width that the hole in it takes.
    """

    outline: Outline
    x: float
    y: float
    z: float
    half: float
    height: float
    thick: float
    hole: float = 0.0

    @property
    def bounds(self) -> Bounds:
        tall = {"arch": self.height, "disc": 2 * self.half, "half_disc": self.half}[self.outline]
        return self.x - self.half, self.y, self.z - self.thick, self.x + self.half, self.y + tall, self.z

    @property
    def centre(self) -> float:
        """The height of the round part's centre."""
        return self.y + {"arch": self.height - self.half, "disc": self.half, "half_disc": 0.0}[self.outline]

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        front, back = slab(origin[2], way[2], self.z - self.thick, self.z)
        enter, leave = self._outline(origin, way, self.half)
        t = np.maximum(front, enter)
        face = np.where(front >= enter, 0, 1).astype(np.uint8)
        end = np.minimum(back, leave)
        hit = t < end
        # A ray that starts inside, as one from the floor close to a disc's foot, meets the far side.
        t = np.where(t > NEAR, t, end)
        hit = hit & (t > NEAR)
        if self.hole > 0:
            hole_in, hole_out = self._outline(origin, way, self.half * self.hole)
            through = (hole_in < t) & (hole_out > t)
            t = np.where(through, hole_out, t)
            face = np.where(through, 2, face).astype(np.uint8)
            # Out of the hole through the common foot is out of the board.
            hit = hit & (~through | (t < end))
        return np.where(hit & (t > NEAR), t, INF).astype(np.float32), face

    def _outline(self, origin: Triple, way: Triple, half: float) -> tuple[Field, Field]:
        if self.outline == "arch":
            return arch(origin, way, Opening(self.x, self.y, half, self.height - self.half + half))
        ox, oy = origin[0] - np.float32(self.x), origin[1] - np.float32(self.centre)
        enter, leave = circle(ox, oy, way[0], way[1], half)
        if self.outline == "disc":
            return enter, leave
        low, high = slab(origin[1], way[1], self.y, self.y + self.half)
        return np.maximum(enter, low), np.minimum(leave, high)

    def normal(self, point: Triple, face: Face) -> Triple:
        dx, dy = point[0] - np.float32(self.x), point[1] - np.float32(self.centre)
        if self.outline == "arch":
            dy = np.maximum(dy, 0)
        length = np.maximum(np.hypot(dx, dy), np.float32(1e-6))
        sign = np.where(face == 0, 0, np.where(face == 2, -1, 1)).astype(np.float32)
        return triple(sign * dx / length, sign * dy / length, np.where(face == 0, 1, 0), point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return np.where(face == 0, point[0], point[2]), point[1]


@dataclass(frozen=True)
class Sprig:
    """Leaves in a plane parallel to the picture: polygons of (x, y) in canvas heights."""

    z: float
    leaves: tuple[tuple[tuple[float, float], ...], ...]

    @cached_property
    def bounds(self) -> Bounds:
        points = np.concatenate([np.asarray(leaf) for leaf in self.leaves])
        (left, bottom), (right, top) = points.min(0), points.max(0)
        return float(left), float(bottom), self.z, float(right), float(top), self.z

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        t = (np.float32(self.z) - origin[2]) / way[2]
        t = np.where(np.isfinite(t), t, 0)
        x, y = origin[0] + t * way[0], origin[1] + t * way[1]
        left, bottom, _, right, top, _ = self.bounds
        near = (x > left) & (x < right) & (y > bottom) & (y < top) & (t > NEAR)
        x, y, near = np.broadcast_arrays(x, y, near)
        inside = np.zeros(near.shape, bool)
        inside[near] = self._holds(x[near], y[near])
        return np.where(inside, np.broadcast_to(t, inside.shape), INF).astype(np.float32), ONE_FACE

    def _holds(self, x: Field, y: Field) -> NDArray[np.bool_]:
        found = np.zeros(x.shape, bool)
        for leaf in self.leaves:
            points = np.asarray(leaf, np.float32)
            (left, bottom), (right, top) = points.min(0), points.max(0)
            near = np.flatnonzero((x > left) & (x < right) & (y > bottom) & (y < top) & ~found)
            if near.size == 0:
                continue
            px, py, odd = x[near], y[near], np.zeros(near.size, bool)
            for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
                if y0 != y1:
                    odd ^= ((y0 > py) != (y1 > py)) & (px < (x1 - x0) * (py - y0) / (y1 - y0) + x0)
            found[near] = odd
        return found

    def normal(self, point: Triple, face: Face) -> Triple:
        return constant(point, 0, 0.45, 0.893)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0], point[1]


def arch(origin: Triple, way: Triple, opening: Opening) -> tuple[Field, Field]:
    """Return where rays enter and leave an arch without end along z: the jambs' rectangle and the round part's disc."""
    o = opening
    ox, oy = origin[0] - np.float32(o.x), origin[1] - np.float32(o.spring)
    x0, x1 = slab(ox, way[0], -o.half, o.half)
    y0, y1 = slab(origin[1], way[1], o.foot, o.spring)
    low, high = np.maximum(x0, y0), np.minimum(x1, y1)
    low, high = np.where(low >= high, INF, low), np.where(low >= high, -INF, high)
    enter, leave = circle(ox, oy, way[0], way[1], o.half)
    y0, y1 = slab(origin[1], way[1], o.foot, o.spring + o.half)
    enter, leave = np.maximum(enter, y0), np.minimum(leave, y1)
    enter, leave = np.where(enter >= leave, INF, enter), np.where(enter >= leave, -INF, leave)
    # Both are convex and so is what they make together: the first way in and the last way out are its own.
    return np.minimum(enter, low).astype(np.float32), np.maximum(leave, high).astype(np.float32)
