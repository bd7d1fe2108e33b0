"""Surfaces that are not flat: hanging cloth and dunes."""

from dataclasses import dataclass

import numpy as np

from pipeline.geometry.ray import INF, NEAR, ONE_FACE, Face, Field, Triple, triple


@dataclass(frozen=True)
class Curtain:
    """Hanging cloth about the plane z = `z`: the sum of waves (amplitude, cycles per canvas height, phase)."""

    z: float
    waves: tuple[tuple[float, float, float], ...]

    bounds = None

    @property
    def reach(self) -> float:
        """The most that a fold stands out of the plane, or back: with its harmonic."""
        return 1.2 * sum(wave[0] for wave in self.waves)

    def relief(self, x: Field) -> tuple[Field, Field]:
        """Return how far the cloth stands out at x, and its slope."""
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

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        if np.ndim(origin[0]) == 0:
            return self._seen(origin, way), ONE_FACE
        # Light's rays, of which there are many, take the cloth for the plane before it.
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (np.float32(self.z + self.reach) - origin[2]) / way[2]
        return np.where((way[2] < 0) & (t > NEAR), t, INF).astype(np.float32), ONE_FACE

    def _seen(self, origin: Triple, way: Triple) -> Field:
        """Camera rays (their z is -1): the depth depends on x alone, so a table of it is walked out once."""
        slopes = np.linspace(float(way[0].min()) - 0.01, float(way[0].max()) + 0.01, 8192).astype(np.float32)
        start = origin[2] - np.float32(self.z + self.reach)
        steps = np.linspace(0, 2 * self.reach, 160, dtype=np.float32)
        depth = start + steps[:, None]
        out, _ = self.relief(origin[0] + depth * slopes)
        inside = origin[2] - depth - np.float32(self.z) <= out
        first = np.argmax(inside, axis=0)
        last = np.maximum(first - 1, 0)
        columns = np.arange(slopes.size)
        gap = (origin[2] - depth - np.float32(self.z)) - out
        before, after = gap[last, columns], gap[first, columns]
        share = np.clip(before / np.maximum(before - after, 1e-9), 0, 1)
        table = depth[last, 0] + share * (depth[first, 0] - depth[last, 0])
        return np.asarray(np.interp(way[0], slopes, table), np.float32)

    def normal(self, point: Triple, face: Face) -> Triple:
        _, slope = self.relief(point[0])
        length = np.sqrt(1 + slope * slope)
        return triple(-slope / length, np.float32(0), 1 / length, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0] * np.float32(1.4), point[1]


@dataclass(frozen=True)
class Dunes:
    """A landscape y = height(x, z): ridges (amplitude, x and z cycles, phase), level where the product stands.

    `ripple` is the height of the wind's ripples, and the ground rises by `rise` towards the horizon.
    """

    level: float
    ridges: tuple[tuple[float, float, float, float], ...]
    back: float
    ripple: float = 0.0
    rise: float = 0.0

    bounds = None

    def height(self, x: Field, z: Field) -> Field:
        """Return the ground's height at (x, z)."""
        y = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(z)), np.float32)
        for amplitude, kx, kz, phase in self.ridges:
            arc = np.float32(kx) * x + np.float32(kz) * z + np.float32(phase)
            # Crests are sharper than troughs.
            wave = 1 - np.abs(np.sin(arc + np.float32(0.35) * np.sin(np.float32(0.7) * kx * z + phase)))
            y += np.float32(amplitude) * (wave * wave * np.float32(1.6) - np.float32(0.6))
        away = (x / np.float32(0.75)) ** 2 + ((z + np.float32(0.05)) / np.float32(0.6)) ** 2
        free = 1 - np.exp(-away * away)
        y = y * free + np.float32(self.rise) * np.maximum(0, -np.float32(0.5) - z)
        if self.ripple:
            warp = np.sin(np.float32(2.1) * x + np.float32(1.3) * z) + np.sin(np.float32(3.7) * x - np.float32(0.8) * z)
            y = y + np.float32(self.ripple) * np.sin(np.float32(46) * z + np.float32(9) * x + np.float32(2.2) * warp)
        return np.asarray(y + np.float32(self.level), np.float32)

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        if np.ndim(origin[0]) == 0:
            structured = np.ndim(way[1]) == 2 and np.shape(way[1])[1] == 1
            return (self._seen if structured else self._skyline)(origin, way), ONE_FACE
        shape = np.broadcast_shapes(*(np.shape(part) for part in (*origin, *way)))
        t, hit, before = np.zeros(shape, np.float32), np.zeros(shape, bool), np.zeros(shape, np.float32)
        for reach in np.geomspace(0.02, 2.0, 9):
            x, y, z = (origin[axis] + np.float32(reach) * way[axis] for axis in range(3))
            below = (y < self.height(x, z) - np.float32(0.004)) & (z > self.back) & ~hit
            t = np.where(below, (before + np.float32(reach)) / 2, t)
            hit |= below
            before = np.where(hit, before, np.float32(reach))
        return np.where(hit, t, INF).astype(np.float32), ONE_FACE

    def _seen(self, origin: Triple, way: Triple) -> Field:
        """Camera rays: each column of the picture is a walk over the ground; what is hidden by a nearer crest drops."""
        depth = np.geomspace(0.7, float(origin[2]) - self.back, 900).astype(np.float32)
        x = origin[0] + way[0].reshape(1, -1) * depth[:, None]
        slope = (self.height(x, origin[2] - depth[:, None]) - origin[1]) / depth[:, None]
        seen = np.maximum.accumulate(slope, axis=0)
        rows = way[1].reshape(-1)
        t = np.empty((rows.size, seen.shape[1]), np.float32)
        for column in range(seen.shape[1]):
            t[:, column] = np.interp(rows, seen[:, column], depth, left=0.7, right=np.inf)
        return t

    def _skyline(self, origin: Triple, way: Triple) -> Field:
        """Scattered camera rays, which only ask whether ground is seen: below the skyline it is, about the level."""
        depth = np.geomspace(0.7, float(origin[2]) - self.back, 300).astype(np.float32)
        slopes = np.linspace(float(way[0].min()) - 0.001, float(way[0].max()) + 0.001, 4096).astype(np.float32)
        ground = self.height(origin[0] + slopes * depth[:, None], origin[2] - depth[:, None])
        skyline = ((ground - origin[1]) / depth[:, None]).max(0)
        level = np.where(way[1] < 0, (np.float32(self.level) - origin[1]) / way[1], INF)
        t = np.minimum(level, np.float32(origin[2] - self.back))
        return np.where(way[1] < np.interp(way[0], slopes, skyline), t, INF).astype(np.float32)

    def normal(self, point: Triple, face: Face) -> Triple:
        step = np.float32(2e-3)
        x, z = point[0], point[2]
        sx = (self.height(x + step, z) - self.height(x - step, z)) / (2 * step)
        sz = (self.height(x, z + step) - self.height(x, z - step)) / (2 * step)
        length = np.sqrt(1 + sx * sx + sz * sz)
        return triple(-sx / length, 1 / length, -sz / length, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return point[0], point[2]
