"""A background that is the caller's own picture, with the product's shadow traced on an invisible floor in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pipeline.colour.notation import rgb_to_hex
from pipeline.colour.palette import MEASURED_SIDE, dominant_colours
from pipeline.colour.spaces import lab_to_srgb, srgb_to_lab
from pipeline.compositing.effects import ProductEffects, product_effects
from pipeline.compositing.shadow_floor import shadow_floor
from pipeline.core.errors import Rejected
from pipeline.core.resample import reduced
from pipeline.core.spec import Limits, Spec
from pipeline.core.types import Photo, Placed, Rgb, Rgb8
from pipeline.ground.canvas import BUSY, MAX_ENLARGED, Window, busy, on_canvas
from pipeline.ground.view import View, view_of
from pipeline.photo.decode import decode
from pipeline.placement.place import Place
from pipeline.report import BackgroundReport
from pipeline.scene.layout import Layout
from pipeline.scene.rig import asked_softness, shadow_direction

#: Softness of the lamp and its height in degrees: rooms are lit from large windows and ceilings. A picture does not
#: show them (`pipeline.ground.view`), so they are constant. Chosen by eye.
SOFTNESS, ELEVATION = 0.55, 56.0
#: Direction of the shadow in degrees from straight back, to the side away from the light: at no and at full confidence.
TURNS = (50.0, 80.0)
#: Maximum number of a picture's colours in the report, and of those that a reference gives a scene: more would need
#: as many props.
COLOURS, GUIDING = 6, 4


@dataclass(frozen=True)
class OwnPicture:
    """A caller's picture, decoded, and what it shows."""

    photo: Photo
    view: View
    #: Its main colours as #rrggbb, the most present first.
    palette: tuple[str, ...]

    @classmethod
    def of(cls, spec: Spec, files: Mapping[str, bytes], limits: Limits) -> "OwnPicture | None":
        """Decode the spec's own picture; None if it has none. Raises the errors of `decode`."""
        ground = spec.ground
        if ground.background not in ("image", "reference") or spec.plain is not None:
            return None
        try:
            photo = decode(files[ground.background_image], limits)
        except Rejected as error:
            raise type(error)(f"background_image: {error}") from error
        return cls(photo, view_of(photo.rgb), palette_of(photo.rgb))

    @property
    def direction(self) -> float:
        """The direction, degrees as `Shadow.shadow_direction`, in which its light casts shadows."""
        turn = float(np.interp(self.view.side_confidence, (0, 1), TURNS))
        return turn if self.view.side <= 0 else 360 - turn


def guided(spec: Spec, own: OwnPicture | None) -> Spec:
    """Return the spec with the reference's colours, if it has a reference, and the caller asks for no colours."""
    if own is None or spec.ground.background != "reference" or spec.palette:
        return spec
    return replace(spec, palette=own.palette[:GUIDING])


@dataclass(frozen=True)
class OwnBackground:
    """The caller's picture on the canvas, with the floor that catches the product's shadow."""

    #: H×W×3 sRGB in [0, 1].
    picture: Rgb
    effects: ProductEffects
    layout: Layout
    report: BackgroundReport
    #: Codes, such as background_upscaled.
    warnings: tuple[str, ...]


def own_background(spec: Spec, own: OwnPicture, place: Place, placed: Placed, shown: tuple[int, int]) -> OwnBackground:
    """Return the background of a spec whose ground is its own picture, at the size `shown` (width, height)."""
    height, width = placed.alpha.shape
    rgb, view = own.photo.rgb, own.view
    window = Window.of(spec.ground, rgb, width, height)
    smaller = window if shown == (width, height) else Window.of(spec.ground, rgb, *shown)
    picture = on_canvas(rgb, smaller, *shown)
    horizon = window.horizon(view, rgb, height)
    asked = asked_softness(spec.shadow)
    direction = own.direction if spec.shadow.shadow_direction is None else spec.shadow.shadow_direction
    softness = SOFTNESS if asked is None else asked
    layout = shadow_floor(
        width,
        height,
        place.position.bounds,
        horizon=horizon,
        direction=direction,
        softness=softness,
        elevation=ELEVATION,
        top_down=place.seen_from_above,
    )
    effects = product_effects(placed, layout, stands=place.stands, lies=place.facts.word == "lying", shadow=spec.shadow)
    scale = picture.shape[0] / height
    left, top, right, bottom = (round(side * scale) for side in placed.box)
    found = {
        "background_upscaled": window.scale > MAX_ENLARGED,
        "background_busy": busy(picture, (left, top, right, bottom)) > BUSY,
    }
    report = _report(spec, own, horizon, direction, softness)
    report = replace(report, fit=spec.ground.background_fit, enlarged=round(window.scale, 3))
    warnings = tuple(code for code, holds in found.items() if holds)
    return OwnBackground(picture, replace(effects, image=None), layout, report, warnings)


def guide_report(spec: Spec, own: OwnPicture, layout: Layout) -> BackgroundReport:
    """Return the report on a reference and on the scene that it guided."""
    return _report(spec, own, layout.horizon_y, shadow_direction(layout.rig, top_down=layout.top_down), layout.softness)


def _report(spec: Spec, own: OwnPicture, horizon: float, direction: float, softness: float) -> BackgroundReport:
    view = own.view
    return BackgroundReport(
        source=spec.ground.background,
        horizon=round(horizon, 3),
        horizon_confidence=view.horizon_confidence,
        above=view.above,
        light_side=view.side,
        light_confidence=view.side_confidence,
        shadow_direction=round(direction, 1),
        shadow_softness=round(softness, 2),
        palette=list(own.palette),
    )


def palette_of(rgb: Rgb8) -> tuple[str, ...]:
    """Return the main colours of an H×W×3 picture as #rrggbb, the most present first."""
    small = reduced(rgb, MEASURED_SIDE).astype(np.float32) / np.float32(255)
    centres, _ = dominant_colours(srgb_to_lab(small.reshape(-1, 3)))
    return tuple(rgb_to_hex(lab_to_srgb(centre)) for centre in centres[:COLOURS])
