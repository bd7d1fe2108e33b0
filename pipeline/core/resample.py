"""Resampling of float arrays through Pillow, channel by channel, and the boxes that other stages cut."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[int, int, int, int]


def resize(
    image: NDArray[np.float32], width: int, height: int, resampling: Image.Resampling = Image.Resampling.BICUBIC
) -> NDArray[np.float32]:
    """Resample H×W or H×W×C float32 to height×width; any range, no clipping.

    Pillow widens the filter's support when it reduces, so a reduction is free of aliasing. LANCZOS and BICUBIC ring:
    the caller clips.
    """
    if image.shape[:2] == (height, width):
        return image
    if image.ndim == 2:
        channel = Image.fromarray(np.ascontiguousarray(image, np.float32))
        return np.asarray(channel.resize((width, height), resampling), np.float32)
    out = np.empty((height, width, image.shape[2]), np.float32)
    for c in range(image.shape[2]):
        out[..., c] = resize(image[..., c], width, height, resampling)
    return out


def reduced(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return H×W×3 bytes with the longer side at most `side` pixels; the same array where it already is."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # reducing_gap halves by boxes first: 3 times faster on large photos, no visible difference.
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0))


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
