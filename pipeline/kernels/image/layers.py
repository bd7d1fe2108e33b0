"""Layers of an image by rows, composited in linear light: shadow, mirror image, the product.

Images are strips of rows, n×W×3 float32 sRGB in [0, 1], C-contiguous, changed in place. Pixels that a layer doesn't
touch stay identical to the bit. Alpha, coverage and shadow are float32 in 0–1.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.colour.curves import decoded, encoded
from pipeline.kernels.image.resampling import box, neighbours
from pipeline.kernels.jit import colour_kernel, inlined_colour

Pixels = NDArray[np.float32]

_ZERO, _ONE, _CODE = np.float32(0), np.float32(1), np.float32(1 / 255)


@colour_kernel
def darken(shadow: Pixels, picture: Pixels) -> None:
    """Multiply a shadow onto an image: `shadow` (n×W) is the share of light to remove."""
    left = np.empty(picture.shape[1] * 3, np.float32)
    for i in range(picture.shape[0]):
        for j in range(picture.shape[1]):
            rest = _ONE - shadow[i, j]
            left[3 * j], left[3 * j + 1], left[3 * j + 2] = rest, rest, rest
        line = picture[i].reshape(-1)
        for j in range(left.size):
            line[j] = encoded(decoded(line[j]) * left[j]) if left[j] < _ONE else line[j]


@colour_kernel
def dim(shadow: Pixels, light: Pixels) -> None:
    """Multiply a shadow onto n×W×3 linear light: `shadow` (n×W) is the share of light to remove."""
    for i in range(light.shape[0]):
        line = light[i].reshape(-1)
        for j in range(light.shape[1]):
            left = _ONE - shadow[i, j]
            line[3 * j] *= left
            line[3 * j + 1] *= left
            line[3 * j + 2] *= left


@colour_kernel
def lay_image(image: Pixels, least: np.float32, picture: Pixels) -> None:
    """Composite an n×W×4 premultiplied image, linear light and coverage, where its coverage is above `least`."""
    for i in range(picture.shape[0]):
        for j in range(picture.shape[1]):
            share = min(image[i, j, 3], _ONE)
            for c in range(3):
                was = picture[i, j, c]
                mixed = encoded(decoded(was) * (_ONE - share) + image[i, j, c])
                picture[i, j, c] = mixed if share > least else was


@colour_kernel
def lay_product(
    rgb: Pixels, left: int, alpha: Pixels, around: Pixels, strength: np.float32, tall: int, top: int, picture: Pixels
) -> None:
    """Alpha-composite a product over an image; pixels with alpha 1 get the product's exact values.

    The product's alpha is n×W. Its sRGB colours are n×w×3, from the column `left` on; outside them alpha is 0. A soft
    edge gains the share `strength` × (1 - alpha) of the surplus of the linear light `around` it. `around` is h×w×3, of
    the whole image of `tall` rows; the strip begins at `top`.
    """
    height, width = around.shape[:2]
    for i in range(picture.shape[0]):
        upper, lower, down = neighbours(top + i, height, tall)
        for j in range(picture.shape[1]):
            share = alpha[i, j]
            if share >= _ONE:
                for c in range(3):
                    picture[i, j, c] = rgb[i, j - left, c]
            elif share > _ZERO:
                one, two, across = neighbours(j, width, picture.shape[1])
                for c in range(3):
                    above = around[upper, one, c] + (around[upper, two, c] - around[upper, one, c]) * across
                    below = around[lower, one, c] + (around[lower, two, c] - around[lower, one, c]) * across
                    edge = decoded(rgb[i, j - left, c])
                    more = max(above + (below - above) * down - edge, _ZERO)
                    edge = min(edge + strength * (_ONE - share) * more, _ONE)
                    picture[i, j, c] = encoded(edge * share + decoded(picture[i, j, c]) * (_ONE - share))


@colour_kernel
def lay_scaled(
    codes: NDArray[np.uint8],
    cover: Pixels,
    rows: NDArray[np.int32],
    row_weights: Pixels,
    columns: NDArray[np.int32],
    column_weights: Pixels,
    first: int,
    rgb: Pixels,
    alpha: Pixels,
) -> None:
    """Resample H×3W uint8 sRGB codes and their coverage (H×W) in linear light, premultiplied: n rows from `first` on.

    `rows` and `columns` are the first source row and column of each result row and column. The number of weights is the
    number of taps. `rgb` and `alpha` are n×w×3 and n×w. Lanczos rings by about 0.001 inside the product, so alpha is
    snapped to 0 and 1.
    """
    count, width = alpha.shape
    start, end = rows[first], rows[first + count - 1] + row_weights.shape[1]
    left, right = columns[0], columns[width - 1] + column_weights.shape[1]
    line, narrow = np.empty(4 * (right - left), np.float32), np.empty((end - start, 4 * width), np.float32)
    for row in range(start, end):
        given, shares = codes[row, 3 * left : 3 * right], cover[row, left:right]
        for j in range(shares.size):
            share = shares[j]
            line[4 * j] = decoded(np.float32(given[3 * j]) * _CODE) * share
            line[4 * j + 1] = decoded(np.float32(given[3 * j + 1]) * _CODE) * share
            line[4 * j + 2] = decoded(np.float32(given[3 * j + 2]) * _CODE) * share
            line[4 * j + 3] = share
        into = narrow[row - start]
        for j in range(width):
            taps = line[4 * (columns[j] - left) :]
            red, green, blue, share = _ZERO, _ZERO, _ZERO, _ZERO
            for k in range(column_weights.shape[1]):
                weight = column_weights[j, k]
                red += weight * taps[4 * k]
                green += weight * taps[4 * k + 1]
                blue += weight * taps[4 * k + 2]
                share += weight * taps[4 * k + 3]
            into[4 * j], into[4 * j + 1], into[4 * j + 2], into[4 * j + 3] = red, green, blue, share
    total = np.empty(4 * width, np.float32)
    for i in range(count):
        total[:] = _ZERO
        for k in range(row_weights.shape[1]):
            weight = row_weights[first + i, k]
            source = narrow[rows[first + i] + k - start]
            for j in range(total.size):
                total[j] += weight * source[j]
        colours, covered = rgb[i].reshape(-1), alpha[i]
        for j in range(width):
            share = total[4 * j + 3]
            share = _ONE if share > np.float32(0.998) else share
            share = _ZERO if share < np.float32(0.002) else share
            covered[j] = share
            scale = _ONE / max(share, np.float32(1e-3))
            colours[3 * j] = encoded(total[4 * j] * scale)
            colours[3 * j + 1] = encoded(total[4 * j + 1] * scale)
            colours[3 * j + 2] = encoded(total[4 * j + 2] * scale)


@inlined_colour
def add_premultiplied(rgb: Pixels, cover: Pixels, total: Pixels) -> None:
    """Add n×3 sRGB as linear light × `cover` (n), and `cover` itself, to 4×n `total`."""
    line = rgb.reshape(-1)
    reds, greens, blues, shares = total[0], total[1], total[2], total[3]
    for j in range(cover.size):
        share = cover[j]
        reds[j] += decoded(line[3 * j]) * share
        greens[j] += decoded(line[3 * j + 1]) * share
        blues[j] += decoded(line[3 * j + 2]) * share
        shares[j] += share


@colour_kernel
def premultiplied_means(rgb: Pixels, corner: tuple[int, int], alpha: Pixels, tall: int, top: int, out: Pixels) -> None:
    """Box-filter a product's premultiplied linear light, and its alpha, to n×w×4 `out`.

    Its alpha is H×W. Its sRGB colours cover a window that begins at the row and column `corner`; outside it alpha is 0.
    `out` is a strip of `tall` rows that begins at `top`.
    """
    height, width = alpha.shape
    down, across = height / tall, width / out.shape[1]
    total = np.empty((4, width), np.float32)
    for i in range(out.shape[0]):
        first, end = box(top + i, down, height)
        rows = end - first
        total[:] = _ZERO
        for row in range(first, end):
            cover = alpha[row]
            left, right = 0, width
            while (left < right) and cover[left] <= _ZERO:
                left += 1
            while (right > left) and cover[right - 1] <= _ZERO:
                right -= 1
            if left < right:
                colours = rgb[row - corner[0], left - corner[1] : right - corner[1]]
                add_premultiplied(colours, cover[left:right], total[:, left:right])
        for j in range(out.shape[1]):
            first, end = box(j, across, width)
            for c in range(4):
                summed = _ZERO
                for column in range(first, end):
                    summed += total[c, column]
                out[i, j, c] = summed / np.float32(rows * (end - first))


@colour_kernel
def turn_upside_down(image: Pixels, line: Pixels, top: int, out: Pixels) -> None:
    """Mirror an h×w×C image about each column's row `line` (w); write n×w×C rows from `top` on, 0 above the line."""
    height, width, channels = image.shape
    for i in range(out.shape[0]):
        row = np.float32(top + i) + np.float32(0.5)
        for j in range(width):
            source = np.float32(2) * line[j] - row
            seen = (row > line[j]) & (source > _ZERO)
            at = min(max(source - np.float32(0.5), _ZERO), np.float32(height - 1))
            upper = np.int64(at)
            lower = min(upper + 1, height - 1)
            share = at - np.float32(upper)
            for c in range(channels):
                mirrored = image[upper, j, c] * (_ONE - share) + image[lower, j, c] * share
                out[i, j, c] = mirrored if seen else _ZERO


@colour_kernel
def blend(levels: Pixels, steps: Pixels, wanted: Pixels, out: Pixels) -> None:
    """Interpolate linearly between K levels (K×n×w×C), placed at ascending `steps` (K), at `wanted` (n×w)."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            at = min(max(wanted[i, j], steps[0]), steps[-1])
            k = 0
            while (k < steps.size - 2) & (at > steps[k + 1]):
                k += 1
            share = (at - steps[k]) / max(steps[k + 1] - steps[k], np.float32(1e-9))
            for c in range(out.shape[2]):
                out[i, j, c] = levels[k, i, j, c] * (_ONE - share) + levels[k + 1, i, j, c] * share
