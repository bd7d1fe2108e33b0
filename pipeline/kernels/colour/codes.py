"""Codes of 8 bits: triangular dither (TPDF) on the way to them, and what is left of the white among them.

The dither's noise is NumPy's own PCG64 stream, of which any rows can be drawn.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import Signature
from numba.extending import intrinsic
from numpy.typing import NDArray

from pipeline.kernels.jit import colour_kernel, inlined

#: Values whose noise is drawn at a time: small enough for the first cache.
_PIECE = 4096
#: The multiplier of PCG64's state, high and low half (O'Neill 2014).
_HIGH, _LOW = np.uint64(2549297995355413924), np.uint64(4865540595714422341)
#: Steps of the dither's noise, ±1 code in all, for each code: as many as a byte has.
NOISE_STEPS = 127
_CODES, _HALF = np.float32(255), np.float32(0.5)


@intrinsic  # type: ignore[untyped-decorator]  # numba's types are not read
def _upper_product(typing: Any, one: Any, two: Any) -> tuple[Signature, Any]:
    """Return the upper 64 bits of the product of two uint64: one instruction, which plain code has no word for."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(builder.zext(arguments[0], wide), builder.zext(arguments[1], wide))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@inlined
def _next_state(high: np.uint64, low: np.uint64, more_high: np.uint64, more_low: np.uint64) -> tuple[Any, Any]:
    """Return PCG64's next 128-bit state: state × multiplier + increment."""
    new = np.uint64(low * _LOW + more_low)
    carry = np.uint64(1) if new < more_low else np.uint64(0)
    return np.uint64(_upper_product(low, _LOW) + low * _HIGH + high * _LOW + more_high + carry), new


@inlined
def _drawn(high: np.uint64, low: np.uint64) -> np.uint64:
    """Return the 64 bits that a state gives (XSL-RR)."""
    mixed, turn = np.uint64(high ^ low), np.uint64(high >> np.uint64(58))
    return np.uint64((mixed >> turn) | (mixed << ((np.uint64(64) - turn) & np.uint64(63))))


