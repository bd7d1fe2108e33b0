"""Place the props of a scene: the stand under the product, the panel behind it, the props beside it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.assignment import Assignment
from pipeline.geometry.heightfields import Dunes
from pipeline.geometry.panels import Panel
from pipeline.geometry.solids import Ball, Block, Drum, Solid
from pipeline.scene.layout import FOCAL, Layout, Part, Role
from pipeline.scene.props import BODIED, SATIN, Prop, PropPart, body, known, prop, tints

#: Minimum share of the picture of an asked colour's prop; below 2 % it would not look like one of the picture's
#: colours.
MIN_AREA = 0.04
#: Factor that enlarges the prop of an asked colour.
ROOMY = 1.6
#: Room around the product in the picture, in canvas heights: a prop that touches its outline looks like a part of it.
APART = 0.03
#: Relative size of a prop that may have an asked colour: a cup as large as a vase would make the product a toy.
BIG = 0.8
#: Depth in dunes of a thing that stands in them, over the root of the area that it covers.
SUNK = 0.12
#: More props than any scene has.
ALL = 99
#: Left, bottom, right, top in the picture's plane at the product, in canvas heights.
Rectangle = tuple[float, float, float, float]
#: Indices of the sides of a box that meet at its eight corners.
_X, _Y, _Z = [0, 3] * 4, [1, 1, 1, 1, 4, 4, 4, 4], [2, 2, 5, 5] * 2


class Staging:
    """Places props in a layout's room, each where it hides the product and other props least."""

    def __init__(
        self,
        layout: Layout,
        plan: Assignment,
        rng: np.random.Generator,
        *,
        level: float,
        also: tuple[int, ...] = (),
        back: float,
        ground: Dunes | None = None,
        props: Sequence[str] = (),
        most: int = ALL,
    ):
        self._layout, self._plan, self._rng = layout, plan, rng
        self._level, self._back, self._ground = level, back, ground
        left, top, right, bottom = layout.product
        self._wide, self._tall = right - left, bottom - top
        self._short = min(1.0, layout.aspect)
        # Where few props are allowed, colours without another place come first.
        self._slots = [*also, *plan.left] if most == ALL else [*plan.left, *also]
        self._tones = list(plan.tones)
        self._things = list(props)
        rng.shuffle(self._things)
        #: Maximum number of props beside the product.
        self.most = most
        self.parts: list[Part] = []
        #: Footprints (x, z, radius) and pictures of the placed props.
        self._feet = [(0.0, -0.2 * self._wide, 0.55 * self._wide)]
        self._seen: list[Rectangle] = []
        #: The room for copy, in the picture's plane, and the picture's span beside it.
        self._copy: Rectangle | None = None
        self._span = 0.0, layout.aspect
        if layout.kept is not None:
            (x, y), (left, top, right, bottom) = layout.foot, layout.kept
            self._copy = left - x, y - bottom, right - x, y - top
            self._span = {0: self._span, 1: (right, layout.aspect), -1: (0.0, left)}[layout.away]

    @property
    def wanted(self) -> int:
        """Number of asked colours that are not placed yet."""
        return len(self._slots)

    def next_slot(self) -> int:
        """Return the next asked colour, or a tone if all are placed."""
        if self._slots:
            return self._slots.pop(0)
        return self._any_tone()

    @property
    def sparse(self) -> bool:
        """Whether few props are allowed, so that asked colours may get none."""
        return self.most < ALL

    def _large_slot(self) -> int:
        """Return the next colour for a stand or a panel, which are never of metal."""
        painted = [slot for slot in self._slots if not self._plan.metallic(slot)]
        if not painted:
            return self._any_tone()
        self._slots.remove(painted[0])
        return painted[0]

    def _any_tone(self) -> int:
        return self._tones[int(self._rng.integers(len(self._tones)))] if self._tones else 0

    def stand(self, panels: int = 0) -> float:
        """Place a stand under the product, and return the floor's level, which is then below 0.

        `panels`: number of colours that a panel will take. If more are left, and no props for them, the stand has two.
        """
        left, _, right, _ = self._layout.product
        if left <= 0 or right >= self._layout.aspect:
            return 0.0  # held from beyond the picture, the product stands on nothing
        rng, wide = self._rng, self._wide
        slot = self._large_slot()
        high = float(rng.uniform(0.1, 0.2))
        radius = float(max(0.6 * wide + 0.05, 0.19 * self._short))
        clear = self._layout.clear[0]
        radius = min(radius, max(clear, 0.52 * wide))
        shapes = ("drum", "tiers") if self._layout.kind == "niche" else ("drum", "tiers", "block")
        shape = shapes[int(rng.integers(len(shapes)))]
        if self.sparse and self.wanted > panels + self.most:
            shape = "tiers"  # it needs no room beside the product
        behind = min(-0.22 * radius, -0.5 * self._layout.base)
        if self._layout.base > 2 * radius:
            shape = "drum"  # under a product that lies, a block would be as long as a pier
        if shape != "block":
            spots = ((0.0, 0.0), (0.0, -self._layout.base), *(self._layout.ground(*foot) for foot in self._layout.feet))
            radius = max(radius, *(float(np.hypot(x, z - behind)) + 0.05 for x, z in spots))
            self._put(Drum(0, -high, behind, radius, high), slot, "stand")
            if shape == "tiers" and 1.32 * radius < clear:
                low = 0.45 * high
                self.parts[-1] = replace(self.parts[-1], solid=Drum(0, -high + low, behind, radius, high - low))
                under = self._large_slot() if self.sparse and self.wanted else self._tone(slot)
                self._put(Drum(0, -high, behind, 1.32 * radius, low), under, "stand" if self.sparse else "prop")
        else:
            deep = float(np.clip(0.62 * radius, 0.16, 0.32))
            deep = max(deep, 0.5 * self._layout.base + 0.06)
            self._put(Block(0, -high, min(-0.3 * deep, -0.5 * self._layout.base), radius, high, deep), slot, "stand")
        self._feet[0] = (0.0, behind, 1.05 * radius)
        self._level = -high
        return -high

    def rug(self, metre: float) -> float:
        """Lay a rug under the product, and return the floor's level; `metre` is one in canvas heights."""
        thick = 0.008 * metre
        back, front = -self._layout.base - 0.3 * metre, 0.22 * metre
        half = 0.5 * self._wide + float(self._rng.uniform(0.1, 0.25)) * metre
        rug = Block(0, -thick, (back + front) / 2, half, thick, (front - back) / 2)
        self.parts.append(Part(rug, self._large_slot(), "stand", "linen", fine=0.5 / metre))
        self._level = -thick
        return -thick

    def canvases(self, z: float, metre: float) -> None:
        """Hang a painted canvas on the wall for each asked colour that has no place yet; `metre` as for a rug."""
        rng, eye, scale, deep = self._rng, self._layout.eye, (FOCAL - z) / FOCAL, 0.015 * metre
        half = 0.36 * scale * float(np.sqrt(MIN_AREA * self._layout.aspect))

        def cost(canvas: Block) -> float:
            seen = self._picture(_boxes(Prop((PropPart(canvas),), 0.0)))
            return self._cost(seen, (canvas.x, 9.0, 0.0), True)  # it has no foot near other things

        while self._slots:
            x = eye[0] + scale * (rng.uniform(*self._span, 60) - self._layout.aspect / 2)
            y = self._level + rng.uniform(0.3, 1.6, 60) * metre
            tried = [Block(a, b, z + deep, half, 3.9 * half, deep) for a, b in np.stack([x, y], 1).tolist()]
            self._put(min(tried, key=cost), self._slots.pop(0), "panel")

    def panel(self, z: float) -> None:
        """Place a round board or a pair of them behind the product."""
        rng = self._rng
        slot = self._large_slot()
        scale = (FOCAL - z) / FOCAL
        eye_x, eye_y = float(self._layout.camera[0]), float(self._layout.camera[1])
        half = float(np.clip(0.5 * max(self._wide, 0.62 * self._tall) + 0.06, 0.2, 0.4 * self._layout.aspect)) * scale
        clear, high = self._layout.clear
        half = min(half, clear * scale)
        shift = float(rng.choice([0.0, rng.uniform(0.15, 0.6), -rng.uniform(0.15, 0.6)])) * half
        shift = self._layout.away * abs(shift) if self._layout.away else shift
        x = eye_x * (1 - scale) + shift
        # A little over the product's top, as the camera sees it.
        top = eye_y + (self._tall * float(rng.uniform(0.82, 1.12)) - eye_y) * scale
        tall = float(np.clip(top - self._level, 1.25 * half, 1.6))
        # A disc, a portal and a half disc are higher or wider than this.
        limit = (eye_y + (high - eye_y) * scale - self._level) / 1.1
        tall, half = min(tall, limit), min(half, limit / 1.25)
        thick = 0.05
        shape = ("arch", "arch", "disc", "half_disc", "ring", "portal", "pair")[int(rng.integers(7))]
        if self.sparse and self.wanted > self.most:
            shape = "pair"
        board = Panel("arch", x, self._level, z + thick, half, tall, thick)
        if shape == "disc":
            half = min(half, 0.6 * tall)
            board = replace(board, outline="disc", half=half, height=2 * half)
        elif shape == "half_disc":
            half = min(float(np.clip(0.8 * tall, half, 0.42 * self._layout.aspect * scale + 0.1)), clear * scale)
            board = replace(board, outline="half_disc", half=half, height=half)
        elif shape == "ring":
            half = min(max(half, 0.55 * tall), clear * scale, limit / 2)
            board = Panel("disc", x, self._level, z + 2 * thick, half, 2 * half, 2 * thick, 0.74)
        elif shape == "portal":
            half = min(half, clear * scale / 1.12)
            board = Panel("arch", x, self._level, z + 2.6 * thick, 1.12 * half, 1.1 * tall, 2.6 * thick, 0.74)
        self._put(board, slot, "panel")
        if shape == "pair":
            side = self._layout.away or (1.0 if shift <= 0 else -1.0)
            other = replace(board, x=x + side * 1.05 * half, z=z + 2.4 * thick, half=0.6 * half, height=0.62 * tall)
            self._put(other, self._large_slot(), "panel")

    def props(self, extra: int = 0, natural: bool = False) -> None:
        """Place a prop for every asked colour that has no place yet, and `extra` props in tones."""
        count = min(self.wanted + extra, self.most)
        for index in range(count):
            asked = self.wanted > 0
            slot = self.next_slot()
            self._place(slot, asked, natural, small=not asked and index > 0)

    def _place(self, slot: int, asked: bool, natural: bool, small: bool) -> None:
        rng = self._rng
        natural = natural and (not asked or self._plan.suits(slot, "stone"))
        if natural and not asked:
            slot = self._plan.natural["stone"]
        # A prop for an asked colour must show that colour.
        bodied = [
            name for name in self._things
            if not asked or (body(name, self._plan, slot) >= BODIED and known()[name].size >= BIG)
        ]  # fmt: skip
        name = bodied[int(rng.integers(len(bodied)))] if bodied and not self._plan.metallic(slot) else None
        if name is None and not asked:
            return  # only an asked colour needs a bare shape
        area = MIN_AREA * self._layout.aspect * (float(rng.uniform(1.0, 1.5)) if asked else 0.45 if small else 0.7)
        if asked and name is not None:
            # One size whatever its kind: an asked vase as large as others would tower over the product.
            area *= ROOMY / max(body(name, self._plan, slot), BODIED) / known()[name].size
        best: tuple[float, float, float, Prop | None] | None = None
        eye = self._layout.eye
        # One shape is drawn. Only its boxes are tried in each place; the whole prop is made for the chosen place alone.
        shape = int(rng.integers(2**32))
        model = None if name is None else prop(name, (0.0, 0.0, 0.0), 1.0, np.random.default_rng(shape), eye)
        boxes = None if model is None else _boxes(model)
        for _ in range(60):
            z = float(rng.uniform(max(self._back + 0.16, -1.1), 0.02 if small else -0.12))
            scale = (FOCAL - z) / FOCAL
            # Between the picture's sides at this depth, beside the copy.
            low, high = (eye[0] + scale * (side - self._layout.aspect / 2) for side in self._span)
            x = float(rng.uniform(low, high))
            made = None
            if model is None or boxes is None:
                solid, foot = self._prop(x, z, area * scale * scale)
                made = Prop((PropPart(solid),), foot)
                seen = self._picture(_boxes(made))
            else:
                unit = scale * float(np.sqrt(area))
                foot = unit * model.foot
                seen = self._picture(unit * boxes + np.array([x, self._floor(x, z), z] * 2, np.float32))
            cost = self._cost(seen, (x, z, foot), asked)
            if best is None or cost < best[0]:
                best = cost, x, z, made
        if best is None or (best[0] > 1.2 and not asked):
            return
        _, x, z, made = best
        if made is None:
            assert name is not None, "props without a name are made in the loop"
            covers = area * ((FOCAL - z) / FOCAL) ** 2
            sunk = 0.0 if self._ground is None else SUNK * float(np.sqrt(covers))
            made = prop(name, (x, self._floor(x, z) - sunk, z), covers, np.random.default_rng(shape), eye)
        if name in self._things and not natural:
            self._things = [one for one in self._things if one != name]
        slots = tints(self._plan, slot, self._tone(slot))
        for part in made.parts:
            own = slots[part.tint]
            self.parts.append(Part(part.solid, own, "prop", part.finish, mirror=self._metal(own)))
        left, _, back, right, _, front = (float(side) for side in _boxes(made)[0])
        self._feet.append(((left + right) / 2, (back + front) / 2, made.foot))
        self._seen.append(self._picture(_boxes(made)))

    def _floor(self, x: float, z: float) -> float:
        if self._ground is None:
            return self._level
        return float(self._ground.height(np.array([x], np.float32), np.array([z], np.float32)).item())

    def _prop(self, x: float, z: float, area: float) -> tuple[Solid, float]:
        """Return a prop whose picture has `area` (square canvas heights at its own depth), and its foot's radius."""
        rng = self._rng
        level = self._floor(x, z)
        shape = ("ball", "ball", "column", "block", "drum", "half_disc")[int(rng.integers(6))]
        if shape == "ball":
            radius = float(np.sqrt(area / np.pi))
            return Ball(x, level + radius, z, radius), radius
        if shape == "half_disc":
            half = float(np.sqrt(2 * area / np.pi))
            return Panel("half_disc", x, level, z + 0.06, half, half, 0.12), half
        if shape in ("column", "drum"):
            slim = rng.uniform(3.0, 5.5) if shape == "column" else rng.uniform(0.9, 1.8)
            radius = float(np.sqrt(area / (2 * slim)))
            return Drum(x, level, z, radius, area / (2 * radius)), radius
        half = float(np.sqrt(area / (2.4 * rng.uniform(1.0, 2.6))))
        yaw = float(rng.uniform(-0.5, 0.5))
        return Block(x, level, z, half, area / (2.4 * half), half, yaw), 1.3 * half

    def _cost(self, seen: Rectangle, foot: tuple[float, float, float], asked: bool) -> float:
        """Return the cost of a place: hidden behind the product or props, outside the picture, or touching props."""
        size = max((seen[2] - seen[0]) * (seen[3] - seen[1]), 1e-6)
        left, right = -self._layout.foot[0], self._layout.aspect - self._layout.foot[0]
        inside = _overlap(seen, (left, seen[1], right, seen[3])) / size
        product = (-self._wide / 2 - APART, 0.0, self._wide / 2 + APART, self._tall + APART)
        cost = 2.5 * _overlap(seen, product) / size + 6 * max(0.0, 0.97 - inside) * (1.5 if asked else 1.0)
        if self._copy is not None:
            cost += 200 * _overlap(seen, self._copy) / size
        for other in self._seen:
            smaller = min(size, (other[2] - other[0]) * (other[3] - other[1]))
            cost += 1.2 * _overlap(seen, other) / max(smaller, 1e-6)
        x, z, radius = foot
        for other_x, other_z, other_radius in self._feet:
            gap = float(np.hypot(x - other_x, z - other_z)) - radius - other_radius
            cost += 8.0 * max(0.0, 0.015 - gap) / max(radius, 1e-3)
        # Behind the wall, or in front of the product.
        cost += 20.0 * max(0.0, self._back + 0.02 + radius - z) + 3.0 * max(0.0, seen[3] - 0.75 * self._tall - 0.1)
        return cost

    def _tone(self, slot: int) -> int:
        """Return another colour than `slot` for a matching part, without using up an asked colour."""
        return self._tones[0] if self._tones else slot

    def _metal(self, slot: int) -> float:
        return SATIN if self._plan.metallic(slot) else 0.0

    def _picture(self, boxes: NDArray[np.float32]) -> Rectangle:
        """Return the box in the picture around N×6 boxes of the world: left, bottom, back, right, top, front."""
        px, py = self._layout.project((boxes[:, _X], boxes[:, _Y], boxes[:, _Z]))
        x, y = self._layout.foot
        return float(px.min() - x), float(y - py.max()), float(px.max() - x), float(y - py.min())

    def _put(self, solid: Solid, slot: int, role: Role) -> None:
        self.parts.append(Part(solid, slot, role, mirror=self._metal(slot)))
        bounds = solid.bounds
        if bounds is not None and role != "panel":
            left, _, back, right, _, front = bounds
            self._feet.append(((left + right) / 2, (back + front) / 2, (right - left) / 2))
        if role != "stand":
            self._seen.append(self._picture(_boxes(Prop((PropPart(solid),), 0.0))))


def _boxes(made: Prop) -> NDArray[np.float32]:
    """Return N×6 boxes of a prop's parts: left, bottom, back, right, top, front."""
    bounds = [part.solid.bounds for part in made.parts]
    assert None not in bounds, "every prop has an end"
    return np.array(bounds, np.float32)


def _overlap(one: Rectangle, two: Rectangle) -> float:
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    return max(0.0, width) * max(0.0, height)
