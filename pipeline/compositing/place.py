"""The product onto the canvas: scaled into its box without a change of colour."""

import numpy as np
from numpy.typing import NDArray

from pipeline.core.codes import filter_weights
from pipeline.core.parallel import by_rows
from pipeline.core.resample import tight_box
from pipeline.core.types import Alpha, Cutout, Placed, Rgb
from pipeline.kernels.image.layers import lay_scaled

#: Enlarged by more than this, a product looks soft and the caller is told.
MAX_ENLARGED = 1.5
#: Where more than this share of the product's box is beyond the canvas, the caller is told.
MAX_CROPPED = 0.02


def place(
    cutout: Cutout, box: tuple[float, float, float, float], width: int, height: int
) -> tuple[Placed, tuple[str, ...]]:
    """Lay the cut-out on a width×height canvas so that its tight box (alpha > 0.5) fills `box` (pixels).

    `box` has the cut-out's aspect; its left and bottom are met to the pixel. Resampled in linear light, premultiplied,
    by Lanczos (which reduces with a widened kernel). At scale 1 on whole pixels nothing is resampled. Warnings:
    upscaled, cropped.
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
        _resample(cutout, source, where, rgb, alpha)
    placed = tight_box(alpha > 0.5)
    assert placed is not None
    inside = max(0.0, min(box[2], width) - max(box[0], 0)) * max(0.0, min(box[3], height) - max(box[1], 0))
    cropped = inside < (1 - MAX_CROPPED) * (box[2] - box[0]) * (box[3] - box[1])
    warnings = {"upscaled": scale > MAX_ENLARGED, "cropped": cropped}
    return Placed(rgb, alpha, placed, scale), tuple(code for code, holds in warnings.items() if holds)


def _resample(cutout: Cutout, source: tuple[float, ...], where: tuple[slice, slice], rgb: Rgb, alpha: Alpha) -> None:
    """Write the part `source` (left, top, right, bottom) of a cut-out, scaled to fit, into a canvas `where` it goes."""
    tall, wide = cutout.alpha.shape
    height, width = (part.stop - part.start for part in where)
    rows, down = filter_weights(_lanczos, 3, source[1], source[3], tall, height)
    columns, across = filter_weights(_lanczos, 3, source[0], source[2], wide, width)
    row_weights, column_weights = down.astype(np.float32), across.astype(np.float32)
    codes = np.require(cutout.rgb.reshape(tall, -1), np.uint8, ["C", "W"])
    cover = np.require(cutout.alpha, np.float32, ["C", "W"])

    def work(top: int, bottom: int) -> None:
        colours, covered = np.empty((bottom - top, width, 3), np.float32), np.empty((bottom - top, width), np.float32)
        lay_scaled(codes, cover, rows, row_weights, columns, column_weights, top, colours, covered)
        strip = slice(where[0].start + top, where[0].start + bottom), where[1]
        rgb[strip], alpha[strip] = colours, covered

    by_rows(height, work)


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Lanczos kernel with three lobes."""
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
