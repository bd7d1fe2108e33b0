"""Solids as numbers, for the kernels that trace rays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.geometry.ray import Field
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
