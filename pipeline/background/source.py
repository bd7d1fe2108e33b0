"""The background behind a product: a plain ground, pinned by the spec, or made for this product."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from pipeline.background.assigned import assigned
from pipeline.background.best_of import CacheStatus, search
from pipeline.background.callers_picture import ELEVATION, SOFTNESS, OwnPicture
from pipeline.background.canvas import BUSY, MAX_ENLARGED, Window, busy, on_canvas
from pipeline.background.earlier import EarlierRender
from pipeline.background.pinned import MIN_MIRRORED, MIN_SHADOW, pinned
from pipeline.background.plain_ground import Shade, colour_of, plain_shadow, shadow_report
from pipeline.background.scene_context import SceneContext
from pipeline.background.shared import SharedBackgrounds, key_of
from pipeline.colour.palette import PaletteControl
from pipeline.colour.photo_light import PhotoLight, photo_light
from pipeline.compositing.composite import apply_shadow
from pipeline.compositing.effects import product_effects, shadow_floor
from pipeline.core.networks import Networks
from pipeline.core.spec import Spec
from pipeline.core.types import Cutout, Photo, Placed, Rgb
from pipeline.cutout.cache import Cache
from pipeline.cutout.stance import pose_of
from pipeline.placement.camera import TOP_DOWN
from pipeline.placement.place import Place
from pipeline.report import AssignedColour, BackgroundReport, ExpansionReport, ShadowReport, TriedBackground
from pipeline.scene.footing import hovering, spots
from pipeline.scene.layout import Layout
from pipeline.scene.rig import asked_softness, shadow_direction


@dataclass(frozen=True)
class Background:
    """A background without the product, and the product's effects on it."""

    #: H×W×3 sRGB in [0, 1], maybe with the product's shadow; None for a transparent picture.
    picture: Rgb | None
    #: Adds the missing part of the product's shadow and mirror image to such a picture, in place.
    effects: Callable[[Rgb], Rgb]
    #: The seed of the background, and all tried backgrounds, as in `pipeline.background.best_of.Selection`.
    seed: int
    tried: list[TriedBackground] = field(default_factory=list)
    cache_status: CacheStatus = "computed"
    #: Whether it is a scene, whose light falls on the product's edge.
    is_scene: bool = True
    #: The colour of each surface, as `pipeline.background.assigned.assigned` lists it; empty where there is no scene.
    assigned: list[AssignedColour] = field(default_factory=list)
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

    def with_effects(self) -> Rgb | None:
        """Add the product's effects to the picture, and return it; None for a transparent picture."""
        return None if self.picture is None else self.effects(self.picture)


def make_background(
    spec: Spec,
    photo: Photo,
    cutout: Cutout,
    place: Place,
    placed: Placed,
    networks: Networks,
    on_step: Callable[[float], None],
    *,
    control: PaletteControl,
    cache: Cache | None = None,
    shown: tuple[int, int] | None = None,
    light: PhotoLight | None = None,
    own: OwnPicture | None = None,
    earlier: EarlierRender | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    shared: SharedBackgrounds | None = None,
) -> Background:
    """Return the background of a spec for a product cut out of a photo and placed on the canvas.

    It has the canvas's size or, where `shown` (width, height) is given, that smaller size. All choices depend on the
    canvas only, so that both sizes show the same. `light` is the result of `light_for`, `own` the spec's own picture,
    `earlier` the render whose background it repeats. `on_step` never goes back. `clock` returns seconds. `shared` keeps
    the background for the next picture. Raises the errors of `search`.
    """
    canvas_height, canvas_width = placed.alpha.shape
    width, height = shown or (canvas_width, canvas_height)
    if own is not None and spec.ground.background == "image":
        return _own(spec, own, place, placed, width, height)
    if spec.plain is not None:
        return _plain(spec, place, placed, light, width, height)
    given: Any = {"control": control, "shown": shown, "clock": clock}
    there = place if earlier is None else earlier.place
    if there.pinned:
        one = pinned(there.spec, canvas_width, canvas_height, networks, on_step, cache=cache, **given)
    elif earlier is not None:
        one = search(there.spec, earlier.context, networks, on_step, **given)
    else:
        guide, reference = (None, None) if own is None else (own.view, own.photo.rgb)
        context = SceneContext.of(photo, cutout, place, placed, light, guide, reference)
        made = partial(search, spec, context, networks, on_step, **given)
        one = made() if shared is None else shared.of(key_of(spec, context, placed, control, shown), made)
    layout, effects, feet = one.layout, one.lay, one.layout.feet
    report: BackgroundReport | None = None
    if earlier is not None or place.pinned:
        contact = place.contact | {"stands": place.stands or place.pinned}
        traced = product_effects(placed, layout, **contact, shadow=spec.shadow)
        effects = traced.near(width, height, min_shadow=MIN_SHADOW, min_mirrored=MIN_MIRRORED)
        feet = spots(pose_of(placed.alpha, place.facts), tuple(side / canvas_height for side in placed.box))
        report = None if earlier is None else BackgroundReport(source="render")
    elif own is not None:
        falls = shadow_direction(layout.rig, top_down=layout.top_down)
        report = own.report(spec, layout.horizon_y, falls, layout.softness)
    return Background(
        one.background,
        effects,
        one.seed,
        one.tried,
        one.cache_status,
        assigned=assigned(layout),
        expansion=one.expansion,
        layout=layout,
        report=report,
        shadow=shadow_report(spec.shadow, place, layout),
        hovering=hovering(layout, feet, placed.alpha),
    )


