"""Colour curves against their formulas."""

import numpy as np
import pytest

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.kernels.colour.colours import encode_in_place

VALUES = np.linspace(0, 1, 4001, dtype=np.float32)


def decoded(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb.astype(np.float64) + 0.055) / 1.055) ** 2.4)


def encoded(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.astype(np.float64) ** (1 / 2.4) - 0.055)


def test_the_curves_match_the_standard_and_keep_black_and_white() -> None:
    np.testing.assert_allclose(srgb_to_linear(VALUES), decoded(VALUES), atol=1.5e-6)
    np.testing.assert_allclose(linear_to_srgb(VALUES), encoded(VALUES), atol=1e-6)
    for curve in (srgb_to_linear, linear_to_srgb):
        assert curve(np.array([-0.5, 0, 1, 1.5])).tolist() == [0, 0, 1, 1]


def test_encoding_in_place_equals_encoding() -> None:
    light = VALUES.copy()
    encode_in_place(light)
    np.testing.assert_array_equal(light, linear_to_srgb(VALUES))


def test_arrays_of_any_shape_and_read_only_ones_are_converted() -> None:
    locked = np.broadcast_to(np.float32(0.5), (3, 2))
    assert srgb_to_linear(locked).shape == (3, 2)
    assert srgb_to_linear(np.array(0.5)) == pytest.approx(0.2140411, abs=1e-6)
    assert srgb_to_linear(np.zeros((0, 3))).shape == (0, 3)
