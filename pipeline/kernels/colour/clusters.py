"""Box filters by blocks, and k-means: a picture's pixels to the few colours that it is made of."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel


@kernel
def block_means(codes: NDArray[np.uint8], across: int, down: int, out: NDArray[np.uint8]) -> None:
    """Reduce H×3W uint8 codes, pixels of three, by a box filter: means of `down`×`across` blocks into h×w×3 `out`.

    Blocks at the right and the lower edge are the means of what is left there. The rounding is Pillow's
    (`Image.reduce`).
    """
    tall, wide = codes.shape
    height, width = out.shape[0], out.shape[1]
    sums = np.empty(min(3 * width * across, wide), np.uint32)
    for y in range(height):
        sums[:] = np.uint32(0)
        rows = min(down, tall - y * down)
        for row in range(y * down, y * down + rows):
            line = codes[row]
            for at in range(sums.size):
                sums[at] += np.uint32(line[at])
        for x in range(width):
            start, end = 3 * across * x, min(3 * across * (x + 1), sums.size)
            pixels = rows * ((end - start) // 3)
            factor, half = np.uint32((1 << 24) // pixels), np.uint32(pixels // 2)
            for c in range(3):
                total = half
                for at in range(start + c, end, 3):
                    total += sums[at]
                out[y, x, c] = np.uint8((total * factor) >> np.uint32(24))


@kernel
def block_averages(
    values: NDArray[np.float32], step: int, left: int, top: int, tall: int, wide: int, out: NDArray[np.float32]
) -> None:
    """Reduce `tall`×`wide` values by a box filter: means of step×step blocks, at the edges of what is left, into `out`.

    `out` is h×w float32. The values are 0 but for H×W float32 `values`, whose corner is at `left` and `top`.
    """
    height, width = values.shape
    sums = np.empty(width, np.float32)
    for y in range(out.shape[0]):
        sums[:] = np.float32(0)
        first, end = y * step, min(y * step + step, tall)
        rows = np.float32(end - first)
        for row in range(max(first - top, 0), min(end - top, height)):
            line = values[row]
            for at in range(width):
                sums[at] += line[at]
        for x in range(out.shape[1]):
            first, end = x * step, min(x * step + step, wide)
            total = np.float32(0)
            for at in range(max(first - left, 0), min(end - left, width)):
                total += sums[at]
            out[y, x] = total / (rows * np.float32(end - first))


@kernel
def block_maxima(values: NDArray[np.float32], step: int, out: NDArray[np.float32]) -> None:
    """Max-pool H×W float32 values by step×step blocks into h×w `out`; what is beyond the last block is left out."""
    height, width = out.shape
    highest = np.empty(width * step, np.float32)
    for y in range(height):
        line = values[y * step]
        for at in range(highest.size):  # value by value: a slice costs seconds of compilation (`resampling.box_means`)
            highest[at] = line[at]
        for row in range(y * step + 1, y * step + step):
            line = values[row]
            for at in range(highest.size):
                highest[at] = line[at] if line[at] > highest[at] else highest[at]
        for x in range(width):
            most = highest[x * step]
            for at in range(x * step + 1, x * step + step):
                most = max(most, highest[at])
            out[y, x] = most


@kernel
def assign(
    planes: NDArray[np.float64], centres: NDArray[np.float64], labels: NDArray[np.int32], sums: NDArray[np.float64]
) -> float:
    """Assign 3×N pixels to the nearest of K×3 centres, of equal ones the first: a round of k-means (Lloyd, 1982).

    Writes N labels, and K×4 the sums of each centre's pixels and their count, which make the next centres; returns the
    sum of the distances, by which the rounds settle. All but labels are float64, of Lab.
    """
    piece = 1024
    least = np.empty(piece, np.float64)
    total = 0.0
    sums[:] = 0.0
    for start in range(0, labels.size, piece):
        mine = labels[start : start + piece]
        end = start + piece
        x, y, z = planes[0, start:end], planes[1, start:end], planes[2, start:end]
        least[:] = np.inf
        for index in range(centres.shape[0]):
            cx, cy, cz = centres[index, 0], centres[index, 1], centres[index, 2]
            number = np.int32(index)
            for at in range(mine.size):
                across, down, deep = x[at] - cx, y[at] - cy, z[at] - cz
                squared = across * across + down * down + deep * deep
                nearer = squared < least[at]
                mine[at] = number if nearer else mine[at]
                least[at] = squared if nearer else least[at]
        for at in range(mine.size):
            total += np.sqrt(least[at])
            row = sums[mine[at]]
            row[0] += x[at]
            row[1] += y[at]
            row[2] += z[at]
            row[3] += 1.0
    return total
