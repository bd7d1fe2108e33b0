"""Colour spaces: the sRGB transfer curve, CIE Lab, CIEDE2000.

Pictures are converted by the kernels. Numba takes 100 MB, so a process that has not loaded it, such as the API,
converts a few colours without it. The results differ by about 1e-6.
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import ImageCms

from pipeline.core.parallel import by_rows

#: Linear sRGB to CIE XYZ, IEC 61966-2-1:1999.
_XYZ_FROM_RGB = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], dtype=np.float64
)
#: (3,) weights of linear sRGB whose sum is luminance (Rec. 709): the matrix's own row of Y.
LUMINANCE = _XYZ_FROM_RGB[1].astype(np.float32)
#: XYZ of sRGB white (D65). The matrix's own row sums, so that white is exactly L* 100, a* 0, b* 0.
_WHITE_D65 = _XYZ_FROM_RGB.sum(axis=1)
_LAB_FROM_RGB = (_XYZ_FROM_RGB / _WHITE_D65[:, None]).T

#: CIE 15:2004: below (6/29)^3 a straight line of this slope replaces the cube root.
_LAB_SLOPE = (29.0 / 6.0) ** 2 / 3.0

#: Number of values that one thread converts at a time; fewer do not pay for a second thread.
_AT_ONCE = 1 << 18

#: Number of values that do not pay for loading Numba.
_FEW = 1 << 10

_25_TO_7 = 25.0**7


def srgb_to_linear(srgb: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Undo the sRGB transfer curve (IEC 61966-2-1): any shape, clipped to 0–1; float32 linear light out."""
    if _without_kernels(srgb):
        return _decoded(srgb).astype(np.float32)
    from pipeline.kernels.colour.colours import decode

    return _by_value(decode, srgb)


