"""The background behind a product: none, white, pinned by the spec, or made for this product."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from pipeline.background.assigned import assigned
from pipeline.background.best_of import search
from pipeline.background.free import FreeContext
from pipeline.background.growth import Growth
from pipeline.background.own import OwnPicture, guide_report, own_background
from pipeline.background.pinned import MIN_MIRRORED, MIN_SHADOW, pinned
from pipeline.colour.palette import PaletteControl
from pipeline.colour.photo_light import PhotoLight, photo_light
from pipeline.compositing.composite import apply_shadow
from pipeline.compositing.effects import product_effects
from pipeline.compositing.shadow import contact_shadow
from pipeline.core.networks import Networks
from pipeline.core.resample import resize
from pipeline.core.spec import Spec
from pipeline.core.types import Cutout, Photo, Placed, Rgb
from pipeline.cutout.cache import Cache
from pipeline.placement.place import Place
from pipeline.report import AssignedColour, BackgroundReport, TriedBackground
from pipeline.scene.layout import Layout


@dataclass(frozen=True)
class Background:
    """A background without the product, and the product's effects on it."""

    #: H×W×3 sRGB in [0, 1], maybe with the product's shadow; None for a transparent picture.
    picture: Rgb | None
    #: Adds the missing part of the product's shadow and mirror image to such a picture, in place.
    effects: Callable[[Rgb], Rgb]
    #: The seed of the background, and all tried backgrounds, as in `pipeline.background.best_of.Selection`.
    seed: int
    tried: list[TriedBackground]
    cache_status: Literal["computed", "cached"]
    #: Whether it is a scene, whose light falls on the product's edge.
    is_scene: bool
    #: The colour of each surface, as `pipeline.background.assigned.assigned` lists it; empty where there is no scene.
    assigned: list[AssignedColour]
    #: How much a network that saw the product enlarged it; None where no network saw it.
    growth: Growth | None = None
    #: None where there is no scene.
    layout: Layout | None = None
    #: On the caller's own picture or earlier render; None where the scene is Backdrop's own.
    report: BackgroundReport | None = None
    warnings: tuple[str, ...] = ()

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
    clock: Callable[[], float] = lambda: 0.0,
) -> Background:
    """Return the background of a spec for a product cut out of a photo and placed on the canvas.

    It has the canvas's size or, where `shown` (width, height) is given, that smaller size. All choices depend on the
    canvas only, so that both sizes show the same. `light` is the result of `light_for`, `own` the spec's own picture.
    `on_step` never goes back.
    `clock` returns seconds. Raises the errors of `search`.
    """
    canvas_height, canvas_width = placed.alpha.shape
    width, height = shown or (canvas_width, canvas_height)
    if spec.preset.background == "transparent":
        return Background(None, _unchanged, spec.seed, [], "computed", is_scene=False, assigned=[])
    if own is not None and spec.ground.background == "image":
        made = own_background(spec, own, place, placed, (width, height))
        return Background(
            made.picture,
            made.effects.at(width, height),
            spec.seed,
            [],
            "computed",
            is_scene=True,
            assigned=[],
            report=made.report,
            warnings=made.warnings,
        )
    lies = place.facts.word == "lying"
    if spec.is_white:
        # a product that lies as seen from above, hangs, or is cropped below has no foot for a shadow
        soft = spec.preset.shadow and (place.facts.stance == "standing" or lies)
        white = np.ones((height, width, 3), np.float32)

        def shadowed(picture: Rgb) -> Rgb:
            shadow = contact_shadow(placed.alpha, lies=lies)
            return apply_shadow(picture, resize(shadow, width, height, Image.Resampling.BOX))

        laid = shadowed if soft else _unchanged
        return Background(white, laid, spec.seed, [], "computed", is_scene=False, assigned=[])
    if place.pinned:
        one = pinned(
            spec, canvas_width, canvas_height, networks, on_step, control=control, cache=cache, shown=shown, clock=clock
        )
        there = product_effects(placed, one.layout, lies=lies, shadow=spec.shadow)

        def near(picture: Rgb) -> Rgb:
            return there.near(width, height, min_shadow=MIN_SHADOW, min_mirrored=MIN_MIRRORED)(picture)

        where = assigned(one.layout)
        return Background(
            one.background,
            near,
            one.seed,
            one.tried,
            one.cache_status,
            is_scene=True,
            assigned=where,
            layout=one.layout,
        )
    context = FreeContext.of(photo, cutout, place, placed, light, None if own is None else own.view)
    best = search(
        spec,
        context,
        placed.alpha,
        networks,
        on_step,
        control=control,
        shown=shown,
        clock=clock,
    )
    return Background(
        best.background,
        best.lay,
        best.seed,
        best.tried,
        "computed",
        is_scene=True,
        assigned=assigned(best.layout),
        growth=best.growth,
        layout=best.layout,
        report=None if own is None else guide_report(spec, own, best.layout),
    )


def light_for(spec: Spec, photo: Photo, cutout: Cutout) -> PhotoLight | None:
    """Return the photo's light, where the spec's background is a scene made for its product.

    None otherwise, and None for a pinned spec, whose background may be pinned.
    """
    free = spec.preset.background == "scene" and not spec.is_white and not spec.pinned
    return photo_light(photo, cutout) if free else None


def _unchanged(picture: Rgb) -> Rgb:
    return picture
