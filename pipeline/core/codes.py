"""A photo's codes and coverage from Pillow and smaller, without copies of the whole: it may have 40 megapixels."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.parallel import by_rows, rows_of
from pipeline.kernels.colour.clusters import block_averages, block_means
from pipeline.kernels.colour.codes import resample

#: Rows that are copied at a time.
_ROWS = 32
#: A picture is reduced by whole blocks first, to no less than this many times the size that is asked.
_GAP = 2.0


def codes_of(picture: Image.Image) -> NDArray[np.uint8]:
    """Return H×W×3 codes of an RGB picture, which may be written to; never more than a strip of it is held twice."""
    width, height = picture.size
    codes = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        codes[top:bottom] = np.asarray(picture.crop((0, top, width, bottom)))
    return codes


def resized(codes: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resample H×W×3 codes to height×width, bicubic: to the bit what Pillow's `resize` gives with a reducing gap of 2.

    Where it reduces by much, whole blocks are averaged first: no difference to the eye, and quicker.
    """
    rows, columns = codes.shape[:2]
    across, down = (max(1, int(was / new / _GAP)) for was, new in ((columns, width), (rows, height)))
    box = 0.0, 0.0, columns / across, rows / down
    if across > 1 or down > 1:
        codes = reduced_by(codes, across, down)
    if not 0.95 < (columns * height) / (rows * width) < 1.05:
        # squeezed: Pillow may take rows first, which rounds otherwise
        return np.array(Image.fromarray(codes).resize((width, height), Image.Resampling.BICUBIC, box=box))
    firsts, weights = resampling_weights(box[3], codes.shape[0], height)
    lefts, factors = resampling_weights(box[2], codes.shape[1], width)
    lines = np.require(codes, np.uint8, ["C", "W"]).reshape(len(codes), -1)
    out = np.empty((height, 3 * width), np.uint8)
    by_rows(height, lambda top, end: resample(lines, firsts, weights, lefts, factors, top, out[top:end]))
    return out.reshape(height, width, 3)


def resampling_weights(end: float, source: int, target: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return for each of `target` samples, bicubic from 0 to `end`, its first of `source` ones, and their weights.

    In units of 1 / 2²², rounded, as Pillow has them for codes.
    """
    firsts, weights = filter_weights(_cubic, 2, 0.0, end, source, target)
    return firsts, np.trunc(weights * (1 << 22) + np.copysign(0.5, weights)).astype(np.int32)


def filter_weights(
    curve: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    reach: int,
    start: float,
    end: float,
    source: int,
    target: int,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return for each of `target` samples, from `start` to `end` of `source` ones, its first and all their weights.

    `curve` is the filter, 0 beyond `reach`; it is widened where it reduces (as Pillow's).
    """
    scale = (end - start) / target
    wide = max(scale, 1.0)
    middles = start + (np.arange(target) + 0.5) * scale
    firsts = np.maximum((middles - reach * wide + 0.5).astype(np.int64), 0)
    ends = np.minimum((middles + reach * wide + 0.5).astype(np.int64), source)
    count = int((ends - firsts).max())
    # where the last of them would lie beyond the edge, all begin earlier, and the first ones weigh nothing
    begin = np.minimum(firsts, max(0, source - count))
    at = begin[:, None] + np.arange(count)
    inside = (at >= firsts[:, None]) & (at < ends[:, None])
    weights = np.where(inside, curve((at - middles[:, None] + 0.5) * (1 / wide)), 0)
    return begin.astype(np.int32), weights / weights.sum(axis=1, keepdims=True)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cubic convolution kernel (Keys 1981, a = -1/2)."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, (((x - 5) * x + 8) * x - 4) * -0.5
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def reduced_by(codes: NDArray[np.uint8], across: int, down: int) -> NDArray[np.uint8]:
    """Return the means of blocks of H×W×3 codes, rounded, those at the edges of what is left there."""
    rows, columns = codes.shape[:2]
    out = np.empty((-(-rows // down), -(-columns // across), 3), np.uint8)
    lines = np.require(codes, np.uint8, ["C", "W"]).reshape(rows, -1)

    def work(top: int, bottom: int) -> None:
        block_means(lines[top * down : bottom * down], across, down, out[top:bottom])

    by_rows(len(out), work, rows_of(rows, len(out)))
    return out


def averaged(
    values: NDArray[np.float32], step: int, corner: tuple[int, int] = (0, 0), whole: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Return the means of step×step blocks of H×W values, those at the edges of what is left there.

    With `whole`, rows and columns, of a larger picture that is 0 but for the values, whose corner (x, y) is there.
    """
    tall, wide = whole or values.shape
    out = np.empty((-(-tall // step), -(-wide // step)), np.float32)
    given, (left, above) = np.require(values, np.float32, ["C", "W"]), corner

    def work(top: int, bottom: int) -> None:
        before = top * step
        block_averages(given, step, left, above - before, tall - before, wide, out[top:bottom])

    by_rows(len(out), work, rows_of(tall, len(out)))
    return out
