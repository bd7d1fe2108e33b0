"""Images of surfaces by rows: upsampled light, changed colours, mirrored light, haze.

Surfaces are H×W uint16, part × faces + face. Light is linear RGB, and values are float32. Arrays of an image are strips
of its rows, C-contiguous, and `top` is the first of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.image.resampling import columns_between, mix_lines, neighbours, stretch
from pipeline.kernels.jit import colour_kernel, inlined, kernel

Pixels = NDArray[np.float32]
Surfaces = NDArray[np.uint16]

_ZERO, _ONE = np.float32(0), np.float32(1)
#: Pixels compared together in the search for a pixel at an edge.
_AT_ONCE = 64
_TWO, _THREE, _FOUR, _SIX = np.float32(2), np.float32(3), np.float32(4), np.float32(6)
#: Below this total weight, the nearest value is as good.
_LEAST = np.float32(1e-4)
#: Share of the light left right under a foot's edge; chosen by eye.
_LEFT = np.float32(0.15)


class Grid(NamedTuple):
    """Values on the surfaces of a small grid."""

    #: h×w×C float32, and the h×w surfaces of their places.
    values: Pixels
    low: Surfaces
    #: `even_cells` of `low`.
    even: NDArray[np.int32]
    #: By surface: whether the grid contains it.
    known: NDArray[np.bool_]
    #: Weight of values of other surfaces, relative to the surface's own.
    others: np.float32


@kernel
def even_cells(low: Surfaces) -> NDArray[np.int32]:
    """Return for each place of an h×w grid the surface that its right and lower neighbours share; -1 if they differ."""
    height, width = low.shape
    out = np.empty((height, width), np.int32)
    for y in range(height):
        below = min(y + 1, height - 1)
        for x in range(width):
            right = min(x + 1, width - 1)
            own = low[y, x]
            same = (low[y, right] == own) & (low[below, x] == own) & (low[below, right] == own)
            out[y, x] = own if same else -1
    return out


@inlined
def _nearest(low: Surfaces, wanted: int, y: int, x: int) -> tuple[int, int]:
    """Return the place of surface `wanted` nearest to y, x; the surface must occur."""
    height, width = low.shape
    best, best_y, best_x = 1 << 40, y, x
    ring = 0
    while ring * ring < best:
        for v in range(max(0, y - ring), min(height, y + ring + 1)):
            inside = abs(v - y) < ring
            step = 2 * ring if inside else 1
            u = x - ring
            while u <= x + ring:
                if (u >= 0) & (u < width) and low[v, u] == wanted:
                    away = (v - y) * (v - y) + (u - x) * (u - x)
                    if away < best:
                        best, best_y, best_x = away, v, u
                u += step
        ring += 1
    return best_y, best_x


@inlined
def _next_odd(cells: NDArray[np.int32], surfaces: NDArray[np.uint16], start: int) -> int:
    """Return the first place from `start` on whose surface differs from its cell's; the size if there is none."""
    while start < cells.size:
        end = min(start + _AT_ONCE, cells.size)
        others = 0
        for j in range(start, end):
            # Unsigned: an index that may be negative prevents SIMD.
            others += 1 if cells[np.uint64(j)] != np.int32(surfaces[np.uint64(j)]) else 0
        if others > 0:
            for j in range(start, end):
                if cells[j] != np.int32(surfaces[j]):
                    return j
        start = end
    return start


@inlined
def _spline(t: np.float32) -> np.float32:
    """Return the cubic B-spline at a distance: 2/3 at 0, and 0 from 2 on."""
    t = np.abs(t)
    two = _TWO - t
    near = (_FOUR - _SIX * t * t + _THREE * t * t * t) / _SIX
    return near if t < _ONE else (two * two * two / _SIX if t < _TWO else _ZERO)


@inlined
def _own_mean(
    grid: Grid, wanted: int, upper: int, left: int, down: np.float32, across: np.float32, out: Pixels
) -> None:
    """Write into `out`, C, a grid's values of the surface `wanted`, interpolated below and right of upper, left.

    The result is the surface's mean among 4×4 neighbours, weighted by cubic B-splines; without any, its nearest value.
    """
    values, low = grid.values, grid.low
    height, width, channels = values.shape
    total = _ZERO
    for k in range(channels):
        out[k] = _ZERO
    for m in range(-1, 3):
        y = min(max(upper + m, 0), height - 1)
        by_row = _spline(down - np.float32(m))
        for n in range(-1, 3):
            x = min(max(left + n, 0), width - 1)
            weight = by_row * _spline(across - np.float32(n)) * (_ONE if low[y, x] == wanted else grid.others)
            if weight > _ZERO:
                total += weight
                for k in range(channels):
                    out[k] += weight * values[y, x, k]
    if total > _LEAST:
        for k in range(channels):
            out[k] /= total
    else:
        y, x = _nearest(low, wanted, upper, left)
        for k in range(channels):
            out[k] = values[y, x, k]


