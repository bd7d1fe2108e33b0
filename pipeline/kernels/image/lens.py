"""Effects of a lens and of film: defocus, vignette, grain. Images are strips of rows as in `surfaces`."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.image.resampling import box, columns_between, mix_lines, neighbours, stretch
from pipeline.kernels.jit import colour_kernel

Pixels = NDArray[np.float32]

_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
#: Odd multipliers for hashing pixel positions: Wellons, "Hash prospector", 2018 (lowbias32).
_MIX, _MIX_AGAIN = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
_ACROSS, _DOWN = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77)


@colour_kernel
def weighted_means(
    picture: Pixels, depth: Pixels, focus: np.float32, rate: np.float32, tall: int, top: int, out: Pixels
) -> None:
    """Write the weighted sums of the defocused parts of an H×W×3 image, and of the weights: n×w×4, rows from `top`.

    A pixel's weight is its distance behind `focus` in `depth` (H×W), × `rate`, from 1e-3 to 1. Sums are over the boxes
    that the pixels of `out` cover. `out` is a strip of `tall` rows.
    """
    height, width = depth.shape
    down, across = height / tall, width / out.shape[1]
    sums = np.empty((4, width), np.float32)
    reds, greens, blues, weights = sums[0], sums[1], sums[2], sums[3]
    for i in range(out.shape[0]):
        first, end = box(top + i, down, height)
        sums[:] = _ZERO
        for y in range(first, end):
            pixels, away = picture[y], depth[y]
            for x in range(width):
                weight = min(max((away[x] - focus) * rate, np.float32(1e-3)), _ONE)
                weights[x] += weight
                reds[x] += pixels[x, 0] * weight
                greens[x] += pixels[x, 1] * weight
                blues[x] += pixels[x, 2] * weight
        for j in range(out.shape[1]):
            first, end = box(j, across, width)
            for channel in range(4):
                total = _ZERO
                for x in range(first, end):
                    total += sums[channel, x]
                out[i, j, channel] = total


def quotients(sums: Pixels, out: Pixels) -> None:
    """Divide n×w×4 sums of colours by their weights, the fourth channel: n×w×3 means."""
    np.multiply(sums[..., :3], _ONE / sums[..., 3:], out=out)


@colour_kernel
def defocus(
    depth: Pixels, focus: np.float32, rate: np.float32, soft: Pixels, softer: Pixels, tall: int, top: int, strip: Pixels
) -> None:
    """Blend an n×W×3 strip with two blurred images by n×W `depth`: sharp before `focus`, softer behind it by `rate`.

    At 1 / `rate` behind `focus` the result is `soft`; from twice that on it is `softer`. Both are h×w×3, each with its
    own size, and are enlarged bilinearly to an image of `tall` rows; the strip begins at `top`.
    """
    width = strip.shape[1]
    near, far = np.empty((3, soft.shape[1]), np.float32), np.empty((3, softer.shape[1]), np.float32)
    lefts, rights, shares = columns_between(soft.shape[1], width)
    lefts2, rights2, shares2 = columns_between(softer.shape[1], width)
    lines = np.empty((4, 3 * width), np.float32)
    one, two, first, second = lines[0], lines[1], lines[2], lines[3]
    for y in range(strip.shape[0]):
        away, row = depth[y], strip[y].reshape(-1)
        farthest = _ZERO
        for x in range(width):
            farthest = max(farthest, away[x])
        if farthest <= focus:
            continue
        for x in range(width):
            share = min(max((away[x] - focus) * rate, _ZERO), _TWO)
            less = min(share, _ONE)
            first[3 * x], first[3 * x + 1], first[3 * x + 2] = less, less, less
            second[3 * x], second[3 * x + 1], second[3 * x + 2] = share - less, share - less, share - less
        upper, lower, down = neighbours(top + y, soft.shape[0], tall)
        mix_lines(soft[upper], soft[lower], down, near)
        stretch(near, lefts, rights, shares, one)
        upper, lower, down = neighbours(top + y, softer.shape[0], tall)
        mix_lines(softer[upper], softer[lower], down, far)
        stretch(far, lefts2, rights2, shares2, two)
        for j in range(row.size):
            value = row[j]
            value += (one[j] - value) * first[j]
            row[j] = value + (two[j] - value) * second[j]


@colour_kernel
def vignette(tall: int, top: int, strength: np.float32, strip: Pixels) -> None:
    """Darken the corners of an image of `tall` rows, whose n×W×3 linear strip begins at `top`, in place.

    A lens transmits less light off its axis. The factor is 1 in the middle and 1 - `strength` in the corners. It falls
    with the fourth power of the distance, so that it is 1 - `strength` / 4 in the middle of a side.
    """
    rows, width = strip.shape[0], strip.shape[1]
    half_y, half_x = _HALF * np.float32(tall), _HALF * np.float32(width)
    across = np.empty(3 * width, np.float32)
    for x in range(width):
        u = (np.float32(x) + _HALF - half_x) / half_x
        across[3 * x], across[3 * x + 1], across[3 * x + 2] = u * u, u * u, u * u
    for y in range(rows):
        v = (np.float32(top + y) + _HALF - half_y) / half_y
        row, squared = strip[y].reshape(-1), v * v
        for j in range(row.size):
            far = _HALF * (across[j] + squared)
            row[j] *= _ONE - strength * far * far


@colour_kernel
def grain(top: int, seed: np.uint32, strength: np.float32, strip: Pixels) -> None:
    """Add grain to an n×W×3 sRGB strip that begins at the row `top`, in place: grey, mean 0, none in black or white.

    `strength` is the standard deviation in the mid tones. Equal seeds and positions give equal grain.
    """
    rows, width = strip.shape[0], strip.shape[1]
    above, below = np.empty(width + 1, np.float32), np.empty(width + 1, np.float32)
    # Hashed once per column, so that the loops over columns use only 32-bit numbers.
    own = np.empty(width + 1, np.uint32)
    for x in range(width + 1):
        own[x] = np.uint32(np.uint32(x) * _ACROSS)
    # Two rows of two uniform numbers each: the sum of four has a standard deviation of √(1/3).
    scale = strength * np.float32(4 * np.sqrt(3.0) / 2**32)
    middle = np.float32(2**33)
    for y in range(-1, rows):
        # Numba widens products of 32-bit numbers to 64 bits.
        line = np.uint32(seed ^ np.uint32(np.uint32(top + y + 1) * _DOWN))
        for x in range(width + 1):
            above[x] = below[x]
            code = np.uint32(line ^ own[x])
            code = np.uint32(np.uint32(code ^ (code >> np.uint32(16))) * _MIX)
            code = np.uint32(np.uint32(code ^ (code >> np.uint32(15))) * _MIX_AGAIN)
            below[x] = np.float32(np.uint32(code ^ (code >> np.uint32(16))))
        if y < 0:
            continue
        for x in range(width):
            noise = (above[x] + above[x + 1] + below[x] + below[x + 1] - middle) * scale
            tone = (strip[y, x, 0] + strip[y, x, 1] + strip[y, x, 2]) * np.float32(1 / 3)
            noise *= tone * (_ONE - tone)
            for channel in range(3):
                strip[y, x, channel] = min(max(strip[y, x, channel] + noise, _ZERO), _ONE)
