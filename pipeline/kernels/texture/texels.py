"""Texture lookup: pyramids of means (mipmaps), and trilinear lookup along an image's rows.

A pyramid is one row of texels, level after level, from n×n and (n / 2)×(n / 2) down to 1×1; n is a power of 2. A
texel's centre is at (i + 0.5) texels, so that the levels agree; the texture tiles.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import colour_kernel, inlined_colour

Field = NDArray[np.float32]
#: Codes, proportional to the factors.
Texels = NDArray[np.uint16]
Parts = NDArray[np.uint16]
Starts = NDArray[np.int64]

#: Pixels of a row looked up at once, so that the texels around a block of rows stay in the processor's cache.
_BLOCK = 128

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
# log2 of 1 + t, t from 0 to 1, as t × polynomial: maximum error 3e-4, exact at both ends.
_L0, _L1, _L2, _L3 = (np.float32(c) for c in (1.44102163, -0.68539585, 0.32763287, -0.08325865))


@colour_kernel
def looked_up(codes: NDArray[np.uint8], table: Texels, out: Texels) -> None:
    """Write the values of a table of 256 at rows×n codes."""
    for y in range(codes.shape[0]):
        for x in range(codes.shape[1]):
            out[y, x] = table[codes[y, x]]


@colour_kernel
def halved(fine: Texels, coarse: Texels, top: int, bottom: int) -> None:
    """Box-filter the 2m×2m `fine` level by 2×2 texels into rows top..bottom of the m×m `coarse` level."""
    for y in range(top, bottom):
        upper, lower, out = fine[2 * y], fine[2 * y + 1], coarse[y]
        for x in range(out.size):
            two = np.int32(upper[2 * x]) + np.int32(upper[2 * x + 1])
            others = np.int32(lower[2 * x]) + np.int32(lower[2 * x + 1])
            out[x] = np.uint16((two + others + np.int32(2)) >> np.int32(2))


@inlined_colour
def _bilinear(texels: Texels, start: int, n: int, u: np.float32, v: np.float32) -> np.float32:
    """Return the value at (u, v) tiles of the n×n level that starts at `start`."""
    size = np.float32(n)
    x, y = u * size - _HALF, v * size - _HALF
    left, top = np.floor(x), np.floor(y)
    x, y = x - left, y - top
    mask = n - 1
    x0, y0 = np.int64(np.int32(left)) & mask, np.int64(np.int32(top)) & mask
    x1, y1 = (x0 + 1) & mask, (y0 + 1) & mask
    upper, lower = start + y0 * n, start + y1 * n
    a, b = np.float32(texels[np.uint64(upper + x0)]), np.float32(texels[np.uint64(upper + x1)])
    c, d = np.float32(texels[np.uint64(lower + x0)]), np.float32(texels[np.uint64(lower + x1)])
    one, other = a + x * (b - a), c + x * (d - c)
    return np.float32(one + y * (other - one))


@inlined_colour
def _trilinear(
    texels: Texels, starts: Starts, n: int, u: np.float32, v: np.float32, footprint: np.float32
) -> np.float32:
    """Return the value at (u, v) tiles for a pixel of `footprint` texels, between the two nearest levels."""
    bits = np.float32(max(footprint, _ONE)).view(np.int32)
    level = int(bits >> 23) - 127
    t = np.int32((bits & 0x7FFFFF) | 0x3F800000).view(np.float32) - _ONE
    share = t * (_L0 + t * (_L1 + t * (_L2 + t * _L3)))
    last = starts.size - 1
    low, high = min(level, last), min(level + 1, last)
    one = _bilinear(texels, int(starts[np.uint64(low)]), n >> low, u, v)
    other = _bilinear(texels, int(starts[np.uint64(high)]), n >> high, u, v)
    return one + share * (other - one)


@colour_kernel
def textured(
    pyramid: Texels,
    scales: Field,
    starts: Starts,
    n: int,
    way: Field,
    u: Field,
    v: Field,
    part: Parts,
    index: int,
    depth: Field,
    ratio: np.float32,
    left: int,
    out: Field,
) -> None:
    """Multiply a texture, by trilinear lookup, onto the pixels of one part in a strip of rows of linear RGB.

    `pyramid` is (1 or 3)×texels, and `scales` (1 or 3) are its multipliers. `starts` are the offsets of its levels, of
    which the first is n×n. `u` and `v` (rows×w) are places in canvas heights, of the columns from `left` on. `way`
    (2×3) turns and shifts them to places in tiles. `part` and `depth` (rows×W) and `out` (rows×W×3) are whole rows. A
    pixel of the part `index` covers depth × `ratio` texels. Trilinear: Williams, "Pyramidal parametrics", 1983.
    """
    channels = pyramid.shape[0]
    a, b, c, d, e, f = way[0, 0], way[0, 1], way[0, 2], way[1, 0], way[1, 1], way[1, 2]
    across, down, factor = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)
    for start in range(0, u.shape[1], _BLOCK):
        columns = slice(start, min(start + _BLOCK, u.shape[1]))
        for y in range(u.shape[0]):
            us, vs, pixels = u[y, columns], v[y, columns], out[y, left:][columns]
            parts, depths = part[y, left:][columns], depth[y, left:][columns]
            farthest, seen = _ZERO, 0
            for x in range(us.size):
                mine = parts[x] == index
                farthest = max(farthest, depths[x] if mine else _ZERO)
                seen += mine
            if seen == 0:
                continue
            for x in range(us.size):
                across[x] = a * us[x] + b * vs[x] + c
                down[x] = d * us[x] + e * vs[x] + f
            for channel in range(channels):
                texels, scale = pyramid[channel], scales[channel]
                if farthest * ratio <= _ONE:
                    for x in range(us.size):
                        factor[x] = _bilinear(texels, 0, n, across[x], down[x])
                else:
                    for x in range(us.size):
                        factor[x] = _trilinear(texels, starts, n, across[x], down[x], depths[x] * ratio)
                if channels == 3:
                    for x in range(us.size):
                        pixels[x, channel] *= factor[x] * scale if parts[x] == index else _ONE
            if channels == 1:
                for x in range(us.size):
                    value = factor[x] * scales[0] if parts[x] == index else _ONE
                    pixels[x, 0] *= value
                    pixels[x, 1] *= value
                    pixels[x, 2] *= value


@colour_kernel
def coloured(part: Parts, colours: Field, out: Field) -> None:
    """Write the colours (parts×3 linear RGB) of the parts (rows×W) of a strip of rows into `out` (rows×W×3)."""
    for y in range(part.shape[0]):
        for x in range(part.shape[1]):
            which = np.uint64(part[y, x])
            out[y, x, 0] = colours[which, 0]
            out[y, x, 1] = colours[which, 1]
            out[y, x, 2] = colours[which, 2]
