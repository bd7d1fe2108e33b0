"""The blurred distance behind a table: a town's lights at dusk, or leaves in the sun.

Lengths are canvas heights. Everything is above the table's edge in the picture, the farthest first. An asked colour
that is lighter than the scene becomes a light. A darker colour becomes an object, because no light is darker than its
background.
"""

import numpy as np

from pipeline.colour.assignment import Assignment
from pipeline.colour.harmony import to_oklab
from pipeline.core.spec import Far
from pipeline.scene.layout import Blur, Layout

#: OKLab lightness by which a colour must exceed the scene's to become a light.
LIGHTER = 0.04
#: OKLab distance from which a colour is visible on another.
APART = 0.2
#: Minimum share of the background that the lights of an asked colour would cover, if none overlapped.
FILL = 0.12
#: In the room for copy, a blur with a sharper edge than this share of its radius is left out, and any other is as faint
#: as this factor makes it. Beside it, lights need only this share of their area. Chosen by eye.
SHARP, FAINT, BESIDE = 0.35, 0.2, 0.6


def far(layout: Layout, what: Far, plan: Assignment, rng: np.random.Generator) -> tuple[Blur, ...]:
    """Compose the distance behind the table of a layout whose parts are known."""
    scene = _Scene(layout, what, plan, rng)
    if what == "foliage":
        scene.foliage()
    else:
        scene.town()
    return tuple(scene.blurs)


