"""Spectra of noise: normal draws as NumPy's generator makes them, and the shape that they are given.

A spectrum is grid×half complex numbers, of frequencies 0 … grid / 2 - 1, -grid / 2 … -1 along y and 0 … half - 1 along
x, here as rows of pairs of float32: grid×(2 half). Frequencies are in cycles per tile.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.colour.exponentials import power
from pipeline.kernels.jit import colour_kernel, inlined, kernel

Field = NDArray[np.float32]
Words = NDArray[np.uint32]

_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
#: Where the ziggurat's tail begins, and the area of each of its 256 strips under exp(-x² / 2).
_TAIL, _AREA = 3.6541528853610088, 0.00492867323399


def _ziggurat() -> tuple[Words, Field, Field]:
    """Return the tables of Marsaglia and Tsang, "The Ziggurat Method", 2000, section 2.3, for 23 random bits.

    Below which bits a strip is inside the curve; the strips' widths per bit, with the sign as their ninth index bit;
    and the curve's heights.
    """
    edges = [_TAIL]
    for _ in range(254):
        edges.append(np.sqrt(-2 * np.log(_AREA / edges[-1] + np.exp(-(edges[-1] ** 2) / 2))))
    base = _AREA / np.exp(-(_TAIL**2) / 2)
    x = np.array([base, *edges[:0:-1], _TAIL])
    inside = np.array([_TAIL / base, 0, *(x[1:-1] / x[2:])]) * 2**23
    heights = np.exp(-(x**2) / 2)
    heights[0] = 1
    widths = np.concatenate([x, -x]) / 2**23
    return np.rint(inside).astype(np.uint32), widths.astype(np.float32), heights.astype(np.float32)


INSIDE, WIDTHS, HEIGHTS = _ziggurat()


@inlined
def _uniform(word: np.uint32) -> np.float32:
    return np.float32(word >> np.uint32(8)) * np.float32(2**-24)


@kernel
def normal_draws(words: Words, inside: Words, widths: Field, heights: Field, out: Field) -> int:
    """Write standard normal draws made of random words, and return how many words they took.

    They are the draws of `numpy.random.Generator.standard_normal` in float32. `words` has as many as are needed: one a
    draw, and a fiftieth more.
    """
    at, last = 0, words.size - 4
    for i in range(out.size):
        value = _ZERO
        while True:
            word = words[at]
            at = min(at + 1, last)
            strip = word & np.uint32(255)
            bits = word >> np.uint32(9)
            value = np.float32(bits) * widths[word & np.uint32(511)]
            if bits < inside[strip]:
                break
            if strip == 0:
                beyond, height = _ZERO, _ZERO
                while not height + height > beyond * beyond:
                    beyond = -np.float32(1 / _TAIL) * np.float32(np.log1p(-_uniform(words[at])))
                    height = -np.float32(np.log1p(-_uniform(words[at + 1])))
                    at = min(at + 2, last)
                value = np.float32(_TAIL) + beyond
                value = -value if (bits >> np.uint32(8)) & np.uint32(1) else value
                break
            # In float32 step by step and then in float64, as NumPy compares them: one that is decided otherwise shifts
            # all the draws after it.
            rise = np.float32(np.float64(heights[strip - 1] - heights[strip]) * np.float64(_uniform(words[at])))
            level = np.float32(np.float64(rise) + np.float64(heights[strip]))
            at = min(at + 1, last)
            if np.float64(level) < np.exp(-0.5 * np.float64(value) * np.float64(value)):
                break
        out[i] = value
    return at


@colour_kernel
def shape(
    spectrum: Field, top: int, grid: int, xx: np.float32, xy: np.float32, yy: np.float32, low: np.float32,
    slope: np.float32, lit: bool, light_x: np.float32, light_y: np.float32,
) -> float:  # fmt: skip
    """Shape rows of draws, `spectrum`, which begin at the row `top` of grid×grid; return their power.

    The amplitude is (xx x² + xy x y + yy y² + low²)^(-slope / 2). A spectrum that is `lit` becomes that of the slopes
    along (light_x, light_y), by their frequency. The power leaves out what has no frequency along x.
    """
    total = 0.0
    half = spectrum.shape[1] // 2
    for i in range(spectrum.shape[0]):
        row = spectrum[i]
        whole = top + i if top + i < grid // 2 else top + i - grid
        y = np.float32(whole)
        real, imaginary = row[0], row[1]
        squares = _ZERO
        for column in range(half):
            x = np.float32(column)
            amplitude = power(xx * x * x + xy * x * y + yy * y * y + low * low, np.float32(-0.5) * slope)
            if lit:
                amplitude *= (light_x * x + light_y * y) / np.sqrt(max(x * x + y * y, _ONE))
                real, imaginary = row[2 * column + 1] * amplitude, -row[2 * column] * amplitude
            else:
                real, imaginary = row[2 * column] * amplitude, row[2 * column + 1] * amplitude
            row[2 * column], row[2 * column + 1] = real, imaginary
            squares += real * real + imaginary * imaginary
        total += np.float64(squares - (row[0] * row[0] + row[1] * row[1]))
    return total


@colour_kernel
def add_scaled(source: Field, weight: np.float32, count: int, out: Field) -> None:
    """Add the first `count` numbers of each row of `source`, × `weight`, to as many rows of `out`."""
    for y in range(source.shape[0]):
        for x in range(count):
            out[y, x] += source[y, x] * weight