@kernel
def upsample_at(grid: Grid, place: NDArray[np.int32], surfaces: Surfaces, tall: int, wide: int, out: Pixels) -> None:
    """Upsample like `upsample`, at the pixels `place`, n×2, of n `surfaces` of a `tall` × `wide` image: n×C."""
    values, even = grid.values, grid.even
    height, width, channels = values.shape
    for at in range(len(place)):
        upper, lower, down = neighbours(place[at, 0], height, tall)
        left, right, across = neighbours(place[at, 1], width, wide)
        wanted = np.int64(surfaces[at])
        if (even[upper, left] == wanted) | ~grid.known[wanted]:
            for k in range(channels):
                above = values[upper, left, k] + (values[upper, right, k] - values[upper, left, k]) * across
                below = values[lower, left, k] + (values[lower, right, k] - values[lower, left, k]) * across
                out[at, k] = above + (below - above) * down
        else:
            _own_mean(grid, int(wanted), upper, left, down, across, out[at])


@kernel
def touching(low: Surfaces, faces: int, depth: Pixels, apart: np.float32, reach: int, out: NDArray[np.uint8]) -> None:
    """Mark cells around the edges where parts closer than `apart` meet: `reach` + 1 there, down to 1, and 0 beyond.

    The grid is h×w. Parts are surfaces // `faces`. A cell is between a place and its right and lower neighbours.
    """
    height, width = low.shape
    out[:] = 0
    for y in range(height):
        below = min(y + 1, height - 1)
        for x in range(width):
            right = min(x + 1, width - 1)
            own = low[y, x] // faces
            if (low[y, right] // faces == own) & (low[below, x] // faces == own) & (low[below, right] // faces == own):
                continue
            one, two, three, four = depth[y, x], depth[y, right], depth[below, x], depth[below, right]
            if max(max(one, two), max(three, four)) - min(min(one, two), min(three, four)) < apart:
                for v in range(max(0, y - reach), min(height, y + reach + 1)):
                    for u in range(max(0, x - reach), min(width, x + reach + 1)):
                        mark = reach + 1 - max(abs(v - y), abs(u - x))
                        out[v, u] = mark if mark > out[v, u] else out[v, u]


def pixels_of(cells: NDArray[np.uint8], tall: int, top: int, out: NDArray[np.uint8]) -> None:
    """Copy to the n×W pixels, a strip of an image `tall` rows high, the marks of the h×w `cells` that contain them."""
    (uppers, _, _), (lefts, _, _) = columns_between(len(cells), tall), columns_between(cells.shape[1], out.shape[1])
    out[:] = cells[uppers[top : top + len(out)]][:, lefts]


@kernel
def upsample(grid: Grid, high: Surfaces, tall: int, top: int, out: Pixels) -> None:
    """Upsample a grid's values to the surfaces `high`, n×W: a strip of an image `tall` rows high.

    Joint bilateral upsampling (Kopf et al., SIGGRAPH 2007) that only distinguishes same and other surface:

    - Within a surface it is bilinear.
    - At edges it is the mean of the surface's own values among 4×4 neighbours, by cubic B-splines, which avoid steps.
    - Where the neighbours have no such value, it is the surface's nearest value.
    - Where the grid has no such value (`known`), it is bilinear among all.

    With `others` above 0, values of other surfaces get that weight too.
    """
    values, even = grid.values, grid.even
    height, width, channels = values.shape
    planes = np.empty((channels, width), np.float32)
    lefts, rights, shares = columns_between(width, high.shape[1])
    cells, of = np.empty(high.shape[1], np.int32), -1
    for i in range(high.shape[0]):
        upper, lower, down = neighbours(top + i, height, tall)
        if upper != of:
            of = upper
            for j in range(cells.size):
                cells[j] = even[upper, lefts[j]]
        mix_lines(values[upper], values[lower], down, planes)
        stretch(planes, lefts, rights, shares, out[i].reshape(-1))
        row = high[i]
        j = _next_odd(cells, row, 0)
        while j < cells.size:
            wanted = row[j]
            at, j = j, _next_odd(cells, row, j + 1)
            if grid.known[wanted]:
                _own_mean(grid, int(wanted), upper, int(lefts[at]), down, shares[at], out[i, at])


@kernel
def extents(part: Surfaces, out: NDArray[np.int64]) -> None:
    """Extend the extents of each part, parts×4, to its H×W pixels: first row and column, and those after the last."""
    height, width = part.shape
    for y in range(height):
        row, x = part[y], 0
        while x < width:
            which, first = row[x], x
            while x < width and row[x] == which:
                x += 1
            own = out[np.int64(which)]
            own[0], own[1] = min(own[0], y), min(own[1], first)
            own[2], own[3] = max(own[2], y + 1), max(own[3], x)


@colour_kernel
def repaint(surfaces: Surfaces, factors: Pixels, own: Pixels, light: Pixels) -> None:
    """Multiply n×W×3 light by the factor of each pixel's surface, and add the surface's own light.

    `factors` and `own` are tables by surface, surfaces×3.
    """
    for i in range(surfaces.shape[0]):
        for j in range(surfaces.shape[1]):
            surface = surfaces[i, j]
            for c in range(3):
                light[i, j, c] = light[i, j, c] * factors[surface, c] + own[surface, c]


@colour_kernel
def darken_feet(
    surfaces: Surfaces, depth: Pixels, down: Pixels, camera: np.float32, level: Pixels, by: Pixels, light: Pixels
) -> None:
    """Multiply n×W×3 light by the share that reaches a rounded foot, by each pixel's height above it.

    `down` are the slopes of the camera's n rows, and `camera` is its height. `level` and `by` are tables by surface, of
    the level of the ground under it (-inf without ground) and of 1 / the rounding's radius. The foot faces down. At
    height u, in radii, it sees the share u of a wall's sky; the floor in front of it reflects some light.
    """
    for i in range(surfaces.shape[0]):
        for j in range(surfaces.shape[1]):
            surface = surfaces[i, j]
            up = (camera + down[i] * depth[i, j] - level[surface]) * by[surface]
            if up < _ONE:
                share = _LEFT + (_ONE - _LEFT) * np.sqrt(max(up, _ZERO))
                for c in range(3):
                    light[i, j, c] *= share


@colour_kernel
def mix(image: Pixels, surfaces: Surfaces, first: int, last: int, shares: Pixels, light: Pixels) -> None:
    """Blend n×W×3 light, `image`, into `light` on surfaces `first` … `last`, by the share, 0–1, of each row."""
    for i in range(surfaces.shape[0]):
        for j in range(surfaces.shape[1]):
            surface = np.int64(surfaces[i, j])
            share = shares[i] if (surface >= first) & (surface <= last) else _ZERO
            for c in range(3):
                light[i, j, c] += (image[i, j, c] - light[i, j, c]) * share


@colour_kernel
def gather(
    light: Pixels,
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    hidden: NDArray[np.int32],
    means: Pixels,
    out: Pixels,
) -> None:
    """Gather H×W×3 light at n×m rows and columns, or the mean of the part in `hidden`, into n×m×3 `out`.

    `hidden` is -1 where the camera sees the place itself; `means` is parts×3.
    """
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            y, x, part = rows[i, j], columns[i, j], hidden[i, j]
            for c in range(3):
                out[i, j, c] = light[y, x, c] if part < 0 else means[part, c]


def sum_parts(
    surfaces: Surfaces, faces: int, step: int, light: Pixels, sums: NDArray[np.float64], counts: NDArray[np.int64]
) -> None:
    """Add every step-th pixel of every step-th row of H×W×3 light to the sums (parts×3) and counts of its part."""
    part = surfaces[::step, ::step].ravel() // faces
    counts += np.bincount(part, minlength=len(counts))
    for c in range(3):
        sums[:, c] += np.bincount(part, light[::step, ::step, c].ravel(), len(counts))


@colour_kernel
def fade(
    surfaces: Surfaces, faces: int, depth: Pixels, near: np.float32, sky: Pixels, bright: Pixels, light: Pixels
) -> None:
    """Apply haze to n×W×3 light: part 1 fades into `sky` (3) with `depth`, and part 0, the sky, is scaled.

    Haze begins at `near` and reaches its maximum share, 0.55, 9 canvas heights farther. `bright` (n) are the sky's
    factors by row.
    """
    for i in range(surfaces.shape[0]):
        for j in range(surfaces.shape[1]):
            part = np.int64(surfaces[i, j]) // faces
            away = min(max((depth[i, j] - near) * np.float32(1 / 9), _ZERO), _ONE) * np.float32(0.55)
            haze = away if part == 1 else _ZERO
            factor = bright[i] if part == 0 else _ONE
            for c in range(3):
                shown = light[i, j, c] * factor
                light[i, j, c] = shown + haze * (sky[c] - shown)
