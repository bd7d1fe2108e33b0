"""Antialiasing: the share of an edge pixel that each surface about it covers, and pictures mixed by those shares."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel
from pipeline.kernels.tracing.rays import Field, Ints, Surfaces, first_above, meet_row
from pipeline.kernels.tracing.solids import Shapes

Shares = NDArray[np.uint8]

_ZERO, _INF = np.float32(0), np.float32(np.inf)
#: The places of 3×3 neighbours, row by row, from the nearest to the farthest.
_ORDER = (4, 1, 3, 5, 7, 0, 2, 6, 8)


@kernel
def find_edges(top: int, bottom: int, surface: Surfaces, edge: Shares, counts: NDArray[np.int64]) -> None:
    """Mark with 1, else 0, the pixels of H×W surfaces that differ from one of the four beside them, for some rows.

    `edge` is H×W; the number of each row's goes into `counts`, H.
    """
    height, width = surface.shape
    for i in range(top, bottom):
        own, above, below, out = surface[i], surface[max(i - 1, 0)], surface[min(i + 1, height - 1)], edge[i]
        for j in range(width):
            out[j] = (own[j] != above[j]) | (own[j] != below[j])
        for j in range(width - 1):
            out[j] |= own[j] != own[j + 1]
        for j in range(1, width):
            out[j] |= own[j] != own[j - 1]
        count = np.int32(0)
        for j in range(width):
            count += np.int32(out[j])
        counts[i] = count


@kernel
def cover(
    top: int,
    bottom: int,
    surface: Surfaces,
    edge: Shares,
    shapes: Shapes,
    window: Field,
    origin: Field,
    across: Field,
    down: Field,
    profile: Field,
    ground: Field,
    first: NDArray[np.int64],
    place: Ints,
    share: Shares,
) -> None:
    """Trace 4×4 rays for each pixel on an edge of the rows `top` to `bottom`.

    `edge` is `find_edges`', `across` and `down` are the slopes of 4 rays to each column and row, `profile` and `ground`
    the heightfields' (`pipeline.scene.coverage`), the rest as in `rays.see`. Row i's pixels are
    written from `first[i]` on: `place` their row and column, `share` how many of their rays see the surface of each of
    3×3 neighbours. A ray that sees none of these counts for the pixel itself.
    """
    height, width = surface.shape
    for i in range(top, bottom):
        count = first[i + 1] - first[i]
        if count == 0:
            continue
        n = 4 * count
        at = np.empty(n, np.int64)
        dx, best, found = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.int32)
        k = 0
        for j in range(width):
            if edge[i, j]:
                place[first[i] + k // 4, 0] = i
                place[first[i] + k // 4, 1] = j
                for sub in range(4):
                    at[k] = 4 * j + sub
                    dx[k] = across[4 * j + sub]
                    k += 1
        for sub in range(4):
            dy = down[4 * i + sub]
            for k in range(n):
                best[k] = _INF
                found[k] = 0
            for m in range(len(ground)):
                code = np.int32(ground[m, 0])
                level = (ground[m, 2] - origin[1]) / dy if dy < _ZERO else _INF
                level = min(level, ground[m, 3])
                for k in range(n):
                    bound = profile[m, at[k]]
                    t = bound if ground[m, 1] == _ZERO else (level if dy < bound else _INF)
                    found[k] = code if t < best[k] else found[k]
                    best[k] = t if t < best[k] else best[k]
            for index in range(shapes.kind.size):
                if (dy >= window[index, 1]) & (dy <= window[index, 3]):
                    a, b = first_above(dx, window[index, 0]), first_above(dx, window[index, 2])
                    meet_row(shapes, index, index, a, b, origin, dx, dy, best, found)
            for k in range(n):
                j = at[k] // 4
                which = 4
                for order in _ORDER:
                    y = min(max(i + order // 3 - 1, 0), height - 1)
                    x = min(max(j + order % 3 - 1, 0), width - 1)
                    if surface[y, x] == found[k]:
                        which = order
                        break
                share[first[i] + k // 4, which] += 1


@kernel
def mix(start: int, end: int, place: Ints, share: Shares, picture: Field, out: Field) -> None:
    """Write the mean colours of the pixels `start` to `end` of `place`, by `share`, of H×W×3 float32 into n×3 `out`."""
    height, width, _ = picture.shape
    for k in range(start, end):
        i, j = place[k, 0], place[k, 1]
        red, green, blue = _ZERO, _ZERO, _ZERO
        for which in range(9):
            weight = np.float32(share[k, which]) * np.float32(1 / 16)
            if weight > _ZERO:
                y = min(max(i + which // 3 - 1, 0), height - 1)
                x = min(max(j + which % 3 - 1, 0), width - 1)
                red += weight * picture[y, x, 0]
                green += weight * picture[y, x, 1]
                blue += weight * picture[y, x, 2]
        out[k, 0] = red
        out[k, 1] = green
        out[k, 2] = blue
