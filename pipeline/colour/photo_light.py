"""Estimate a photo's light, as far as one picture shows it, and adapt the background to it, never the reverse."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.spaces import LUMINANCE, delta_e00, linear_to_srgb, srgb_to_lab, srgb_to_linear
from pipeline.core.codes import averaged
from pipeline.core.resample import Box, blurred, reduced, tight_box
from pipeline.core.types import Cutout, Photo, Rgb
from pipeline.geometry.ray import Field
from pipeline.kernels.colour.colours import tint, tint_light

#: Longer side in pixels of the examined photo.
SIDE = 256
#: Minkowski norm of shades of grey: between the mean (grey world) and the maximum (white patch).
NORM = 6
#: sRGB values outside these bounds are noise or clipped, and do not show the light's colour.
DARKEST, BRIGHTEST = 0.03, 0.98
#: Degrees between the estimates with and without the product at which they hardly agree.
AGREEMENT = 6.0
#: Linear luminance of the bright parts of a normally exposed product.
USUAL = 0.5
#: Share of the photo's tint and exposure that the background takes, and the maximum of each: CIEDE2000, stops.
SHARE = 0.5
MAX_TINT = 1.5
MAX_STOPS = 0.25
#: A tint that moves colours less than this is left out; CIEDE2000.
MIN_TINT = 0.1
#: Minimum number of the product's rows, in the examined photo, that can show a side.
MIN_ROWS = 12
#: A row weighs less, the more the colours of its two ends differ, in logarithms of red and of blue over green. A label
#: differs, and light from two sides differs a little. Chosen on 331 renders of 117 models in known light. Of 257
#: renders of 124 other models that are lit from one side, 145 are found, one of them wrong; 0.2 finds 117, one wrong.
HUE = 0.5
#: Minimum confidence in a side for the scene to be lit from it: a wrong side is worse than the scene's own.
SURE_SIDE = 0.45


@dataclass(frozen=True)
class PhotoLight:
    """An estimate of the light in a photo."""

    #: (3,) linear RGB of the illuminant, of luminance 1.
    white: NDArray[np.float32]
    #: 0–1, how sure `white` is.
    confidence: float
    #: Stops by which the product's bright parts are brighter than usual.
    exposure: float
    #: -1: lit from the left, 1: lit from the right.
    side: float
    side_confidence: float


def photo_light(photo: Photo, cutout: Cutout) -> PhotoLight:
    """Estimate the light of a photo from all of it and from the product in it.

    `white` comes from shades of grey (Finlayson and Trezzi 2004, Minkowski norm 6) without clipped pixels. `side` comes
    from the luminance along both upright edges of the product, row by row, where both have one colour. A shadow near
    its foot is the second source. A photo with its own alpha has no ground, so only the product is used.
    """
    small = srgb_to_linear(reduced(photo.rgb, SIDE) / np.float32(255))
    alpha = _whole_alpha(photo, cutout, small.shape[1], small.shape[0])
    product, ground = alpha > 0.95, alpha < 0.05
    if photo.alpha is not None:
        ground = np.zeros_like(ground)
    white, confidence = _illuminant(small, product | ground if ground.any() else product, ground)
    bright = small[product] @ LUMINANCE
    exposure = float(np.log2(max(np.quantile(bright, 0.9), 1e-3) / USUAL)) if bright.size else 0.0
    side, sure = _side(small, product, ground)
    return PhotoLight(white, confidence, float(np.clip(exposure, -2, 2)), side, sure)


def lit_from(light: PhotoLight) -> float | None:
    """Return the side from which to light the scene, as `PhotoLight.side`; None where the photo does not show it."""
    return light.side if light.side_confidence >= SURE_SIDE else None


def gains(light: PhotoLight, asked: bool) -> NDArray[np.float32]:
    """Return (3,) channel gains g that adapt a background slightly to the photo's light.

    They are `white` to a power of at most SHARE × confidence, which moves no grey by more than MAX_TINT. Unless colours
    were `asked`, they are multiplied by 2 to the power SHARE × exposure, limited to ±MAX_STOPS.
    """
    gain = _tint(light)
    return gain if asked else gain * np.float32(2 ** float(np.clip(SHARE * light.exposure, -MAX_STOPS, MAX_STOPS)))


def toned(rows: Rgb, gain: NDArray[np.float32]) -> None:
    """Apply `gains` to n×W×3 sRGB rows of a background, in place.

    In linear light each channel x becomes g·x / (1 + (g - 1)·x⁴). That multiplies by g below the highlights, and keeps
    0 and 1.
    """
    if (gain != 1).any():
        tint(gain, rows.reshape(-1))


def toned_light(rows: Field, gain: NDArray[np.float32]) -> None:
    """Apply `gains`, as `toned` does, to n×W×3 rows of linear light in [0, 1], in place."""
    if (gain != 1).any():
        tint_light(gain, rows.reshape(-1))


def _tint(light: PhotoLight) -> NDArray[np.float32]:
    """Return (3,) channel gains of luminance 1: all 1 where the tint would not be visible."""
    greys = np.repeat(np.array([0.05, 0.2, 0.5, 0.8], np.float32)[:, None], 3, 1)
    power = SHARE * light.confidence
    one = np.ones(3, np.float32)
    # The difference is almost proportional to the power; a second round settles it.
    for _ in range(3):
        gain = _of_luminance_one(light.white**power)
        moved = float(delta_e00(srgb_to_lab(linear_to_srgb(greys * gain)), srgb_to_lab(linear_to_srgb(greys))).max())
        if moved <= MAX_TINT:
            return one if moved < MIN_TINT else gain
        power *= 0.98 * MAX_TINT / moved
    return gain


def _illuminant(
    linear: Field, measured: NDArray[np.bool_], ground: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], float]:
    """Return shades of grey over the `measured` pixels, and the confidence."""
    srgb = linear_to_srgb(linear)
    red, green, blue = (srgb[..., c] for c in range(3))
    highest, lowest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    useful = measured & (highest < BRIGHTEST) & (lowest > DARKEST)
    if useful.sum() < 64:
        return np.ones(3, np.float32), 0.0
    white = _shades_of_grey(linear[useful])
    # Lamps are not saturated: tungsten after a camera's own balance has about 0.35.
    plausible = np.clip((0.5 - _saturation(white)) / 0.25, 0, 1)
    enough = np.clip(useful.sum() / (0.25 * max(1, int(measured.sum()))), 0, 1)
    seen = useful & ground
    if seen.sum() < 64:
        return white, float(0.3 * plausible * enough)
    alone = _shades_of_grey(linear[seen])
    angle = np.arccos(np.clip(white @ alone / np.linalg.norm(white) / np.linalg.norm(alone), -1, 1))
    # A vivid product pulls the estimate towards its own colour, away from that of the ground alone.
    agreed = np.exp(-((np.rad2deg(angle) / AGREEMENT) ** 2))
    mean = linear[seen].mean(0)
    ratio = np.log(linear[seen][:, [0, 2]] / linear[seen][:, [1]])
    # One even colour all around may as well be paint as light.
    coloured = np.clip((_saturation(mean) - 0.12) / 0.25, 0, 1) * np.clip(1 - ratio.std(0).max() / 0.25, 0, 1)
    return white, float(plausible * enough * agreed * (1 - coloured))


def _shades_of_grey(linear: Field) -> NDArray[np.float32]:
    """Return the Minkowski mean of N×3 pixels, of luminance 1."""
    light = linear.astype(np.float64)
    cubes = light * light * light
    return _of_luminance_one(np.mean(cubes * cubes, axis=0) ** (1 / NORM))


def _side(linear: Field, product: NDArray[np.bool_], ground: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the side from which the product is lit, -1 to 1, and a confidence of 0–1."""
    box = tight_box(product)
    if box is None:
        return 0.0, 0.0
    form, form_sure = _form(linear, product, box)
    shadow, shadow_sure = _foot_shadow(linear @ LUMINANCE, product, ground, box)
    total = form_sure + shadow_sure
    if total == 0:
        return 0.0, 0.0
    side = (form * form_sure + shadow * shadow_sure) / total
    # Where they contradict each other, neither counts.
    agreement = abs(form * form_sure + shadow * shadow_sure) / (
        abs(form) * form_sure + abs(shadow) * shadow_sure + 1e-9
    )
    return float(np.clip(side, -1, 1)), float(max(form_sure, shadow_sure) * agreement)


