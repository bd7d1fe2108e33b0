"""Parts of props: solids, each with its colour and finish, that stand or lie."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pipeline.colour.assignment import Assignment
from pipeline.colour.harmony import to_oklab
from pipeline.core.spec import Finish
from pipeline.geometry.rounded import Axes, Rounded, Vector, axes
from pipeline.geometry.solids import Solid

Spot = tuple[float, float, float]
#: `own` and `other` are colours of the palette, for painted, glazed or dyed parts; the others are natural colours.
Tint = Literal["own", "other", "water", "brass", "leaf", "stone", "earth", "egg", "page"]
#: Share of light that brushed metal mirrors at right angles, low enough to show its own colour.
SATIN = 0.6
#: OKLab lightness that a surface loses under water; chosen by eye.
WET = 0.2
#: Weight of a step of colour relative to a step of lightness, so that water over teal is never brown.
HUE = 3.0
#: How many times finer the cloth of props is woven than that of a wall or a table.
WEAVE = 2.5


@dataclass(frozen=True)
class PropPart:
    """A solid of a prop."""

    solid: Solid
    tint: Tint = "own"
    finish: Finish = "plain"
    #: As in `pipeline.scene.layout.Part`.
    mirror: float = 0.0


@dataclass(frozen=True)
class Prop:
    """Pieces that stand together."""

    parts: tuple[PropPart, ...]
    #: Radius of its foot.
    foot: float


def tints(plan: Assignment, own: int, other: int) -> dict[Tint, int]:
    """Return the slot of each tint of a prop in the slot `own`, among the colours of a scene.

    Water shows the surface under it a little darker. It gets the nearest colour of the palette.
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
    }


def stone(
    spot: Spot, radius: float, high: float, rng: np.random.Generator, *, level: float = 0.15, lying: bool = False
) -> Rounded:
    """Return a worn stone that lies at a place: uneven, at most `radius` to each side and about 2 × `high` tall.

    `level` is the share of it that is flat above and below.
    """
    grow = rng.uniform(0.82, 1.0, 4) * radius
    deep = float(rng.uniform(0.74, 0.95))
    inner = level * radius
    # A stone lies on its flatter side, with its greatest width near the ground.
    plus = float(grow[0]) - inner, high * float(rng.uniform(0.95, 1.1)), deep * (float(grow[1]) - inner)
    minus = float(grow[2]) - inner, high * float(rng.uniform(0.65, 0.8)), deep * (float(grow[3]) - inner)
    turn = axes(float(rng.uniform(0, 2 * np.pi)), *(0.04 * rng.normal(0, 1, 2)))
    body = Rounded(spot, (inner, 0.0, deep * inner), plus, minus, laid(turn) if lying else turn, 1.6)
    return resting(body, spot[2] - 0.12 * high, lying=True) if lying else resting(body, spot[1] - 0.12 * high)


def resting(body: Rounded, level: float, *, lying: bool = False) -> Rounded:
    """Return a body moved up or down, or towards the camera, so that it rests on a level."""
    x, y, z = body.at
    if lying:
        return replace(body, at=(x, y, z + level - body.bounds[2]))
    return replace(body, at=(x, y + level - body.bounds[1], z))


def laid(turn: Axes) -> Axes:
    """Return axes tipped over, so that up points towards the camera."""
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = turn
    return (ax, -az, ay), (bx, -bz, by), (cx, -cz, cy)


def book(spot: Spot, half: tuple[float, float], high: float, turn: Axes, tint: Tint, hollow: bool) -> list[PropPart]:
    """Return a book that lies at a place, its back towards the third of its axes: covers, back and a block of pages.

    `half` has half its sides, along the first and the third axis. Its back is round (`hollow`) or flat.
    """
    board, inset = min(0.11 * high, 0.008), 0.025 * half[0]
    edge = 0.5 * board
    across, up, back = (np.array(axis) for axis in turn)

    def at(aside: float, above: float, behind: float) -> Vector:
        place = np.array(spot) + aside * across + above * up + behind * back
        return float(place[0]), float(place[1]), float(place[2])

    soft = (edge, edge, edge)
    core = half[0] - edge, 0.0, half[1] - edge
    covers = [Rounded(at(0, level, 0), core, soft, soft, turn, WEAVE) for level in (edge, high - edge)]
    bulge = 0.22 * high if hollow else edge
    round_ = (edge, 0.5 * high, bulge) if hollow else soft
    upright = 0.0 if hollow else 0.5 * high - edge
    spine = Rounded(at(0, 0.5 * high, half[1] - edge), (core[0], upright, 0.0), round_, round_, turn, WEAVE)
    # From the back to just inside the other three edges of the covers.
    leaf = 0.25 * board
    block = half[0] - inset - leaf, 0.5 * high - 0.6 * board, half[1] - 0.5 * (inset + board) - leaf
    pages = Rounded(at(0, 0.5 * high, 0.5 * (inset - board)), block, (leaf,) * 3, (leaf,) * 3, turn, 2.0, layered=True)
    return [*(PropPart(one, tint, "linen") for one in (*covers, spine)), PropPart(pages, "page", "page")]


def egg(at: Vector, radius: float, turn: Axes) -> Rounded:
    """Return an egg with half its thickness as `radius`; the second of its axes points to its tip."""
    return Rounded(at, (0.0, 0.0, 0.0), (radius, 1.46 * radius, radius), (radius, 1.12 * radius, radius), turn)


def bowl_radii(radius: float) -> tuple[float, ...]:
    """Return the profile of a bowl: on a foot, round below, its rim turned in a little."""
    return tuple(radius * one for one in (0.46, 0.45, 0.62, 0.84, 0.95, 0.985, 1.0, 0.985))


def leaves_of_cloth(
    spot: Spot,
    half: tuple[float, float],
    tall: float,
    below: int,
    above: int,
    yaw: float,
    rng: np.random.Generator,
    *,
    lying: bool = False,
) -> Iterator[PropPart]:
    """Yield leaves of cloth, `below` of one colour under `above` of another, half a width wide and `tall` in all.

    Each is round at its fold, towards the viewer, and almost flat at its hems. Neighbouring leaves end in different
    places, have different thicknesses, and are pressed slightly into each other.
    """
    up, ahead = np.array([(0, 1, 0), (0, 0, 1)]) if not lying else np.array([(0, 0, 1), (0, -1, 0)])
    level = lean = 0.0
    thick = rng.uniform(0.8, 1.2, below + above)
    thick *= tall / thick.sum()
    for index, high in enumerate(float(one) for one in thick):
        turn, size = yaw + float(rng.uniform(-0.008, 0.008)), float(rng.uniform(0.955, 1.0))
        soft, hem = 0.66 * high, 0.25 * high
        core = size * half[0] - hem, 0.0, half[1] - soft
        # Each stands out a little over the leaf below, whose upper side would show as a bright line of a pixel or two.
        lean += high * float(rng.uniform(0.04, 0.14))
        aside = 0.012 * half[0] * float(rng.normal())
        x, y, z = (np.array(spot) + (level + 0.5 * high) * up + lean * ahead + (aside, 0, 0)).tolist()
        own = axes(turn, 0.004 * float(rng.normal()), 0.004 * float(rng.normal()))
        leaf = Rounded((x, y, z), core, (hem, soft, soft), (hem, soft, hem), laid(own) if lying else own, WEAVE)
        if not index:
            leaf = resting(leaf, spot[2] if lying else spot[1], lying=lying)
        yield PropPart(leaf, "own" if index < below else "other", "linen")
        level += high
