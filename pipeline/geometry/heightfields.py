"""Surfaces that are not flat: hanging cloth and dunes."""

from dataclasses import dataclass

import numpy as np

from pipeline.core.parallel import by_rows
from pipeline.geometry.ray import Face, Field, Triple, triple
from pipeline.geometry.solids import Packed
from pipeline.kernels.tracing import solids
from pipeline.kernels.tracing.terrain import cloth_depths, dune_slopes, ground_heights


@dataclass(frozen=True)
class Curtain:
    """Hanging cloth around the plane z = `z`: the sum of waves (amplitude, cycles per canvas height, phase)."""

    z: float
    waves: tuple[tuple[float, float, float], ...]

    bounds = None

    @property
    def reach(self) -> float:
        """The greatest distance of a fold from the plane, forwards or backwards, with its harmonic."""
        return 1.2 * sum(wave[0] for wave in self.waves)

    def relief(self, x: Field) -> tuple[Field, Field]:
        """Return the cloth's distance in front of the plane at x, and its slope."""
        out, slope = np.zeros_like(x), np.zeros_like(x)
        for amplitude, cycles, phase in self.waves:
            k = np.float32(2 * np.pi * cycles)
            # A second harmonic sharpens the folds towards the viewer, as heavy cloth hangs.
            out = out + np.float32(amplitude) * (
                np.sin(k * x + phase) + np.float32(0.2) * np.sin(2 * k * x + 2 * phase)
            )
            slope = slope + np.float32(amplitude) * k * (
                np.cos(k * x + phase) + np.float32(0.4) * np.cos(2 * k * x + 2 * phase)
            )
        return out.astype(np.float32), slope.astype(np.float32)

    @property
    def packed(self) -> Packed:
        # For the many rays of light, the cloth is a plane at its rearmost folds. With a plane at the foremost folds,
        # the floor between folds would see no cloth, and a straight line would run along its hem.
        return Packed(solids.WALL, (self.z - self.reach,))

    def depths(self, camera: Triple, across: Field) -> Field:
        """Return the depth, W float32, at which a camera's rays of W slopes meet the cloth, equal at all heights."""
        waves = np.array([(a, 2 * np.pi * cycles, phase) for a, cycles, phase in self.waves], np.float32)
        out = np.empty(across.size, np.float32)
        cloth_depths(np.float32(self.z), np.float32(self.reach), waves, np.array(camera, np.float32), across, out)
        return out

    def normal(self, point: Triple, face: Face) -> Triple:
        _, slope = self.relief(point[0])
        length = np.sqrt(1 + slope * slope)
        return triple(-slope / length, np.float32(0), 1 / length, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0] * np.float32(1.4), point[1]


@dataclass(frozen=True)
class Dunes:
    """A landscape y = height(x, z) of ridges (amplitude, x and z cycles, phase), level under the product.

    `ripple` is the height of the wind's ripples, and the ground rises by `rise` towards the horizon.
    """

    level: float
    ridges: tuple[tuple[float, float, float, float], ...]
    back: float
    ripple: float = 0.0
    rise: float = 0.0

    bounds = None

    def height(self, x: Field, z: Field) -> Field:
        """Return the ground's height at (x, z), in their common broadcast shape."""
        places = np.broadcast_arrays(x, z)
        out = np.empty(places[0].size, np.float32)
        x, z = (np.array(axis, np.float32).ravel() for axis in places)
        ground_heights(self.packed.row(), x, z, out)
        return out.reshape(places[0].shape)

    @property
    def packed(self) -> Packed:
        ridges = (number for ridge in self.ridges for number in ridge)
        return Packed(solids.DUNES, (self.level, self.back, self.ripple, self.rise, len(self.ridges), *ridges))

    def slopes(self, camera: Triple, across: Field, steps: int) -> tuple[Field, Field]:
        """March away from a camera below rays of W slopes; return D depths and D×W steepest slopes of ground so far.

        A ray meets the ground where that slope exceeds its own; ground hidden by a nearer crest drops out.
        """
        depths = np.geomspace(0.7, float(camera[2]) - self.back, steps).astype(np.float32)
        seen = np.empty((steps, across.size), np.float32)
        numbers, origin = self.packed.row(), np.array(camera, np.float32)
        by_rows(across.size, lambda a, b: dune_slopes(a, b, numbers, origin, depths, across, seen), 512)
        return depths, seen

    def normal(self, point: Triple, face: Face) -> Triple:
        step = np.float32(2e-3)
        x, z = point[0], point[2]
        sx = (self.height(x + step, z) - self.height(x - step, z)) / (2 * step)
        sz = (self.height(x, z + step) - self.height(x, z - step)) / (2 * step)
        length = np.sqrt(1 + sx * sx + sz * sz)
        return triple(-sx / length, 1 / length, -sz / length, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0], point[2]
