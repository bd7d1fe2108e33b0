"""What a thing beside the product is made of: solids, each with its colour and finish."""

from dataclasses import dataclass
from typing import Literal

from pipeline.core.spec import Finish
from pipeline.geometry.solids import Solid

Spot = tuple[float, float, float]
Tint = Literal["own", "other", "leaf", "pale"]


@dataclass(frozen=True)
class Piece:
    """A solid of a thing."""

    solid: Solid
    tint: Tint = "own"
    finish: Finish = "plain"
    #: As in `pipeline.scene.layout.Part`.
    mirror: float = 0.0
    #: 0 opaque; else it is of glass, and this is as `pipeline.scene.layout.Part.clear` is: 1 is without a colour.
    clear: float = 0.0


@dataclass(frozen=True)
class Thing:
    """Pieces that stand together."""

    pieces: tuple[Piece, ...]
    #: Radius of its foot.
    foot: float
