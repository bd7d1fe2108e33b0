"""Solids as numbers, for the kernels that trace rays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.geometry.ray import Face, Field, Triple
from pipeline.kernels.tracing.rays import FACES, meet_rays
from pipeline.kernels.tracing.solids import CARD, NUMBERS, UPRIGHT, Shapes


@dataclass(frozen=True, eq=False)
class Packed:
    """A solid for the kernels: its kind and its numbers, as in `pipeline.kernels.tracing.solids`."""

    kind: int
    numbers: tuple[float, ...]
    #: h×w float32 image of a shadow proxy or of a card.
    image: Field = field(default_factory=lambda: np.zeros((1, 1), np.float32))

    def row(self) -> Field:
        """Return its NUMBERS float32 numbers, filled up with 0."""
        out = np.zeros(NUMBERS, np.float32)
        out[: len(self.numbers)] = self.numbers
        return out


def shapes(things: Sequence[Packed]) -> Shapes:
    """Return the arrays of some solids in order; their images, each once, one below the other."""
    number = np.stack([thing.row() for thing in things]) if things else np.zeros((0, NUMBERS), np.float32)
    images = {id(thing.image): thing.image for thing in things if thing.image.size > 1}
    rows = dict(zip(images, np.cumsum([0, *(len(image) for image in images.values())]), strict=False))
    for index, thing in enumerate(things):
        if thing.kind in (UPRIGHT, CARD):
            number[index, 22:24] = rows.get(id(thing.image), 0), len(thing.image)
    wide = max((image.shape[1] for image in images.values()), default=1)
    shown = [np.pad(image, ((0, 0), (0, wide - image.shape[1]))) for image in images.values()]
    return Shapes(
        np.array([thing.kind for thing in things], np.int32),
        number,
        np.ascontiguousarray(np.concatenate(shown) if shown else np.zeros((1, 1)), np.float32),
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
