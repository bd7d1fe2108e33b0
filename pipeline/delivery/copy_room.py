"""The room for copy in a delivered picture: how calm it is, and the text that is legible on it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.spaces import LUMINANCE, srgb_to_linear
from pipeline.core.resample import resize
from pipeline.placement.facts import Box
from pipeline.report import CopyRoomReport

#: Longer side of the room, in pixels, at which it is measured: grain and threads, finer than letters, are averaged.
SIDE = 160
#: L* from the median at which a pixel differs from the room.
DIFFERENT = 10.0
#: Maximum standard deviation of L*, and maximum share of different pixels, of a calm room.
MAX_DEVIATION, MAX_DIFFERENT = 6.0, 0.05
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
    deviation = float(lightness.std())
    different = float((np.abs(lightness - np.median(lightness)) > DIFFERENT).mean())
    on = {
        "black": float(((light + 0.05) / 0.05 >= CONTRAST).mean()),
        "white": float((1.05 / (light + 0.05) >= CONTRAST).mean()),
    }
    best = max(on, key=lambda text: on[text])
    return CopyRoomReport(
        box=[round(side, 5) for side in box],
        deviation=round(deviation, 2),
        different=round(different, 4),
        calm=deviation <= MAX_DEVIATION and different <= MAX_DIFFERENT,
        legible=best if on[best] >= LEGIBLE else None,
    )
