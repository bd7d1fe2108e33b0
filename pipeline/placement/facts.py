"""The facts of a cut-out that decide where its product goes, and what follows from its stance alone.

Plain and JSON-ready: `pipeline.cutout.stance` takes them from pixels, the API from what it keeps of a cut-out or from
an earlier render's report.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from pipeline.core.order import StanceWord
from pipeline.core.spec import SceneKind
from pipeline.placement.camera import PLAIN, TOP_DOWN, CameraAngle, angle_of

#: Left, top, right, bottom.
Box = tuple[float, float, float, float]
#: `standing`: on a foot that the photo shows. `lying`: it could not stand as it is seen, so it was photographed from
#: above, or leant, or a hand holds it whole. `hanging`: from a hook, or from where the photo cuts it. `cut_below`: its
#: foot is not in the photo.
StanceName = Literal["standing", "lying", "hanging", "cut_below"]
#: What a caller's word means: the stance, and the angle that the product is seen from; None: either suits it.
WORDS: Mapping[StanceWord, tuple[StanceName, CameraAngle | None]] = {
    "standing": ("standing", "side"),
    "lying": ("lying", None),
    "hanging": ("hanging", None),
    "from_above": ("lying", "above"),
}
#: The same in a sentence, but for what lies, of which no scene has to be changed.
SAID: Mapping[StanceWord, str] = {
    "standing": "The order says that the product stands",
    "hanging": "The order says that the product hangs",
    "from_above": "The order says that the product is seen from above",
}
KINDS: tuple[SceneKind, ...] = get_args(SceneKind)
#: Kinds without a wall that something could hang in front of.
OPEN: frozenset[SceneKind] = frozenset({"sand", "bokeh"})


@dataclass(frozen=True)
class CutoutFacts:
    """What is known of a cut-out; nothing by default."""

    #: None: nobody knows.
    stance: StanceName | None = None
    #: The kinds of scene that it looks right in as they are, in their usual order.
    suits: tuple[SceneKind, ...] = KINDS
    #: Sides of the photo that cut it: any of "left", "top", "right", "bottom".
    cut_sides: tuple[str, ...] = ()
    #: Width over height of its tight box, and that box in the photo, pixels; None: not known.
    aspect: float | None = None
    box: Box | None = None
    #: A network is sure that a hand holds it.
    held: bool = False
    #: A network looked, and is sure of nothing.
    unsure: bool = False
    #: Degrees from which the camera looked down, 0 level and 90 from straight above; None: nobody looked.
    elevation: float | None = None
    #: The caller's word that it follows; auto: it is a guess.
    word: StanceWord = "auto"

    @classmethod
    def read(cls, kept: Mapping[str, Any], word: StanceWord = "auto") -> "CutoutFacts":
        """Return the facts in what is kept of a cut-out, or in a report's `cutout` with its `aspect`, by a word."""
        box, aspect = kept.get("product_box"), kept.get("aspect")
        if box:
            aspect = (box[2] - box[0]) / (box[3] - box[1])
        stance, cut_sides = kept.get("stance"), tuple(kept.get("cut_sides", ()))
        suits = tuple(kept.get("suits", KINDS)) if stance else KINDS
        return cls(stance, suits, cut_sides, aspect, tuple(box) if box else None).said(word)

    def said(self, word: StanceWord) -> "CutoutFacts":
        """Return the facts by the caller's word on the stance; as they are where it is auto.

        What stands or lies rests on what the photo shows of it, even where that touches the photo's lower edge.
        """
        if word == "auto":
            return self
        stance, angle = WORDS[word]
        rests = word in ("standing", "lying")
        cut_sides = tuple(side for side in self.cut_sides if not (rests and side == "bottom"))
        suits = suited(stance, angle)
        return replace(self, stance=stance, suits=suits, cut_sides=cut_sides, held=False, unsure=False, word=word)

    def turned(self, kind: SceneKind) -> CameraAngle | None:
        """Return the angle that a scene of that kind is shown from instead of its own; None: it suits the product."""
        if kind in self.suits or angle_of(kind) is None:
            return None
        return "side" if self.stance in ("standing", "cut_below") else "above"

    def edges(self, kind: SceneKind) -> tuple[str, ...]:
        """Return the sides of the canvas that the product goes to in a scene of that kind.

        A cut is hidden where the canvas ends, and what hangs comes down from the upper edge where things stand.
        """
        hung = self.stance == "hanging" and kind not in PLAIN | TOP_DOWN and "top" not in self.cut_sides
        return (*self.cut_sides, "top") if hung else self.cut_sides

    def stands_in(self, kind: SceneKind) -> bool:
        """Tell whether the product rests on its foot in a scene of that kind, which is then seen and mirrored."""
        return kind not in PLAIN | TOP_DOWN and self.stance in ("standing", "lying")


def suited(stance: StanceName, angle: CameraAngle | None) -> tuple[SceneKind, ...]:
    """Return the kinds of scene that a product of that stance, seen from that angle, looks right in, in their order.

    White takes everything. What is seen from above belongs on a flat lay, what is seen from the side in scenes seen
    from there, and what hangs before a wall or on a flat lay.
    """
    if stance == "hanging":
        return tuple(kind for kind in KINDS if kind not in OPEN)
    return tuple(kind for kind in KINDS if angle is None or angle_of(kind) in (None, angle))
