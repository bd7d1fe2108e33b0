"""Antialiasing: the share of an edge pixel that each surrounding surface covers, and images mixed by these shares."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import inlined, kernel
from pipeline.kernels.tracing.rays import Field, Ints, Surfaces, camera_rays, meet_all
from pipeline.kernels.tracing.solids import Shapes

Shares = NDArray[np.uint8]

#: Rays per edge pixel.
ACROSS, DOWN = 4, 16

_ZERO, _INF = np.float32(0), np.float32(np.inf)
#: Search distance, in pixels, for a surface thinner than a pixel.
_FAR = 96
#: The places of 3×3 neighbours, numbered row by row, in order of distance.
_ORDER = (4, 1, 3, 5, 7, 0, 2, 6, 8)


@kernel
def find_edges(top: int, bottom: int, surface: Surfaces, edge: Shares, counts: NDArray[np.int64]) -> None:
    """Mark with 1, else 0, the pixels of H×W surfaces that differ from one of their four neighbours, for some rows.

    `edge` is H×W; `counts` (H) gets the number of edge pixels in each row.
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


@inlined
def _far(surface: Surfaces, wanted: int, i: int, j: int) -> tuple[int, int]:
    """Return the nearest place of surface `wanted` along the row or the column of i, j; -1, -1 if there is none.

    A face thinner than a pixel passes between most pixels' centres and shows only in some. Strips of 5 pixels across
    are searched.
    """
    height, width = surface.shape
    for away in range(2, _FAR):
        for side in range(-2, 3):
            for sign in (-1, 1):
                y, x = i + side, j + sign * away
                if (y >= 0) & (y < height) & (x >= 0) & (x < width) and surface[y, x] == wanted:
                    return y, x
                y, x = i + sign * away, j + side
                if (y >= 0) & (y < height) & (x >= 0) & (x < width) and surface[y, x] == wanted:
                    return y, x
    return -1, -1


@inlined
def _level(
    ground: NDArray[np.float32], surface: Surfaces, depth: Field, down: Field, origin: Field, i: int, j: int
) -> np.float32:
    """Return a heightfield's height above the camera near pixel i, j, from the nearest pixel that shows it."""
    height, width = surface.shape
    above = ground[2] - origin[1]
    for order in _ORDER:
        y, x = i + order // 3 - 1, j + order % 3 - 1
        if (y >= 0) & (y < height) & (x >= 0) & (x < width) and surface[y, x] == ground[0]:
            middle = np.float32(0.5) * (down[DOWN * y + DOWN // 2 - 1] + down[DOWN * y + DOWN // 2])
            above = middle * depth[y, x]
            break
    return np.float32(above)


@inlined
def _shift(sub: int) -> np.float32:
    """Return the horizontal shift of the rays in a pixel's row `sub`, -0.5 to 0.5 of the distance between rays.

    By van der Corput's sequence, the shifts of a pixel's rows all differ. Steep and flat edges therefore also have as
    many levels as there are rays.
    """
    shift = np.float32(0)
    half, rest = np.float32(0.5), sub
    while half * np.float32(DOWN) >= np.float32(1):
        shift += half * np.float32(rest % 2)
        half, rest = half * np.float32(0.5), rest // 2
    return shift + np.float32(0.5 / DOWN) - np.float32(0.5)


@inlined
def _which(surface: Surfaces, found: int, far: NDArray[np.int32], seen_far: int, i: int, j: int) -> int:
    """Return the place that shows the surface which a ray of pixel i, j found: 0 to 8 of 3×3, or 9 for `far`.

    While `seen_far` is 0, no ray uses `far`. It is then moved to a surface that is not among the 3×3 places.
    """
    height, width = surface.shape
    for order in _ORDER:
        y, x = min(max(i + order // 3 - 1, 0), height - 1), min(max(j + order % 3 - 1, 0), width - 1)
        if surface[y, x] == found:
            return order
    if surface[far[0], far[1]] == found:
        return 9
    if seen_far == 0:
        y, x = _far(surface, found, i, j)
        if y >= 0:
            far[0], far[1] = y, x
            return 9
    return 4


@kernel
def cover(
    top: int,
    bottom: int,
    surface: Surfaces,
    depth: Field,
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
    far: Ints,
    share: Shares,
) -> None:
    """Supersample the edge pixels of the rows `top` to `bottom` with DOWN × ACROSS rays each.

    `surface` and `depth` are H×W; `edge` comes from `find_edges`. `across` and `down` are the slopes of ACROSS rays per
    column and DOWN per row. `profile` and `ground` are the heightfields' (`pipeline.scene.coverage`). The rest is as in
    `rays.see`. Row i's pixels are written from `first[i]` on. `place`, n×2, gets their row and column. `share`, n×10,
    counts a pixel's rays by surface: those of its 3×3 neighbours and, last, that of the pixel `far`, n×2. A ray that
    sees none of these counts for the pixel itself.
    """
    width, which = surface.shape[1], np.empty(1, np.int64)
    step = across[1] - across[0]
    for i in range(top, bottom):
        count = first[i + 1] - first[i]
        if count == 0:
            continue
        n = ACROSS * count
        at, slope = np.empty(n, np.int64), np.empty(n, np.float32)
        above = np.empty((len(ground), count), np.float32)
        dx, best, found = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.int32)
        ray = camera_rays(origin, n)
        k = 0
        for j in range(width):
            if edge[i, j]:
                pixel = first[i] + k // ACROSS
                place[pixel, 0], place[pixel, 1] = i, j
                far[pixel, 0], far[pixel, 1] = i, j
                for m in range(len(ground)):
                    above[m, k // ACROSS] = _level(ground[m], surface, depth, down, origin, i, j)
                for sub in range(ACROSS):
                    at[k] = ACROSS * j + sub
                    slope[k] = across[ACROSS * j + sub]
                    k += 1
        for sub in range(DOWN):
            dy = down[DOWN * i + sub]
            shift = _shift(sub) * step
            for k in range(n):
                dx[k] = slope[k] + shift
                best[k] = _INF
                found[k] = 0
            for m in range(len(ground)):
                code = np.int32(ground[m, 0])
                for k in range(n):
                    level = above[m, k // ACROSS] / dy
                    level = min(level if level > _ZERO else _INF, ground[m, 3])
                    bound = profile[m, at[k]]
                    t = bound if ground[m, 1] == _ZERO else (level if dy < bound else _INF)
                    found[k] = code if t < best[k] else found[k]
                    best[k] = t if t < best[k] else best[k]
            meet_all(shapes, window, dx, dy, which, ray, best, found)
            for k in range(n):
                j, pixel = at[k] // ACROSS, first[i] + k // ACROSS
                share[pixel, _which(surface, found[k], far[pixel], share[pixel, 9], i, j)] += 1


@kernel
def mix(start: int, end: int, place: Ints, far: Ints, share: Shares, picture: Field, out: Field) -> None:
    """Write the means, by `share`, of H×W×C float32 at the pixels `start` to `end` of `place` into n×C `out`."""
    height, width, channels = picture.shape
    for k in range(start, end):
        i, j = place[k, 0], place[k, 1]
        for c in range(channels):
            out[k, c] = _ZERO
        for which in range(10):
            weight = np.float32(share[k, which]) * np.float32(1 / (ACROSS * DOWN))
            if weight > _ZERO:
                y = min(max(i + which // 3 - 1, 0), height - 1) if which < 9 else far[k, 0]
                x = min(max(j + which % 3 - 1, 0), width - 1) if which < 9 else far[k, 1]
                for c in range(channels):
                    out[k, c] += weight * picture[y, x, c]
