"""Arrays that outlive a swap lie in pages of their own."""

import numpy as np

from pipeline.core.lasting import lasting


def test_it_is_an_array_of_zeros_that_can_be_written() -> None:
    array = lasting((30, 40), np.float32)
    assert array.shape == (30, 40)
    assert array.dtype == np.float32
    assert not array.any()
    array[3] = 1
    assert array.sum() == 40
    assert array.ctypes.data % 4096 == 0
