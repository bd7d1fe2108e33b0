"""A plain ground: white, a flat colour or nothing, and the product's shadow on an invisible floor."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.notation import hex_to_rgb, parse_colour
from pipeline.colour.photo_light import PhotoLight, lit_from
from pipeline.compositing.shadow import cast_shadow, contact_shadow, lift_of
from pipeline.compositing.shadow_floor import shadow_floor
from pipeline.core.order import AS_LIT, Shadow, ShadowWord
from pipeline.core.resample import resize
from pipeline.core.spec import Spec
from pipeline.core.types import Placed
from pipeline.cutout.camera_pose import CameraPose
from pipeline.geometry.ray import Field
from pipeline.placement.place import Place
from pipeline.report import ShadowReport
from pipeline.scene.composition import HIGHEST
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.rig import asked_softness, shadow_direction

#: Strength of each shadow where the caller gives none, chosen by eye on white.
STRENGTH: Mapping[ShadowWord, float] = MappingProxyType({"soft": 0.6, "hard": 0.6, "floating": 0.5})
#: Height of each shadow's lamp, degrees: a floating product's shadow is below it.
ELEVATION: Mapping[ShadowWord, float] = MappingProxyType({"soft": 52.0, "hard": 45.0, "floating": 75.0})
#: Softness of a floating product's lamp.
HOVERING = 0.6
#: Height of the camera over the floor, where the photo shows none; canvas heights.
CAMERA = 0.42
#: Direction of a shadow where neither the caller nor the photo's light gives one: away from the viewer, to the side.
ASIDE = 60.0
#: Shares of blocked light below this are left out: a product dims a little of the whole floor.
LEAST = 0.022
#: The shadow ends this share of the shorter side before the canvas's border, and fades over at most FADE of it.
FREE, FADE = 0.015, 0.16

Shade = Callable[[int, int], Field]


def colour_of(spec: Spec) -> NDArray[np.float32] | None:
    """Return the colour of a plain spec's ground, (3,) sRGB in [0, 1]; None where it has no one colour."""
    return hex_to_rgb(parse_colour(spec.plain)) if spec.plain else None


def casts(spec: Spec) -> bool:
    """Return whether a plain spec asks for a shadow that is traced, and its preset allows it."""
    allowed = spec.preset.background != "white" or spec.preset.shadow
    return allowed and spec.shadow.shadow != "none" and spec.shadow != AS_LIT


def plain_shadow(
    spec: Spec, place: Place, placed: Placed, pose: CameraPose, light: PhotoLight | None
) -> tuple[Shade | None, ShadowReport | None]:
    """Return the shadow of a placed product on a plain ground, and the report on it.

    The first gives H×W, the share of light, 0–1, that is blocked on a ground of width×height pixels; None: no shadow.
    Along the canvas's border it is 0. `pose` is the photo's view of the product, `light` the photo's light.
    """
    facts, asked = place.facts, spec.shadow
    lies, above = facts.word == "lying", facts.turned("sweep") == "above"
    rests = facts.stance == "standing" or lies
    if not casts(spec):
        if asked == AS_LIT and rests and spec.plain and spec.preset.shadow:
            return _contact(placed, lies=lies), None
        return None, shadow_report(asked, place, None, reason="asked" if asked.shadow == "none" else "preset")
    mode = "soft" if asked.shadow == "scene" else asked.shadow
    strength = STRENGTH[mode] if asked.shadow_strength is None else asked.shadow_strength
    asked = replace(asked, shadow=mode, shadow_strength=strength)
    if not (rests or above):
        return None, shadow_report(asked, place, None)
    layout = _floor(asked, placed, pose, light, above=above)
    lift = lift_of(asked, placed.box, len(placed.alpha))
    shadow = cast_shadow(placed.alpha, layout, lies=lies, strength=strength, lift=lift)

    def shade(width: int, height: int) -> Field:
        if shadow is None:
            return np.zeros((height, width), np.float32)
        blocked = np.maximum((shadow.at(width, height) - np.float32(LEAST)) / np.float32(1 - LEAST), 0)
        blocked *= _fading(placed.box[::2], placed.alpha.shape, 1, width)[None]
        blocked *= _fading(placed.box[1::2], placed.alpha.shape, 0, height)[:, None]
        return blocked

    return shade, shadow_report(asked, place, layout)


def shadow_report(
    asked: Shadow, place: Place, layout: Layout | None, *, reason: Literal["asked", "preset"] | None = None
) -> ShadowReport | None:
    """Return the report on a shadow that was asked for, on a layout's ground; None where none was asked for."""
    if asked == AS_LIT:
        return None
    off = reason or ("asked" if asked.shadow == "none" else None)
    rests = place.facts.stance in ("standing", "lying") or (layout is not None and layout.top_down)
    if off is None and not rests:
        off = "hanging" if place.facts.stance == "hanging" else "cropped"
    if layout is None or off is not None:
        return ShadowReport(mode=asked.shadow, cast=False, reason=off)
    return ShadowReport(
        mode=asked.shadow,
        cast=True,
        strength=1.0 if asked.shadow_strength is None else asked.shadow_strength,
        softness=round(layout.softness, 3),
        direction=round(shadow_direction(layout.rig, top_down=layout.top_down), 1) % 360,
    )


def _floor(asked: Shadow, placed: Placed, pose: CameraPose, light: PhotoLight | None, *, above: bool) -> Layout:
    """Return the floor for a shadow, lit as asked, else from the photo's side."""
    height, width = placed.alpha.shape
    camera = max(CAMERA, min(HIGHEST, pose.pitch_slope * FOCAL))
    softness, direction = asked_softness(asked), asked.shadow_direction
    if direction is None:
        side = None if light is None else lit_from(light)
        direction = ASIDE if side is None or side < 0 else 360 - ASIDE
    return shadow_floor(
        width,
        height,
        placed.box,
        horizon=placed.box[3] / height - camera,
        direction=direction,
        softness=HOVERING if softness is None else softness,
        top_down=above,
        elevation=ELEVATION[asked.shadow],
    )


def _contact(placed: Placed, *, lies: bool) -> Shade:
    def shade(width: int, height: int) -> Field:
        return resize(contact_shadow(placed.alpha, lies=lies), width, height, Image.Resampling.BOX)

    return shade


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
