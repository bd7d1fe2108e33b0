"""The guided filter: a mask takes its edges from the photo."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter

from pipeline.core.resample import resize
from pipeline.core.types import Alpha, Rgb


def guided_coefficients(guide: Rgb, mask: Alpha, radius: int, eps: float) -> tuple[NDArray[np.float32], Alpha]:
    """Return a (h×w×3) and b (h×w) such that a·guide + b follows `mask` and has the guide's edges.

    Colour guided filter, He, Sun and Tang, "Guided Image Filtering", PAMI 35(6), 2013, equations 19–21. `radius` is in
    pixels, `eps` in squared units of the guide (0–1).
    """

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        out: NDArray[np.float32] = uniform_filter(values, 2 * radius + 1, output=np.float32, mode="reflect")
        return out

    channels = [np.ascontiguousarray(guide[..., c]) for c in range(3)]
    means = [mean(channel) for channel in channels]
    mask_mean = mean(mask)
    covariance = [mean(channels[c] * mask) - means[c] * mask_mean for c in range(3)]

    def variance(i: int, j: int) -> NDArray[np.float32]:
        return mean(channels[i] * channels[j]) - means[i] * means[j] + np.float32(eps if i == j else 0.0)

    rr, rg, rb, gg, gb, bb = (variance(i, j) for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)))
    # The 3×3 systems' solution by cofactors: much faster than numpy.linalg.solve on a million of them.
    c00, c01, c02 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c11, c12, c22 = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = rr * c00 + rg * c01 + rb * c02
    p, q, s = covariance
    a = np.stack([c00 * p + c01 * q + c02 * s, c01 * p + c11 * q + c12 * s, c02 * p + c12 * q + c22 * s], -1)
    a /= determinant[..., None]
    b = mask_mean - sum(a[..., c] * means[c] for c in range(3))
    return np.stack([mean(np.ascontiguousarray(a[..., c])) for c in range(3)], -1), mean(b)


def guided_upsample(rgb: NDArray[np.uint8], mask: Alpha, *, side: int, radius: int, eps: float) -> Alpha:
    """Bring `mask` (any size, [0, 1]) to the H×W of `rgb` with the photo's own edges.

    The coefficients are solved with the longer side at `side` pixels and applied at full size (He and Sun, "Fast
    Guided Filter", arXiv 1505.00996).
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    guide = _small_guide(rgb, *small)
    a, b = guided_coefficients(guide, np.clip(resize(mask, *small), 0, 1), radius, eps)
    a *= np.float32(1 / 255)
    # Channel by channel: no array of the photo's size has more than one.
    out = np.array(resize(b, width, height, Image.Resampling.BILINEAR))
    for c in range(3):
        out += resize(a[..., c], width, height, Image.Resampling.BILINEAR) * rgb[..., c]
    return np.clip(out, 0, 1, out=out)


def _small_guide(rgb: NDArray[np.uint8], width: int, height: int) -> Rgb:
    picture = Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(picture, np.float32) * np.float32(1 / 255)
