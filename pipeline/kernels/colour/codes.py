"""8-bit codes: triangular dither (TPDF) when rounding to them, and steps of one code."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import colour_kernel, kernel

#: Steps of the dither's noise per code.
NOISE_STEPS = 128
Codes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Rows = NDArray[np.float32]
_CODES, _HALF = np.float32(255), np.float32(0.5)


@colour_kernel
def dither(
    values: NDArray[np.float32],
    kept: NDArray[np.bool_],
    noise: NDArray[np.int8],
    places: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None:
    """Dither n×W×3 float32 sRGB values in [0, 1] to n×W×3 uint8 codes, or to n×W×4, whose fourth channel is unchanged.

    `noise` is in steps of 1 / NOISE_STEPS code. Each row reads 3W values of it, starting at its place in `places` (n).
    Values ≥ 1 and ≤ 0 become 255 and 0. The n×W pixels `kept` are rounded without noise. TPDF: Lipshitz, Wannamaker and
    Vanderkooy, "Quantization and Dither", JAES 40(5), 1992.
    """
    width, channels = out.shape[1], out.shape[2]
    step = np.float32(1 / NOISE_STEPS)
    codes = np.empty(3 * width, np.uint8)
    for y in range(out.shape[0]):
        line, drawn, into, own = values[y].reshape(-1), noise[places[y] :], out[y].reshape(-1), kept[y]
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


@kernel
def nudge(codes: Codes, free: Mask, tile: Rows, strength: Rows, noise: Rows, top: int, cell: int) -> None:
    """Move n×W×3 (or ×4) codes in place by -1, 0 or 1, all three alike, where the n×W mask `free` is True.

    The step is (tile × strength + noise) / 2048 rounded down: whole numbers below 2²⁴, so it is exact. The picture's
    row y (the first is `top`) takes their rows y, or y // `cell` for `strength`, modulo their heights; all are W wide.
    Dark pixels with a code 0 don't go down, pale pixels with a code 255 not up: their hue would change.
    """
    width = codes.shape[1]
    steps = np.empty(width, np.int32)
    for y in range(codes.shape[0]):
        wave, strong, random = tile[(top + y) % len(tile)], strength[(top + y) // cell], noise[(top + y) % len(noise)]
        for x in range(width):
            step = np.floor((wave[x] * strong[x] + random[x]) * np.float32(1 / 2048))
            steps[x] = np.int32(min(max(step, np.float32(-1)), np.float32(1)))
        line, mine = codes[y], free[y]
        for x in range(width):
            red, green, blue = np.int32(line[x, 0]), np.int32(line[x, 1]), np.int32(line[x, 2])
            low, high = min(red, green, blue), max(red, green, blue)
            down, up = (low > 0) | (high >= 64), (high < 255) | (low < 208)
            step = steps[x] if mine[x] & (down if steps[x] < 0 else up) else 0
            line[x, 0] = min(max(red + step, 0), 255)
            line[x, 1] = min(max(green + step, 0), 255)
            line[x, 2] = min(max(blue + step, 0), 255)