def _form(linear: Field, product: NDArray[np.bool_], box: Box) -> tuple[float, float]:
    """Compare the product's left and right edge, row by row; labels differ in colour, light hardly does."""
    soft = blurred(linear, 1.5, 1.5)[box[1] : box[3]]
    seen = product[box[1] : box[3]]
    rows = np.flatnonzero(seen.sum(axis=1) >= 16)
    if rows.size == 0:
        return 0.0, 0.0
    seen = seen[rows]
    left, right = seen.argmax(axis=1), seen.shape[1] - seen[:, ::-1].argmax(axis=1)
    near, far = (0.05 * (right - left)).astype(int) + 1, (0.2 * (right - left)).astype(int) + 2
    # the mean of a run is a difference of running sums
    sums = np.pad(np.cumsum(soft[rows], axis=1, dtype=np.float64), ((0, 0), (1, 0), (0, 0)))
    each = np.arange(rows.size)
    one = (sums[each, left + far] - sums[each, left + near]) / (far - near)[:, None]
    two = (sums[each, right - near] - sums[each, right - far]) / (far - near)[:, None]
    measured = (np.minimum(one, two).min(axis=1) >= 1e-3) & (np.maximum(one, two).max(axis=1) <= 0.96)
    one, two = one[measured], two[measured]
    slope = np.log2((two @ LUMINANCE) / (one @ LUMINANCE))
    hue = np.log(two[:, [0, 2]] / two[:, [1]]) - np.log(one[:, [0, 2]] / one[:, [1]])
    weight = np.exp(-((hue / HUE) ** 2).sum(axis=1))
    if weight.sum() < MIN_ROWS or weight.mean() < 0.25:
        return 0.0, 0.0
    middle = float(np.average(slope, weights=weight))
    same = float(np.average(np.sign(slope) == np.sign(middle), weights=weight))
    sure = np.clip((abs(middle) - 0.1) / 0.5, 0, 1) * np.clip((same - 0.65) / 0.25, 0, 1) * np.sqrt(weight.mean())
    return float(np.tanh(middle / 0.7)), float(sure)