@colour_kernel
def draw_noise(states: NDArray[np.uint64], odd: int, out: NDArray[np.int8]) -> None:
    """Draw N differences of two uniform numbers, triangular in -1 … 1, in steps of 1 / NOISE_STEPS.

    `states`: high and low half of PCG64's increment, of the state before the first value's first uniform number, and of
    that before its second one; `odd`: 1 where that second one is the upper half of a draw, else 0.
    """
    more_high, more_low = states[0], states[1]
    high, low, other_high, other_low = states[2], states[3], states[4], states[5]
    # one draw is two numbers of 32 bits, the lower half first
    first, second = np.empty(_PIECE // 2, np.uint64), np.empty(_PIECE // 2 + 1, np.uint64)
    one, two = first.view(np.uint32), second.view(np.uint32)[odd:]
    if odd:
        other_high, other_low = _next_state(other_high, other_low, more_high, more_low)
        second[0] = _drawn(other_high, other_low)
    scale = np.float32(NOISE_STEPS / 2**24)
    for start in range(0, out.size, _PIECE):
        piece = out[start : start + _PIECE]
        count = piece.size
        for at in range((count + 1) // 2):
            high, low = _next_state(high, low, more_high, more_low)
            other_high, other_low = _next_state(other_high, other_low, more_high, more_low)
            first[at] = _drawn(high, low)
            second[at + odd] = _drawn(other_high, other_low)
        for at in range(count):
            noise = np.int32(np.int32(one[at] >> np.uint32(8)) - np.int32(two[at] >> np.uint32(8)))
            piece[at] = np.int8(np.int32(np.rint(np.float32(noise) * scale)))
        second[0] = second[count // 2]


@colour_kernel
def dither(
    values: NDArray[np.float32], kept: NDArray[np.bool_], noise: NDArray[np.int8], out: NDArray[np.uint8]
) -> None:
    """Dither n×W×3 float32 sRGB values in [0, 1] to n×W×3 uint8 codes, or n×W×4 whose fourth stays as it is.

    `noise` (n×3W) is `draw_noise`'s, ±1 code in all. Values ≥ 1 and ≤ 0 become 255 and 0. The n×W pixels `kept` are
    rounded, without noise. TPDF: Lipshitz, Wannamaker and Vanderkooy, "Quantization and Dither", JAES 40(5), 1992.
    """
    width, channels = out.shape[1], out.shape[2]
    step = np.float32(1 / NOISE_STEPS)
    codes = np.empty(3 * width, np.uint8)
    for y in range(out.shape[0]):
        line, drawn, into, own = values[y].reshape(-1), noise[y], out[y].reshape(-1), kept[y]
        for at in range(codes.size):
            value = line[at]
            code = np.floor(value * _CODES + np.float32(drawn[at]) * step + _HALF)
            code = min(max(code, np.float32(0)), _CODES)
            code = _CODES if value >= np.float32(1) else code
            code = np.float32(0) if value <= np.float32(0) else code
            codes[at] = np.uint8(np.int32(code))
        for x in range(width):
            if own[x]:
                for at in range(3 * x, 3 * x + 3):
                    value = min(max(line[at], np.float32(0)), np.float32(1))
                    codes[at] = np.uint8(np.int32(np.rint(value * _CODES)))
        if channels == 3:
            for at in range(codes.size):
                into[at] = codes[at]
        else:
            for x in range(width):
                into[channels * x] = codes[3 * x]
                into[channels * x + 1] = codes[3 * x + 1]
                into[channels * x + 2] = codes[3 * x + 2]


@colour_kernel
def lowest_of_white(
    codes: NDArray[np.uint8], alpha: NDArray[np.float32], arrived: NDArray[np.uint8], out: NDArray[np.uint8]
) -> None:
    """Write into `out` (N) the lowest code that arrived of each pixel that was pure white without product; else 255.

    `codes` and `arrived` are N×3 sRGB codes, laid and delivered (N×4, too), `alpha` (N) the product's coverage, 0–1.
    """
    white = np.uint8(255)
    for i in range(out.size):
        was = min(codes[i, 0], codes[i, 1], codes[i, 2])
        free = (was == white) & (alpha[i] <= np.float32(0))
        out[i] = min(arrived[i, 0], arrived[i, 1], arrived[i, 2]) if free else white


@colour_kernel
def resample(
    codes: NDArray[np.uint8],
    rows: NDArray[np.int32],
    row_weights: NDArray[np.int32],
    columns: NDArray[np.int32],
    column_weights: NDArray[np.int32],
    first: int,
    out: NDArray[np.uint8],
) -> None:
    """Resample H×3W uint8 codes, pixels of three, by separable filters to n×3w `out`, the rows from `first` on.

    `rows` and `columns` say with which of the source's each row and column of the result begins; so many follow as
    there are weights, in units of 1 / 2²². Rounded to codes after rows and after columns, as Pillow does.
    """
    width = columns.size
    start, end = rows[first], rows[first + out.shape[0] - 1] + row_weights.shape[1]
    # pixels of four, so that one of them is one vector
    line = np.zeros(4 * (codes.shape[1] // 3), np.int32)
    narrow = np.empty((end - start, 3 * width), np.uint8)
    half, taps = np.int32(1 << 21), column_weights.shape[1]
    for row in range(start, end):
        given, into = codes[row], narrow[row - start]
        for j in range(line.size // 4):
            line[4 * j] = given[3 * j]
            line[4 * j + 1] = given[3 * j + 1]
            line[4 * j + 2] = given[3 * j + 2]
        for j in range(width):
            red, green, blue, none = half, half, half, half
            seen, weights = line[4 * columns[j] : 4 * (columns[j] + taps)], column_weights[j]
            for k in range(taps):
                weight = weights[k]
                red = np.int32(red + np.int32(weight * seen[4 * k]))
                green = np.int32(green + np.int32(weight * seen[4 * k + 1]))
                blue = np.int32(blue + np.int32(weight * seen[4 * k + 2]))
                none = np.int32(none + np.int32(weight * seen[4 * k + 3]))
            into[3 * j], into[3 * j + 1], into[3 * j + 2] = _code(red), _code(green), _code(blue + (none >> 31))
    total = np.empty(3 * width, np.int32)
    for i in range(out.shape[0]):
        total[:] = half
        for k in range(row_weights.shape[1]):
            weight, source = row_weights[first + i, k], narrow[rows[first + i] + k - start]
            for j in range(total.size):
                total[j] += np.int32(weight * np.int32(source[j]))
        for j in range(total.size):
            out[i, j] = _code(total[j])


@inlined
def _code(value: np.int32) -> np.uint8:
    """Return a value in units of 1 / 2²² as a code."""
    return np.uint8(min(max(np.int32(value >> np.int32(22)), np.int32(0)), np.int32(255)))
