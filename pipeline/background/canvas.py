"""A caller's picture as the background: fit it to the canvas, and measure whether it is large and calm enough."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from pipeline.background.background import Background, shadow_report
from pipeline.background.callers_picture import ELEVATION, SOFTNESS, OwnPicture
from pipeline.background.view import View
from pipeline.colour.spaces import srgb_to_lab
from pipeline.compositing.effects import product_effects, shadow_floor
from pipeline.core.order import Ground
from pipeline.core.resample import Box, blurred, grown_box, resize
from pipeline.core.spec import Spec
from pipeline.core.types import Placed, Rgb, Rgb8
from pipeline.geometry.ray import Field
from pipeline.placement.camera import TOP_DOWN
from pipeline.placement.place import Place
from pipeline.scene.rig import asked_softness

#: A picture enlarged by more than this factor looks soft: `background_upscaled`.
MAX_ENLARGED = 1.5
#: Where a picture does not reach, its mirror image goes on, blurred: chosen by eye, as its edges alone became stripes.
#: Longer side in pixels of the picture that is extended, its blur there in pixels, and the share of the picture's side
#: over which it blends into that.
EXTENDED_SIDE, EXTENDED_BLUR, BLEND = 256, 9.0, 0.02
#: Longer side in pixels of the examined surroundings, and the mean difference in lightness between neighbouring pixels
#: from which on they are too busy: `background_busy`. One of 100 composed scenes has more, and three of ten crops of
#: panoramas.
BUSY_SIDE, BUSY = 192, 5.0
#: Share of the product's box by which its surroundings extend beyond it.
AROUND = 0.35


@dataclass(frozen=True)
class Window:
    """The part of a picture that is visible, and where on the canvas; in pixels, left, top, right, bottom."""

    #: The part of the picture.
    source: tuple[float, float, float, float]
    #: Its place on the canvas.
    place: tuple[int, int, int, int]
    #: Canvas pixels per pixel of the picture.
    scale: float

    @classmethod
    def of(cls, ground: Ground, picture: Rgb8, width: int, height: int) -> "Window":
        """Return the window of an H×W×3 picture for a ground's fit on a width×height canvas."""
        tall, wide = picture.shape[:2]
        across, down = width / wide, height / tall
        if ground.background_fit == "contain":
            scale = min(across, down)
            shown = max(1, round(wide * scale)), max(1, round(tall * scale))
            left, top = (width - shown[0]) // 2, (height - shown[1]) // 2
            return cls((0, 0, wide, tall), (left, top, left + shown[0], top + shown[1]), scale)
        scale = max(across, down) * (ground.background_zoom if ground.background_fit == "position" else 1.0)
        w, h = width / scale, height / scale
        x = float(np.clip(ground.background_x * wide - w / 2, 0, wide - w))
        y = float(np.clip(ground.background_y * tall - h / 2, 0, tall - h))
        return cls((x, y, x + w, y + h), (0, 0, width, height), scale)

    def horizon(self, view: View, picture: Rgb8, height: int) -> float:
        """Return the view's horizon on a canvas of that height, in canvas heights from the top."""
        (_, above, _, _), (_, top, _, _) = self.source, self.place
        return float((top + (view.horizon * picture.shape[0] - above) * self.scale) / height)


def own_background(spec: Spec, own: OwnPicture, place: Place, placed: Placed, width: int, height: int) -> Background:
    """Return the caller's own picture as the background of a product, at width×height pixels."""
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


def on_canvas(picture: Rgb8, window: Window, width: int, height: int) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: the H×W×3 picture in its window on a width×height canvas."""
    left, top, right, bottom = window.place
    part = Image.fromarray(picture).resize(
        (right - left, bottom - top), Image.Resampling.BICUBIC, box=window.source, reducing_gap=3.0
    )
    shown = np.asarray(part, np.float32)
    shown *= np.float32(1 / 255)
    if window.place == (0, 0, width, height):
        return shown
    return _extended(shown, window.place, width, height)


def _extended(shown: Rgb, place: Box, width: int, height: int) -> Rgb:
    """Return H×W×3: a picture at its place on a width×height canvas, and around it its mirror image, blurred."""
    left, top, right, bottom = place
    scale = min(1.0, EXTENDED_SIDE / max(width, height))
    size = max(2, round(width * scale)), max(2, round(height * scale))
    a, b = round(left * scale), round(top * scale)
    w, h = (
        min(size[0] - a, max(1, round((right - left) * scale))),
        min(size[1] - b, max(1, round((bottom - top) * scale))),
    )
    small = resize(shown, w, h, Image.Resampling.BOX)
    filled = np.pad(small, ((b, size[1] - b - h), (a, size[0] - a - w), (0, 0)), mode="symmetric")
    out = resize(blurred(filled, EXTENDED_BLUR, EXTENDED_BLUR), width, height, Image.Resampling.BILINEAR)
    # It blends in only at the sides where it ends inside the canvas.
    ramps = []
    for size_, before, after in ((bottom - top, top, height - bottom), (right - left, left, width - right)):
        at, reach = np.arange(size_, dtype=np.float32) + 0.5, np.float32(BLEND * size_)
        ramp = np.ones(size_, np.float32)
        ramp = np.minimum(ramp, at / reach) if before else ramp
        ramps.append(np.minimum(ramp, at[::-1] / reach) if after else ramp)
    share = (ramps[0][:, None] * ramps[1])[..., None]
    there = out[top:bottom, left:right]
    there += share * (shown - there)
    return out


def busy(background: Rgb, box: Box) -> float:
    """Return the mean difference in lightness, in L*, between neighbours around a product's box, in pixels.

    `background` is H×W×3 sRGB in [0, 1]. It is examined at BUSY_SIDE pixels.
    """
    height, width = background.shape[:2]
    reach = AROUND * max(box[2] - box[0], box[3] - box[1])
    left, top, right, bottom = grown_box(box, reach, width, height)
    scale = min(1.0, BUSY_SIDE / max(width, height))
    size = max(8, round((right - left) * scale)), max(8, round((bottom - top) * scale))
    light: Field = srgb_to_lab(resize(background[top:bottom, left:right], *size, Image.Resampling.BOX))[..., 0]
    return float(np.abs(np.diff(light, axis=0)).mean() + np.abs(np.diff(light, axis=1)).mean())
