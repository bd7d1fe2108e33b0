"""A photo's codes and coverage from Pillow and smaller, without copies of the whole: it may have 40 megapixels."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.kernels.clusters import block_averages, block_means

#: Rows that are copied at a time.
_ROWS = 256
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
    return np.array(Image.fromarray(codes).resize((width, height), Image.Resampling.BICUBIC, box=box))


def reduced_by(codes: NDArray[np.uint8], across: int, down: int) -> NDArray[np.uint8]:
    """Return the means of blocks of H×W×3 codes, rounded, those at the edges of what is left there."""
    rows, columns = codes.shape[:2]
    out = np.empty((-(-rows // down), -(-columns // across), 3), np.uint8)
    block_means(np.require(codes, np.uint8, ["C", "W"]).reshape(rows, -1), across, down, out)
    return out


def averaged(
    values: NDArray[np.float32], step: int, corner: tuple[int, int] = (0, 0), whole: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Return the means of step×step blocks of H×W values, those at the edges of what is left there.

    With `whole`, rows and columns, of a larger picture that is 0 but for the values, whose corner (x, y) is there.
    """
    tall, wide = whole or values.shape
    out = np.empty((-(-tall // step), -(-wide // step)), np.float32)
    block_averages(np.require(values, np.float32, ["C", "W"]), step, *corner, tall, wide, out)
    return out
