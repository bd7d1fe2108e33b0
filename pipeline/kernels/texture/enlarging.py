"""Bicubic enlargement of soft m×m tiles to n×n, row by row; n / m is a power of 2, and the tiles repeat."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import colour_kernel, inlined_colour

Field = NDArray[np.float32]

_HALF, _ONE = np.float32(0.5), np.float32(1)


@inlined_colour
def _phase(index: int, factor: int) -> tuple[int, np.float32, np.float32, np.float32, np.float32]:
    """Return the first of the four samples around an index of the enlarged line, and the samples' cubic weights.

    The line has `factor` times as many samples. Keys, "Cubic convolution interpolation", 1981, with a = -0.5.
    """
    at = (np.float32(index) + _HALF) / np.float32(factor) - _HALF
    t = at - np.floor(at)
    a = t * (np.float32(-0.5) + t * (_ONE - _HALF * t))
    b = _ONE + t * t * (np.float32(1.5) * t - np.float32(2.5))
    c = t * (_HALF + t * (np.float32(2) - np.float32(1.5) * t))
    d = t * t * (_HALF * t - _HALF)
    return int(np.floor(at)) - 1, np.float32(a), np.float32(b), np.float32(c), np.float32(d)


@inlined_colour
def enlarge_down(soft: Field, y: int, factor: int, lines: Field) -> None:
    """Write row y of the fields, enlarged in height only, with two more samples on each side."""
    m = soft.shape[1]
    first, a, b, c, d = _phase(y, factor)
    for k in range(soft.shape[0]):
        above, upper = soft[k, (first + m) % m], soft[k, (first + 1 + m) % m]
        lower, below = soft[k, (first + 2 + m) % m], soft[k, (first + 3 + m) % m]
        line = lines[k]
        for x in range(m):
            line[x + 2] = a * above[x] + b * upper[x] + c * lower[x] + d * below[x]
        line[0], line[1], line[m + 2], line[m + 3] = line[m], line[m + 1], line[2], line[3]


@inlined_colour
def enlarge_across(line: Field, phase: int, factor: int, out: Field) -> None:
    """Write every `factor`-th value of an enlarged line, from `phase` on."""
    first, a, b, c, d = _phase(phase, factor)
    near = line[first + 2 :]
    for j in range(out.size):
        out[j] = a * near[j] + b * near[j + 1] + c * near[j + 2] + d * near[j + 3]


@inlined_colour
def take(row: Field, phase: int, factor: int, out: Field) -> None:
    """Copy every `factor`-th value of a row, from `phase` on, to adjacent places, so that loops over them use SIMD."""
    for j in range(out.size):
        out[j] = row[factor * j + phase]


@inlined_colour
def put(values: Field, phase: int, factor: int, row: Field) -> None:
    """Write values to every `factor`-th place of a row, from `phase` on."""
    for j in range(values.size):
        row[factor * j + phase] = values[j]


@colour_kernel
def add_enlarged(soft: Field, top: int, out: Field) -> None:
    """Enlarge a soft m×m tile to n×n, and add it to the strip of its rows that begins at the row `top`."""
    m = soft.shape[0]
    factor = out.shape[1] // m
    lines = np.empty((1, m + 4), np.float32)
    part = np.empty(m, np.float32)
    for y in range(out.shape[0]):
        enlarge_down(soft.reshape(1, m, m), top + y, factor, lines)
        row = out[y]
        for phase in range(factor):
            enlarge_across(lines[0], phase, factor, part)
            for j in range(m):
                row[factor * j + phase] += part[j]


@colour_kernel
def add_tile(
    tile: NDArray[np.int8], weight: np.float32, top: int, down: int, across: int, turned: bool, out: Field
) -> None:
    """Add a repeating tile of codes × `weight` to a strip of rows that begins at the row `top`.

    The rows are flipped upside down if `turned`; then the tile is shifted by `down` and `across` texels. Its side is a
    power of 2.
    """
    size = tile.shape[0]
    for i in range(out.shape[0]):
        y = -1 - top - i if turned else top + i
        line, row = tile[(y + down) & (size - 1)], out[i]
        x = 0
        while x < row.size:
            first = (x + across) & (size - 1)
            codes, into = line[first:], row[x:]
            count = min(codes.size, into.size)
            for j in range(count):
                into[j] += weight * np.float32(codes[j])
            x += count
