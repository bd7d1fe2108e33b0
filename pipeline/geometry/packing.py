"""Solids as numbers, for the kernels that trace rays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.geometry.ray import Face, Field, Triple
from pipeline.kernels.tracing.rays import FACES, meet_rays
from pipeline.kernels.tracing.solids import NUMBERS, Shapes

#: Enlarges a leaf's box by more than float32's error.
_MARGIN = 1e-5
#: A polygon of (x, y).
Outline = tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class Packed:
    """A solid for the kernels: its kind and its numbers, as in `pipeline.kernels.tracing.solids`."""

    kind: int
    numbers: tuple[float, ...]
    leaves: tuple[Outline, ...] = ()
    #: Whether leaves have faces, one for each lean and side of the rib.
    folded: bool = False
    #: h×w float32 image of a shadow proxy.
    image: Field = field(default_factory=lambda: np.zeros((1, 1), np.float32))

    def row(self) -> Field:
        """Return its NUMBERS float32 numbers, filled up with 0."""
        out = np.zeros(NUMBERS, np.float32)
        out[: len(self.numbers)] = self.numbers
        return out


def shapes(things: Sequence[Packed]) -> Shapes:
    """Return the arrays of some solids in order; at most one of them has an image."""
    number = np.stack([thing.row() for thing in things]) if things else np.zeros((0, NUMBERS), np.float32)
    edges: list[Field] = [np.zeros((0, 4), np.float32)]
    leaves: list[tuple[float, ...]] = []
    count = 0
    for index, thing in enumerate(things):
        if not thing.leaves:
            continue
        number[index, 5:8] = len(leaves), len(leaves) + len(thing.leaves), thing.folded
        for leaf in thing.leaves:
            points = np.asarray(leaf, np.float32)
            ends = np.concatenate([points, np.roll(points, -1, axis=0)], 1)
            tip = points[len(points) // 2 - 1]
            (along_x, along_y), (x, y) = tip - points[0], (points - points[0]).T
            left = along_x * y - along_y * x
            reach = float(left.min()) - _MARGIN, float(left.max()) + _MARGIN
            leaves.append((*points.min(0), *points.max(0), count, count + len(ends), *points[0], *tip, *reach))
            edges.append(ends)
            count += len(ends)
    shown = next((thing for thing in things if thing.image.size > 1), Packed(0, ()))
    return Shapes(
        np.array([thing.kind for thing in things], np.int32),
        number,
        np.concatenate(edges),
        np.array(leaves, np.float32).reshape(-1, 12),
        np.ascontiguousarray(shown.image, np.float32),
    )


def meet(thing: Packed, origin: Triple, way: Triple) -> tuple[Field, Face]:
    """Return the distance at which rays meet a solid, inf without a hit, and the face that they hit.

    These are rays of light; a camera sees hanging cloth and dunes differently. Parts of `origin` and `way` broadcast
    together.
    """
    parts = np.broadcast_arrays(*origin, *way)
    ray = np.stack([part.ravel() for part in parts]).astype(np.float32)
    best, found = np.full(ray.shape[1], np.inf, np.float32), np.zeros(ray.shape[1], np.int32)
    meet_rays(shapes([thing]), np.zeros(1, np.int64), 1, best.size, ray, best, found)
    return best.reshape(parts[0].shape), (found % FACES).astype(np.uint8).reshape(parts[0].shape)
