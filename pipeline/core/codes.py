"""Convert and resample a Pillow picture in strips: a photo may have 40 megapixels, so a full copy costs too much."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.lasting import lasting

#: Number of rows to copy at a time.
_ROWS = 32


def codes_of(picture: Image.Image) -> NDArray[np.uint8]:
    """Return writable H×W×3 codes of an RGB picture, copied strip by strip so that no second full copy exists."""
    width, height = picture.size
    codes = lasting((height, width, 3), np.uint8)  # of 40 megapixels, they would stretch the heap by 120 MB
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        codes[top:bottom] = np.asarray(picture.crop((0, top, width, bottom)))
    return codes


def resized(codes: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resample H×W×3 codes to height×width, bicubic.

    A large reduction averages whole blocks first. It is quicker, and the eye sees no difference.
    """
    return np.array(Image.fromarray(codes).resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0))


def filter_weights(
    curve: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    reach: int,
    start: float,
    end: float,
    source: int,
    target: int,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the first index and the weights of each of `target` samples, taken from `start` to `end` of `source`.

    `curve` is the filter, 0 beyond `reach`. A reduction widens it, as Pillow does.
    """
    scale = (end - start) / target
    wide = max(scale, 1.0)
    middles = start + (np.arange(target) + 0.5) * scale
    firsts = np.maximum((middles - reach * wide + 0.5).astype(np.int64), 0)
    ends = np.minimum((middles + reach * wide + 0.5).astype(np.int64), source)
    count = int((ends - firsts).max())
    # at the far edge every row begins earlier, so that all rows have `count` weights; the extra ones weigh 0
    begin = np.minimum(firsts, max(0, source - count))
    at = begin[:, None] + np.arange(count)
    inside = (at >= firsts[:, None]) & (at < ends[:, None])
    weights = np.where(inside, curve((at - middles[:, None] + 0.5) * (1 / wide)), 0)
    return begin.astype(np.int32), weights / weights.sum(axis=1, keepdims=True)


def averaged(
    values: NDArray[np.float32], step: int, corner: tuple[int, int] = (0, 0), whole: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Return the means of step×step blocks of H×W values; blocks at the edges average what is left there.

    `whole` gives rows and columns of a larger picture, 0 but for the values. `corner` is their (x, y) in it.
    """
    if whole is not None and whole != values.shape:
        (left, top), (height, width) = corner, values.shape
        larger = np.zeros(whole, np.float32)
        larger[top : top + height, left : left + width] = values
        values = larger
    return np.asarray(Image.fromarray(values).reduce(step))
