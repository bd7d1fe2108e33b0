"""The report's measurements of the delivered file and its product, taken on the file itself."""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.asked import asked_colours
from pipeline.colour.palette import MEAN_BAR, WORST_BAR, background_pixels, compare_palette, meets_bars
from pipeline.colour.spaces import LUMINANCE, contrast_ratios, srgb_to_linear
from pipeline.core.order import Frame, PhotoPlace
from pipeline.core.parallel import together
from pipeline.core.provenance import Credentials
from pipeline.core.resample import resize, tight_box
from pipeline.core.spec import Spec
from pipeline.core.types import Alpha, Cutout, Encoded, Judged, Placed, Rgb
from pipeline.delivery.fidelity import Product, decoded
from pipeline.delivery.preset_rules import check_rules, reopen
from pipeline.placement.facts import Box, CutoutFacts
from pipeline.placement.place import Place
from pipeline.report import (
    ColourBar,
    CopyRoomReport,
    CutoutReport,
    FidelityReport,
    FrameReport,
    PaletteReport,
    RuleCheck,
)
from pipeline.scene.layout import Layout

#: Longer side of the room, in pixels, at which it is measured: grain and threads, finer than letters, are averaged.
SIDE = 160
#: L* from the room's own even gradient at which a pixel differs, and maximum share of such pixels in a calm room.
#: Chosen on 528 renders of all scenes in all moods, half of them without copy_space: the limits that best separate the
#: 345 rooms on one surface from the 166 with other things in them. On 264 more renders with other seeds, 98 % of the
#: rooms with things are flagged, and 86 % of the others are calm. The rest mostly show lights out of focus, or a
#: window's light.
DIFFERENT, MAX_DIFFERENT = 10.0, 0.02
#: WCAG 2.2, 1.4.3: minimum contrast of text. It must hold on this share of the room.
CONTRAST, LEGIBLE = 4.5, 0.95


def inspect(
    delivered: bytes,
    *,
    spec: Spec,
    placed: Placed,
    background: Rgb | None,
    credentials: Credentials | None = None,
    judged: Judged | None = None,
    canvas: Placed | None = None,
    touches: tuple[str, ...] | None = None,
    lettered: Alpha | None = None,
) -> tuple[PaletteReport, FidelityReport, list[RuleCheck]]:
    """Measure a delivered file: its palette, its product's fidelity, and the rules of its preset.

    `placed` is the product on the delivered canvas. `background` is the picture behind it, shadow included (H×W×3 sRGB
    in [0, 1]), None for a transparent picture. Colours are CIEDE2000 on the file decoded again, so every figure
    includes the encoder's error. `credentials` has signed the file, if given. `judged` contains the encoder's own
    measurements, `background_palette` included. `canvas` is for previews: the product on the full picture's canvas.
    `touches` as in `pipeline.placement.margins`. `lettered` is the H×W coverage of text and logos: no figure of product
    or background includes their pixels.

    Raises ValueError where the file's size is not the canvas's.
    """
    file = reopen(delivered, credentials, None if judged is None else judged.decoded)
    if file.rgb.shape[:2] != placed.alpha.shape:
        raise ValueError(
            f"The file has {file.rgb.shape[:2]} rows and columns, but the canvas {placed.alpha.shape}. They must match."
        )
    issuer = credentials.issuer if credentials else None
    if judged is None:
        palette, fidelity = together(
            lambda: background_palette(file.rgb, spec, placed.joined(lettered)),
            lambda: Product(placed.whole(), placed.without(lettered)).fidelity(file.rgb),
        )
    else:
        palette, fidelity = judged.beside, judged.fidelity
    rules = check_rules(
        file,
        spec.preset,
        placed.joined(lettered),
        background,
        issuer=issuer,
        canvas=canvas,
        touches=touches,
        own_size=spec.output.width is not None,
    )
    return palette, fidelity, rules


