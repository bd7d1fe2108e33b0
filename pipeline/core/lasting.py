"""Arrays that outlive the swap that made them."""

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray


def lasting(shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Return an array of zeros in memory pages of its own.

    On the heap it would sit among a swap's temporary arrays and fragment the free memory. Each later swap would then
    find no gap for its large arrays and use more memory.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, size), dtype).reshape(shape)
