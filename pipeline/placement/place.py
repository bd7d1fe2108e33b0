"""The place of a product: its scene, its box on the canvas and what follows from them; or why it has none."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.core.spec import SceneKind, Spec
from pipeline.placement.adjust import FULL_BOX, Anchor, Outline, Position, anchor_of
from pipeline.placement.camera import angle_of, drawn_kind
from pipeline.placement.facts import SAID, Box, CutoutFacts
from pipeline.placement.fit import leaves_place, lost
from pipeline.placement.margins import placement_rules
from pipeline.report import SceneReport, Status

#: A product that is enlarged by more than this looks soft: `upscaled`.
MAX_ENLARGED = 1.5
#: Where more than this share of the product's box is beyond the canvas: `cropped`.
MAX_CROPPED = 0.02


@dataclass(frozen=True)
class Refusal:
    """Why there is no honest placement."""

    #: Stable name of the rule that refuses.
    code: str
    #: A sentence for a person, with the remedy.
    message: str


@dataclass(frozen=True)
class Place:
    """Where a product goes, and in which scene; lengths are pixels of the canvas."""

    #: As the caller asks, and with its scene as it is shown to suit the product.
    asked: Spec
    spec: Spec
    facts: CutoutFacts
    #: Width and height of the canvas.
    size: tuple[int, int]
    #: Of its tight box, where preset and scene put it.
    box: Box
    #: Where the caller moves it from there.
    position: Position
    outline: Outline = FULL_BOX

    @property
    def kind(self) -> SceneKind:
        """The kind of scene that is drawn, "white" where none is."""
        return drawn_kind(self.spec)

    @property
    def edges(self) -> tuple[str, ...]:
        """The sides of the canvas that it goes to: the photo cuts it there, or it hangs from above."""
        return self.facts.edges(self.kind)

    @property
    def stands(self) -> bool:
        """Whether it rests on its foot."""
        return self.facts.stands_in(self.kind)

    @property
    def anchor(self) -> Anchor:
        """What it is scaled and turned about."""
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
        """Canvas pixels for one of the photo's; 1 where its size in the photo is not known."""
        own, (left, _, right, _) = self.facts.box, self.position.box
        return 1.0 if own is None else (right - left) / (own[2] - own[0])

    @property
    def warnings(self) -> tuple[str, ...]:
        """The codes that warn of the place.

        `scene_unsuited`: the scene is shown from another angle than it has. `placement_unsure`: it is shown as asked,
        since nobody knows how the product stands.
        """
        drawn = drawn_kind(self.asked) != "white"
        found = {
            "scene_unsuited": drawn and self.asked.scene.kind not in self.facts.suits,
            "placement_unsure": drawn and self.facts.unsure,
            "upscaled": self.scale > MAX_ENLARGED,
            "cropped": lost(self.position.bounds, *self.size) > MAX_CROPPED,
        }
        return tuple(code for code, holds in found.items() if holds)

    def scene_report(self) -> SceneReport | None:
        """Return what a report says of the scene: the kind asked for, the one painted and its camera angle.

        `changed` is a sentence on what was changed and why, None where nothing was; None where no scene is drawn.
        """
        if self.kind == "white":
            return None
        angle, facts, changed = angle_of(self.kind), self.facts, None
        if self.spec.scene != self.asked.scene and facts.word != "auto":
            seen = "the scene's surface is shown from the side" if angle == "side" else "the scene is shown from above"
            changed = f"{SAID[facts.word]}, so {seen}."
        elif self.spec.scene != self.asked.scene:
            changed = {
                "above": "A hand holds the product in the photo, so it lies on the scene's surface, shown from above."
                if facts.held
                else "Photographed from above, so shown lying down.",
                "side": "The product was photographed standing, so the scene's surface is shown from the side.",
            }[angle or "side"]
        return SceneReport(self.asked.scene.kind, self.kind, angle, changed)

    def breaks(self, measured: Iterable[tuple[str, Status]] | None = None) -> list[str]:
        """Return the preset's rules that hold where preset and scene put it, and not where the caller moves it.

        `measured`: the rules' names and states on the delivered file; None: as they follow from its bounds.
        """
        preset, scale = self.spec.preset, self.scale
        if measured is None:
            rules = placement_rules(preset, self.position.bounds, scale, *self.size, touches=self.edges)
            measured = [(rule.name, rule.status) for rule in rules]
        before = placement_rules(preset, self.box, scale / self.spec.placement.scale, *self.size)
        kept = {rule.name for rule in before if rule.status == "pass"}
        return [name for name, status in measured if name in kept and status != "pass"]


def is_pinned(spec: Spec, facts: CutoutFacts) -> bool:
    """Tell whether a product with these facts gets the spec's pinned background.

    One that its photo cuts does not: it goes to the canvas's side, where the cut is not seen, and no pinned place is.
    Nor does one that hangs, or that is moved out of that place.
    """
    kind = drawn_kind(spec)
    return spec.pinned and kind != "white" and not leaves_place(spec.placement) and not facts.edges(kind)
