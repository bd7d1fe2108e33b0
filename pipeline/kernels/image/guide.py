"""A mask and a product's colours at a photo's full size: solved small, upsampled with the photo as guide.

The colour guided filter (He, Sun and Tang, PAMI 35(6), 2013) and blur fusion (Forte, ICIP 2021). Values are float32,
sRGB and alpha in 0–1; codes are uint8.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.image.resampling import box, columns_between, neighbours
from pipeline.kernels.jit import colour_kernel, inlined_colour

Planes = NDArray[np.float32]

_ZERO, _ONE, _CODE = np.float32(0), np.float32(1), np.float32(1 / 255)
_PLUS, _MINUS = np.float64(1), np.float64(-1)


@inlined_colour
def _summed(line: Planes, window: int, into: Planes) -> None:
    """Write the sums over `window` neighbours of a line."""
    for j in range(into.size):
        into[j] = line[j]
    for k in range(1, window):
        moved = line[k : k + into.size]
        for j in range(into.size):
            into[j] += moved[j]


@colour_kernel
def guided_coefficients(planes: Planes, window: int, eps: np.float32, top: int, out: Planes) -> None:
    """Solve the colour guided filter for n rows from `top` on: a (three planes) and b of a·guide + b (equations 19–20).

    `planes` are the guide's three channels and the mask, 4×(h + window - 1)×(w + window - 1), with edges replicated.
    `out` is n×4×w.
    """
    width, wide = out.shape[2], planes.shape[2]
    down, sums = np.empty((13, wide), np.float32), np.empty((13, width), np.float32)
    count = _ONE / np.float32(window * window)
    for i in range(out.shape[0]):
        down[:] = _ZERO
        for row in range(top + i, top + i + window):
            red, green, blue, mask = planes[0, row], planes[1, row], planes[2, row], planes[3, row]
            for j in range(wide):
                r, g, b, m = red[j], green[j], blue[j], mask[j]
                down[0, j] += r
                down[1, j] += g
                down[2, j] += b
                down[3, j] += m
                down[4, j] += r * m
                down[5, j] += g * m
                down[6, j] += b * m
                down[7, j] += r * r
                down[8, j] += r * g
                down[9, j] += r * b
                down[10, j] += g * g
                down[11, j] += g * b
                down[12, j] += b * b
        for k in range(13):
            _summed(down[k], window, sums[k])
        for j in range(width):
            r, g, b, m = sums[0, j] * count, sums[1, j] * count, sums[2, j] * count, sums[3, j] * count
            p, q, s = sums[4, j] * count - r * m, sums[5, j] * count - g * m, sums[6, j] * count - b * m
            rr, rg, rb = sums[7, j] * count - r * r + eps, sums[8, j] * count - r * g, sums[9, j] * count - r * b
            gg, gb, bb = (
                sums[10, j] * count - g * g + eps,
                sums[11, j] * count - g * b,
                sums[12, j] * count - b * b + eps,
            )
            # Solve the 3×3 system by cofactors.
            c00, c01, c02 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
            c11, c12, c22 = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
            scale = _ONE / (rr * c00 + rg * c01 + rb * c02)
            x = (c00 * p + c01 * q + c02 * s) * scale
            y = (c01 * p + c11 * q + c12 * s) * scale
            z = (c02 * p + c12 * q + c22 * s) * scale
            out[i, 0, j], out[i, 1, j], out[i, 2, j] = x, y, z
            out[i, 3, j] = m - x * r - y * g - z * b


@colour_kernel
def window_means(planes: Planes, window: int, top: int, out: Planes) -> None:
    """Box-filter K planes with replicated edges over `window`×`window` pixels: n rows from `top` on, n×w×K."""
    width, wide = out.shape[1], planes.shape[2]
    down, sums = np.empty(wide, np.float32), np.empty(width, np.float32)
    count = _ONE / np.float32(window * window)
    for i in range(out.shape[0]):
        for k in range(planes.shape[0]):
            down[:] = _ZERO
            for row in range(top + i, top + i + window):
                line = planes[k, row]
                for j in range(wide):
                    down[j] += line[j]
            _summed(down, window, sums)
            for j in range(width):
                out[i, j, k] = sums[j] * count


@inlined_colour
def _between(small: Planes, row: int, tall: int, mixed: Planes) -> None:
    """Interpolate between the rows of h×(w·K) values, at `row` of `tall` target rows."""
    upper, lower, share = neighbours(row, small.shape[0], tall)
    above, below = small[upper], small[lower]
    for j in range(mixed.size):
        mixed[j] = above[j] + (below[j] - above[j]) * share


@colour_kernel
def follow(small: Planes, codes: NDArray[np.uint8], low: np.float32, high: np.float32, top: int, out: Planes) -> None:
    """Apply the guided filter: a·guide + b for n×W rows from `top` on, stretched from `low`–`high` to 0–1.

    `small` is a and b at the size of the solution, h×w×4. `codes` is the guide at full size, H×3W.
    """
    width = out.shape[1]
    lines = small.reshape(small.shape[0], -1)
    mixed = np.empty(lines.shape[1], np.float32)
    lefts, rights, shares = columns_between(small.shape[1], width)
    scale = _ONE / (high - low)
    for i in range(out.shape[0]):
        _between(lines, top + i, codes.shape[0], mixed)
        guide, into = codes[top + i], out[i]
        for j in range(width):
            left, right, share = 4 * lefts[j], 4 * rights[j], shares[j]
            a = mixed[left] + (mixed[right] - mixed[left]) * share
            b = mixed[left + 1] + (mixed[right + 1] - mixed[left + 1]) * share
            c = mixed[left + 2] + (mixed[right + 2] - mixed[left + 2]) * share
            d = mixed[left + 3] + (mixed[right + 3] - mixed[left + 3]) * share
            red, green, blue = np.float32(guide[3 * j]), np.float32(guide[3 * j + 1]), np.float32(guide[3 * j + 2])
            value = ((a * red + b * green + c * blue) * _CODE + d - low) * scale
            into[j] = min(max(value, _ZERO), _ONE)


@colour_kernel
def code_means(codes: NDArray[np.uint8], tall: int, top: int, out: Planes) -> None:
    """Box-filter H×W×3 codes: the mean, 0–1, under each pixel of the n×w×3 `out`, like Pillow's BOX.

    `out` is a strip of `tall` rows that begins at `top`.
    """
    # Sums integer codes: `resampling.box_means` would need a float copy of the photo, four times its memory.
    height, width = codes.shape[0], codes.shape[1]
    down, across = height / tall, width / out.shape[1]
    lines = codes.reshape(height, 3 * width)
    total = np.empty(3 * width, np.uint32)
    for i in range(out.shape[0]):
        first, end = box(top + i, down, height)
        rows = end - first
        total[:] = np.uint32(0)
        for row in range(first, end):
            line = lines[row]
            for j in range(total.size):
                total[j] += np.uint32(line[j])
        for j in range(out.shape[1]):
            first, end = box(j, across, width)
            for c in range(3):
                summed = np.uint32(0)
                for at in range(3 * first + c, 3 * end, 3):
                    summed += total[at]
                out[i, j, c] = np.float32(summed) * _CODE / np.float32(rows * (end - first))


@inlined_colour
def _weighted(
    colours: Planes, alpha: Planes, row: int, doublings: int, sign: np.float64, sums: NDArray[np.float64]
) -> None:
    """Add to 8×w `sums`, times `sign`, a row's two weights, and the front and back colours times these weights."""
    line, shares = colours[row], alpha[row]
    last = line.shape[1] - 3
    for j in range(shares.size):
        share = shares[j]
        front, back = share, _ONE - share
        for _ in range(doublings):
            front *= front
            back *= back
        # Where no pixel nearby is certain, a thousandth of the plain weight decides.
        front, back = front + np.float32(1e-3) * share, back + np.float32(1e-3) * (_ONE - share)
        sums[0, j] += sign * np.float64(front)
        sums[1, j] += sign * np.float64(back)
        sums[2, j] += sign * np.float64(line[j, 0] * front)
        sums[3, j] += sign * np.float64(line[j, 1] * front)
        sums[4, j] += sign * np.float64(line[j, 2] * front)
        sums[5, j] += sign * np.float64(line[j, last] * back)
        sums[6, j] += sign * np.float64(line[j, last + 1] * back)
        sums[7, j] += sign * np.float64(line[j, last + 2] * back)


