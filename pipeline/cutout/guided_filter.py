"""The guided filter: it gives a mask the photo's edges."""

import numpy as np
from numpy.typing import NDArray

from pipeline.core.codes import resized
from pipeline.core.parallel import by_rows
from pipeline.core.resample import resize
from pipeline.core.types import Alpha, Rgb8
from pipeline.kernels.image import guide as kernels


def guided_coefficients(small: Rgb8, mask: Alpha, radius: int, eps: float) -> NDArray[np.float32]:
    """Return a and b, h×w×4, such that a·guide + b follows `mask` (h×w) with the edges of the guide `small` (h×w×3).

    Colour guided filter, He, Sun and Tang, "Guided Image Filtering", PAMI 35(6), 2013, equations 19–21. `radius` is in
    pixels, `eps` in squared units of the guide (0–1).
    """
    height, width = mask.shape
    window = 2 * radius + 1
    planes, around = (np.empty((4, height + 2 * radius, width + 2 * radius), np.float32) for _ in range(2))
    inside, solved = _inside(planes, radius), _inside(around, radius)
    out = np.empty((height, width, 4), np.float32)

    def given(top: int, end: int) -> None:
        for channel in range(3):
            np.multiply(small[top:end, :, channel], np.float32(1 / 255), out=inside[channel, top:end])
        inside[3, top:end] = mask[top:end]

    def solve(top: int, end: int) -> None:
        strip = np.empty((end - top, 4, width), np.float32)
        kernels.guided_coefficients(planes, window, np.float32(eps), top, strip)
        solved[:, top:end] = np.moveaxis(strip, 1, 0)

    by_rows(height, given)
    _continue(planes, radius)
    by_rows(height, solve)
    _continue(around, radius)
    by_rows(height, lambda top, end: kernels.window_means(around, window, top, out[top:end]))
    return out


def guide_of(rgb: Rgb8, side: int) -> Rgb8:
    """Return H×W×3 codes with the longer side at most `side` pixels, the size at which `guided_upsample` solves."""
    height, width = rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    return resized(rgb, max(1, round(width * scale)), max(1, round(height * scale)))


def guided_upsample(
    rgb: Rgb8, mask: Alpha, out: Alpha, *, guide: Rgb8, radius: int, eps: float, levels: tuple[float, float] = (0, 1)
) -> None:
    """Write `mask` (any size, [0, 1]) into `out` at the H×W of `rgb`, with the photo's edges.

    Values are stretched from `levels` to 0–1. The coefficients are solved at the size of `guide`, which is `guide_of`
    the same photo. They are applied at full size (He and Sun, "Fast Guided Filter", arXiv 1505.00996).
    """
    height, width = rgb.shape[:2]
    small = np.clip(resize(mask, guide.shape[1], guide.shape[0]), 0, 1)
    solved = guided_coefficients(guide, small, radius, eps)
    codes = np.require(rgb, np.uint8, ["C", "W"]).reshape(height, -1)
    low, high = (np.float32(level) for level in levels)

    def work(top: int, bottom: int) -> None:
        strip = np.empty((bottom - top, width), np.float32)
        kernels.follow(solved, codes, low, high, top, strip)
        out[top:bottom] = strip

    by_rows(height, work)


def _inside(planes: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    return planes[:, radius : planes.shape[1] - radius, radius : planes.shape[2] - radius]


def _continue(planes: NDArray[np.float32], radius: int) -> None:
    """Continue K planes beyond their edges by `radius` pixels, as `np.pad` with "symmetric" does, in place."""
    if min(_inside(planes, radius).shape[1:]) < radius:  # mirrored more than once
        planes[:] = np.pad(_inside(planes, radius), ((0, 0), (radius, radius), (radius, radius)), mode="symmetric")
        return
    planes[:, :, :radius] = planes[:, :, 2 * radius - 1 : radius - 1 : -1]
    planes[:, :, -radius:] = planes[:, :, -radius - 1 : -2 * radius - 1 : -1]
    planes[:, :radius] = planes[:, 2 * radius - 1 : radius - 1 : -1]
    planes[:, -radius:] = planes[:, -radius - 1 : -2 * radius - 1 : -1]
