"""Which pixels belong to the background, and which differences are within bounds."""

import numpy as np
import pytest

from pipeline.colour.palette import MEASURED_SIDE, background_pixels, meets_bars


def test_the_products_pixels_and_their_neighbours_are_not_the_backgrounds() -> None:
    rgb = np.full((100, 100, 3), 51, np.uint8)
    alpha = np.zeros((100, 100), np.float32)
    alpha[40:60, 40:60] = 1
    rgb[40:60, 40:60] = (255, 0, 0)
    rgb[39, 40:60] = (200, 30, 30)
    pixels = background_pixels(rgb, alpha)
    np.testing.assert_allclose(pixels, 0.2, atol=1e-6)
    assert len(pixels) == 100 * 100 - 22 * 22 + 4


def test_grain_is_averaged_in_blocks_of_a_large_picture() -> None:
    rng = np.random.default_rng(0)
    side = 4 * MEASURED_SIDE
    rgb = rng.integers(100, 156, (side, side, 3)).astype(np.uint8)
    pixels = background_pixels(rgb, np.zeros((side, side), np.float32))
    assert len(pixels) == MEASURED_SIDE**2
    assert pixels.std() < 0.35 * (rgb / 255).std()


@pytest.mark.parametrize(
    ("deltas", "met"), [((), True), ((5.0,), True), ((5.1,), False), ((0.5, 0.5, 9.9), True), ((0.5, 0.5, 10.1), False)]
)
def test_the_mean_and_the_worst_colour_each_have_a_bound(deltas: tuple[float, ...], met: bool) -> None:
    assert meets_bars(deltas) is met
