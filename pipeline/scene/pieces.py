"""What a thing beside the product is made of: solids, each with its colour and finish."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.colour.harmony import to_oklab
from pipeline.core.spec import Finish
from pipeline.geometry.ray import Field
from pipeline.geometry.solids import Solid

Spot = tuple[float, float, float]
#: `own` and `other` are colours of the palette, for what may be painted or dyed; the rest is natural.
Tint = Literal["own", "other", "leaf", "pale", "water", "page", "stone", "earth", "egg", "wood", "brass"]
#: OKLab lightness that a surface loses under water; by eye.
WET = 0.2
#: So many times as much as a step of lightness does one of colour weigh: water over teal is never brown.
HUE = 3.0


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


def tints(colours: Sequence[Field], own: int, other: int) -> dict[Tint, int]:
    """Return the slot of each tint of a thing in the slot `own`, among a layout's (3,) linear colours.

    Water shows what is under it a little darker: it has the colour that is nearest to that. Leaves have the last.
    """
    pale = int(np.argmax([colour.sum() for colour in colours]))
    wet = to_oklab(colours[own]) - np.array([WET, 0, 0], np.float32)
    return {
        "own": own,
        "other": other,
        "leaf": len(colours) - 1,
        "pale": pale,
        "page": pale,
        "stone": other,
        "earth": len(colours) - 1,
        "egg": pale,
        "wood": other,
        "brass": other,
        "water": int(np.argmin([np.linalg.norm((to_oklab(colour) - wet) * (1, HUE, HUE)) for colour in colours])),
    }
