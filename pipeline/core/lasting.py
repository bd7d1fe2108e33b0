"""Memory: arrays that outlive the swap that made them, and free memory that goes back to the system."""

import ctypes
import mmap
import sys
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


def kept(array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of an array in pages of its own, as `lasting` makes them."""
    out = lasting(array.shape, array.dtype.type)
    out[...] = array
    return out


def give_back_memory() -> None:
    """Return free memory to the system. Takes 10 ms, and page faults of 0.4 CPU-seconds in the next swap."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only glibc has it
        if trim is not None:
            trim(0)