@colour_kernel
def fusion_means(colours: Planes, alpha: Planes, window: int, doublings: int, top: int, out: Planes) -> None:
    """Write n×w×6 local means, rows from `top` on: front colours weighted by alpha, back colours by 1 - alpha.

    `colours` is h×w×6, front and back, or h×w×3 for both; `alpha` is h×w. Both weights are squared `doublings` times.
    Means are over `window`×`window` pixels with replicated edges.
    """
    height, width = alpha.shape
    before = window // 2
    after = window - before - 1
    # Double precision: differences of large running sums must return to 0.
    sums = np.zeros((8, width), np.float64)
    means = np.empty((8, width), np.float32)
    share = 1.0 / (window * window)
    for row in range(top - before, top + after):
        _weighted(colours, alpha, min(max(row, 0), height - 1), doublings, _PLUS, sums)
    for i in range(out.shape[0]):
        y = top + i
        _weighted(colours, alpha, min(max(y + after, 0), height - 1), doublings, _PLUS, sums)
        for k in range(8):
            line, mean, total = sums[k], means[k], 0.0
            for j in range(-before, after):
                total += line[min(max(j, 0), width - 1)]
            for j in range(width):
                total += line[min(j + after, width - 1)]
                mean[j] = np.float32(total * share)
                total -= line[max(j - before, 0)]
        for j in range(width):
            front, back = _ONE / (means[0, j] + np.float32(1e-5)), _ONE / (means[1, j] + np.float32(1e-5))
            for c in range(3):
                out[i, j, c] = means[2 + c, j] * front
                out[i, j, 3 + c] = means[5 + c, j] * back
        _weighted(colours, alpha, min(max(y - before, 0), height - 1), doublings, _MINUS, sums)


