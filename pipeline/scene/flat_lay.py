"""Compose the surroundings of a product seen from straight above: a second surface, and props in the corners.

It follows a designer's rules. Things are in the corners, and the frame crops them. The middle and one side stay empty.
Nothing is under the product or casts its shadow on it. Sizes differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.assignment import Assignment
from pipeline.core.spec import Finish
from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field
from pipeline.geometry.solids import Slab
from pipeline.geometry.sprites import Sprite
from pipeline.scene.layout import Layout, Part, Role
from pipeline.scene.props import BODIED, SATIN, PropPart, Spot, body, known, lying, tints
from pipeline.scene.staging import ALL

#: Minimum and maximum share of the visible surface that an asked colour's prop covers.
SHARES = (0.04, 0.075)
#: The same for the second surface; the first keeps the largest share.
SHEET_SHARES = (0.2, 0.42)
#: Shapes of sheets.
SHEETS = ("half", "mat", "corner", "round", "band")
#: Thickness of paper or cloth and of a board, canvas heights.
PAPER, BOARD = 0.006, 0.016
#: Shares of a second sheet, and its height: it lies on the first, which may be a board.
SECOND_SHARES, SECOND = (0.1, 0.22), BOARD
#: Free distance between a prop and the product's box, canvas heights.
GAP = 0.014
#: Cells of the plan per canvas height.
CELLS = 88
TRIES = 140

Mask = NDArray[np.bool_]
Point = tuple[float, float]
#: Returns which of the places x and y, which broadcast together, it covers.
Covers = Callable[[Field, Field], Mask]


@dataclass(frozen=True)
class LyingProp:
    """A prop that may be placed: its solids, its outline, its height."""

    parts: tuple[PropPart, ...]
    covers: Covers
    height: float


def sprite(
    name: str, at: Point, level: float, area: float, turn: float, rng: np.random.Generator, eye: Spot
) -> LyingProp:
    """Return a prop of that name that lies on a level."""
    made = lying(name, (*at, level), area, turn, rng, eye)
    first = made.parts[0].solid
    assert isinstance(first, Sprite), "props that lie are sprites"
    # Without a shadow: the lamp that a caller moves must not move the prop.
    return LyingProp(made.parts, first.covers, 0.0)


def disc(at: Point, radius: float, thick: float, finish: Finish = "plain") -> LyingProp:
    """Return a round board."""
    board = Panel("disc", at[0], at[1] - radius, thick, radius, 2 * radius, thick)

    def covers(x: Field, y: Field) -> Mask:
        return np.asarray((x - np.float32(at[0])) ** 2 + (y - np.float32(at[1])) ** 2 < radius**2)

    return LyingProp((PropPart(board, "own", finish),), covers, thick)


def rectangle(at: Point, half: Point, turn: float, top: float, thick: float, finish: Finish = "plain") -> LyingProp:
    """Return a board with half sides `half`, turned by `turn` radians, whose top is at `top`."""
    c, s = float(np.cos(turn)), float(np.sin(turn))
    corners = tuple(
        (at[0] + c * u * half[0] - s * v * half[1], at[1] + s * u * half[0] + c * v * half[1])
        for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    )

    def covers(x: Field, y: Field) -> Mask:
        dx, dy = x - np.float32(at[0]), y - np.float32(at[1])
        return np.asarray((np.abs(c * dx + s * dy) < half[0]) & (np.abs(c * dy - s * dx) < half[1]))

    return LyingProp((PropPart(Slab(corners, top, thick, turn), "own", finish),), covers, top)


class FlatLay:
    """Places things on the surface z = 0 of a layout that is seen from above."""

    def __init__(
        self,
        layout: Layout,
        plan: Assignment,
        rng: np.random.Generator,
        things: Sequence[str] = (),
        most: int = ALL,
    ):
        self._layout, self._plan, self._rng = layout, plan, rng
        self._things = list(things)
        rng.shuffle(self._things)
        self._most = most
        #: Height of the surface on which sheets are laid.
        self._level = 0.0
        left, top, right, bottom = layout.product
        x, y = layout.foot
        self._left, self._right, self._low, self._high = -x, layout.aspect - x, y - 1, y
        wide, tall = max(8, round(CELLS * layout.aspect)), CELLS
        self._x = (self._left + (np.arange(wide, dtype=np.float32) + 0.5) * np.float32(layout.aspect / wide))[None]
        self._y = (self._high - (np.arange(tall, dtype=np.float32) + 0.5) / np.float32(tall))[:, None]
        half = (right - left) / 2
        #: The product's box, and the box with a margin: things above the surface appear a little farther out.
        self._product = self._box(half, bottom - top, 0.0)
        self._kept = self._box(half, bottom - top, GAP)
        self._half, self._tall = half, bottom - top
        #: The room for copy, where nothing ends and no shadow falls.
        self._copy = np.zeros((tall, wide), bool)
        if layout.kept is not None:
            (from_x, from_y, to_x, to_y) = layout.kept
            self._copy = (np.abs(self._x + x - (from_x + to_x) / 2) < (to_x - from_x) / 2) & (
                np.abs(y - self._y - (from_y + to_y) / 2) < (to_y - from_y) / 2
            )
        self._kept |= self._copy
        self._taken = np.zeros((tall, wide), bool)
        self._free = max(1, int((~self._product).sum()))
        self._slots = list(plan.left)
        self._tones = list(plan.tones)
        self.parts: list[Part] = []

    def sheet(self, finish: Finish, *, under_copy: bool = False) -> None:
        """Lay a second surface as a sheet: half the picture, a corner, a band, a mat or a round board.

        `under_copy`: it is half the picture, with all of the room for copy.
        """
        # In turn, so that the next seed looks different.
        shape = "half" if under_copy else SHEETS[self._layout.seed % 5]
        self._spread(shape, finish, self._plan.surfaces["sheet"], SHEET_SHARES, under_copy=under_copy)

    def second_sheet(self) -> None:
        """Lay paper over the first sheet for an asked colour that has no place yet, where no prop may have it."""
        if len(self._slots) > self._most:
            self._level = SECOND
            self._spread(SHEETS[(self._layout.seed + 2) % 5], "plain", self._slots.pop(0), SECOND_SHARES)

    def _spread(
        self, shape: str, finish: Finish, slot: int, shares: tuple[float, float], *, under_copy: bool = False
    ) -> None:
        wanted = float(self._rng.uniform(*shares))
        best: tuple[float, LyingProp] | None = None
        for _ in range(TRIES):
            thing = self._sheet(shape, finish)
            covered = thing.covers(self._x, self._y)
            cost = abs(float((covered & ~self._product).sum() / self._free) - wanted)
            if self._copy.any():
                inside = float(covered[self._copy].mean())
                cost += 2 * ((1 - inside) if under_copy else min(inside, 1 - inside))
            if best is None or cost < best[0]:
                best = cost, thing
        assert best is not None, "TRIES is at least 1"
        self._lay(best[1], slot, "panel", "sheet")
        self._level = best[1].height

    def props(self) -> None:
        """Place a prop for every asked colour that has no place yet, and some in tones."""
        rng = self._rng
        asked = len(self._slots)
        extra = int(rng.integers(1, 4)) if asked == 0 else int(rng.integers(0, 2 if asked > 2 else 3))
        shapes = ["disc", "block", "stack"]
        rng.shuffle(shapes)
        for index in range(min(asked + extra, self._most)):
            first, slot = index < asked, self._next()
            mine = [name for name in self._things if not first or body(name, self._plan, slot) >= BODIED]
            shape = "disc" if self._plan.metallic(slot) else mine[0] if mine else shapes[index % len(shapes)]
            self._things = [one for one in self._things if one != shape]
            self._place(slot, shape, first)

    def _next(self) -> int:
        if self._slots:
            return self._slots.pop(0)
        return self._tones[int(self._rng.integers(len(self._tones)))] if self._tones else 0

    def _place(self, slot: int, shape: str, asked: bool) -> None:
        rng = self._rng
        wanted = float(rng.uniform(*SHARES)) if asked else float(rng.uniform(0.012, 0.03))
        if shape in known():
            # At a smaller size it would not be recognised.
            wanted = max(wanted, 0.035)
        best: tuple[float, LyingProp] | None = None
        for _ in range(TRIES):
            thing = self._thing(shape, wanted)
            cost = self._cost(thing, wanted, inf if best is None else best[0])
            if best is None or cost < best[0]:
                best = cost, thing
        if best is None or (best[0] > 1.0 and not asked):
            return
        self._lay(best[1], slot, "prop")
        self._taken |= best[1].covers(self._x, self._y)

    def _cost(self, thing: LyingProp, wanted: float, bound: float) -> float:
        """Return how badly a thing is placed: under the product, on others, barely visible, far from the corners.

        No term is negative. Once the sum reaches `bound`, it is returned without the terms that take the most time.
        """
        mask = thing.covers(self._x, self._y)
        seen = int(mask.sum())
        if seen == 0:
            return 99.0
        shown = float((mask & ~self._kept & ~self._taken).sum() / self._free)
        under = int((mask & self._kept).sum())
        cost = 20.0 * (under > 0) + 30.0 * under / seen + 6.0 * float((mask & self._taken).sum() / seen)
        cost += 4.0 * max(0.0, 1 - shown / wanted) + 0.7 * max(0.0, shown / wanted - 1.4)
        if cost >= bound:
            return cost
        # Its shadow falls away from the light, the farther the higher it is.
        away, reach = self._shadow(thing.height)
        fallen = thing.covers(self._x - np.float32(away[0] * reach), self._y - np.float32(away[1] * reach))
        cost += 2.0 * float((fallen & (self._product | self._copy)).sum() / seen)
        if cost >= bound:
            return cost
        rows, columns = np.nonzero(mask)
        x, y = float(self._x[0, columns].mean()), float(self._y[rows, 0].mean())
        near = np.hypot(min(x - self._left, self._right - x), min(y - self._low, self._high - y))
        return float(cost + 1.3 * near)

    def _shadow(self, height: float) -> tuple[Point, float]:
        way = np.asarray(self._layout.rig.position) - np.asarray(self._layout.rig.target)
        flat = float(np.hypot(way[0], way[1])) + 1e-6
        return (-float(way[0]) / flat, -float(way[1]) / flat), height * flat / float(way[2])

    def _sheet(self, shape: str, finish: Finish) -> LyingProp:
        rng = self._rng
        turn = float(rng.uniform(-1, 1))
        middle = (self._left + self._right) / 2, (self._low + self._high) / 2
        long = 3.0 * max(1.0, self._layout.aspect)
        if shape == "half":
            angle = float(rng.choice([0.0, np.pi / 2, np.pi, -np.pi / 2])) + (turn * 0.5 if rng.random() < 0.6 else 0)
            far = float(rng.uniform(-0.3, 0.3)) * max(1.0, self._layout.aspect)
            return self._board(middle, angle, (long, long), far + long, finish)
        if shape == "corner":
            corner = rng.choice([-1.0, 1.0]), rng.choice([-1.0, 1.0])
            angle = float(np.arctan2(corner[1], corner[0] * self._layout.aspect)) + 0.35 * turn
            return self._board(middle, angle, (long, long), float(rng.uniform(0.02, 0.55)) + long, finish)
        if shape == "band":
            angle = float(rng.choice([0.0, np.pi / 2])) + (0.5 * turn if rng.random() < 0.5 else 0)
            thick = float(rng.uniform(0.14, 0.4))
            return self._board(middle, angle, (thick, long), float(rng.uniform(-0.25, 0.25)), finish)
        here = float(rng.uniform(-0.12, 0.12)), self._tall / 2 + float(rng.uniform(-0.12, 0.12))
        if shape == "mat":
            size = self._half + float(rng.uniform(0.02, 0.2)), self._tall / 2 + float(rng.uniform(0.02, 0.2))
            return self._board(here, 0.4 * turn, size, 0.0, finish)
        radius = float(np.hypot(self._half, self._tall / 2) * rng.uniform(0.7, 1.25))
        here = here[0] + float(rng.uniform(-0.2, 0.2)), here[1] + float(rng.uniform(-0.2, 0.2))
        return disc(here, radius, self._level + BOARD, finish)

    def _board(self, middle: Point, angle: float, half: Point, along: float, finish: Finish) -> LyingProp:
        """Return a sheet turned by `angle`, whose middle is `along` from `middle` in that direction."""
        c, s = float(np.cos(angle)), float(np.sin(angle))
        x, y = middle[0] + along * c, middle[1] + along * s
        return rectangle((x, y), half, angle, self._level + PAPER, self._level + PAPER, finish)

    def _thing(self, shape: str, wanted: float) -> LyingProp:
        """Return a prop of about the size that shows `wanted` of the free surface, whole or cropped."""
        rng = self._rng
        area = wanted * self._free / CELLS**2 * float(rng.uniform(1.0, 2.6))
        radius = float(np.sqrt(area / np.pi))
        # Sometimes partly outside.
        x = float(rng.uniform(self._left - 0.7 * radius, self._right + 0.7 * radius))
        at = x, float(rng.uniform(self._low - 0.7 * radius, self._high + 0.7 * radius))
        if shape == "disc":
            return disc(at, radius, float(rng.uniform(0.026, 0.055)), self._material())
        ratio = float(rng.uniform(1.0, 1.9))
        half_x, half_y = float(np.sqrt(area / ratio)) / 2, float(np.sqrt(area * ratio)) / 2
        turn = float(rng.uniform(-0.6, 0.6)) + float(rng.choice([0.0, np.pi / 2]))
        if shape in known():
            return sprite(shape, at, self._level, area, float(rng.uniform(-np.pi, np.pi)), rng, self._layout.eye)
        thick = float(rng.uniform(0.025, 0.07))
        if shape != "stack":
            return rectangle(at, (half_x, half_y), turn, thick, thick, self._material())
        under = rectangle(at, (half_x, half_y), turn, thick, thick)
        over = rectangle(at, (0.72 * half_x, 0.72 * half_y), turn + float(rng.uniform(0.15, 0.5)), 1.6 * thick, thick)
        return LyingProp((*under.parts, PropPart(over.parts[0].solid, "other")), under.covers, 1.6 * thick)

    def _material(self) -> Finish:
        choices: tuple[Finish, ...] = ("plain", "plain", "plaster", "concrete")
        return choices[int(self._rng.integers(4))]

    def _lay(self, thing: LyingProp, slot: int, role: Role, name: str = "") -> None:
        slots = tints(self._plan, slot, self._tones[0] if self._tones else slot)
        for part in thing.parts:
            own = slots[part.tint]
            mirror = SATIN if self._plan.metallic(own) else 0.0
            self.parts.append(Part(part.solid, own, role, part.finish, mirror=mirror, name=name))

    def _box(self, half: float, tall: float, gap: float) -> Mask:
        return np.asarray((np.abs(self._x) < half + gap) & (self._y > -gap) & (self._y < tall + gap))
