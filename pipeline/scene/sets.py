"""The kinds of scene, each built from its own walls, ground and staging."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pipeline.colour.assignment import Assignment
from pipeline.core.order import PropsWord
from pipeline.core.spec import Finish, SceneKind, Spec
from pipeline.geometry.heightfields import Curtain, Dunes
from pipeline.geometry.panels import Opening, Panel
from pipeline.geometry.solids import Block, Solid
from pipeline.geometry.walls import Floor, Recess, Sweep, Top, Wall
from pipeline.scene.flat_lay import FlatLay
from pipeline.scene.layout import FOCAL, Layout, Part, Role
from pipeline.scene.props import pool
from pipeline.scene.rig import SOFT, clear_of, shifted, through_leaves
from pipeline.scene.staging import ALL, Staging

#: Range of the wall's position, z in canvas heights, nearest and farthest.
WALLS: dict[SceneKind, tuple[float, float]] = {
    "sweep": (-0.85, -1.35),
    "podium": (-0.85, -1.35),
    "tabletop": (-1.1, -1.8),
    "niche": (-0.62, -0.85),
    "window": (-0.62, -0.95),
    "room": (-0.5, -0.85),
    "sand": (-2.0, -2.0),
    "bokeh": (-7.0, -7.0),
    "curtain": (-0.75, -1.0),
    "neon": (-0.75, -1.1),
    "flatlay": (0.0, 0.0),
}
#: Camera's height above the foot, in canvas heights, above which more of a table shows behind the product.
HIGH = 0.575
#: Gloss of the finishes that shine.
GLOSS = {"marble": 0.75, "terrazzo": 0.5, "wood": 0.3, "concrete": 0.12}
#: In a room, metres: the product's height, which gives the scale; a plank's width; a skirting board's height and depth.
FURNITURE, PLANK, SKIRTING = 0.9, 0.15, (0.09, 0.016)
#: Width of the boards of the wood's tile, canvas heights.
BOARD = 0.2
#: Maximum number of props beside the product.
MOST: Mapping[PropsWord, int] = {"scene": ALL, "few": 1, "none": 0}
#: Maximum number of colours of a panel.
PANELS = 2
#: Finishes of flat lays on which copy is hard to read, so that a sheet goes under it.
BUSY: frozenset[Finish] = frozenset({"terrazzo", "marble"})
#: Depth of a curtain's folds behind copy, as a share of their own. Chosen by eye.
SHALLOW = 0.35
#: Factor by which a curtain's folds and threads are finer behind clothes, as a table's products are smaller. By eye.
HUNG_FINE = 1.8
#: Gloss, for the product's mirror image only, of a lacquered stand on a polished floor.
LACQUER = 0.45


@dataclass
class SetBuilder:
    """The kinds of scene; each method returns the finished layout."""

    spec: Spec
    plan: Assignment
    empty: Layout
    wall: float
    rng: np.random.Generator
    furnished: bool
    #: Whether the product hangs flat against the wall.
    hangs: bool = False

    def sweep(self) -> Layout:
        """Return a set: seamless paper; with more than one colour, shapes in front of it."""
        radius = min(float(self.rng.uniform(0.35, 0.75)), 0.6 - self.wall * 0.3, -self.wall - 0.9 * self.empty.base)
        ground = self._part("backdrop", Sweep(self.wall, 0.0, radius), "wall", self.spec.scene.wall)
        staging = self._staging(level=0.0, back=self.wall + 0.75 * radius)
        if self.furnished:
            if (self.rng.random() < 0.3 or staging.sparse) and staging.wanted > 1:
                level = staging.stand(PANELS)
                ground = replace(ground, solid=Sweep(self.wall, level, radius))
            if staging.wanted:
                staging.panel(self.wall + 0.8 * radius)
            staging.props(extra=int(staging.wanted > 0))
        return self._with(ground, *staging.parts)

    def podium(self) -> Layout:
        """Return a set: a stand in front of a wall, with a panel and props."""
        staging = self._staging(level=0.0, back=self.wall)
        level = staging.stand(PANELS) if self.furnished else 0.0
        if self.furnished:
            if staging.wanted or self.rng.random() < 0.55:
                staging.panel(self.wall + 0.03)
            staging.props(extra=int(self.rng.integers(1, 3)))
        return self._with(*self._wall_and_floor(level), *staging.parts)

    def tabletop(self) -> Layout:
        """Return a set: a table in front of a more distant wall."""
        back = min(float(self.rng.uniform(-0.75, -0.42)), -1.15 * self.empty.base - 0.05)
        scene = self.spec.scene
        table = self._part("table", self._table(back), "floor", scene.surface, GLOSS.get(scene.surface, 0.0))
        wall = self._part("wall", Wall(self.wall), "wall", scene.wall)
        staging = self._staging(level=0.0, back=back)
        if self.furnished:
            if staging.wanted > min(1, staging.most):
                staging.panel(back + 0.1)
            staging.props(extra=int(self.rng.integers(1, 3)))
        return self._with(wall, table, *staging.parts)

    def niche(self) -> Layout:
        """Return a set: a stand in front of an arched recess in the wall, whose inside has a colour of its own."""
        left, top, right, bottom = self.empty.product
        scale = (FOCAL - self.wall) / FOCAL
        staging = self._staging(level=0.0, back=self.wall)
        level = staging.stand() if self.furnished else 0.0
        clear, high = self._clear(scale, level)
        half = min(float(np.clip(0.56 * (right - left) + 0.1, 0.24, 0.4 * self.empty.aspect)) * scale, clear)
        tall = min(float(np.clip((bottom - top) * scale + 0.16 - level, 1.3 * half, 1.15 * scale)), high)
        half = min(half, tall)
        x = float(self.empty.camera[0]) * (1 - scale)
        opening = Opening(x, level, half, tall)
        scene = self.spec.scene
        parts = (
            self._part("wall", Wall(self.wall, opening), "wall", scene.wall),
            self._part("niche", Recess(self.wall, opening, float(self.rng.uniform(0.18, 0.3))), "wall", scene.wall),
            self._part("floor", Floor(level, self.wall), "floor", scene.surface),
        )
        if self.furnished:
            staging.props(extra=int(self.rng.integers(0, 2)))
        return self._with(*parts, *staging.parts)

    def window(self) -> Layout:
        """Return a set: a wall in the sun of a window."""
        staging = self._staging(level=0.0, back=self.wall)
        level = 0.0
        if self.furnished:
            if staging.wanted or self.rng.random() < 0.35:
                level = staging.stand(PANELS)
            if staging.wanted:
                staging.panel(self.wall + 0.03)
            staging.props(extra=1)
        return self._with(*self._wall_and_floor(level), *staging.parts)

    def room(self) -> Layout:
        """Return a set: a plank floor, and a wall with a skirting board, at the scale of furniture.

        Colours that no surface has go on a rug under the product and on canvases on the wall.
        """
        _, top, _, bottom = self.empty.product
        metre = float(np.clip((bottom - top) / FURNITURE, 0.3, 1.1))
        high, deep = (metre * side for side in SKIRTING)
        staging = self._staging(level=0.0, back=self.wall)
        level = staging.rug(metre) if self.furnished and staging.wanted else 0.0
        if self.furnished:
            staging.canvases(self.wall, metre)
        wall, floor = self._wall_and_floor(level)
        floor = replace(floor, solid=Floor(level, self.wall, np.pi / 2), fine=BOARD / (PLANK * metre))
        board = Block(0.0, level, self.wall + deep / 2, 4 * self.empty.aspect - 2 * self.wall, high, deep / 2)
        return self._with(wall, floor, self._part("skirting", board, "wall"), *staging.parts)

    def curtain(self) -> Layout:
        """Return a set: hanging folds behind a floor."""
        fine = HUNG_FINE if self.hangs else 1.0
        cycles = float(self.rng.uniform(2.6, 4.2)) * fine
        deep = (1.0 if self.empty.kept is None else SHALLOW) / fine
        waves = tuple(
            (float(a), float(cycles * k), float(self.rng.uniform(0, 6.28)))
            for a, k in ((0.03 * deep, 1.0), (0.016 * deep, 0.43), (0.011 * deep, 1.73))
        )
        scene = self.spec.scene
        staging = self._staging(level=0.0, back=self.wall + 0.1)
        level = 0.0
        if self.furnished:
            if staging.wanted or self.rng.random() < 0.4:
                level = staging.stand()
            staging.props(extra=int(self.rng.integers(0, 2)))
        floor = self._part("floor", Floor(level, self.wall - 0.06), "floor", scene.surface, 0.55)
        curtain = self._part("curtain", Curtain(self.wall, waves), "wall", scene.wall, fine=fine)
        return self._with(curtain, floor, *_lacquered(staging.parts))

    def neon(self) -> Layout:
        """Return a set: a dark wall with glowing tubes, and a floor that mirrors them."""
        tube = self.plan.surfaces["tube"]
        # The tube burns out to white, so a stand or prop gets its colour too.
        also = (tube,) if tube < self.plan.asked else ()
        staging = self._staging(level=0.0, back=self.wall + 0.1, also=also)
        level = staging.stand() if self.furnished and (staging.wanted or self.rng.random() < 0.7) else 0.0
        if self.furnished:
            staging.props()
        wall, floor = self._wall_and_floor(level)
        return self._with(
            wall, replace(floor, gloss=0.7), *self._tubes(tube, level), *_lacquered(staging.parts, "concrete")
        )

    def _tubes(self, slot: int, level: float) -> list[Part]:
        left, top, right, bottom = self.empty.product
        z = self.wall + 0.09
        scale = (FOCAL - z) / FOCAL
        wide = max(right - left, 0.7 * (bottom - top))
        clear, high = self._clear(scale, level)
        half = float(np.clip(0.66 * wide, 0.2, min(0.42 * self.empty.aspect, 0.45))) * scale
        half = min(half, 0.7 * clear, high / 2)  # its glow is wider than the tube
        x, eye = float(self.empty.camera[0]) * (1 - scale), float(self.empty.camera[1])
        # Half of the product's height, in the camera's view, at the tube's depth.
        middle = eye + ((bottom - top) / 2 - eye) * scale
        radius = 0.011
        thin = 1 - 2 * radius / half
        low = max(min(middle, eye + (self.empty.horizon_y - 0.04) * scale - half) - half, level + 0.04)
        low = min(low, level + high - 2 * half)
        choice = int(self.rng.integers(4))
        ring = Panel("disc", x, low, z, half, 2 * half, 0.02, thin)
        if choice == 0:
            panels = [ring]
        elif choice == 1:
            tall = min(max(2.2 * half, middle - level + half), high)
            panels = [Panel("arch", x, level, z, half, tall, 0.02, thin)]
        elif choice == 2:
            inner = 0.72 * half
            hole = 1 - 2 * radius / inner
            panels = [ring, Panel("disc", x, low + half - inner, z, inner, 2 * inner, 0.02, hole)]
        else:
            shift = float(self.rng.choice([-0.55, 0.55])) * half
            if self.empty.away:
                x, shift = x + 0.55 * half * self.empty.away, abs(shift) * self.empty.away
            tall = min(max(2.0 * half, middle - level + 0.7 * half), high)
            panels = [
                Panel("arch", x + shift, level, z, half, tall, 0.02, thin),
                Panel("disc", x - shift, low, z + 0.05, 0.8 * half, 1.6 * half, 0.02, thin),
            ]
        return [Part(panel, slot, "tube", glow=14.0) for panel in panels]

    def sand(self) -> Layout:
        """Return a set: dunes under a sky, with boulders; colours that no stone has go on painted bodies."""
        ridges = tuple(
            (float(a), float(kx), float(kz), float(self.rng.uniform(0, 6.28)))
            for a, kx, kz in (
                (0.08, self.rng.uniform(0.5, 0.9), self.rng.uniform(1.1, 1.7)),
                (0.045, self.rng.uniform(-1.4, -0.6), self.rng.uniform(1.8, 2.6)),
                (0.02, self.rng.uniform(1.2, 2.2), self.rng.uniform(2.5, 3.5)),
            )
        )
        scene = self.spec.scene
        dunes = Dunes(0.0, ridges, -8.0, ripple=0.0022, rise=float(self.rng.uniform(0.045, 0.065)))
        parts = [
            self._part("sky", Wall(-8.5), "far", glow=1.0),
            self._part("sand", dunes, "floor", scene.surface),
        ]
        staging = self._staging(level=0.0, back=-1.4, ground=dunes)
        if self.furnished:
            staging.props(natural=True, extra=int(self.rng.integers(0, 2)))
        return self._with(*parts, *staging.parts)

    def bokeh(self) -> Layout:
        """Return a set: a table in front of a place that is far out of focus. Asked colours go to table and props."""
        scene = self.spec.scene
        back = min(float(self.rng.uniform(-0.6, -0.35)), -1.15 * self.empty.base - 0.05)
        # A higher camera shows more of it behind the product.
        back -= max(0.0, float(self.empty.camera[1]) - HIGH)
        gloss = max(0.4, GLOSS.get(scene.surface, 0.0))
        table = self._part("table", self._table(back), "floor", scene.surface, gloss)
        staging = self._staging(level=0.0, back=back)
        if self.furnished:
            staging.props(extra=int(self.rng.integers(0, 2)))
        # The place's mean colour, the last one, is the light that it sends to the table.
        beyond = Part(Wall(self.wall), len(self.empty.colours) - 1, "far", glow=1.0)
        return self._with(beyond, table, *staging.parts)

    def flatlay(self) -> Layout:
        """Return a set: a surface seen from straight above, with a second surface on it and props in the corners."""
        scene, (left, top, right, bottom) = self.spec.scene, self.empty.product
        # The camera looks down at the picture's middle, so the light is aimed there.
        light = shifted(self.empty.rig, self.empty.aspect / 2 - self.empty.foot[0], bottom - 0.5)
        # A soft light would blur leaf shadows away. The mood decides whether there are any, so that a caller's
        # softness moves no prop.
        if self.spec.mood.softness <= SOFT and self.rng.random() < 0.4:
            half = (right - left) / 2 + 0.04
            free = [(-half, -0.04, half, bottom - top + 0.04)]
            if self.empty.kept is not None:
                (x, y), (from_x, from_y, to_x, to_y) = self.empty.foot, self.empty.kept
                free.append((from_x - x, y - to_y, to_x - x, y - from_y))
            dappled = through_leaves(light, self.empty.softness, free, self.rng)
            light = dappled if self.empty.softness <= SOFT else light
        self.empty = replace(self.empty, horizon_y=0.5, top_down=True, rig=light)
        plane = Top(0.0, turn=float(self.rng.choice([0.0, np.pi / 2])))
        still = FlatLay(
            self.empty, self.plan, self.rng, pool("flatlay", self.spec.mood), MOST[self.spec.dressing.props]
        )
        under_copy = self.empty.kept is not None and scene.surface in BUSY
        if self.plan.surfaces["sheet"] < self.plan.asked or self.rng.random() < 0.5 or under_copy:
            still.sheet(scene.wall, under_copy=under_copy)
        still.second_sheet()
        still.props()
        surface = self._part("surface", plane, "floor", scene.surface, GLOSS.get(scene.surface, 0.0))
        return self._with(surface, *still.parts)

    def _clear(self, scale: float, level: float) -> tuple[float, float]:
        """Return the half-width and the height over `level` at a depth, where things are clear of the copy."""
        (aside, up), eye = self.empty.clear, float(self.empty.camera[1])
        return aside * scale, eye + (up - eye) * scale - level

    def _table(self, back: float) -> Floor:
        """Return a table's top, with its grain turned so that it is recognisable in perspective.

        Boards run towards the viewer. A cloth lies askew, because its folds and threads would look like boards.
        """
        return Floor(0.0, back, {"wood": np.pi / 2, "fabric": 0.6}.get(self.spec.scene.surface, 0.0))

    def _part(
        self, name: str, solid: Solid, role: Role, finish: Finish = "plain", gloss: float = 0.0, **more: float
    ) -> Part:
        """Return a surface in its assigned colour."""
        more.setdefault("fine", 2.0 if finish == "sand" else 1.0)
        return Part(solid, self.plan.surfaces[name], role, finish, gloss, name=name, **more)

    def _wall_and_floor(self, level: float) -> tuple[Part, Part]:
        scene = self.spec.scene
        gloss = GLOSS.get(scene.surface, 0.0)
        floor = self._part("floor", Floor(level, self.wall), "floor", scene.surface, gloss)
        return self._part("wall", Wall(self.wall), "wall", scene.wall), floor

    def _staging(
        self, *, level: float, back: float, ground: Dunes | None = None, also: tuple[int, ...] = ()
    ) -> Staging:
        props, most = pool(self.spec.scene.kind, self.spec.mood), MOST[self.spec.dressing.props]
        return Staging(
            self.empty, self.plan, self.rng, level=level, also=also, back=back, ground=ground, props=props, most=most
        )

    def _with(self, *parts: Part) -> Layout:
        """Return the layout, with a window's light beside the room for copy."""
        made = replace(self.empty, parts=tuple(parts))
        if made.copy_room is None or made.top_down or made.rig.gobo is None:
            return made
        left, top, right, bottom = made.copy_room
        (eye_x, eye_y, _), far = made.camera, (FOCAL - self.wall) / FOCAL
        x, y = np.array([left, right, left, right]), np.array([top, top, bottom, bottom])
        # The places on the wall that the corners of the room for copy show.
        at = eye_x + (x - made.aspect / 2) * far, eye_y + (made.horizon_y - y) * far, np.full(4, self.wall)
        return replace(made, rig=clear_of(made.rig, np.stack(at, 1).astype(np.float32), made.away))


def _lacquered(parts: list[Part], finish: Finish = "plain") -> list[Part]:
    return [replace(part, polish=LACQUER, finish=finish) if part.role == "stand" else part for part in parts]
