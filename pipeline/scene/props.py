"""Props that stand beside a product, or lie beside it seen from above: pictures with depth, a part for each tint.

`pipeline/assets/props/props.toml` says what each is and where it suits. A prop is made for a place and for an area:
what it covers in a picture at its own depth, in square canvas heights.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

from pipeline.colour.assignment import Assignment
from pipeline.core.spec import Finish, Mood, SceneKind
from pipeline.geometry.solids import Solid
from pipeline.geometry.sprites import ABOVE, SLOPES, Sprite, shares_of, view_of

Spot = tuple[float, float, float]
#: `own` and `other` are colours of the palette, for painted, glazed or dyed parts. The others are natural colours;
#: `as_is` has those of its picture.
Tint = Literal["own", "other", "leaf", "stone", "earth", "egg", "page", "wood", "as_is"]
#: Share of light that brushed metal mirrors at right angles, low enough to show its own colour.
SATIN = 0.6
#: Share of a prop that has its own colour, at least, to represent an asked colour.
BODIED = 0.45


@dataclass(frozen=True)
class PropPart:
    """A solid of a prop."""

    solid: Solid
    tint: Tint = "own"
    finish: Finish = "plain"


@dataclass(frozen=True)
class Prop:
    """Pieces that stand together."""

    parts: tuple[PropPart, ...]
    #: Radius of its foot.
    foot: float


@dataclass(frozen=True)
class Known:
    """A prop of the table."""

    #: The word for it in a mood's own list of props; empty: none.
    family: str = ""
    #: Kinds of scenes, and names of moods, that it suits; no mood: all.
    scenes: tuple[SceneKind, ...] = ("sweep", "podium", "tabletop", "bokeh", "niche", "window", "curtain")
    moods: tuple[str, ...] = ()
    #: Its size relative to other props.
    size: float = 1.0
    #: Its chance relative to other props.
    often: int = 1


@cache
def known() -> dict[str, Known]:
    """Return the props by name, read once a process."""
    table = tomllib.loads((files("pipeline") / "assets" / "props" / "props.toml").read_text("utf-8"))
    return {
        name: Known(**{key: tuple(own) if isinstance(own, list) else own for key, own in entry.items()})  # type: ignore[arg-type]  # a test reads all
        for name, entry in table.items()
    }


def pool(kind: SceneKind, mood: Mood) -> list[str]:
    """Return the props that suit a kind of scene and a mood, or the mood's own list, each as often as its chance."""
    return [
        name
        for name, one in known().items()
        for _ in range(one.often)
        if kind in one.scenes and (one.family in mood.props if mood.props else not one.moods or mood.name in one.moods)
    ]


def shows(name: str, *tints: Tint) -> float:
    """Return the share of a prop, 0–1, that has one of some tints."""
    shares = shares_of(name, 0)
    return sum(shares.get(tint, 0.0) for tint in tints) / sum(shares.values())


def body(name: str, plan: Assignment, slot: int) -> float:
    """Return the share of a prop, 0–1, that has the colour of a slot; from BODIED up it can represent that colour."""
    return shows(name, "own", "stone") if plan.suits(slot, "stone") else shows(name, "own")


def prop(name: str, spot: Spot, area: float, rng: np.random.Generator, eye: Spot) -> Prop:
    """Return a prop of that name that stands on a spot, seen from `eye`."""
    slope = (eye[1] - spot[1]) / (eye[2] - spot[2])
    return _made(name, int(np.abs(np.array(SLOPES) - slope).argmin()), spot, area, 0.0, rng, eye)


def lying(name: str, spot: Spot, area: float, turn: float, rng: np.random.Generator, eye: Spot) -> Prop:
    """Return a prop that lies on the depth of a spot and is seen from straight above, turned by `turn` radians."""
    return _made(name, ABOVE, spot, area, turn, rng, eye)


def _made(name: str, view: int, spot: Spot, area: float, turn: float, rng: np.random.Generator, eye: Spot) -> Prop:
    flip = bool(rng.random() < 0.5)
    baked = view_of(name, view, flip)
    size = float(np.sqrt(known()[name].size * area / baked.covers))
    largest = max(baked.shares, key=lambda tint: baked.shares[tint])
    parts = [
        PropPart(Sprite(name, view, flip, tint, *spot, size, eye, turn, tint == largest), tint)  # type: ignore[arg-type]  # the files' tints
        for tint in baked.shares
    ]
    return Prop(tuple(parts), 0.9 * size * baked.near)


def tints(plan: Assignment, own: int, other: int) -> dict[Tint, int]:
    """Return the slot of each tint of a prop in the slot `own`, among the colours of a scene."""
    return {
        "own": own,
        "other": other,
        "leaf": plan.natural["leaf"],
        "stone": own if plan.suits(own, "stone") else plan.natural["stone"],
        "earth": plan.natural["earth"],
        "egg": plan.natural["egg"],
        "page": plan.natural["page"],
        "wood": plan.natural["wood"],
        "as_is": plan.as_is,
    }
