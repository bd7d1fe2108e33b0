"""What a thing beside the product is made of: solids, each with its colour and finish."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.colour.assignment import Assignment
from pipeline.colour.harmony import to_oklab
from pipeline.core.spec import Finish
from pipeline.geometry.solids import Solid

Spot = tuple[float, float, float]
#: `own` and `other` are of the palette, for what is painted, glazed or dyed; the others are natural colours.
Tint = Literal["own", "other", "water", "brass", "leaf", "stone", "earth", "egg", "page", "wood"]
#: Share of light that brushed metal mirrors at right angles: its own colour is still seen.
SATIN = 0.6
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


@dataclass(frozen=True)
class Thing:
    """Pieces that stand together."""

    pieces: tuple[Piece, ...]
    #: Radius of its foot.
    foot: float


def tints(plan: Assignment, own: int, other: int) -> dict[Tint, int]:
    """Return the slot of each tint of a thing in the slot `own`, among the colours of a scene.

    Water shows what is under it a little darker: it has the colour of the palette that is nearest to that.
    """
    wet = to_oklab(plan.colours[own]) - np.array([WET, 0, 0], np.float32)
    palette = plan.colours[: plan.asked + len(plan.tones)]
    return {
        "own": own,
        "other": other,
        "water": int(np.argmin([np.linalg.norm((to_oklab(colour) - wet) * (1, HUE, HUE)) for colour in palette])),
        "brass": own if plan.metallic(own) else plan.natural["metal"],
        "leaf": plan.natural["leaf"],
        "stone": own if plan.suits(own, "stone") else plan.natural["stone"],
        "earth": plan.natural["earth"],
        "egg": plan.natural["egg"],
        "page": plan.natural["page"],
        "wood": plan.natural["wood"],
    }
