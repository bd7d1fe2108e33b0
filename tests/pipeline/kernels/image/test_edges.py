"""Means about places on edges, against plain NumPy."""

import numpy as np

from pipeline.kernels.image.edges import binomial_means


def test_a_place_gets_the_binomial_mean_of_squares_about_it_and_the_frames_own_edge_goes_on() -> None:
    rng = np.random.default_rng(7)
    field = rng.random((9, 12), np.float32)
    place = np.array([[0, 0], [4, 5], [8, 11], [0, 7]], np.int32)
    mean = np.empty(len(place), np.float32)
    binomial_means(0, len(place), place, field, mean)
    around, weights = np.pad(field**2, 1, mode="edge"), np.outer([1, 2, 1], [1, 2, 1]) / 16
    expected = [np.sqrt((around[y : y + 3, x : x + 3] * weights).sum()) for y, x in place]
    np.testing.assert_allclose(mean, expected, rtol=1e-6)
