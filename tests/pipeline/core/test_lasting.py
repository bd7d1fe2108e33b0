"""Arrays that outlive a swap have memory pages of their own."""

import numpy as np

from pipeline.core.lasting import lasting


def test_it_is_a_writable_array_of_zeros() -> None:
    array = lasting((30, 40), np.float32)
    assert array.shape == (30, 40)
    assert array.dtype == np.float32
    assert not array.any()
    array[3] = 1
    assert array.sum() == 40
    assert array.ctypes.data % 4096 == 0