class _Scene:
    def __init__(self, layout: Layout, what: Far, plan: Assignment, rng: np.random.Generator):
        self._rng, self._wide, self._low = rng, layout.aspect, layout.edge
        self._x, self._sun = layout.aspect / 2, 1.0 if layout.light_side > 0 else -1.0
        self._kept = layout.kept
        self._lightness = light = [float(to_oklab(colour)[0]) for colour in layout.colours]
        #: Slots of the overall background, and of a tree's trunk.
        self._ground, self._wood = layout.behind, plan.natural["wood"]
        ground, table = self._ground, plan.surfaces["table"]
        lamps = [plan.surfaces["lights"]] if "lights" in plan.surfaces else []
        slots = [*lamps, *plan.left]
        things = [slot for slot in slots if light[slot] <= light[ground] + LIGHTER]
        if what == "foliage":
            # A colour that no leaf has becomes a flower, a disc like a light.
            things = [slot for slot in things if plan.suits(slot, "foliage")]
        #: Slots of lights and slots of objects, each with the steps of lightness added to its colour.
        self._shining = [(slot, 0.0) for slot in slots if slot not in things]
        self._things = [(slot, 0.0) for slot in things]
        self._pale = light[ground] > 0.72
        self._dark = light[ground] < 0.45
        apart = float(np.linalg.norm(to_oklab(layout.colours[ground]) - to_oklab(layout.colours[table])))
        own = table if apart > APART else ground
        if not self._shining:
            self._shining = [(ground, 1.6), (own, 1.6)] if not self._things or not self._pale else [(ground, 0.8)]
        self.blurs: list[Blur] = []

    def _add(
        self, colour: tuple[int, float], x: float, y: float, radius: float, soft: float, strength: float, **more: float
    ) -> None:
        if self._kept is not None:
            left, top, right, bottom = self._kept
            inside = left - radius < x < right + radius and top - radius < y < bottom + radius
            if inside and soft < SHARP * radius:
                return
            strength *= FAINT if inside else 1.0
        self.blurs.append(Blur(colour[0], colour[1], x, y, radius, soft, strength, **more))

    def _across(self) -> float:
        return float(self._rng.uniform(-0.05, self._wide + 0.05))

    def _light(
        self, colour: tuple[int, float], x: float, y: float, radius: float, strength: float, hides: float
    ) -> None:
        """Add a light far out of focus: a disc with a rim, clipped by the lens' barrel near the corners.

        A colour darker than its background is drawn soft, like the rest of the distance.
        """
        rng = self._rng
        if self._lightness[colour[0]] < self._lightness[self._ground]:
            self._add(colour, x, y, radius, 0.6 * radius, strength)
            return
        u, v = (x - self._x) / max(self._wide, 1.0), y - 0.5
        away = float(np.hypot(u, v))
        # An outline like a cat's eye, whose long side is perpendicular to the direction to the middle.
        apart = 0.3 * radius * float(np.clip(away / 0.7, 0, 1)) ** 1.5
        turn = float(np.arctan2(v, u)) + np.pi / 2
        # The disc of a point of light has a sharp edge, but a lamp is larger than a point.
        soft = radius * float(rng.uniform(0.03, 0.08)) + 0.001
        rim = float(rng.uniform(0.12, 0.45))
        self._add(colour, x, y, radius, soft, strength, turn=turn, apart=apart, rim=rim, hides=hides)

    def town(self) -> None:
        """Add houses against the sky, a glow over the street, and its lights in rows towards a far end."""
        rng, low, wide = self._rng, self._low, self._wide
        end = float(rng.uniform(0.25, 0.75)) * wide, low * float(rng.uniform(0.72, 0.9))
        lift = 0.55 if self._pale else 1.0
        # The sky is darker above, and over the street the air glows.
        self._add((self._ground, -0.9 * lift), self._x, 0.0, 0.2 * low, 0.7 * low, 0.8, long=2 * wide, wide=0.0)
        self._add((self._ground, 1.3 * lift), *end, 0.28 * low, 0.6 * low, 0.75, long=0.3 * wide)
        self._houses(end)
        for slot in self._things:
            self._objects(slot)
        self._rows(end)

    def _houses(self, end: tuple[float, float]) -> None:
        """Add house fronts that get lower towards the street's end."""
        rng, low, wide = self._rng, self._low, self._wide
        x = -0.05
        while x < wide + 0.05:
            half = float(rng.uniform(0.05, 0.13))
            away = abs(x + half - end[0]) / wide
            top = low * float(np.clip(0.62 - 0.95 * away + rng.uniform(-0.14, 0.14), 0.04, 0.8))
            tone = float(rng.choice([-1.0, -0.6, 0.35])) * (0.7 if self._pale else 1.0)
            # The lens rounds a corner as much as it softens an edge.
            soft = 0.06 + 0.05 * (1 - min(1.0, 2 * away))
            long, tall = half - 0.03, (low - top) / 2 + 0.02
            self._add((self._ground, tone), x + half, (top + low) / 2 + 0.05, 0.04, soft, 0.8, long=long, wide=tall)
            if rng.random() < 0.75:
                self._windows(x + half, top, half, away)
            x += 1.7 * half

    def _windows(self, x: float, top: float, half: float, away: float) -> None:
        """Add some lit windows of one house, in rows."""
        rng = self._rng
        colour = self._shining[int(rng.integers(len(self._shining)))]
        size = 0.009 + 0.018 * min(1.0, 2 * away)
        # So far out of focus a window is a disc, as a lamp is: it is smaller than the lens's blur of a point.
        radius = 1.15 * size + 0.004
        for row in range(int(rng.integers(1, 4))):
            for column in (-0.5, 0.1, 0.6):
                if rng.random() < 0.6:
                    y = top + (row + 0.8) * 3.4 * size
                    if y < self._low - size:
                        strength = float(rng.uniform(0.25, 0.55))
                        self._light(colour, x + column * half, y, radius, strength, 0.8)

    def _objects(self, colour: tuple[int, float]) -> None:
        """Add objects in a colour that is no light: awnings, doors and crowns of trees, on enough of the picture."""
        rng, low, wide = self._rng, self._low, self._wide
        for _ in range(max(3, round(4 * wide))):
            x = self._across()
            if rng.random() < 0.5:
                size = float(rng.uniform(0.06, 0.11))
                y = low * float(rng.uniform(0.3, 0.85))
                for _ in range(5):
                    dx, dy = rng.normal(0, 0.55 * size, 2)
                    self._add(colour, x + float(dx), y + float(dy), 0.7 * size, 0.6 * size, 0.85)
            else:
                half, tall = float(rng.uniform(0.05, 0.1)), float(rng.uniform(0.1, 0.22))
                self._add(colour, x, low - 0.6 * tall, 0.03, 0.085, 0.95, long=half, wide=tall)

    def _rows(self, end: tuple[float, float]) -> None:
        """Add lights along the street: small and dense at its end, large and sparse near the camera."""
        rng, low, wide = self._rng, self._low, self._wide
        shining, most = self._shining, 0.85 if self._dark else 0.95
        rows = max(4, 2 * len(shining))
        for row in range(rows):
            side = 1.0 if row % 2 else -1.0
            reach = (wide - end[0] if side > 0 else end[0]) + 0.08
            rise = float(rng.uniform(-0.05, 1.0)) * low
            for index in range(max(6, round(9 * wide))):
                near = ((index + float(rng.uniform(0.2, 0.9))) / max(6, round(9 * wide))) ** 1.25
                x = end[0] + side * reach * near
                y = end[1] - rise * near + float(rng.normal(0, 0.03))
                y = float(np.clip(y, 0.02, low - 0.01))
                radius = (0.012 + 0.056 * near) * float(rng.uniform(0.8, 1.25))
                colour = shining[(row // 2 + index // 2) % len(shining)]
                self._light(colour, x, y, radius, most * float(rng.uniform(0.75, 1.0)), 0.8)
        for colour in shining:
            self._fill_up(colour)
        # A string of small bright lights in front of the houses, and a few large faint lights in front of all.
        start, sag = float(rng.uniform(0.0, 0.2)) * low, float(rng.uniform(0.1, 0.25)) * low
        count = max(7, round(11 * wide))
        for index in range(count):
            share = (index + 0.5) / count
            y = start + sag * 4 * share * (1 - share)
            slot, steps = shining[index % len(shining)]
            self._light((slot, steps + 0.9), share * wide, y, float(rng.uniform(0.013, 0.019)), 0.9, 0.6)
        for _ in range(round(6 * max(1.0, wide))):
            colour = shining[int(rng.integers(len(shining)))]
            y = low * float(rng.uniform(0.05, 0.95))
            self._light(colour, self._across(), y, float(rng.uniform(0.07, 0.1)), float(rng.uniform(0.08, 0.2)), 0.5)

    def _fill_up(self, colour: tuple[int, float]) -> None:
        """Add lights of a colour until they would cover FILL of the background, side by side."""
        rng, low = self._rng, self._low
        shown = [blur for blur in self.blurs if (blur.slot, blur.steps) == colour and blur.strength > 0.6]
        area = sum(np.pi * blur.radius**2 for blur in shown if 0 < blur.x < self._wide and 0 < blur.y < low)
        while area < FILL * self._wide * low * (1 if self._kept is None else BESIDE):
            side, radius = (1.0 if rng.random() < 0.5 else -1.0), float(rng.uniform(0.03, 0.055))
            x = self._x + side * self._wide * float(rng.uniform(0.2, 0.48))
            count = len(self.blurs)
            self._light(colour, x, low * float(rng.uniform(0.08, 0.9)), radius, 0.9, 0.85)
            area += np.pi * radius**2 * (len(self.blurs) - count)

    def foliage(self) -> None:
        """Add a sunny lawn in front of shrubs and trunks, sky between their leaves, and twigs that hang from above."""
        rng, low, wide = self._rng, self._low, self._wide
        self._add(
            (self._ground, 1.1), self._x + 0.3 * self._sun * wide, 0.1 * low, 0.3 * low, 0.8 * low, 0.7, long=0.3 * wide
        )
        self._add((self._ground, -1.2), self._x, 0.62 * low, 0.1 * low, 0.5 * low, 0.7, long=2 * wide)
        for _ in range(int(rng.integers(1, 4))):
            self._trunk()
        leafy = [shade for steps in (-2.4, -1.5, -0.6) for shade in ((self._ground, steps), *self._things)]
        for index in range(round(11 * max(1.0, wide))):
            self._shrub(leafy[index % len(leafy)])
        self._add((self._ground, 1.0), self._x, low, 0.035 * low, 0.11 * low, 0.75, long=2 * wide)
        ground = self._ground
        colours = [*self._things, (ground, 0.7), *self._things, (ground, -1.3), (ground, 0.3)]
        for index in range(max(4, round(4 * wide), 5 * len(self._things))):
            self._twig(colours[index % len(colours)], index)
        self._glints()
        for colour in self._shining:
            self._fill_up(colour)

    def _trunk(self) -> None:
        rng, low = self._rng, self._low
        lean, half = float(rng.uniform(-0.12, 0.12)), float(rng.uniform(0.012, 0.03))
        turn = np.pi / 2 + lean
        self._add((self._wood, -0.6), self._across(), 0.4 * low, half, 0.045, 0.55, long=0.6 * low, turn=turn)

    def _shrub(self, colour: tuple[int, float]) -> None:
        """Add a crown of leaves in the distance: lit from above and from the light's side, dark below."""
        rng, low = self._rng, self._low
        x, y, size = self._across(), low * float(rng.beta(2.2, 1.4)), float(rng.uniform(0.1, 0.2))
        for _ in range(22):
            dx, dy = rng.normal(0, 0.42 * size, 2)
            lit = float(np.clip((-dy + 0.5 * self._sun * dx) / size, -1, 1))
            radius = float(rng.uniform(0.025, 0.055))
            bright = (0.45 if colour in self._things else 0.9) * lit
            shade = colour[0], colour[1] + bright + float(rng.uniform(-0.15, 0.15))
            self._add(
                shade, x + float(dx), y + float(dy), radius, 0.6 * radius, 0.6,
                turn=float(rng.uniform(0, np.pi)), apart=0.4 * radius,
            )  # fmt: skip

    def _glints(self) -> None:
        """Add sky and sun between the leaves, in clusters: many small discs, with some large discs over them."""
        rng, low = self._rng, self._low
        shining = [*self._shining, (self._shining[0][0], self._shining[0][1] + 1.2)]
        for _ in range(round(9 * max(1.0, self._wide))):
            x, y, size = self._across(), low * float(rng.beta(1.2, 2.2)), float(rng.uniform(0.04, 0.12))
            colour = shining[int(rng.integers(len(shining)))]
            for _ in range(int(rng.integers(6, 13))):
                dx, dy = rng.normal(0, size, 2)
                radius = float(rng.gamma(3.0, 0.0075)) + 0.006
                strength = float(np.clip(0.012 / radius, 0.25, 0.9))
                self._light(colour, x + float(dx), min(y + float(dy), low), radius, strength, 0.85)

    def _twig(self, colour: tuple[int, float], number: int) -> None:
        """Add a nearer twig with leaves of recognisable outline; every second twig hangs in from a side."""
        rng, low, wide = self._rng, self._low, self._wide
        side = 1.0 if number % 2 else -1.0
        x = self._x + side * wide * float(rng.uniform(0.2, 0.56))
        y = low * float(rng.uniform(-0.08, 0.12) if number % 4 < 2 else rng.uniform(0.05, 0.6))
        heading = np.pi / 2 - side * float(rng.uniform(-0.9, 0.7) if number % 4 < 2 else rng.uniform(-1.6, -0.9))
        size = float(rng.uniform(0.075, 0.115))
        for index in range(8):
            heading += float(rng.normal(0, 0.14))
            x, y = x + 0.4 * size * np.cos(heading), y + 0.4 * size * np.sin(heading)
            turn = heading + (1 if index % 2 else -1) * float(rng.uniform(0.5, 1.0))
            long = size * float(rng.uniform(0.85, 1.15)) * (1 - 0.04 * index)
            # Two circles of this radius, at this distance, overlap in a leaf of that length and 0.42 times as wide.
            radius = long * (0.25 + 0.21**2) / (2 * 0.21)
            middle = x + 0.55 * long * np.cos(turn), y + 0.55 * long * np.sin(turn)
            if middle[1] > low:
                continue
            shade = (colour[0], colour[1] + float(rng.uniform(-0.25, 0.25)))
            self._add(
                shade, float(middle[0]), float(middle[1]), radius, 0.24 * long, 0.93,
                turn=float(turn), apart=radius - 0.21 * long,
            )  # fmt: skip
