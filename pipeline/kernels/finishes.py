"""What surfaces are made of, row by row: noises put together to albedo around 1.

`out` is a strip of rows of an n×n tile that begins at the row `top`; noises are strips of the same rows. A `soft` stack
of fields is of m×m, n / m a power of 2, and is enlarged to the tile on the way, bicubic.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.exponentials import exp
from pipeline.kernels.jit import colour_kernel, inlined_colour

Field = NDArray[np.float32]
Columns = NDArray[np.int64]

_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
# sin(πt) / t and cos(πt) as polynomials in t², t from -0.5 to 0.5: 1e-6 and 5e-8 off at most.
_S0, _S1, _S2, _S3 = (np.float32(c) for c in (3.1415903568, -5.1674065590, 2.5440104008, -0.55946242809))
_C0, _C1, _C2, _C3, _C4 = (
    np.float32(c) for c in (0.99999994040, -4.9347929955, 4.0584111214, -1.3318765163, 0.21968960762)
)


@inlined_colour
def smoothstep(value: np.float32, low: np.float32, high: np.float32) -> np.float32:
    """Return the smoothstep: 0 up to `low`, 1 from `high`, 3t² - 2t³ between them."""
    t = min(max((value - low) / (high - low), _ZERO), _ONE)
    return np.float32(t * t * (np.float32(3) - np.float32(2) * t))


@inlined_colour
def _sine(t: np.float32) -> np.float32:
    z = t * t
    return np.float32(t * (_S0 + z * (_S1 + z * (_S2 + z * _S3))))


@inlined_colour
def _cosine(t: np.float32) -> np.float32:
    z = t * t
    return np.float32(_C0 + z * (_C1 + z * (_C2 + z * (_C3 + z * _C4))))


@inlined_colour
def _phase(index: int, factor: int) -> tuple[int, np.float32, np.float32, np.float32, np.float32]:
    """Return the first of the four samples around one of `factor` times as many, and the samples' cubic weights.

    Keys, "Cubic convolution interpolation", 1981, with a = -0.5.
    """
    at = (np.float32(index) + _HALF) / np.float32(factor) - _HALF
    t = at - np.floor(at)
    a = t * (np.float32(-0.5) + t * (_ONE - _HALF * t))
    b = _ONE + t * t * (np.float32(1.5) * t - np.float32(2.5))
    c = t * (_HALF + t * (np.float32(2) - np.float32(1.5) * t))
    d = t * t * (_HALF * t - _HALF)
    return int(np.floor(at)) - 1, np.float32(a), np.float32(b), np.float32(c), np.float32(d)


@inlined_colour
def _enlarge_down(soft: Field, y: int, factor: int, lines: Field) -> None:
    """Write the row y of the enlarged fields, of which only the height is enlarged, with two more samples around it."""
    m = soft.shape[1]
    first, a, b, c, d = _phase(y, factor)
    for k in range(soft.shape[0]):
        above, upper = soft[k, (first + m) % m], soft[k, (first + 1 + m) % m]
        lower, below = soft[k, (first + 2 + m) % m], soft[k, (first + 3 + m) % m]
        line = lines[k]
        for x in range(m):
            line[x + 2] = a * above[x] + b * upper[x] + c * lower[x] + d * below[x]
        line[0], line[1], line[m + 2], line[m + 3] = line[m], line[m + 1], line[2], line[3]


@colour_kernel
def sand(even: Field, dark: Field, out: Field) -> None:
    """Write grains, and a few dark ones where the noise `dark` is highest."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            spot = min(max(dark[y, x] - np.float32(2.5), _ZERO), _ONE)
            out[y, x] = _ONE + even[y, x] - np.float32(0.24) * spot


@inlined_colour
def _pit(large: np.float32, small: np.float32) -> np.float32:
    return np.float32(
        min(max(large - np.float32(2.75), _ZERO), np.float32(0.4)) * np.float32(2.5)
        + min(max(small - np.float32(2.9), _ZERO), np.float32(0.7))
    )


