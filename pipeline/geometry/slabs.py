"""Objects on a surface that faces the camera: boards, sheets, cards. Lengths in canvas heights."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.geometry.packing import Packed
from pipeline.geometry.ray import Bounds, Face, Field, Triple, triple, turned
from pipeline.kernels.tracing import solids


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
