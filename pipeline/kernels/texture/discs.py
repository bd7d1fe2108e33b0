"""Blurred shapes out of focus, painted over one another row by row, and their enlargement onto an image."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import colour_kernel

Field = NDArray[np.float32]
Columns = NDArray[np.int64]
Parts = NDArray[np.uint16]

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@colour_kernel
def paint_blurs(blurs: Field, canvas: Field, top: int, bottom: int) -> None:
    """Paint blurs, the first one at the bottom, over rows top..bottom of a canvas: 3×H×W float32 linear RGB.

    `blurs` are N×15 float32, lengths in canvas heights:

    - middle x and y (0, 1), cosine and sine of the turn (2, 3);
    - half the length and half the width of a box (4, 5), and the radius of its rounded corners (6);
    - distance across between two such outlines (7), of which only the overlap is painted (a leaf or a clipped disc);
    - width of the soft edge (8);
    - how much darker the middle is than the rim, 0–1 (9);
    - strength, 0–1 (10);
    - share of the background that it hides, 0 (additive light) to 1 (11);
    - linear colour (12–14).
    """
    height, width = canvas.shape[1], canvas.shape[2]
    pixel = _ONE / np.float32(height)
    cover = np.empty(width, np.float32)
    for which in range(blurs.shape[0]):
        blur = blurs[which]
        middle, level, cos, sin, long, wide = blur[0], blur[1], blur[2], blur[3], blur[4], blur[5]
        radius, apart, rim, strength, hides = blur[6], blur[7], blur[9], blur[10], blur[11]
        soft = max(blur[8], pixel)
        smooth = blur[8] > np.float32(2) * pixel
        thick = max(radius - apart + min(long, wide), pixel)
        reach = np.sqrt(long * long + wide * wide) + radius + _HALF * soft
        first = max(int((level - reach) * np.float32(height)) - 1, top)
        last = min(int((level + reach) * np.float32(height)) + 2, bottom)
        left = max(int((middle - reach) * np.float32(height)) - 1, 0)
        count = min(int((middle + reach) * np.float32(height)) + 2, width) - left
        for y in range(first, last):
            down = (np.float32(y) + _HALF) * pixel - level
            for x in range(count):
                across = (np.float32(left + x) + _HALF) * pixel - middle
                u = max(abs(cos * across + sin * down) - long, _ZERO)
                v = max(abs(cos * down - sin * across) + apart - wide, _ZERO)
                inside = radius - np.sqrt(u * u + v * v)
                t = min(max(_HALF + inside / soft, _ZERO), _ONE)
                t = t * t * (np.float32(3) - np.float32(2) * t) if smooth else t
                # A small light far out of focus becomes a disc with a narrow bright rim.
                edge = _ONE - min(max((inside - _HALF * soft) / thick, _ZERO), _ONE)
                edge *= edge
                line = edge * edge * edge
                cover[x] = t * strength * (_ONE - rim + rim * (np.float32(0.3) * edge + np.float32(0.7) * line))
            for channel in range(3):
                row, colour = canvas[channel, y, left:], blur[12 + channel]
                for x in range(count):
                    row[x] += (colour - row[x] * hides) * cover[x]


@colour_kernel
def enlarge_onto(
    canvas: Field, across: Columns, shares: Field, down: Columns, weights: Field, shown: NDArray[np.bool_], part: Parts,
    out: Field,
) -> None:  # fmt: skip
    """Resample a 3×h×w canvas onto the pixels of a strip of rows (rows×W×3, linear RGB) whose parts are `shown`.

    Each pixel sums four rows, `down` (rows×4), by `weights`, and four columns, `across` (4×W), by `shares`. It is at
    least 0.
    """
    width = out.shape[1]
    line = np.empty(canvas.shape[2], np.float32)
    values = np.empty((3, width), np.float32)
    for y in range(out.shape[0]):
        seen = False
        for x in range(width):
            seen |= shown[part[y, x]]
        if not seen:
            continue
        a, b, c, d = weights[y, 0], weights[y, 1], weights[y, 2], weights[y, 3]
        for channel in range(3):
            rows = canvas[channel]
            one, two, three, four = rows[down[y, 0]], rows[down[y, 1]], rows[down[y, 2]], rows[down[y, 3]]
            for x in range(line.size):
                line[x] = a * one[x] + b * two[x] + c * three[x] + d * four[x]
            value = values[channel]
            for x in range(width):
                total = shares[0, x] * line[np.uint64(across[0, x])] + shares[1, x] * line[np.uint64(across[1, x])]
                total += shares[2, x] * line[np.uint64(across[2, x])] + shares[3, x] * line[np.uint64(across[3, x])]
                value[x] = max(total, _ZERO)
        for x in range(width):
            if shown[part[y, x]]:
                out[y, x, 0], out[y, x, 1], out[y, x, 2] = values[0, x], values[1, x], values[2, x]
