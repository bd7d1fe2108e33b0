"""Placement of the product on the canvas: scaled into its box without a change of colour."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import affine_transform, spline_filter

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.codes import filter_weights
from pipeline.core.parallel import by_rows, together
from pipeline.core.resample import resize, tight_box
from pipeline.core.types import Alpha, Cutout, Placed, Rgb
from pipeline.geometry.ray import Field
from pipeline.kernels.image.layers import lay_scaled, premultiplied_means
from pipeline.placement.adjust import Position

#: Coverage this close to 1 or 0 is snapped to it, as in `lay_scaled`: filters ring by about 0.001.
RINGING = 0.002


def lay(cutout: Cutout, position: Position, width: int, height: int) -> Placed:
    """Lay the cut-out on a width×height canvas at its position: by `place`, or `place_turned`."""
    if position.turn:
        return place_turned(cutout, position, width, height)
    return place(cutout, position.box, width, height)


def place(cutout: Cutout, box: tuple[float, float, float, float], width: int, height: int) -> Placed:
    """Lay the cut-out on a width×height canvas so that its tight box (alpha > 0.5) fills `box` (pixels).

    `box` has the cut-out's aspect; left and bottom are exact to the pixel. Resampled in linear light, premultiplied, by
    Lanczos (whose kernel widens for reduction). At scale 1 on whole pixels nothing is resampled.
    """
    tight = tight_box(cutout.alpha > 0.5)
    assert tight is not None  # extract_foreground refuses empty cut-outs
    scale = (box[2] - box[0]) / (tight[2] - tight[0])
    if abs(scale - 1) < 1e-6:
        scale = 1.0
    source_height, source_width = cutout.alpha.shape
    # The place of the cut-out's own corner; the foot is on a whole pixel row.
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
    alpha, rgb = np.zeros((height, width), np.float32), np.empty((y1 - y0, x1 - x0, 3), np.float32)
    covered = alpha[y0:y1, x0:x1]
    if scale == 1.0 and all(value == round(value) for value in source):
        a, b, c, d = (int(value) for value in source)
        covered[:] = cutout.alpha[b:d, a:c]
        np.multiply(cutout.rgb[b:d, a:c], np.float32(1 / 255), out=rgb)
    else:
        _resample(cutout, source, rgb, covered)
    found = tight_box(covered > 0.5)
    assert found is not None
    placed = found[0] + x0, found[1] + y0, found[2] + x0, found[3] + y0
    return Placed(rgb, alpha, placed, scale, (y0, x0))


def place_turned(cutout: Cutout, position: Position, width: int, height: int) -> Placed:
    """Lay the cut-out on a width×height canvas like `place`, and turn it by its position's angle.

    It is scaled first. Cubic splines then turn the result, in linear light, premultiplied. They keep fine detail that a
    bicubic filter would blur (Thévenaz, Blu and Unser, "Interpolation Revisited", 2000).
    """
    left, top, right, _ = tight_box(cutout.alpha > 0.5) or (0, 0, 1, 1)
    scale = (position.box[2] - position.box[0]) / (right - left)
    # A separate canvas, large enough for all of it.
    x, y = float(np.ceil(left * scale)) + 2, float(np.ceil(top * scale)) + 2
    own = x, y, x + position.box[2] - position.box[0], y + position.box[3] - position.box[1]
    rows, columns = cutout.alpha.shape
    wide, tall = (int(at + (size - side) * scale) + 3 for at, size, side in ((x, columns, left), (y, rows, top)))
    upright = place(cutout, own, wide, tall)
    # There, its foot is on a whole row.
    down = round(own[3]) - own[3]
    about = np.array([position.pivot[1], position.pivot[0]])
    pivot = about - [position.box[1], position.box[0]] + [own[1] + down, own[0]]
    box = [round(side) for side in position.bounds]
    x0, y0, x1, y1 = max(0, box[0] - 3), max(0, box[1] - 3), min(width, box[2] + 3), min(height, box[3] + 3)
    cos, sin = np.cos(np.deg2rad(position.turn)), np.sin(np.deg2rad(position.turn))
    back = np.array([[cos, -sin], [sin, cos]])  # of rows and columns: the inverse of a turn clockwise
    start = np.array([y0, x0]) + 0.5
    offset = back @ (start - about) + pivot - 0.5
    light = srgb_to_linear(upright.whole()) * upright.alpha[..., None]
    planes = [light[..., 0], light[..., 1], light[..., 2], upright.alpha]

    def turned(plane: Field) -> Field:
        out = np.zeros((y1 - y0, x1 - x0), np.float32)
        coefficients = spline_filter(plane, 3, np.float32)
        affine_transform(coefficients, back, offset, out.shape, out, order=3, mode="constant", prefilter=False)
        return out

    *colours, cover = together(*(lambda plane=plane: turned(plane) for plane in planes))
    cover[cover > 1 - RINGING] = 1
    cover[cover < RINGING] = 0
    alpha = np.zeros((height, width), np.float32)
    alpha[y0:y1, x0:x1] = cover
    own_light = np.stack(colours, axis=-1) / np.maximum(cover, 1e-3)[..., None]
    rgb = linear_to_srgb(np.clip(own_light, 0, 1)) * (cover > 0)[..., None]
    placed = tight_box(alpha > 0.5)
    assert placed is not None  # `pipeline.placement.refusals` refuses products that are mostly beyond the canvas
    return Placed(rgb, alpha, placed, upright.scale, (y0, x0))


def reduced(placed: Placed, width: int, height: int) -> Placed:
    """Return a placed product on a smaller canvas, reduced by area, in linear light; its scale stays the same."""
    means = np.empty((height, width, 4), np.float32)
    product = placed.rgb, placed.corner, placed.alpha
    by_rows(height, lambda top, bottom: premultiplied_means(*product, height, top, means[top:bottom]))
    alpha = np.clip(means[..., 3], 0, 1)
    alpha[alpha > 1 - RINGING] = 1
    rgb = linear_to_srgb(np.clip(means[..., :3] / np.maximum(alpha, 1e-3)[..., None], 0, 1))
    box = tight_box(alpha > 0.5) or (0, 0, 1, 1)
    return Placed(rgb, alpha, box, placed.scale)


def scaled(placed: Placed, width: int, height: int) -> Placed:
    """Return a placed product on a canvas of another size and about the same shape, by premultiplied linear light."""
    if placed.alpha.shape == (height, width):
        return placed
    filtered = Image.Resampling.BILINEAR  # sharper filters ring at a product's edge
    alpha = np.clip(resize(placed.alpha, width, height, filtered), 0, 1)
    light = resize(srgb_to_linear(placed.whole()) * placed.alpha[..., None], width, height, filtered)
    rgb = linear_to_srgb(np.clip(light / np.maximum(alpha, 1e-4)[..., None], 0, 1))
    box = tight_box(alpha > 0.5) or (0, 0, 1, 1)
    return Placed(rgb, alpha, box, placed.scale * width / placed.alpha.shape[1])


def _resample(cutout: Cutout, source: tuple[float, ...], rgb: Rgb, alpha: Alpha) -> None:
    """Write the part `source` (left, top, right, bottom) of a cut-out, scaled to fit, to h×w×3 and h×w."""
    tall, wide = cutout.alpha.shape
    height, width = alpha.shape
    rows, down = filter_weights(_lanczos, 3, source[1], source[3], tall, height)
    columns, across = filter_weights(_lanczos, 3, source[0], source[2], wide, width)
    row_weights, column_weights = down.astype(np.float32), across.astype(np.float32)
    codes = np.require(cutout.rgb.reshape(tall, -1), np.uint8, ["C", "W"])
    cover = np.require(cutout.alpha, np.float32, ["C", "W"])

    def work(top: int, bottom: int) -> None:
        covered = np.empty((bottom - top, width), np.float32)
        lay_scaled(codes, cover, rows, row_weights, columns, column_weights, top, rgb[top:bottom], covered)
        alpha[top:bottom] = covered

    by_rows(height, work)


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Lanczos kernel with three lobes."""
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
