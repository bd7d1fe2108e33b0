"""The room for copy in a delivered picture: how calm it is, and the text that is legible on it."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.spaces import LUMINANCE, contrast_ratios, srgb_to_linear
from pipeline.core.resample import resize
from pipeline.placement.facts import Box
from pipeline.report import CopyRoomReport

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
