"""The kernels of clustering against NumPy (blocks) and SciPy (clusters)."""

import numpy as np
import pytest
from scipy.cluster.vq import vq

from pipeline.kernels.colour.lab import assign


def test_pixels_go_to_the_nearest_centre_and_are_summed_up() -> None:
    rng = np.random.default_rng(5)
    pixels, centres = rng.normal(0, 30, (5000, 3)), rng.normal(0, 30, (7, 3))
    labels, sums = np.empty(5000, np.int32), np.empty((7, 4))
    total = assign(np.ascontiguousarray(pixels.T), centres, labels, sums)
    wanted, distances = vq(pixels, centres)
    np.testing.assert_array_equal(labels, wanted)
    assert total == pytest.approx(distances.sum())
    for index in range(7):
        np.testing.assert_allclose(sums[index, :3], pixels[labels == index].sum(axis=0))
        assert sums[index, 3] == (labels == index).sum()
