"""The product onto the canvas: scaled into its box without a change of colour."""

import numpy as np
from PIL import Image

from pipeline.core.parallel import by_rows, each
from pipeline.core.resample import tight_box
from pipeline.core.types import Alpha, Cutout, Placed, Rgb
from pipeline.kernels.layers import divide, premultiply

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
        alpha[where], rgb[where] = cutout.alpha[b:d, a:c], cutout.rgb[b:d, a:c] * np.float32(1 / 255)
    else:
        # whole blocks of a large photo are averaged first; Lanczos on at least three times the size shows no difference
        step = max(1, int(1 / scale / 3))
        source = tuple(value / step for value in source)
        _resample(cutout, step, (source[0], source[1], source[2], source[3]), x1 - x0, y1 - y0, x0, y0, rgb, alpha)
    placed = tight_box(alpha > 0.5)
    assert placed is not None
    return Placed(rgb, alpha, placed, scale), (("upscaled",) if scale > MAX_ENLARGED else ())


def _resample(
    cutout: Cutout,
    step: int,
    source: tuple[float, float, float, float],
    width: int,
    height: int,
    left: int,
    top: int,
    rgb: Rgb,
    alpha: Alpha,
) -> None:
    """Write the part `source` of a cut-out, scaled to width×height, into a canvas from `left` and `top` on.

    `source` is in blocks of `step` pixels.
    """
    tall, wide = cutout.alpha.shape
    planes = np.empty((4, -(-tall // step), -(-wide // step)), np.float32)
    scaled = np.empty((4, height, width), np.float32)
    codes, cover = (
        np.require(cutout.rgb, np.uint8, ["C", "W"]).reshape(tall, -1),
        np.require(cutout.alpha, np.float32, ["C", "W"]),
    )
    by_rows(planes.shape[1], lambda first, end: premultiply(codes, cover, step, planes, first, end))

    def scale(plane: int) -> None:
        picture = Image.fromarray(planes[plane])
        scaled[plane] = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS, box=source))

    each(range(4), scale)
    by_rows(height, lambda first, end: divide(scaled, first, end, top, left, rgb, alpha))
