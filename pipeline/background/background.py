"""A background, as all ways to make one return it, and the report on the shadow on it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.background.assigned import assigned
from pipeline.background.selection import CacheStatus, fell_back
from pipeline.core.order import Shadow
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.placement.place import Place
from pipeline.report import AssignedColour, BackgroundReport, ExpansionReport, ShadowReport, TriedBackground
from pipeline.scene.layout import Layout
from pipeline.scene.rig import shadow_direction

Shade = Callable[[int, int], Field]


@dataclass(frozen=True)
class Background:
    """A background without the product, and the product's effects on it."""

    #: H×W×3 sRGB in [0, 1], maybe with the product's shadow; None for a transparent picture.
    picture: Rgb | None
    #: Adds the missing part of the product's shadow and mirror image to such a picture, in place.
    effects: Callable[[Rgb], Rgb]
    #: The seed of the background, and all tried backgrounds, as in `pipeline.background.selection.Selection`.
    seed: int
    tried: list[TriedBackground] = field(default_factory=list)
    cache_status: CacheStatus = "computed"
    #: Whether it is a scene, whose light falls on the product's edge.
    is_scene: bool = True
    #: How much a network that saw the product enlarged it; None where no network saw it.
    expansion: ExpansionReport | None = None
    #: None where there is no scene.
    layout: Layout | None = None
    #: On the caller's own picture or earlier render; None where the scene is Backdrop's own.
    report: BackgroundReport | None = None
    warnings: tuple[str, ...] = ()
    #: The shadow of a transparent picture: the share of light, 0–1, that is blocked at a width and height in pixels.
    shade: Shade | None = None
    #: None where the caller asked for no shadow of its own.
    shadow: ShadowReport | None = None
    #: Number of the product's feet that hover (`pipeline.scene.footing`).
    hovering: int = 0

    @property
    def assigned(self) -> list[AssignedColour]:
        """The colour of each surface, as `pipeline.background.assigned` lists it; empty where there is no scene."""
        return [] if self.layout is None else assigned(self.layout)

    @property
    def fell_back(self) -> bool:
        """Whether it is the renderer's own because all paintings were rejected."""
        return fell_back(self.tried)

    def with_effects(self) -> Rgb | None:
        """Add the product's effects to the picture, and return it; None for a transparent picture."""
        return None if self.picture is None else self.effects(self.picture)


def shadow_report(asked: Shadow, place: Place, layout: Layout | None) -> ShadowReport | None:
    """Return the report on a shadow that was asked for, on a layout's ground; None where none was asked for."""
    if asked == Shadow():
        return None
    stance, preset = place.facts.stance, place.spec.preset
    rests = stance in ("standing", "lying") or place.hangs or (layout is not None and layout.top_down)
    if asked.shadow == "none":
        return ShadowReport(mode=asked.shadow, cast=False, reason="asked")
    if preset.background == "white" and not preset.shadow:
        return ShadowReport(mode=asked.shadow, cast=False, reason="preset")
    if layout is None or not rests:
        return ShadowReport(mode=asked.shadow, cast=False, reason="hanging" if stance == "hanging" else "cropped")
    return ShadowReport(
        mode=asked.shadow,
        cast=True,
        strength=1.0 if asked.shadow_strength is None else asked.shadow_strength,
        softness=round(layout.softness, 3),
        direction=round(shadow_direction(layout.rig, top_down=layout.top_down), 1) % 360,
    )
