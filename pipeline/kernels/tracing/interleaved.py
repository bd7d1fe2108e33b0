"""Sharing of interleaved samples among neighbours: a filter for the result of `lights`.

Source: Keller and Heidrich, EGWR 2001.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import inlined, kernel
from pipeline.kernels.tracing.rays import F, Field, Ints, Surfaces

_ZERO, _ONE = np.float32(0), np.float32(1)
#: Pixels of a row that are shared or skipped together.
_RUN = 32


@inlined
def _alike(surface: Surfaces, normal: Field, i: int, j: int | np.uint64, y: int, x: int | np.uint64) -> F:
    """Return 1 if two pixels have the same surface and face the same way, else 0."""
    dot = normal[0, i, j] * normal[0, y, x] + normal[1, i, j] * normal[1, y, x] + normal[2, i, j] * normal[2, y, x]
    return _ONE if (surface[i, j] == surface[y, x]) & (dot > np.float32(0.8)) else _ZERO


@kernel
def share_picked(place: Ints, wide: int, surface: Surfaces, normal: Field, field: Field, out: Field) -> None:
    """Filter C×n `field` of picked pixels as `share` does, using only neighbours that are also picked.

    `place` is n×2, rows and columns, sorted by rows; `wide` is the image's width. `surface` has n values, `normal` 3×n.
    """
    channels, n = field.shape
    seen, way = surface.reshape(1, n), normal.reshape(3, 1, n)
    index = np.full((3, wide + 2), -1, np.int64)
    start, end, loaded = 0, 0, np.int64(-1)
    while start < n:
        i = place[start, 0]
        stop = start
        while stop < n and place[stop, 0] == i:
            stop += 1
        loaded = max(loaded, i - 2)
        while loaded < i + 1:
            loaded += 1
            row = index[loaded % 3]
            row[:] = -1
            while end < n and place[end, 0] < loaded:
                end += 1
            while end < n and place[end, 0] == loaded:
                row[place[end, 1] + 1] = end
                end += 1
        for k in range(start, stop):
            total = _ZERO
            for c in range(channels):
                out[c, k] = _ZERO
            for dy in range(-1, 2):
                row = index[(i + dy) % 3]
                for dx in range(-1, 2):
                    other = row[place[k, 1] + 1 + dx]
                    if other >= 0 and place[other, 0] == i + dy and _alike(seen, way, 0, k, 0, other) > _ZERO:
                        total += _ONE
                        for c in range(channels):
                            out[c, k] += field[c, other]
            for c in range(channels):
                out[c, k] /= total
        start = stop


@kernel
def share(
    top: int, bottom: int, lit: NDArray[np.bool_], surface: Surfaces, normal: Field, field: Field, out: Field
) -> None:
    """Filter C×H×W `field` of interleaved samples: 3×3 means over pixels of one surface that face the same way.

    Filters rows `top` to `bottom`, but no run of _RUN pixels without one that is `lit`, H×W; `normal` is 3×H×W, unit.
    """
    channels, height, width = field.shape
    weight, count = np.empty(width, np.float32), np.empty(width, np.float32)
    for i in range(top, bottom):
        for first in range(0, width, _RUN):
            last, some = min(first + _RUN, width), False
            for j in range(first, last):
                some |= lit[i, j]
                count[j] = _ZERO
            if not some:
                continue
            for c in range(channels):
                for j in range(first, last):
                    out[c, i, j] = _ZERO
            for dy in range(-1, 2):
                # Beyond the frame, use the row a pattern's period further in: a repeated row would show as a border.
                y = i + dy
                y = min(y + 3, height - 1) if y < 0 else (max(y - 3, 0) if y >= height else y)
                for dx in range(-1, 2):
                    a, b = max(first, -dx), min(last, width - dx)
                    end = 0 if dx < 0 else width - 1
                    beyond = min(2, width - 1) if dx < 0 else max(width - 3, 0)
                    ends = (dx != 0) & (first <= end) & (end < last)
                    for j in range(a, b):
                        # Unsigned: an index that might be negative would prevent SIMD.
                        weight[j] = _alike(surface, normal, i, np.uint64(j), y, np.uint64(j + dx))
                    if ends:
                        weight[end] = _alike(surface, normal, i, end, y, beyond)
                    for j in range(first, last):
                        count[j] += weight[j]
                    for c in range(channels):
                        to, row = out[c, i], field[c, y]
                        for j in range(a, b):
                            to[np.uint64(j)] += weight[np.uint64(j)] * row[np.uint64(j + dx)]
                        if ends:
                            to[end] += weight[end] * row[beyond]
            for c in range(channels):
                for j in range(first, last):
                    out[c, i, j] /= count[j]
