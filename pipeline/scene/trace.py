"""The camera's view of a layout, pixel by pixel: the part, its distance and its direction. Exact at any size."""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from pipeline.core.parallel import THREADS, together
from pipeline.geometry.casting import follow
from pipeline.geometry.ray import Field, Triple
from pipeline.kernels.image.surfaces import extents
from pipeline.kernels.tracing.rays import FACES as FACES
from pipeline.scene.coverage import Coverage, coverage
from pipeline.scene.layout import Layout

#: Distance of a ray that meets nothing.
NOWHERE = np.float32(50)


@dataclass(frozen=True, eq=False)
class Geometry:
    """The surfaces in one picture."""

    #: The traced layout; its colours and lights have no effect here.
    layout: Layout
    #: H×W uint16: part index × FACES + face.
    surface: NDArray[np.uint16]
    #: H×W float32 canvas heights along the view axis.
    depth: Field

    @property
    def part(self) -> NDArray[np.uint16]:
        """H×W part indices."""
        return self.surface // FACES

    def flat(self) -> Field:
        """Return H×W×3: the parts' linear colours, without finishes; edges are not antialiased."""
        return np.stack([self.layout.colours[part.slot] for part in self.layout.parts]).astype(np.float32)[self.part]

    @property
    def point(self) -> Triple:
        """World places, three times H×W, computed at each call."""
        return self.points(slice(None), slice(None))

    def points(self, rows: slice, columns: slice) -> Triple:
        """Return the world places of a window, three times h×w float32."""
        height, width = self.depth.shape
        across, down, _ = self.layout.rays(width, height)
        camera, depth = self.layout.camera, self.depth[rows, columns]
        return camera[0] + across[:, columns] * depth, camera[1] + down[rows] * depth, camera[2] - depth

    def places(self, place: NDArray[np.int32], surface: NDArray[np.uint16]) -> tuple[Triple, Field]:
        """Return the world places of the pixels `place`, …×2 rows and columns, and 3×… unit normals.

        `surface`, …, has the surfaces of those pixels.
        """
        height, width = self.depth.shape
        across, down, _ = self.layout.rays(width, height)
        camera, depth = self.layout.camera, self.depth[place[..., 0], place[..., 1]]
        point = (
            camera[0] + across[0, place[..., 1]] * depth,
            camera[1] + down[place[..., 0], 0] * depth,
            camera[2] - depth,
        )
        out, part = np.zeros((3, *surface.shape), np.float32), surface // FACES
        for index in np.unique(part):
            where = part == index
            x, y, z = (axis[where] for axis in point)
            face = (surface[where] % FACES).astype(np.uint8)
            for axis, value in zip(out, self.layout.parts[index].solid.normal((x, y, z), face), strict=True):
                axis[where] = value
        return point, out

    @cached_property
    def coverage(self) -> Coverage:
        """How much of each edge pixel the adjacent surfaces cover; traced at the first call."""
        return coverage(self.layout, self.surface, self.depth)

    def normals(self) -> Field:
        """Return unit normals, 3×H×W float32, turned towards the camera where they look away from it."""
        out = np.zeros((3, *self.depth.shape), np.float32)
        part = self.part
        for index, (rows, columns) in enumerate(windows_of(part, len(self.layout.parts))):
            where = part[rows, columns] == index
            if not where.any():
                continue
            x, y, z = (axis[where] for axis in self.points(rows, columns))
            face = (self.surface[rows, columns][where] % FACES).astype(np.uint8)
            for axis, value in zip(out, self.layout.parts[index].solid.normal((x, y, z), face), strict=True):
                axis[rows, columns][where] = value
        return out


def trace(layout: Layout, width: int, height: int) -> Geometry:
    """Follow one ray per pixel centre of a width×height picture; a ray that meets nothing ends at a depth of 50."""
    across, down, _ = layout.rays(width, height)
    surface, depth = follow([part.solid for part in layout.parts], layout.camera, across[0], down[:, 0])
    np.minimum(depth, NOWHERE, out=depth)
    return Geometry(layout, surface, depth)


def windows_of(part: NDArray[np.uint16], count: int) -> list[tuple[slice, slice]]:
    """Return the rows and columns that contain all pixels of each of `count` parts of H×W pixels; empty for none."""
    tops = range(0, len(part), -(-len(part) // THREADS))

    def strip(top: int) -> NDArray[np.int64]:
        own = np.zeros((count, 4), np.int64)
        own[:, :2] = part.shape
        extents(part[top : top + tops.step], own)
        own[own[:, 2] > 0] += [top, 0, top, 0]
        return own

    strips = np.stack(together(*(partial(strip, top) for top in tops)))
    found = np.concatenate([strips[..., :2].min(0), strips[..., 2:].max(0)], axis=1)
    return [
        (slice(top, bottom), slice(left, right)) if bottom else (slice(0, 0), slice(0, 0))
        for top, left, bottom, right in found.tolist()
    ]