@colour_kernel
def concrete(
    even: Field, large: Field, small: Field, worn: Field, seam: Field, panel: Field, top: int, out: Field
) -> None:
    """Write stains and grain, the holes that air left, and seams, uneven by `worn`, between panels.

    The noises that holes are made of have more rows, before the first one: light from above catches the lower edge of a
    hole, which is so many rows below its upper one. `seam` and `panel` are the rows' own.
    """
    lip = large.shape[0] - out.shape[0]
    for y in range(out.shape[0]):
        line, board = seam[top + y], panel[top + y]
        for x in range(out.shape[1]):
            pit, above = _pit(large[y + lip, x], small[y + lip, x]), _pit(large[y, x], small[y, x])
            value = even[y, x] + board - line * (np.float32(0.03) + np.float32(0.02) * worn[y, x])
            value -= np.float32(0.26) * pit - np.float32(0.16) * max(pit - above, _ZERO)
            out[y, x] = exp(value)


@colour_kernel
def add_strokes(where: Field, stroke: Field, out: Field) -> None:
    """Add strokes of a trowel, in the places where it went in their direction."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            share = smoothstep(where[y, x], np.float32(-0.4), np.float32(0.8))
            out[y, x] += np.float32(0.011) * share * stroke[y, x]


@colour_kernel
def plaster(even: Field, soft: Field, top: int, out: Field) -> None:
    """Write grain over strokes, which are `soft`, a stack of one."""
    m = soft.shape[1]
    factor = out.shape[1] // m
    lines = np.empty((1, m + 4), np.float32)
    for y in range(out.shape[0]):
        _enlarge_down(soft, top + y, factor, lines)
        strokes, row, grain = lines[0], out[y], even[y]
        for phase in range(factor):
            first, a, b, c, d = _phase(phase, factor)
            s = first + 2
            for j in range(m):
                stroke = a * strokes[j + s] + b * strokes[j + s + 1] + c * strokes[j + s + 2] + d * strokes[j + s + 3]
                at = factor * j + phase
                row[at] = _ONE + grain[at] + stroke


@colour_kernel
def cloth(slubs: Field, others: Field, soft: Field, threads: np.float32, top: int, out: Field) -> None:
    """Write a plain weave of `threads` threads: over and under in turn, with slubs along both ways.

    `soft` is how far the threads of both ways sway, and the tone.
    """
    m = soft.shape[1]
    factor = out.shape[1] // m
    step = threads / np.float32(out.shape[1])
    lines = np.empty((3, m + 4), np.float32)
    for y in range(out.shape[0]):
        _enlarge_down(soft, top + y, factor, lines)
        across, along, tones, row, slub, other = lines[0], lines[1], lines[2], out[y], slubs[y], others[y]
        place = (np.float32(top + y) + _HALF) * step
        for phase in range(factor):
            first, a, b, c, d = _phase(phase, factor)
            s = first + 2
            for j in range(m):
                at = factor * j + phase
                sway = a * across[j + s] + b * across[j + s + 1] + c * across[j + s + 2] + d * across[j + s + 3]
                swing = a * along[j + s] + b * along[j + s + 1] + c * along[j + s + 2] + d * along[j + s + 3]
                tone = a * tones[j + s] + b * tones[j + s + 1] + c * tones[j + s + 2] + d * tones[j + s + 3]
                one, two = place + sway, (np.float32(at) + _HALF) * step + swing
                turn, twin = np.floor(one + _HALF), np.floor(two + _HALF)
                one, two = one - turn, two - twin
                sine, sine2 = _sine(one), _sine(two)
                half = _HALF * (turn + twin)
                sign = _ONE - np.float32(4) * (half - np.floor(half))
                over = smoothstep(sign * _cosine(one) * _cosine(two), np.float32(-0.5), _HALF)
                upper = sine * sine + np.float32(0.4) * slub[at]
                lower = sine2 * sine2 + np.float32(0.4) * other[at]
                value = lower + over * (upper - lower) + np.float32(0.15) * abs(sine * sine2)
                value += np.float32(0.08) * (slub[at] + other[at])
                row[at] = tone + np.float32(0.05) * value
