"""The place of a product: its scene, its box on the canvas and their consequences; or the reason for its refusal."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from pipeline.core.order import Placement
from pipeline.core.spec import SceneKind, Spec
from pipeline.placement.adjust import FULL_BOX, Anchor, Outline, Position, anchor_of
from pipeline.placement.camera import angle_of, drawn_kind
from pipeline.placement.facts import Box, CutoutFacts
from pipeline.placement.fit import leaves_place, lost
from pipeline.placement.frame import SIDES, copy_room, insets
from pipeline.placement.margins import placement_rules
from pipeline.report import PlacementReport, RuleCheck, SceneReport, Status

#: A product enlarged by more than this factor looks soft: `upscaled`.
MAX_ENLARGED = 1.5
#: With more than this share of the product's box beyond the canvas: `cropped`.
MAX_CROPPED = 0.02


@dataclass(frozen=True)
class Refusal:
    """The reason why no honest placement exists."""

    #: Stable name of the rule that refuses.
    code: str
    #: A sentence with the remedy, for a person.
    message: str


@dataclass(frozen=True)
class Place:
    """The place and the scene of a product; lengths are pixels of the canvas."""

    #: The caller's spec, and the same with the scene adapted to the product.
    asked: Spec
    spec: Spec
    facts: CutoutFacts
    #: Width and height of the canvas.
    size: tuple[int, int]
    #: Its tight box, where preset and scene put it.
    box: Box
    #: Its position after the caller's move.
    position: Position
    outline: Outline = FULL_BOX
    #: Its tight box without the caller's frame; None: `box`.
    unframed: Box | None = None

    @property
    def kind(self) -> SceneKind:
        """The kind of scene that is drawn, "white" where no scene is."""
        return drawn_kind(self.spec)

    @property
    def edges(self) -> tuple[str, ...]:
        """The sides of the canvas that it goes to, which hide the photo's crops."""
        return self.facts.cut_sides

    @property
    def stands(self) -> bool:
        """Whether it rests on its foot."""
        return self.facts.stands_in(self.kind)

    @property
    def hangs(self) -> bool:
        """Whether it hangs flat against the wall."""
        return self.facts.hangs_in(self.kind)

    @property
    def contact(self) -> dict[str, bool]:
        """How it touches its scene, as arguments of `pipeline.compositing.effects.product_effects`."""
        return {"stands": self.stands, "lies": self.facts.lies, "hangs": self.hangs}

    @property
    def anchor(self) -> Anchor:
        """Its fixed point of scaling and turning."""
        return anchor_of(self.edges, self.stands)

    @property
    def shares(self) -> Box:
        """Its box where preset and scene put it, as shares of the canvas's width and height."""
        width, height = self.size
        left, top, right, bottom = self.box
        return left / width, top / height, right / width, bottom / height

    @property
    def pinned(self) -> bool:
        """Whether it gets the spec's pinned background."""
        return is_pinned(self.spec, self.facts)

    @property
    def scale(self) -> float:
        """Canvas pixels per photo pixel; 1 where its size in the photo is unknown."""
        own, (left, _, right, _) = self.facts.box, self.position.box
        return 1.0 if own is None else (right - left) / (own[2] - own[0])

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warning codes of the place.

        `scene_unsuited`: the scene is shown from another angle than its own. `placement_unsure`: the scene is shown as
        asked, because the product's stance is unknown; a foot that hovers in the scene adds it too. `frame_overridden`:
        the product goes to a side of the canvas where the frame wants a margin, or not the product.
        """
        drawn = self.asked.ground.composed and drawn_kind(self.asked) != "white"
        found = {
            "scene_unsuited": drawn and self.asked.scene.kind not in self.facts.suits,
            "placement_unsure": self.kind != "white" and self.facts.unsure,
            "upscaled": self.scale > MAX_ENLARGED,
            "cropped": lost(self.position.bounds, *self.size) > MAX_CROPPED,
            "frame_overridden": self._overrides(),
        }
        return tuple(code for code, holds in found.items() if holds)

    def _overrides(self) -> bool:
        frame, across = self.spec.frame, dict(zip(SIDES, (*SIDES[2:], *SIDES[:2]), strict=True))
        free = dict(zip(SIDES, insets(self.spec.preset, frame, *self.size), strict=True))
        words = tuple(across) if frame.align == "center" else frame.align.split("_")
        return any(across[side] in words or (frame.margins and free[side] > 0) for side in self.edges)

    def breaks(self, measured: Iterable[tuple[str, Status]] | None = None) -> list[str]:
        """Return the preset's rules that pass where preset and scene put it, but not after the caller's move.

        `measured`: the rules' names and states on the delivered file; None: computed from its bounds.
        """
        preset, scale = self.spec.preset, self.scale
        if measured is None:
            rules = placement_rules(preset, self.position.bounds, scale, *self.size, touches=self.edges)
            measured = [(rule.name, rule.status) for rule in rules]
        kept = self._kept(self.box)
        return [name for name, status in measured if name in kept and status != "pass"]

    def report(self, rules: list[RuleCheck]) -> PlacementReport | None:
        """Return the caller's placement, and the measured `rules` that pass only without it; None without a move."""
        if self.spec.placement == Placement():
            return None
        breaks = self.breaks((row.rule, row.status) for row in rules)
        return PlacementReport(**asdict(self.spec.placement), breaks=breaks)

    @property
    def copy_room(self) -> Box | None:
        """The room for copy that the frame asks for, as shares of the canvas's width and height."""
        return copy_room(self.spec.frame)

    @property
    def frame_breaks(self) -> list[str]:
        """The preset's rules that pass without the caller's frame, but not with it."""
        return sorted(self._kept(self.unframed or self.box) - self._kept(self.box))

    def _kept(self, box: Box) -> set[str]:
        """Return the rules that a product in a box keeps, before the caller's move."""
        own = self.scale / self.spec.placement.scale * (box[2] - box[0]) / (self.box[2] - self.box[0])
        rules = placement_rules(self.spec.preset, box, own, *self.size)
        return {rule.name for rule in rules if rule.status == "pass"}


def scene_report(
    asked: Spec, drawn: Spec, facts: CutoutFacts, elevation: float | None = None, hovering: int | None = None
) -> SceneReport | None:
    """Return the report on a scene, as asked and as drawn: what was changed and why; None where no scene is drawn.

    `elevation`, degrees, and `hovering` are the painted scene's (`pipeline.scene.footing`); None before it is painted.
    """
    kind = drawn_kind(drawn)
    if kind == "white" or not drawn.ground.composed:
        return None
    angle, changed, own_view = angle_of(kind), None, None
    if drawn.scene != asked.scene:
        seen = "the scene is shown from above" if angle == "above" else "the scene's surface is shown from the side"
        no_wall = ", and this scene has no wall" if facts.stance == "hanging" else ""
        changed, own_view = f"{facts.why}{no_wall}, so {seen}.", "lying" if angle == "above" else "from_above"
    return SceneReport(asked.scene.kind, kind, angle, changed, own_view, elevation, hovering)


def is_pinned(spec: Spec, facts: CutoutFacts) -> bool:
    """Return whether a product with these facts gets the spec's pinned background.

    A product that its photo crops does not: it goes to the canvas's side to hide the crop, away from the pinned place.
    Nor does a hanging product, or a product moved out of that place.
    """
    kind = drawn_kind(spec)
    may = spec.pinned and spec.ground.composed and kind != "white"
    return may and not leaves_place(spec.placement) and not (facts.cut_sides or facts.hangs_in(kind))
