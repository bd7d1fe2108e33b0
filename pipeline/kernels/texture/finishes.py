"""Finishes of surfaces, row by row: noises combined to albedo around 1.

`out`, or `red`, `green` and `blue`, is a strip of rows of an n×n tile that begins at the row `top`: float32, linear.
Noises are strips of the same rows. A `soft` stack of fields, K×m×m, n / m a power of 2, is enlarged to the tile by
bicubic interpolation.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.colour.exponentials import exp, power
from pipeline.kernels.jit import colour_kernel, inlined, inlined_colour, kernel
from pipeline.kernels.texture.enlarging import enlarge_across, enlarge_down, put, take

Field = NDArray[np.float32]
Columns = NDArray[np.int64]
Chips = NDArray[np.uint16]

_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
# sin(πt) / t and cos(πt) as polynomials in t², t from -0.5 to 0.5: maximum errors 1e-6 and 5e-8.
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


@colour_kernel
def sand(even: Field, dark: Field, out: Field) -> None:
    """Write sand: grains, and a few dark grains where the noise `dark` is highest."""
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
    """Write concrete: stains and grain, holes left by air, and seams between panels, roughened by `worn`.

    The noises of the holes, `large` and `small`, have more rows, before the first one. Light from above reaches the
    lower edge of a hole, which is that number of rows below its upper edge. `seam` and `panel` have one value per row.
    """
    lip = large.shape[0] - out.shape[0]
    for y in range(out.shape[0]):
        line, board = seam[top + y], panel[top + y]
        for x in range(out.shape[1]):
            pit, above = _pit(large[y + lip, x], small[y + lip, x]), _pit(large[y, x], small[y, x])
            value = even[y, x] + board - line * (np.float32(0.08) + np.float32(0.03) * worn[y, x])
            value -= np.float32(0.42) * pit - np.float32(0.26) * max(pit - above, _ZERO)
            out[y, x] = exp(value)


@colour_kernel
def add_strokes(where: Field, stroke: Field, weight: np.float32, out: Field) -> None:
    """Add a trowel's strokes × `weight` to plaster, rows×n, where the trowel moved in their direction."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            share = smoothstep(where[y, x], np.float32(-0.4), np.float32(0.8))
            out[y, x] += weight * share * stroke[y, x]


@colour_kernel
def cloth(slubs: Field, others: Field, soft: Field, threads: np.float32, top: int, out: Field) -> None:
    """Write cloth, a plain weave of `threads` threads a tile: over and under in turn, with slubs in both directions.

    `soft` contains the sway of the threads of both directions, and the tone.
    """
    m, n = soft.shape[1], out.shape[1]
    factor = n // m
    step = threads / np.float32(n)
    lines = np.empty((3, m + 4), np.float32)
    part = np.empty(m, np.float32)
    rows = np.empty((3, n), np.float32)
    for y in range(out.shape[0]):
        enlarge_down(soft, top + y, factor, lines)
        for k in range(3):
            for phase in range(factor):
                enlarge_across(lines[k], phase, factor, part)
                put(part, phase, factor, rows[k])
        sways, swings, tones, row, slub, other = rows[0], rows[1], rows[2], out[y], slubs[y], others[y]
        place = (np.float32(top + y) + _HALF) * step
        for x in range(n):
            one, two = place + sways[x], (np.float32(x) + _HALF) * step + swings[x]
            turn, twin = np.floor(one + _HALF), np.floor(two + _HALF)
            one, two = one - turn, two - twin
            sine, sine2 = _sine(one), _sine(two)
            half = _HALF * (turn + twin)
            sign = _ONE - np.float32(4) * (half - np.floor(half))
            over = smoothstep(sign * _cosine(one) * _cosine(two), np.float32(-0.5), _HALF)
            upper = sine * sine + np.float32(0.26) * slub[x]
            lower = sine2 * sine2 + np.float32(0.26) * other[x]
            value = lower + over * (upper - lower) + np.float32(0.15) * abs(sine * sine2)
            row[x] = tones[x] + np.float32(0.08) * (value + np.float32(0.34) * (slub[x] + other[x]))


@inlined_colour
def _lead(one: np.float32, two: np.float32, three: np.float32, four: np.float32) -> np.float32:
    """Return how far the highest of four values leads the next."""
    highest, lowest = max(one, two), min(one, two)
    high, low = max(three, four), min(three, four)
    return np.float32(max(highest, high) - max(min(highest, high), max(lowest, low)))


@inlined_colour
def _cracks(lines: Field, phase: int, factor: int, noises: Field, out: Field) -> None:
    """Write the distances from the cracks between four noises."""
    for k in range(4):
        enlarge_across(lines[k], phase, factor, noises[k])
    one, two, three, four = noises[0], noises[1], noises[2], noises[3]
    for j in range(out.size):
        out[j] = _lead(one[j], two[j], three[j], four[j])


@inlined_colour
def _line(value: np.float32, width: np.float32) -> np.float32:
    """Return the strength of a soft line along the zeros of a field."""
    share = value / width
    return exp(-share * share)