def light_for(spec: Spec, photo: Photo, cutout: Cutout) -> PhotoLight | None:
    """Return the photo's light, where the spec's background is a scene made for its product.

    It is returned for a traced shadow on a plain ground too. None otherwise, and None for a pinned spec, whose
    background may be pinned.
    """
    free = spec.ground.composed and not spec.pinned
    lit = free if spec.plain is None else spec.traces_shadow and spec.shadow.shadow_direction is None
    return photo_light(photo, cutout) if lit else None


def _own(spec: Spec, own: OwnPicture, place: Place, placed: Placed, width: int, height: int) -> Background:
    tall, wide = placed.alpha.shape
    rgb, ground, asked = own.photo.rgb, spec.ground, spec.shadow
    window = Window.of(ground, rgb, wide, tall)
    picture = on_canvas(rgb, Window.of(ground, rgb, width, height), width, height)
    horizon, softness = window.horizon(own.view, rgb, tall), asked_softness(asked)
    softness = SOFTNESS if softness is None else softness
    direction = own.direction if asked.shadow_direction is None else asked.shadow_direction
    layout = shadow_floor(
        wide,
        tall,
        place.position.bounds,
        horizon=horizon,
        # A wall faces the camera like a surface seen from above, and there shadows fall down.
        direction=180 - direction if place.hangs else direction,
        softness=softness,
        elevation=ELEVATION,
        top_down=place.hangs or place.kind in TOP_DOWN,
    )
    effects = product_effects(placed, layout, **place.contact, shadow=asked)
    left, top, right, bottom = (round(side * height / tall) for side in placed.box)
    found = {
        "background_upscaled": window.scale > MAX_ENLARGED,
        "background_busy": busy(picture, (left, top, right, bottom)) > BUSY,
    }
    report = own.report(spec, horizon, direction, softness)
    return Background(
        picture,
        replace(effects, image=None).at(width, height),
        spec.seed,
        report=replace(report, fit=ground.background_fit, enlarged=round(window.scale, 3)),
        warnings=tuple(code for code, holds in found.items() if holds),
        shadow=shadow_report(asked, place, layout),
    )


def _plain(spec: Spec, place: Place, placed: Placed, light: PhotoLight | None, width: int, height: int) -> Background:
    colour = colour_of(spec)
    shade, report = plain_shadow(spec, place, placed, light)
    return Background(
        None if colour is None else np.broadcast_to(colour, (height, width, 3)).copy(),
        lambda picture: picture if shade is None else apply_shadow(picture, shade(width, height)),
        spec.seed,
        is_scene=False,
        shade=shade if colour is None else None,
        shadow=report,
    )
