"""A plain ground: white, a flat colour or nothing, and the product's shadow on an invisible floor."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Resampling

from pipeline.background.background import Background, Shade, shadow_report
from pipeline.colour.notation import hex_to_rgb, parse_colour
from pipeline.colour.photo_light import PhotoLight, lit_from
from pipeline.compositing.composite import apply_shadow
from pipeline.compositing.effects import product_effects, shadow_floor
from pipeline.compositing.shadow import contact_shadow
from pipeline.core.order import Shadow, ShadowWord
from pipeline.core.resample import resize
from pipeline.core.spec import Spec
from pipeline.core.types import Placed
from pipeline.cutout.stance import pose_of
from pipeline.geometry.ray import Field
from pipeline.placement.place import Place
from pipeline.scene.composition import HIGHEST
from pipeline.scene.layout import FOCAL, Layout

#: Strength, the lamp's softness and its height in degrees, where the caller gives none; chosen by eye on white. Only a
#: high lamp leaves a floating product's shadow below it.
LAMPS: Mapping[ShadowWord, tuple[float, float, float]] = MappingProxyType(
    {"soft": (0.6, 0.6, 52.0), "hard": (0.6, 0.05, 45.0), "floating": (0.5, 0.6, 75.0)}
)
#: Greatest height of the lamp over a surface seen from above, degrees: under a higher lamp no shadow is seen there.
RAKING = 55.0
#: Height of the camera over the floor, where the photo shows none; canvas heights.
CAMERA = 0.42
#: Direction of a shadow where neither the caller nor the photo's light gives one: away from the viewer, to the side.
ASIDE = 60.0
#: Shares of blocked light below this are left out: a product dims a little of the whole floor.
LEAST = 0.022
#: The shadow ends this share of the shorter side before the canvas's border, and fades over at most FADE of it.
FREE, FADE = 0.015, 0.16


def colour_of(spec: Spec) -> NDArray[np.float32] | None:
    """Return the colour of a plain spec's ground, (3,) sRGB in [0, 1]; None where it has no one colour."""
    return hex_to_rgb(parse_colour(spec.plain)) if spec.plain else None


def plain_background(
    spec: Spec, place: Place, placed: Placed, light: PhotoLight | None, width: int, height: int
) -> Background:
    """Return a plain ground of width×height pixels, and the shadow of a product on it; `light` is the photo's."""
    colour = colour_of(spec)
    shade, asked, floor = _shadow(spec, place, placed, light)
    return Background(
        None if colour is None else np.broadcast_to(colour, (height, width, 3)).copy(),
        lambda picture: picture if shade is None else apply_shadow(picture, shade(width, height)),
        spec.seed,
        is_scene=False,
        shade=shade if colour is None else None,
        shadow=shadow_report(asked, place, floor),
    )


def _shadow(
    spec: Spec, place: Place, placed: Placed, light: PhotoLight | None
) -> tuple[Shade | None, Shadow, Layout | None]:
    """Return the shadow of a placed product on a plain ground, as asked and completed, and its floor, if traced.

    The first gives H×W, the share of light, 0–1, that is blocked on a ground of width×height pixels; None: no shadow.
    Along the canvas's border it is 0. `light` is the photo's.
    """
    facts, asked, alpha = place.facts, spec.shadow, placed.alpha
    lies, above = facts.lies, facts.turned("sweep") == "above"
    rests = facts.stance == "standing" or lies
    if asked == Shadow():
        if not (rests and spec.plain and spec.preset.shadow):
            return None, asked, None
        band = contact_shadow(alpha, lies=lies, slope=pose_of(alpha, facts).pitch_slope)
        return (lambda w, h: resize(band, w, h, Resampling.BOX)), asked, None
    if not spec.traces_shadow or not (rests or above):
        return None, asked, None
    mode = "soft" if asked.shadow == "scene" else asked.shadow
    strength, softness, elevation = LAMPS[mode]
    strength = strength if asked.shadow_strength is None else asked.shadow_strength
    asked = replace(asked, shadow=mode, shadow_strength=strength)
    away = 360 - ASIDE if light is not None and (lit_from(light) or 0) > 0 else ASIDE
    (height, width), pose = alpha.shape, pose_of(alpha, facts)
    layout = shadow_floor(
        width,
        height,
        placed.box,
        horizon=placed.box[3] / height - max(CAMERA, min(HIGHEST, pose.pitch_slope * FOCAL)),
        direction=away if asked.shadow_direction is None else asked.shadow_direction,
        softness=softness if asked.shadow_softness is None else asked.shadow_softness,
        top_down=above,
        elevation=min(elevation, RAKING) if above else elevation,
    )
    shadow = product_effects(placed, layout, lies=lies, shadow=asked).shadow
    assert shadow is not None, "no placed product is empty"

    def shade(width: int, height: int) -> Field:
        blocked: Field = np.maximum((shadow.at(width, height) - np.float32(LEAST)) / np.float32(1 - LEAST), 0)
        blocked *= _fading(placed.box[::2], alpha.shape, 1, width)[None]
        blocked *= _fading(placed.box[1::2], alpha.shape, 0, height)[:, None]
        return blocked

    return shade, asked, layout


def _fading(ends: tuple[int, ...], canvas: tuple[int, ...], axis: int, shown: int) -> Field:
    """Return factors, 0–1, along an axis of a canvas with rows and columns `canvas`, shown in `shown` pixels.

    They are 0 at the border, and 1 at the product, whose box ends at the pixels `ends`.
    """
    size, shorter = canvas[axis], min(canvas)
    at = (np.arange(shown, dtype=np.float32) + np.float32(0.5)) * np.float32(size / shown)
    out = np.ones(shown, np.float32)
    for room, away in ((ends[0], at), (size - ends[1], size - at)):
        start = FREE * shorter
        share = np.clip((away - start) / (np.clip(0.85 * room, 2 * start, FADE * shorter) - start), 0, 1)
        out *= share * share * (3 - 2 * share)
    return out
