"""Where a product goes on the canvas of its spec, and from which camera angle its scene is shown to suit it."""

from dataclasses import replace

from pipeline.background.pinned import is_pinned
from pipeline.compositing.adjustment import Outline, Position, adjusted
from pipeline.core.camera_angle import TOP_DOWN, angle_of
from pipeline.core.errors import NoHonestPlacement
from pipeline.core.resample import tight_box
from pipeline.core.spec import SceneKind, Spec
from pipeline.core.stance_rules import SAID
from pipeline.core.types import Cutout
from pipeline.cutout.stance import Stance, stance_of
from pipeline.report import SceneReport
from pipeline.scene.placement import box_in, fit


def as_photographed(spec: Spec, stance: Stance) -> Spec:
    """Return the spec with its scene seen as the photo sees the product: from above, or from the side.

    As it is where it suits, and where no scene is drawn. Raises NoHonestPlacement where the stance forbids the scene.
    """
    if not _draws_a_scene(spec):
        return spec
    why_not = stance.refused_in(spec.scene.kind)
    if why_not is not None:
        raise NoHonestPlacement(why_not)
    return replace(spec, scene=stance.scene_for(spec.scene))


def scene_warnings(spec: Spec, stance: Stance) -> tuple[str, ...]:
    """Return the warnings that a scene gives which was asked for a product of that stance.

    `scene_unsuited` where it does not look right there: the scene is shown from another angle (`as_photographed`), if
    it has one. `placement_unsure` where it is shown as asked, as nobody knows how the product stands.
    """
    if not _draws_a_scene(spec):
        return ()
    given = {"scene_unsuited": spec.scene.kind not in stance.suits, "placement_unsure": stance.unsure}
    return tuple(code for code, holds in given.items() if holds)


def scene_told(asked: Spec, drawn: Spec, stance: Stance) -> SceneReport | None:
    """Return what the report's provenance says of the scene: the kind asked for, the one painted and its camera angle.

    `changed` is a sentence on what was changed and why, None where nothing was; None where no scene is drawn.
    """
    if not _draws_a_scene(drawn):
        return None
    angle = angle_of(drawn.scene.kind)
    changed = None
    if drawn.scene != asked.scene and stance.word != "auto":
        seen = "the scene's surface is shown from the side" if angle == "side" else "the scene is shown from above"
        changed = f"{SAID[stance.word]}, so {seen}."
    elif drawn.scene != asked.scene:
        changed = {
            "above": "A hand holds the product in the photo, so it lies on the scene's surface, shown from above."
            if stance.held
            else "The product was photographed from above, so the scene is shown from above.",
            "side": "The product was photographed standing, so the scene's surface is shown from the side.",
        }[angle or "side"]
    return SceneReport(asked.scene.kind, drawn.scene.kind, angle, changed)


def product_box(
    cutout: Cutout, spec: Spec, width: int, height: int, stance: Stance | None = None
) -> tuple[float, float, float, float]:
    """Return where the product's tight box goes on the canvas, pixels: left, top, right, bottom.

    A transparent picture of the photo's own size keeps the product exactly where and as large as it was. `stance` is
    the product's, where it is known. Raises NoHonestPlacement as `fit` does, and where the stance
    forbids the scene.
    """
    if spec.preset.background == "transparent" and spec.preset.size is None:
        tight = tight_box(cutout.alpha > 0.5) or (0, 0, 1, 1)
        x, y = cutout.origin
        return tight[0] + x, tight[1] + y, tight[2] + x, tight[3] + y
    stance = stance or stance_of(cutout, spec.placement.stance)
    spec = as_photographed(spec, stance)
    kind = kind_of(spec)
    if is_pinned(spec, stance):
        return box_in(spec, cutout.aspect, width, height)
    return fit(
        spec.preset,
        cutout.aspect,
        width,
        height,
        stance.edges(kind),
        top_down=kind in TOP_DOWN,
        stands=stance.stands_in(kind),
    )


def position_of(
    cutout: Cutout, spec: Spec, box: tuple[float, float, float, float], width: int, height: int, stance: Stance
) -> Position:
    """Return where the product goes that was to fill `box` on the canvas, placed as the spec asks.

    Raises NoHonestPlacement as `pipeline.compositing.adjustment.adjusted` does.
    """
    if not spec.placement.moves:
        return Position.of(box)
    kind = kind_of(spec)
    return adjusted(
        box,
        spec.placement,
        width,
        height,
        outline=Outline.of(cutout.alpha),
        cut_sides=stance.cut_sides,
        edges=stance.edges(kind),
        stands=stance.stands_in(kind),
    )


def kind_of(spec: Spec) -> SceneKind:
    """Return the kind of scene that is drawn; "white" where none is: nothing is seen to stand there."""
    return "white" if spec.is_white or spec.preset.background == "transparent" else spec.scene.kind


def _draws_a_scene(spec: Spec) -> bool:
    return spec.preset.background == "scene" and not spec.is_white