@colour_kernel
def marble(soft: Field, jags: Field, dark: bool, top: int, red: Field, green: Field, blue: Field) -> None:
    """Write marble: clouds, strong veins of varying force with smears, hairlines. Dark stone writes only `green`.

    `soft` contains these fields in order:

    - four noises whose cracks are the strong veins, and four whose cracks are the hairlines;
    - the noise whose zeros are cross lines;
    - the forces of the veins, the hairlines and the cross lines;
    - the ground and, for light stone, its warmth.
    """
    m = soft.shape[1]
    factor = green.shape[1] // m
    lines = np.empty((soft.shape[0], m + 4), np.float32)
    buffers = np.empty((9, m), np.float32)
    jag, core, thin, first, second, level = (
        buffers[0], buffers[1], buffers[2], buffers[3], buffers[4], buffers[5],
    )  # fmt: skip
    noises = buffers[5:]
    for y in range(green.shape[0]):
        enlarge_down(soft, top + y, factor, lines)
        for phase in range(factor):
            take(jags[y], phase, factor, jag)
            _cracks(lines[0:4], phase, factor, noises, core)
            enlarge_across(lines[9], phase, factor, first)
            for j in range(m):
                # The enlargement rings slightly below 0.
                force = max(first[j], _ZERO)
                far = abs(core[j] + _HALF * jag[j])
                core[j] = force * exp(-far / (np.float32(0.055) * force + np.float32(0.009)))
            _cracks(lines[4:8], phase, factor, noises, thin)
            enlarge_across(lines[10], phase, factor, first)
            for j in range(m):
                thin[j] = _line(thin[j] + jag[j], np.float32(0.04)) * first[j]
            enlarge_across(lines[8], phase, factor, first)
            enlarge_across(lines[11], phase, factor, second)
            for j in range(m):
                thin[j] += _line(first[j], np.float32(0.02)) * second[j]
            enlarge_across(lines[12], phase, factor, first)
            if dark:
                for j in range(m):
                    level[j] = np.float32(5) * core[j] * core[j] + np.float32(2.2) * thin[j] + first[j]
                put(level, phase, factor, green[y])
            else:
                enlarge_across(lines[13], phase, factor, second)
                for j in range(m):
                    level[j] = exp(np.float32(-0.6) * core[j] - np.float32(0.26) * thin[j] - first[j])
                for j in range(m):
                    first[j] = level[j] * (_ONE + np.float32(0.6) * second[j])
                    second[j] = level[j] * (_ONE - second[j])
                put(first, phase, factor, red[y])
                put(level, phase, factor, green[y])
                put(second, phase, factor, blue[y])


@inlined_colour
def _fetch(row: Field, columns: Columns, out: Field) -> None:
    for x in range(out.size):
        out[x] = row[np.uint64(columns[x])]


@colour_kernel
def board(
    bends: Field, fibres: Field, pores: Field, tones: Field, columns: Columns, y: Field, planks: Field, late: Field,
    width: np.float32, red: Field, green: Field, blue: Field,
) -> None:  # fmt: skip
    """Write a board of wood: rings around a pith at an angle to the board, pores, and the gaps to its neighbours.

    The noises are read at `columns`. `y` (rows) is each row's distance from the board's middle. `late` are the
    darknesses of 64 late woods. Lengths are in canvas heights. `planks` has these values of the plank in each of n
    columns:

    - pith, depth and lean of the board in its log, width of a ring, shade, hue (rows 0 to 5);
    - distances from the joints behind and before (rows 6 and 7);
    - the knot's place, size and force (rows 8 to 11).
    """
    n = green.shape[1]
    buffers = np.empty((8, n), np.float32)
    bend, fibre, pore, tone, phase, value, part, lates = (
        buffers[0], buffers[1], buffers[2], buffers[3], buffers[4], buffers[5], buffers[6], buffers[7],
    )  # fmt: skip
    pith, deep, lean, ring, shade, hue = planks[0], planks[1], planks[2], planks[3], planks[4], planks[5]
    since, until, knot_x, knot_y, size, dark = planks[6], planks[7], planks[8], planks[9], planks[10], planks[11]
    for i in range(green.shape[0]):
        across = y[i]
        _fetch(bends[i], columns, bend)
        _fetch(fibres[i], columns, fibre)
        _fetch(pores[i], columns, pore)
        _fetch(tones[i], columns, tone)
        for x in range(n):
            depth = deep[x] + lean[x] * since[x] + np.float32(0.028) * bend[x]
            off = across - pith[x]
            phase[x] = (np.sqrt(off * off + depth * depth) + np.float32(0.0005) * fibre[x]) / ring[x]
        for x in range(n):
            value[x] = _ONE + shade[x] + np.float32(0.025) * tone[x] + np.float32(0.045) * fibre[x]
        for x in range(n):
            # A branch cut across: the grain flows around it. It is darker and, in dark wood, larger, but limited.
            away, aside = (since[x] - knot_x[x]) / np.float32(2.2), across - knot_y[x]
            wide = max(np.float32(4) * value[x] - np.float32(3), np.float32(0.2))
            far = (away * away + aside * aside) * wide / (size[x] * size[x])
            near = dark[x] * exp(np.float32(-0.25) * far)
            phase[x] += np.float32(5) * near
            shadow = np.float32(0.45) * dark[x] * exp(-far * far) + np.float32(0.1) * dark[x] * exp(
                far / np.float32(-5)
            )
            value[x] *= _ONE - shadow
        for x in range(n):
            turn = np.floor(phase[x])
            part[x] = phase[x] - turn
            lates[x] = late[np.uint64(np.int64(turn) & 63)]
        for x in range(n):
            end = min(max((_ONE - part[x]) * np.float32(4), _ZERO), _ONE)
            value[x] *= _ONE - np.float32(0.27) * part[x] * part[x] * end * lates[x]
            hole = min(max(pore[x] - np.float32(1.2), _ZERO), np.float32(2))
            value[x] *= _ONE - np.float32(0.16) * hole * (_ONE - np.float32(0.6) * part[x])
        for x in range(n):
            gap = min(width * _HALF - abs(across), min(since[x], until[x])) / np.float32(0.0018)
            value[x] *= _ONE - np.float32(0.72) * exp(-gap * gap)
        for x in range(n):
            green[i, x] = value[x]
            # Darker wood is also redder.
            tone[x] = power(value[x], np.float32(0.18))
        for x in range(n):
            red[i, x] = value[x] / tone[x] * (_ONE + hue[x])
            blue[i, x] = value[x] * tone[x] * (_ONE - hue[x])


