"""White that is delivered dark is detected."""

import numpy as np

from pipeline.kernels.colour.codes import lowest_of_white


def test_white_that_is_delivered_dark_is_found_only_where_it_was_white_and_free() -> None:
    codes = np.array([[255, 255, 255], [255, 254, 255], [255, 255, 255], [255, 255, 255]], np.uint8)
    alpha = np.array([0, 0, 0.5, 0], np.float32)
    arrived = np.array([[250, 249, 255], [9, 9, 9], [9, 9, 9], [255, 255, 255]], np.uint8)
    out = np.empty(4, np.uint8)
    lowest_of_white(codes, alpha, arrived, out)
    assert out.tolist() == [249, 255, 255, 255]
