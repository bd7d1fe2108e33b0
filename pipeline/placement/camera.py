"""The camera angle of a scene: its surface at eye level, or from straight above, in the same materials.

For a folded shirt on marble, a photographer turns the camera and not the shirt. So the surface, the palette, the mood
and the light stay.
"""

from dataclasses import replace
from typing import Literal

from pipeline.core.spec import Finish, Scene, SceneKind, Spec

#: "above": from straight above, the surface faces the camera. "side": at about eye level.
CameraAngle = Literal["above", "side"]
#: Kinds shown from straight above: the surface faces the camera and the product lies on it.
TOP_DOWN: frozenset[SceneKind] = frozenset({"flatlay"})
#: Kinds that show no surface.
PLAIN: frozenset[SceneKind] = frozenset({"white"})
#: Kinds defined by their background, such as a tube on the wall, which a view from above does not show.
ALL_BEHIND: frozenset[SceneKind] = frozenset({"neon"})
#: Kinds whose palettes list the surface first; the other kinds list the wall first and the surface second.
SURFACE_FIRST: frozenset[SceneKind] = frozenset({"white", "sweep", "bokeh", "flatlay"})

#: The scene of a caller's own picture, with a product that stands on its floor, and with one that is seen from above.
OPEN_FLOOR = Scene("own_picture", "Own picture", "The caller's own picture.", "the caller's own picture", "sweep")
OPEN_ABOVE = replace(OPEN_FLOOR, kind="flatlay")

_ABOVE, _SIDE = ", seen from straight above, top-down flat lay", ", a tabletop at eye level before a plain wall"
_WORDS = (", top-down flat lay", " seen from straight above")


def angle_of(kind: SceneKind) -> CameraAngle | None:
    """Return the angle from which scenes of a kind are shown; None where no surface is shown."""
    if kind in PLAIN:
        return None
    return "above" if kind in TOP_DOWN else "side"


def drawn_kind(spec: Spec) -> SceneKind:
    """Return the kind of scene to draw; "white" where no scene is drawn."""
    return "white" if spec.plain is not None else spec.scene.kind


def has_angle(kind: SceneKind, angle: CameraAngle) -> bool:
    """Return whether a scene of that kind can be shown from an angle, its own included."""
    return kind not in PLAIN and (angle == angle_of(kind) or kind not in ALL_BEHIND)


def seen_from(scene: Scene, angle: CameraAngle) -> Scene:
    """Return the same scene from an angle, with its surface, finish, palette and words; unchanged at its own angle.

    From above, the surface is the scene's table or floor, or else the cloth or plaster of its wall. At eye level a flat
    lay's surface becomes a table in front of a plain wall, and coloured paper becomes a sweep. Raises ValueError for a
    scene that the angle would not show (`has_angle`).
    """
    if not has_angle(scene.kind, angle):
        raise ValueError(f"A {scene.kind} scene can't be shown from {angle}. Check has_angle first.")
    if angle == angle_of(scene.kind):
        return scene
    if angle == "above":
        cloth = scene.wall in ("fabric", "velvet")
        surface = scene.wall if scene.surface == "plain" else scene.surface
        under: Finish = "plain" if cloth or scene.wall == surface else scene.wall
        palette = scene.palette if cloth or scene.kind in SURFACE_FIRST else _swapped(scene.palette)
        return replace(
            scene, kind="flatlay", wall=under, surface=surface, palette=palette, prompt=scene.prompt + _ABOVE
        )
    kind: SceneKind = "sweep" if scene.surface == "plain" else "tabletop"
    palette = scene.palette if kind == "sweep" else _swapped(scene.palette)
    prompt = scene.prompt
    for words in _WORDS:
        prompt = prompt.replace(words, "")
    return replace(scene, kind=kind, wall="plain", palette=palette, prompt=prompt + _SIDE)


def _swapped(palette: tuple[str, ...]) -> tuple[str, ...]:
    """Return a palette with its first two colours in the other order."""
    return (*palette[:2][::-1], *palette[2:])