@inlined
def _span(row: Chips, left: np.float32, right: np.float32, number: int) -> None:
    """Draw a chip's number on the pixels of a row from `left` to `right`."""
    first = max(np.ceil(left - _HALF), _ZERO)
    last = min(np.floor(right + _HALF), np.float32(row.size - 1))
    for x in range(int(first), int(last) + 1):
        row[x] = number


@kernel
def draw_chips(corners: Field, lowest: Field, highest: Field, top: int, chips: Chips) -> None:
    """Rasterise polygons (N×corners×2 float32, x and y in pixels of a tile) by scan lines into its rows from `top` on.

    A chip's pixels get its number, from 1 on. `lowest` and `highest` are the first and last rows of each polygon.
    """
    count = corners.shape[1]
    crossings = np.empty(count, np.float32)
    for which in range(corners.shape[0]):
        first = max(int(np.ceil(lowest[which])), top)
        for y in range(first, min(int(np.floor(highest[which])), top + chips.shape[0] - 1) + 1):
            row, level = chips[y - top], np.float32(y)
            found = 0
            for edge in range(count):
                x0, y0 = corners[which, edge, 0], corners[which, edge, 1]
                after = (edge + 1) % count
                x1, y1 = corners[which, after, 0], corners[which, after, 1]
                if y0 == level and y1 == level:
                    _span(row, min(x0, x1), max(x0, x1), which + 1)
                if (y0 <= level) == (y1 <= level):
                    continue
                x = x0 + (level - y0) * (x1 - x0) / (y1 - y0)
                at = found
                while at > 0 and crossings[at - 1] > x:
                    crossings[at] = crossings[at - 1]
                    at -= 1
                crossings[at] = x
                found += 1
            for pair in range(found // 2):
                _span(row, crossings[2 * pair], crossings[2 * pair + 1], which + 1)


@colour_kernel
def terrazzo(chips: Chips, colours: Field, dust: Field, veil: Field, red: Field, green: Field, blue: Field) -> None:
    """Write terrazzo: chips in a dusty binder, whose dust shows only where there is no chip.

    `chips` (2 rows×2n, uint16) are indices into `colours` (chips×3), where 0 is the binder. Each result is a mean of
    2×2 chip pixels.
    """
    speck = np.empty(green.shape[1], np.float32)
    for y in range(green.shape[0]):
        upper, lower = chips[2 * y], chips[2 * y + 1]
        for x in range(green.shape[1]):
            a, b, c, d = upper[2 * x], upper[2 * x + 1], lower[2 * x], lower[2 * x + 1]
            if a == b and a == c and a == d:
                red[y, x], green[y, x], blue[y, x] = colours[a, 0], colours[a, 1], colours[a, 2]
                speck[x] = _ONE if a == 0 else _ZERO
            else:
                quarter = np.float32(0.25)
                red[y, x] = quarter * ((colours[a, 0] + colours[b, 0]) + (colours[c, 0] + colours[d, 0]))
                green[y, x] = quarter * ((colours[a, 1] + colours[b, 1]) + (colours[c, 1] + colours[d, 1]))
                blue[y, x] = quarter * ((colours[a, 2] + colours[b, 2]) + (colours[c, 2] + colours[d, 2]))
                speck[x] = _ZERO
        for x in range(green.shape[1]):
            far = min(max(abs(dust[y, x]) - np.float32(1.4), _ZERO), np.float32(2)) * speck[x]
            far = far if dust[y, x] > _ZERO else -far
            speck[x] = _ONE + veil[y, x] + np.float32(0.015) * dust[y, x] + np.float32(0.13) * far
        for x in range(green.shape[1]):
            red[y, x] *= speck[x]
            green[y, x] *= speck[x]
            blue[y, x] *= speck[x]
