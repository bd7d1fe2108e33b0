"""k-means clustering of an image's pixels into a few main colours."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel


@kernel
def assign(
    planes: NDArray[np.float64], centres: NDArray[np.float64], labels: NDArray[np.int32], sums: NDArray[np.float64]
) -> float:
    """Assign 3×N pixels to the nearest of K×3 centres, the first of equal ones: one round of k-means (Lloyd, 1982).

    Writes N labels, and K×4 the sum of each centre's pixels and their count, from which the next centres follow.
    Returns the sum of the distances, which shows convergence. Everything but the labels is float64; colours are Lab.
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
