"""Blocks are Pillow's and NumPy's, clusters are SciPy's."""

import numpy as np
import pytest
from PIL import Image
from scipy.cluster.vq import vq

from pipeline.kernels.clusters import assign, block_maxima, block_means, draw_near


@pytest.mark.parametrize("step", [1, 2, 3, 7, 11])
def test_means_of_blocks_are_pillows(step: int) -> None:
    codes = np.random.default_rng(step).integers(0, 256, (61, 83, 3)).astype(np.uint8)
    rows, columns = 61 // step, 83 // step
    out = np.empty((rows, columns, 3), np.uint8)
    block_means(codes.reshape(61, -1), step, out)
    wanted = np.asarray(Image.fromarray(codes[: rows * step, : columns * step]).reduce(step))
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("step", [1, 2, 5])
def test_maxima_of_blocks_are_exact(step: int) -> None:
    values = np.random.default_rng(step).random((40, 33), dtype=np.float32)
    rows, columns = 40 // step, 33 // step
    out = np.empty((rows, columns), np.float32)
    block_maxima(values, step, out)
    blocks = values[: rows * step, : columns * step].reshape(rows, step, columns, step)
    np.testing.assert_array_equal(out, blocks.max(axis=(1, 3)))


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


def test_distances_to_one_more_centre_and_their_running_sums() -> None:
    rng = np.random.default_rng(6)
    pixels, nearest, sums = rng.normal(0, 30, (1000, 3)), np.full(1000, np.inf), np.empty(1000)
    for centre in pixels[:2]:
        most = draw_near(np.ascontiguousarray(pixels.T), centre, nearest, sums)
    wanted = np.minimum(*(((pixels - centre) ** 2).sum(axis=1) for centre in pixels[:2]))
    np.testing.assert_allclose(nearest, wanted)
    np.testing.assert_allclose(sums, wanted.cumsum())
    assert most == nearest.max()
