"""The facts of a cut-out that decide where its product goes, and the consequences of its stance.

They are plain and JSON-ready. `pipeline.cutout.stance` gets them from pixels, the API from its record of a cut-out or
from an earlier render's report.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from pipeline.core.order import StanceWord
from pipeline.core.spec import SceneKind
from pipeline.placement.camera import PLAIN, TOP_DOWN, CameraAngle, angle_of

#: Left, top, right, bottom.
Box = tuple[float, float, float, float]
#: `standing`: on a foot that the photo shows. `lying`: it could not stand as shown, because it was photographed from
#: above, or leant, or a hand holds it whole. `hanging`: from a hook, or flat against a wall, as clothes.
#: `cut_below`: the photo crops its foot.
StanceName = Literal["standing", "lying", "hanging", "cut_below"]
#: For each stance that a caller can give: the stance, and the product's viewing angle; None: either suits it.
WORDS: Mapping[StanceWord, tuple[StanceName, CameraAngle | None]] = {
    "standing": ("standing", "side"),
    "lying": ("lying", None),
    "hanging": ("hanging", None),
    "from_above": ("lying", "above"),
}
#: The same as the start of a sentence. `lying` is missing, because no scene has to change for it.
SAID: Mapping[StanceWord, str] = {
    "standing": "The order says that the product stands",
    "hanging": "The order says that the product hangs",
    "from_above": "The order says that the product is seen from above",
}
KINDS: tuple[SceneKind, ...] = get_args(SceneKind)
#: Kinds without a wall for a product to hang in front of.
OPEN: frozenset[SceneKind] = frozenset({"sand", "bokeh"})


@dataclass(frozen=True)
class CutoutFacts:
    """The known facts of a cut-out; none by default."""

    #: None: unknown.
    stance: StanceName | None = None
    #: The kinds of scene that suit it unchanged, in their usual order.
    suits: tuple[SceneKind, ...] = KINDS
    #: Sides of the photo that crop it: any of "left", "top", "right", "bottom".
    cut_sides: tuple[str, ...] = ()
    #: Width over height of its tight box, and that box in the photo, pixels; None: not known.
    aspect: float | None = None
    box: Box | None = None
    #: Whether a network is sure that a hand holds it.
    held: bool = False
    #: Whether a network looked, and is sure of nothing.
    unsure: bool = False
    #: The camera's downward angle in degrees, 0 level and 90 from straight above; None: no network looked.
    elevation: float | None = None
    #: The caller's stance, which it follows; auto: the stance is a guess.
    word: StanceWord = "auto"

    @classmethod
    def read(cls, kept: Mapping[str, Any], word: StanceWord = "auto") -> "CutoutFacts":
        """Return the facts in the record of a cut-out, or in a report's `cutout` with its `aspect`, with a stance."""
        box, aspect, warned = kept.get("product_box"), kept.get("aspect"), kept.get("warnings", ())
        if box:
            aspect = (box[2] - box[0]) / (box[3] - box[1])
        stance, cut_sides = kept.get("stance"), tuple(kept.get("cut_sides", ()))
        suits = tuple(kept.get("suits", KINDS)) if stance else KINDS
        held = any("held_by_hand" in (one, one["code"] if isinstance(one, Mapping) else "") for one in warned)
        return cls(stance, suits, cut_sides, aspect, tuple(box) if box else None, held).said(word)

    def said(self, word: StanceWord) -> "CutoutFacts":
        """Return the facts with the caller's stance; unchanged for auto.

        A product that the caller declares standing or lying rests on its visible part, even where that touches the
        photo's lower edge.
        """
        if word == "auto":
            return self
        stance, angle = WORDS[word]
        rests = word in ("standing", "lying")
        cut_sides = tuple(side for side in self.cut_sides if not (rests and side == "bottom"))
        suits = suited(stance, angle)
        return replace(self, stance=stance, suits=suits, cut_sides=cut_sides, held=False, unsure=False, word=word)

    @property
    def why(self) -> str:
        """The reason for which a scene has to change its angle, as the start of a sentence."""
        if self.word != "auto":
            return SAID[self.word]
        if self.stance == "lying":
            return "A hand holds the product" if self.held else "The product was photographed from above"
        return "The product hangs" if self.stance == "hanging" else "The product was photographed standing"

    def turned(self, kind: SceneKind) -> CameraAngle | None:
        """Return the angle that a scene of that kind has to change to; None: its own suits the product."""
        if kind in self.suits or angle_of(kind) is None:
            return None
        return "side" if self.stance in ("standing", "cut_below") else "above"

    @property
    def lies(self) -> bool:
        """Whether it lies, seen at a slant: in a scene seen from the side it rests on its whole lower contour."""
        return self.stance == "lying" and "sweep" in self.suits

    def hangs_in(self, kind: SceneKind) -> bool:
        """Return whether the product hangs flat against the wall of a scene of that kind."""
        return kind not in PLAIN | TOP_DOWN and self.stance == "hanging"

    def stands_in(self, kind: SceneKind) -> bool:
        """Return whether the product rests on its foot in a scene of that kind, which then shows and mirrors it."""
        return kind not in PLAIN | TOP_DOWN and self.stance in ("standing", "lying")


def suited(stance: StanceName, angle: CameraAngle | None) -> tuple[SceneKind, ...]:
    """Return the kinds of scene that suit a product of that stance and viewing angle, in their order.

    White suits every product. A product seen from above suits a flat lay, and a product seen from the side suits
    scenes shown from the side. A hanging product suits a wall or a flat lay.
    """
    if stance == "hanging":
        return tuple(kind for kind in KINDS if kind not in OPEN)
    return tuple(kind for kind in KINDS if angle is None or angle_of(kind) in (None, angle))