def linear_to_srgb(linear: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Apply the sRGB transfer curve (IEC 61966-2-1): any shape, linear light clipped to 0–1; float32 out."""
    if _without_kernels(linear):
        x = np.clip(np.asarray(linear, np.float64), 0, 1)
        return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)
    from pipeline.kernels.colour.colours import encode

    return _by_value(encode, linear)


def srgb_to_lab(srgb: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Convert …×3 sRGB in 0–1 to …×3 CIE L*a*b* (CIE 15:2004; D65, 2° observer), float32; L* is 0–100."""
    if _without_kernels(srgb):
        ratio = _decoded(srgb) @ _LAB_FROM_RGB
        x, y, z = np.moveaxis(np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * _LAB_SLOPE + 4 / 29), -1, 0)
        return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1).astype(np.float32)
    from pipeline.kernels.colour.lab import lab

    pixels = np.require(srgb, np.float32, ["C", "W"]).reshape(-1, 3)
    out = np.empty_like(pixels)
    by_rows(len(pixels), lambda top, bottom: lab(pixels[top:bottom], out[top:bottom]), _AT_ONCE // 3)
    return out.reshape(np.shape(srgb))


def lab_to_srgb(lab: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Convert …×3 CIE L*a*b* (D65) to …×3 sRGB, float32; colours outside the gamut are clipped to 0–1."""
    lab64 = np.asarray(lab, dtype=np.float64)
    y = (lab64[..., 0] + 16.0) / 116.0
    bent = np.stack([y + lab64[..., 1] / 500.0, y, y - lab64[..., 2] / 200.0], axis=-1)
    ratio = np.where(bent > 6.0 / 29.0, bent**3, (bent - 4.0 / 29.0) / _LAB_SLOPE)
    return linear_to_srgb(ratio @ np.linalg.inv(_LAB_FROM_RGB))


def contrast_ratios(first: NDArray[np.float32] | float, second: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """Return the contrast ratios, 1–21, of relative luminances, 0–1: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    return np.asarray((np.maximum(first, second) + 0.05) / (np.minimum(first, second) + 0.05), np.float32)


def delta_e00(first: ArrayLike, second: ArrayLike) -> NDArray[np.floating[Any]]:
    """Return the CIEDE2000 difference of two …×3 Lab arrays (broadcast against each other).

    Computed in float32 when both are float32, else in float64. Formula after Sharma, Wu and Dalal, "The
    CIEDE2000 Color-Difference Formula", Color Research and Application 30(1), 2005, with kL = kC = kH = 1.
    """
    one, two = np.asarray(first), np.asarray(second)
    dtype = np.float32 if one.dtype == two.dtype == np.float32 else np.float64
    one, two = one.astype(dtype, copy=False), two.astype(dtype, copy=False)
    l1, a1, b1 = one[..., 0], one[..., 1], one[..., 2]
    l2, a2, b2 = two[..., 0], two[..., 1], two[..., 2]

    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2.0) ** 7
    stretch = 1.0 + 0.5 * (1.0 - np.sqrt(mean_c7 / (mean_c7 + _25_TO_7)))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    # radians throughout; atan2(0, 0) is 0, as the paper requires for greys
    h1, h2 = np.arctan2(b1, a1) % (2 * np.pi), np.arctan2(b2, a2) % (2 * np.pi)

    grey = c1 * c2 == 0
    turn = h2 - h1
    turn = np.where(turn > np.pi, turn - 2 * np.pi, np.where(turn < -np.pi, turn + 2 * np.pi, turn))
    delta_h = 2.0 * np.sqrt(c1 * c2) * np.sin(np.where(grey, 0.0, turn) / 2.0)
    sum_h = h1 + h2
    # the mean hue of two angles more than half a turn apart is on the other side of the circle
    far = np.abs(h1 - h2) > np.pi
    mean_h = np.where(far, np.where(sum_h < 2 * np.pi, sum_h + 2 * np.pi, sum_h - 2 * np.pi), sum_h) / 2.0
    mean_h = np.where(grey, sum_h, mean_h).astype(dtype, copy=False)

    mean_l, mean_c = (l1 + l2) / 2.0, (c1 + c2) / 2.0
    t = (
        1.0
        - 0.17 * np.cos(mean_h - np.pi / 6)
        + 0.24 * np.cos(2 * mean_h)
        + 0.32 * np.cos(3 * mean_h + np.pi / 30)
        - 0.20 * np.cos(4 * mean_h - np.deg2rad(63.0))
    )
    off_50 = (mean_l - 50.0) ** 2
    s_l = 1.0 + 0.015 * off_50 / np.sqrt(20.0 + off_50)
    s_c, s_h = 1.0 + 0.045 * mean_c, 1.0 + 0.015 * mean_c * t
    theta = np.deg2rad(30.0) * np.exp(-(((np.rad2deg(mean_h) - 275.0) / 25.0) ** 2))
    mean_c7 = mean_c**7
    rotation = -2.0 * np.sqrt(mean_c7 / (mean_c7 + _25_TO_7)) * np.sin(2 * theta)
    light, chroma, hue = (l2 - l1) / s_l, (c2 - c1) / s_c, delta_h / s_h
    squared = light**2 + chroma**2 + hue**2 + rotation * chroma * hue
    # float32 cancellation can leave -1e-12 for equal colours
    difference: NDArray[np.floating[Any]] = np.sqrt(np.maximum(squared, 0.0)).astype(dtype, copy=False)
    return difference


def _without_kernels(values: NDArray[np.floating[Any]]) -> bool:
    return "numba" not in sys.modules and np.size(values) <= _FEW


def _decoded(srgb: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    x = np.clip(np.asarray(srgb, np.float64), 0, 1)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def _by_value(
    curve: Callable[[NDArray[np.float32], NDArray[np.float32]], None], values: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    flat = np.require(values, np.float32, ["C", "W"]).reshape(-1)
    out = np.empty_like(flat)
    by_rows(flat.size, lambda start, end: curve(flat[start:end], out[start:end]), _AT_ONCE)
    return out.reshape(np.shape(values))


@cache
def srgb_profile() -> bytes:
    """Return an ICC profile of sRGB, the same bytes in every process.

    LittleCMS writes the time of day into the header (bytes 24–35, ICC.1 section 7.2.8). A fixed date replaces it, so
    that the same picture is always the same file.
    """
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    date = b"".join(value.to_bytes(2, "big") for value in (2000, 1, 1, 0, 0, 0))
    return made[:24] + date + made[36:]
