"""The place of a product: its scene, its box on the canvas and their consequences; or the reason for its refusal."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.core.spec import SceneKind, Spec
from pipeline.placement.adjust import FULL_BOX, Anchor, Outline, Position, anchor_of
from pipeline.placement.camera import angle_of, drawn_kind
from pipeline.placement.facts import SAID, Box, CutoutFacts
from pipeline.placement.fit import leaves_place, lost
from pipeline.placement.frame import SIDES, insets
from pipeline.placement.margins import placement_rules
from pipeline.report import SceneReport, Status

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
        """The sides of the canvas that it goes to: the photo crops it there, or it hangs from above."""
        return self.facts.edges(self.kind)

    @property
    def stands(self) -> bool:
        """Whether it rests on its foot."""
        return self.facts.stands_in(self.kind)

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

    def scene_report(self, elevation: float | None, hovering: int) -> SceneReport | None:
        """Return the report on the scene: the asked kind, the painted kind and its camera angle; None without a scene.

        `elevation`, degrees, and `hovering` are the scene's (`pipeline.scene.footing`).

        `changed` is a sentence with the change and its reason, None where nothing was changed.
        """
        if self.kind == "white" or not self.spec.ground.composed:
            return None
        angle, facts, changed = angle_of(self.kind), self.facts, None
        if self.spec.scene != self.asked.scene and facts.word != "auto":
            seen = "the scene's surface is shown from the side" if angle == "side" else "the scene is shown from above"
            changed = f"{SAID[facts.word]}, so {seen}."
        elif self.spec.scene != self.asked.scene:
            changed = {
                "above": "A hand holds the product in the photo, so it lies on the scene's surface, shown from above."
                if facts.held
                else "The product was photographed from above, so it is shown lying down.",
                "side": "The product was photographed standing, so the scene's surface is shown from the side.",
            }[angle or "side"]
        return SceneReport(self.asked.scene.kind, self.kind, angle, changed, elevation, hovering)

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

    @property
    def frame_breaks(self) -> list[str]:
        """The preset's rules that pass without the caller's frame, but not with it."""
        return sorted(self._kept(self.unframed or self.box) - self._kept(self.box))

    def _kept(self, box: Box) -> set[str]:
        """Return the rules that a product in a box keeps, before the caller's move."""
        own = self.scale / self.spec.placement.scale * (box[2] - box[0]) / (self.box[2] - self.box[0])
        rules = placement_rules(self.spec.preset, box, own, *self.size)
        return {rule.name for rule in rules if rule.status == "pass"}


def is_pinned(spec: Spec, facts: CutoutFacts) -> bool:
    """Return whether a product with these facts gets the spec's pinned background.

    A product that its photo crops does not: it goes to the canvas's side to hide the crop, away from the pinned place.
    Nor does a hanging product, or a product moved out of that place.
    """
    kind = drawn_kind(spec)
    may = spec.pinned and spec.ground.composed and kind != "white"
    return may and not leaves_place(spec.placement) and not facts.edges(kind)