def _foot_shadow(
    luminance: Field, product: NDArray[np.bool_], ground: NDArray[np.bool_], box: Box
) -> tuple[float, float]:
    """Compare the ground near the foot with the ground farther off, on both sides; the darker side is unlit.

    Ground whose own pattern varies as much proves nothing.
    """
    tall = box[3] - box[1]
    rows = slice(max(0, int(box[3] - 0.14 * tall)), min(ground.shape[0], int(box[3] + 0.03 * tall)))
    foot = np.flatnonzero(product[rows].any(0))
    if foot.size == 0:
        return 0.0, 0.0
    wide = foot[-1] + 1 - foot[0]
    dark, rough = [], []
    for start, step in ((foot[0], -1), (foot[-1] + 1, 1)):
        levels = []
        for near, far in ((0.04, 0.4), (0.7, 1.2)):
            a, b = sorted((start + step * int(near * wide), start + step * int(far * wide)))
            columns = slice(max(0, a), min(ground.shape[1], max(0, b)))
            seen = luminance[rows, columns][ground[rows, columns]]
            if seen.size < 12 or np.median(seen) < 1e-3:
                return 0.0, 0.0
            low, middle, high = np.log2(np.maximum(np.quantile(seen, (0.25, 0.5, 0.75)), 1e-4))
            levels.append(float(middle))
            rough.append(float(high - low))
        dark.append(levels[1] - levels[0])
    more = dark[0] - dark[1]
    sure = np.clip((abs(more) - 0.08) / 0.3, 0, 1) * (max(dark) > 0.1)
    sure *= np.clip(2 - 2 * float(np.mean(rough)) / max(abs(more), 1e-6), 0, 1)
    return float(np.tanh(more / 0.5)), float(sure)


def _whole_alpha(photo: Photo, cutout: Cutout, width: int, height: int) -> Field:
    """Return the cut-out's coverage on the whole photo, height×width."""
    rows, columns = photo.rgb.shape[:2]
    step = max(1, int(min(columns / width, rows / height) / 2))
    blocks = Image.fromarray(averaged(cutout.alpha, step, cutout.origin, (rows, columns)))
    small = blocks.resize((width, height), Image.Resampling.BICUBIC, box=(0, 0, columns / step, rows / step))
    return np.clip(np.asarray(small, np.float32), 0, 1)


def _saturation(linear: Field) -> float:
    return float(1 - linear.min() / max(float(linear.max()), 1e-6))


def _of_luminance_one(tint: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return np.asarray(tint / (tint @ LUMINANCE), np.float32)