def cutout_report(
    cutout: Cutout, facts: CutoutFacts, placed: Placed, photo_size: tuple[int, int], subject: PhotoPlace | None
) -> CutoutReport:
    """Return the report on a cut-out: its confidence, the product's stance, and its box in photo and picture.

    `placed` is the product on the picture's canvas, `photo_size` the photo's width and height in pixels, `subject` the
    caller's place in the photo.
    """
    left, top, right, bottom = tight_box(cutout.alpha > 0.5) or (0, 0, 1, 1)
    x, y = cutout.origin
    height, width = placed.alpha.shape
    return CutoutReport(
        confidence=round(float(cutout.confidence), 4),
        warnings=list(cutout.warnings),
        cut_sides=list(cutout.cut_sides),
        where={code: [list(box) for box in boxes] for code, boxes in cutout.where.items()},
        viewpoint={name: round(float(share), 4) for name, share in cutout.viewpoint.items()},
        stance=facts.stance,
        stance_from="guess" if facts.word == "auto" else "caller",
        suits=list(facts.suits),
        elevation=None if facts.elevation is None else round(facts.elevation, 1),
        source_box=_shares((left + x, top + y, right + x, bottom + y), photo_size),
        placed_box=_shares(placed.box, (width, height)),
        subject=list(subject) if subject else None,
    )


def _shares(box: tuple[int, int, int, int], size: tuple[int, int]) -> list[float]:
    return [round(at / size[i % 2], 5) for i, at in enumerate(box)]


def background_palette(rgb: NDArray[np.uint8], spec: Spec, placed: Placed) -> PaletteReport:
    """Compare a delivered background's colours with the spec's, else with the scene's own.

    For a white preset the asked colour is white.
    """
    if spec.preset.background == "transparent":
        return PaletteReport([], [], None)
    found = compare_palette(background_pixels(rgb, placed.alpha), asked_colours(spec))
    met = meets_bars([row.delta_e00 for row in found.asked])
    return replace(found, bar=ColourBar(MEAN_BAR, WORST_BAR, met))


def copy_room_report(rgb: NDArray[np.uint8], box: Box) -> CopyRoomReport:
    """Measure the room for copy of an H×W×3 sRGB picture; `box` is left, top, right, bottom in shares."""
    height, width = rgb.shape[:2]
    left, top, right, bottom = (round(side * (width, height)[i % 2]) for i, side in enumerate(box))
    light = srgb_to_linear(rgb[top:bottom, left:right] / np.float32(255)) @ LUMINANCE
    scale = min(1.0, SIDE / max(light.shape))
    tall, wide = (max(1, round(scale * side)) for side in light.shape)
    light = np.clip(resize(light, wide, tall, Image.Resampling.BOX), 0, 1)
    lightness = 116 * np.cbrt(np.maximum(light, 0.008856)) - 16
    y, x = (axis.ravel() for axis in np.indices(light.shape))
    plane = np.stack([np.ones_like(x), x, y], 1).astype(np.float64)
    uneven = lightness.ravel() - plane @ np.linalg.lstsq(plane, lightness.ravel(), rcond=None)[0]
    different = float((np.abs(uneven - np.median(uneven)) > DIFFERENT).mean())
    black, white = (float((contrast_ratios(light, ink) >= CONTRAST).mean()) for ink in (0.0, 1.0))
    best: Literal["black", "white"] = "black" if black >= white else "white"
    return CopyRoomReport(
        box=[round(side, 5) for side in box],
        deviation=round(float(uneven.std()), 2),
        different=round(different, 4),
        calm=different <= MAX_DIFFERENT,
        legible=best if max(black, white) >= LEGIBLE else None,
    )


def frame_report(place: Place, layout: Layout | None, laid: Placed, measured: Encoded) -> FrameReport | None:
    """Return the caller's frame as achieved, and the room for copy in the measured file; None without a frame.

    `layout` is the scene's, `laid` the product on the preset's canvas.
    """
    frame, (tall, wide) = place.spec.frame, laid.alpha.shape
    if frame == Frame():
        return None
    left, top, right, bottom = laid.box
    box = place.copy_room
    if layout is not None and layout.copy_room is not None:
        x0, y0, x1, y1 = layout.copy_room
        box = x0 / layout.aspect, y0, x1 / layout.aspect, y1
    room = None
    if box is not None and place.spec.preset.background != "transparent":
        room = copy_room_report(measured.judged.decoded if measured.judged else decoded(measured.data), box)
    return FrameReport(
        margins=[top, wide - right, tall - bottom, left],
        align=frame.align,
        copy_space=frame.copy_space,
        copy_room=room,
        breaks=place.frame_breaks,
    )
