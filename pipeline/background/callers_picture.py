"""A caller's own picture, as the background or as the reference of a scene."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pipeline.background.view import View, view_of
from pipeline.colour.notation import rgb_to_hex
from pipeline.colour.palette import MEASURED_SIDE, dominant_colours
from pipeline.colour.spaces import lab_to_srgb, srgb_to_lab
from pipeline.core.errors import Rejected
from pipeline.core.provenance import stronger
from pipeline.core.resample import reduced
from pipeline.core.spec import Limits, Spec
from pipeline.core.types import Photo
from pipeline.photo.decode import decode
from pipeline.report import BackgroundReport
from pipeline.scene.layout import Layout
from pipeline.scene.rig import shadow_direction

#: Softness of the lamp and its height in degrees: rooms are lit from large windows and ceilings. A picture does not
#: show them (`pipeline.background.view`), so they are constant. Chosen by eye.
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
        small = reduced(photo.rgb, MEASURED_SIDE).astype(np.float32) / np.float32(255)
        centres, _ = dominant_colours(srgb_to_lab(small.reshape(-1, 3)))
        palette = tuple(rgb_to_hex(lab_to_srgb(centre)) for centre in centres[:COLOURS])
        return cls(photo, view_of(photo.rgb), palette)

    @property
    def direction(self) -> float:
        """The direction, degrees as `Shadow.shadow_direction`, in which its light casts shadows."""
        turn = float(np.interp(self.view.side_confidence, (0, 1), TURNS))
        return turn if self.view.side <= 0 else 360 - turn

    def scene_report(self, spec: Spec, layout: Layout) -> BackgroundReport:
        """Return the report on the scene that it guides."""
        falls = shadow_direction(layout.rig, top_down=layout.top_down)
        return self.report(spec, layout.horizon_y, falls, layout.softness)

    def report(self, spec: Spec, horizon: float, direction: float, softness: float) -> BackgroundReport:
        """Return what the picture shows, and the horizon, the shadow's direction and its softness in the result."""
        view = self.view
        return BackgroundReport(
            source=spec.ground.background,
            horizon=round(horizon, 3),
            horizon_confidence=view.horizon_confidence,
            above=view.above,
            light_side=view.side,
            light_confidence=view.side_confidence,
            shadow_direction=round(direction, 1),
            shadow_softness=round(softness, 2),
            palette=list(self.palette),
        )


def guided(spec: Spec, own: OwnPicture | None) -> Spec:
    """Return the spec with the reference's colours, if it has a reference, and the caller asks for no colours."""
    if own is None or spec.ground.background != "reference" or spec.palette:
        return spec
    return replace(spec, palette=own.palette[:GUIDING])


def mark_of(spec: Spec, photo: Photo, own: OwnPicture | None = None) -> str | None:
    """Return the IPTC term, DigitalSourceType, for the file; None where it needs no mark."""
    mark = spec.preset.digital_source_type
    pictured = own is not None and spec.ground.background == "image"
    if (spec.plain is not None or pictured) and mark:
        # No pixel is generated, so the preset's AI mark would be untrue. IPTC's term for a composite of real elements:
        mark = "compositeCapture"
    # the product still comes from the photo, so the photo's own mark stays true, and so does the background's
    mark = stronger(mark, photo.digital_source_type)
    return stronger(mark, own.photo.digital_source_type) if own is not None and pictured else mark
