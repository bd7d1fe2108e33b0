"""Pixels on the edges of surfaces, by their places."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel

_HALF, _QUARTER = np.float32(0.5), np.float32(0.25)


@kernel
def binomial_means(
    first: int, last: int, place: NDArray[np.int32], field: NDArray[np.float32], mean: NDArray[np.float32]
) -> None:
    """Write the roots of the 3×3 binomial means of squares of an H×W field about the places `first` to `last`, n×2.

    Beyond the frame its own edge goes on. `mean` is n.
    """
    height, width = field.shape
    for k in range(first, last):
        row, column = place[k, 0], place[k, 1]
        total = np.float32(0)
        for dy in range(-1, 2):
            y = min(max(row + dy, 0), height - 1)
            down = _HALF if dy == 0 else _QUARTER
            for dx in range(-1, 2):
                x = min(max(column + dx, 0), width - 1)
                across = _HALF if dx == 0 else _QUARTER
                total += down * across * (field[y, x] * field[y, x])
        mean[k] = np.sqrt(total)
