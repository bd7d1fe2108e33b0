"""The background behind a product: a plain ground, the caller's picture, pinned, or made for this product."""

from functools import partial

from pipeline.background.background import Background, shadow_report
from pipeline.background.best_of import search
from pipeline.background.callers_picture import OwnPicture
from pipeline.background.canvas import own_background
from pipeline.background.earlier import EarlierRender
from pipeline.background.pinned import laid_on, pinned
from pipeline.background.plain_ground import plain_background
from pipeline.background.scene_context import SceneContext
from pipeline.background.selection import Means
from pipeline.background.shared import SharedBackgrounds, key_of
from pipeline.colour.photo_light import PhotoLight, photo_light
from pipeline.core.spec import Spec
from pipeline.core.types import Cutout, Photo, Placed
from pipeline.placement.place import Place
from pipeline.scene.footing import hovering


def make_background(
    spec: Spec,
    photo: Photo,
    cutout: Cutout,
    place: Place,
    placed: Placed,
    means: Means,
    *,
    light: PhotoLight | None = None,
    own: OwnPicture | None = None,
    earlier: EarlierRender | None = None,
    shared: SharedBackgrounds | None = None,
) -> Background:
    """Return the background of a spec for a product cut out of a photo and placed on the canvas.

    `light` is the result of `light_for`, `own` the spec's own picture, `earlier` the render whose background it
    repeats. `shared` keeps the background for the next picture. Raises the errors of `search`.
    """
    canvas = placed.alpha.shape[1], placed.alpha.shape[0]
    size = means.shown or canvas
    if own is not None and spec.ground.background == "image":
        return own_background(spec, own, place, placed, *size)
    if spec.plain is not None:
        return plain_background(spec, place, placed, light, *size)
    there = place if earlier is None else earlier.place
    if there.pinned:
        one = pinned(there.spec, *canvas, means)
    elif earlier is not None:
        one = search(there.spec, earlier.context, means)
    else:
        guide, reference = (None, None) if own is None else (own.view, own.photo.rgb)
        context = SceneContext.of(photo, cutout, place, placed, light, guide, reference)
        made = partial(search, spec, context, means)
        one = made() if shared is None else shared.of(key_of(spec, context, placed, means), made)
    layout, effects, feet, report = one.layout, one.lay, one.layout.feet, None
    if earlier is not None or place.pinned:
        effects, feet = laid_on(layout, spec, place, placed, *size)
        report = None if earlier is None else earlier.report
    elif own is not None:
        report = own.scene_report(spec, layout)
    return Background(
        one.background,
        effects,
        one.seed,
        one.tried,
        one.cache_status,
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
