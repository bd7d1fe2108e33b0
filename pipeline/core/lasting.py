"""Arrays that outlive the swap that made them."""

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray


def lasting(shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Return an array of zeros in pages of its own.

    From the heap it would be taken while a swap's arrays fill it, and stay behind among them for good: what is free
    then lies in pieces, no large array finds room, and each swap takes more.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, size), dtype).reshape(shape)
