"""The product onto the canvas: scaled into its box without a change of colour."""

import numpy as np
from PIL import Image

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.resample import tight_box
from pipeline.core.types import Cutout, Placed

#: Enlarged by more than this, a product looks soft and the caller is told.
MAX_ENLARGED = 1.5


def place(
    cutout: Cutout, box: tuple[float, float, float, float], width: int, height: int
) -> tuple[Placed, tuple[str, ...]]:
    """Lay the cut-out on a width×height canvas so that its tight box (alpha > 0.5) fills `box` (pixels).

    `box` has the cut-out's aspect; its left and bottom are met to the pixel. Resampled in linear light, premultiplied,
    by Lanczos (which reduces with a widened kernel). At scale 1 on whole pixels nothing is resampled. Warnings:
    upscaled.
    """
    tight = tight_box(cutout.alpha > 0.5)
    assert tight is not None  # extract_foreground refuses empty cut-outs
    scale = (box[2] - box[0]) / (tight[2] - tight[0])
    if abs(scale - 1) < 1e-6:
        scale = 1.0
    source_height, source_width = cutout.alpha.shape
    # Where the cut-out's own corner lands; the foot stands on a whole pixel row.
    left = round(box[0]) - tight[0] * scale
    top = round(box[3]) - tight[3] * scale
    x0, y0 = max(0, int(np.ceil(left - 1e-6))), max(0, int(np.ceil(top - 1e-6)))
    x1 = min(width, int(np.floor(left + source_width * scale + 1e-6)))
    y1 = min(height, int(np.floor(top + source_height * scale + 1e-6)))
    source = tuple(
        float(np.clip(value, 0, limit))
        for value, limit in (
            ((x0 - left) / scale, source_width),
            ((y0 - top) / scale, source_height),
            ((x1 - left) / scale, source_width),
            ((y1 - top) / scale, source_height),
        )
    )
    alpha = np.zeros((height, width), np.float32)
    rgb = np.zeros((height, width, 3), np.float32)
    where = (slice(y0, y1), slice(x0, x1))
    if scale == 1.0 and all(value == round(value) for value in source):
        a, b, c, d = (int(value) for value in source)
        alpha[where], rgb[where] = cutout.alpha[b:d, a:c], cutout.rgb[b:d, a:c]
    else:
        alpha[where], rgb[where] = _resampled(cutout, (source[0], source[1], source[2], source[3]), x1 - x0, y1 - y0)
    placed = tight_box(alpha > 0.5)
    assert placed is not None
    return Placed(rgb, alpha, placed, scale), (("upscaled",) if scale > MAX_ENLARGED else ())


def _resampled(
    cutout: Cutout, source: tuple[float, float, float, float], width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    def scaled(channel: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(np.ascontiguousarray(channel, np.float32))
        return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS, box=source), np.float32)

    alpha = np.clip(scaled(cutout.alpha), 0, 1)
    # Lanczos rings by a per mille inside: what is opaque stays exactly so.
    alpha[alpha > 0.998] = 1.0
    alpha[alpha < 0.002] = 0.0
    rgb = np.empty((height, width, 3), np.float32)
    weight = np.maximum(alpha, 1e-3)
    for c in range(3):
        linear = srgb_to_linear(cutout.rgb[..., c]) * cutout.alpha
        rgb[..., c] = linear_to_srgb(scaled(linear) / weight)
    return alpha, rgb
