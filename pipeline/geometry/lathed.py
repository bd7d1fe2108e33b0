"""Solids of revolution: bowls, vases, pots and beakers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.geometry.packing import Packed
from pipeline.geometry.ray import Bounds, Face, Field, Triple, triple
from pipeline.kernels.tracing import solids


@dataclass(frozen=True)
class Lathed:
    """A solid of revolution; its axis runs up from the middle of its foot (x, y, z) or, if `lying`, to the camera.

    `radii` are 3 to 15 radii from foot to rim, in canvas heights. The squared radius is the quadratic B-spline of their
    squares. A hollow's radius is the share `hollow` of the outer radius everywhere, 0 for none, down to `floor` above
    the foot. Faces: outside (0), rim (1), inside (2), the hollow's floor (3), below (4).
    """

    x: float
    y: float
    z: float
    height: float
    radii: tuple[float, ...]
    hollow: float = 0.0
    floor: float = 0.0
    lying: bool = False

    @cached_property
    def _controls(self) -> Field:
        return np.square(np.array(self.radii, np.float32))

    def _profile(self, up: Field) -> tuple[Field, Field]:
        """Return the squared outer radius at heights above the foot, and half its slope."""
        pieces = np.float32(len(self.radii) - 2)
        s = np.clip(up * (pieces / np.float32(self.height)), 0, pieces)
        at = np.minimum(s.astype(np.int32), len(self.radii) - 3)
        one, two, three = (self._controls[at + k] for k in range(3))
        s = s - at
        bend = np.float32(0.5) * (one - 2 * two + three)
        square = np.float32(0.5) * (one + two) + s * (two - one + s * bend)
        return square, np.float32(0.5) * (two - one + 2 * s * bend) * (pieces / np.float32(self.height))

    def radius(self, up: float) -> float:
        """Return the outer radius at a height above the foot."""
        return float(np.sqrt(self._profile(np.array([up], np.float32))[0][0]))

    @cached_property
    def bounds(self) -> Bounds:
        square, _ = self._profile(np.linspace(0, self.height, 129, dtype=np.float32))
        r = 1.001 * float(np.sqrt(square.max()))
        if self.lying:
            return self.x - r, self.y - r, self.z, self.x + r, self.y + r, self.z + self.height
        return self.x - r, self.y, self.z - r, self.x + r, self.y + self.height, self.z + r

    @cached_property
    def packed(self) -> Packed:
        form = float(self.lying), self.height, float(len(self.radii)), self.hollow**2, self.floor
        controls = [float(one) for one in self._controls] + [0.0] * (solids.CONTROLS - len(self.radii))
        widest = self.bounds[3] - self.x
        return Packed(solids.LATHED, (self.x, self.y, self.z, *form, *controls, widest**2))

    def _own(self, point: Triple) -> Triple:
        """Return places as coordinates across its axis, along it, and across it again."""
        x, y, z = (part - np.float32(at) for part, at in zip(point, (self.x, self.y, self.z), strict=True))
        return (x, z, y) if self.lying else (x, y, z)

    def normal(self, point: Triple, face: Face) -> Triple:
        x, up, z = self._own(point)
        _, slope = self._profile(up)
        side = face % 2 == 0
        sign = np.where(face == 2, np.float32(-1), np.where(face == 0, np.float32(1), np.float32(0)))
        share = np.where(face == 2, np.float32(self.hollow**2), np.float32(1))
        level = np.where(face == 4, np.float32(-1), np.where(side, np.float32(0), np.float32(1)))
        x, up, z = sign * x, level - sign * share * slope, sign * z
        length = np.maximum(np.sqrt(x * x + up * up + z * z), np.float32(1e-9))
        x, up, z = x / length, up / length, z / length
        return triple(x, z, up, point) if self.lying else triple(x, up, z, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        # Projected from the front or from above: wrapped around the axis, a neck would pinch the finish into streaks.
        x, up, z = self._own(point)
        level = np.broadcast_to(self.lying, np.shape(face)) | (face == 1) | (face == 3)
        return x, np.where(level, z, up)
