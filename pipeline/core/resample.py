"""Resampling and blur of float arrays, and boxes of masks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.codes import resized
from pipeline.core.parallel import ROWS, by_rows, rows_of
from pipeline.kernels.image.resampling import blur_across, blur_down, box_means, enlarge

Box = tuple[int, int, int, int]


def resize(
    image: NDArray[np.float32], width: int, height: int, resampling: Image.Resampling = Image.Resampling.BICUBIC
) -> NDArray[np.float32]:
    """Resample H×W or H×W×C float32 to height×width; any range, no clipping.

    A reduction widens the filter's support, so it does not alias. LANCZOS and BICUBIC ring: the caller clips. Kernels
    do BOX and enlargements by BILINEAR. Pillow does the others, channel by channel.
    """
    if image.shape[:2] == (height, width):
        return image
    enlarged = height >= image.shape[0] and width >= image.shape[1]
    if resampling == Image.Resampling.BOX:
        return _by_kernel(box_means, image, width, height)
    if resampling == Image.Resampling.BILINEAR and enlarged:
        return _by_kernel(enlarge, image, width, height)
    if image.ndim == 2:
        channel = Image.fromarray(np.ascontiguousarray(image, np.float32))
        return np.asarray(channel.resize((width, height), resampling), np.float32)
    out = np.empty((height, width, image.shape[2]), np.float32)
    for c in range(image.shape[2]):
        out[..., c] = resize(image[..., c], width, height, resampling)
    return out


def blurred(image: NDArray[np.float32], down: float, across: float) -> NDArray[np.float32]:
    """Return the Gaussian blur of H×W or H×W×C float32, with standard deviations in pixels; edges are mirrored.

    Cut off at four standard deviations, as SciPy's `gaussian_filter` does.
    """
    source, blur = _channels_last(image), Blurring.of(down, across)
    out = np.empty_like(source)

    def work(top: int, bottom: int) -> None:
        out[top:bottom] = blur.rows(source, top, bottom)

    # half strips: a row costs as much as it has weights, so two threads pay off for a small picture too
    by_rows(len(out), work, ROWS // 2)
    return out.reshape(image.shape)


@dataclass(frozen=True)
class Blurring:
    """The Gaussian blur of `blurred`, for some rows at a time."""

    #: Half of each filter, its middle first.
    down: NDArray[np.float32]
    across: NDArray[np.float32]

    @classmethod
    def of(cls, down: float, across: float) -> "Blurring":
        """Blur by the standard deviations `down` and `across`, in pixels; 0 leaves that direction unblurred."""
        return cls(_gaussian(down), _gaussian(across))

    @property
    def reach(self) -> int:
        """How many rows above and below a row its blur reads."""
        return self.down.size - 1

    def rows(self, image: NDArray[np.float32], top: int, bottom: int) -> NDArray[np.float32]:
        """Return rows `top` to `bottom` (exclusive) of an H×W×C image, blurred. The image is C-contiguous."""
        out = np.empty((bottom - top, *image.shape[1:]), np.float32)
        blur_down(image, self.down, top, out)
        if self.across.size == 1:
            return out
        across = np.empty_like(out)
        blur_across(out, self.across, 0, across)
        return across


def _by_kernel(kernel: Callable[..., None], image: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    source = _channels_last(image)
    out = np.empty((height, width, source.shape[2]), np.float32)
    rows = rows_of(len(source), height)
    by_rows(height, lambda top, bottom: kernel(source, height, top, out[top:bottom]), rows)
    return out.reshape(height, width, *image.shape[2:])


def _channels_last(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return H×W×C for the kernels: a copy where the array isn't contiguous or writable."""
    return np.require(image if image.ndim == 3 else image[..., None], np.float32, ["C", "W"])


def _gaussian(sigma: float) -> NDArray[np.float32]:
    """Return half of a Gaussian's weights, the middle one first; all of them sum to 1."""
    away = np.arange(int(4 * sigma + 0.5) + 1)
    weights = np.exp(-0.5 * (away / max(sigma, 1e-6)) ** 2)
    return np.asarray(weights / (2 * weights.sum() - 1), np.float32)


def reduced(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return H×W×3 bytes with the longer side at most `side` pixels; a photo small enough comes back uncopied."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return resized(rgb, *size)


def eroded(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """Erode an h×w mask by a disc: keep True pixels farther than `reach` pixels from every False pixel.

    Pixels beyond the picture do not count. Made for a small reach: a tenth of a distance transform's time.
    """
    height, width = mask.shape
    steps = int(reach)
    wide = np.ones((height + 2 * steps, width + 2 * steps), bool)
    wide[steps : steps + height, steps : steps + width] = mask
    out = mask.copy()
    for down in range(2 * steps + 1):
        for across in range(2 * steps + 1):
            if (down - steps) ** 2 + (across - steps) ** 2 <= reach * reach:
                out &= wide[down : down + height, across : across + width]
    return out


def tight_box(mask: NDArray[np.bool_]) -> Box | None:
    """Return left, top, right, bottom (exclusive) of the True pixels, or None where there are none."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def grown_box(box: Box, margin: float, width: int, height: int) -> Box:
    """Return `box` grown on every side by `margin` pixels, clipped to the picture."""
    left, top, right, bottom = box
    return (
        max(0, int(left - margin)),
        max(0, int(top - margin)),
        min(width, int(np.ceil(right + margin))),
        min(height, int(np.ceil(bottom + margin))),
    )
