"""Arrays that outlive a swap have memory pages of their own."""

import numpy as np

from pipeline.core.lasting import kept, lasting


def test_it_is_a_writable_array_of_zeros() -> None:
    array = lasting((30, 40), np.float32)
    assert array.shape == (30, 40)
    assert array.dtype == np.float32
    assert not array.any()
    array[3] = 1
    assert array.sum() == 40
    assert array.ctypes.data % 4096 == 0


def test_a_kept_array_is_a_copy_that_nothing_else_changes() -> None:
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    copy = kept(array[:, 1:])
    array[:] = 0
    assert (str(copy.dtype), copy.tolist()) == ("uint8", [[1, 2, 3], [5, 6, 7], [9, 10, 11]])