@colour_kernel
def own_colours(seen: Planes, alpha: Planes, means: Planes, out: Planes) -> None:
    """Solve seen = alpha·front + (1 - alpha)·back for the front near its local mean, clipped to 0–1.

    `seen` is n×w×3, `alpha` n×w and `means` n×w×6. `out`, n×w×6, is the front and the back's mean.
    """
    for i in range(alpha.shape[0]):
        for j in range(alpha.shape[1]):
            weight = alpha[i, j]
            for c in range(3):
                front, back = means[i, j, c], means[i, j, 3 + c]
                value = front + weight * (seen[i, j, c] - weight * front - (_ONE - weight) * back)
                out[i, j, c] = min(max(value, _ZERO), _ONE)
                out[i, j, 3 + c] = back


@colour_kernel
def unmix(
    means: Planes, beyond: Planes, alpha: Planes, opaque: np.float32, top: int, bottom: int, codes: NDArray[np.uint8]
) -> None:
    """Decontaminate rows `top` to `bottom` of H×3W `codes`: write the product's own colours.

    Only pixels with `alpha` (H×W) below `opaque` change. `means`, h×w×6, are the local colours of the product and the
    background. Where alpha is 0, the product's colours come from `beyond`, also h×w×6.
    """
    tall, width = alpha.shape
    near, far = means.reshape(means.shape[0], -1), beyond.reshape(beyond.shape[0], -1)
    mixed, outer = np.empty(near.shape[1], np.float32), np.empty(far.shape[1], np.float32)
    lefts, rights, shares = columns_between(means.shape[1], width)
    for i in range(top, bottom):
        _between(near, i, tall, mixed)
        _between(far, i, tall, outer)
        cover, line = alpha[i], codes[i]
        for j in range(width):
            weight = cover[j]
            if weight >= opaque:
                continue
            for c in range(3):
                left, right, share = 6 * lefts[j] + c, 6 * rights[j] + c, shares[j]
                front = mixed[left] + (mixed[right] - mixed[left]) * share
                back = mixed[left + 3] + (mixed[right + 3] - mixed[left + 3]) * share
                seen = np.float32(line[3 * j + c]) * _CODE
                value = front + weight * (seen - weight * front - (_ONE - weight) * back)
                if weight == _ZERO:
                    value = outer[left] + (outer[right] - outer[left]) * share
                line[3 * j + c] = np.uint8(np.int32(min(max(value, _ZERO), _ONE) * np.float32(255) + np.float32(0.5)))
