"""Blocks are Pillow's and NumPy's, clusters are SciPy's."""

import numpy as np
import pytest
from PIL import Image
from scipy.cluster.vq import vq

from pipeline.kernels.colour.clusters import assign, block_averages, block_maxima, block_means


@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 2), (3, 3), (7, 4), (11, 11), (1, 5)])
def test_means_of_blocks_are_pillows(across: int, down: int) -> None:
    codes = np.random.default_rng(down).integers(0, 256, (61, 83, 3)).astype(np.uint8)
    out = np.empty((-(-61 // down), -(-83 // across), 3), np.uint8)
    block_means(codes.reshape(61, -1), across, down, out)
    np.testing.assert_array_equal(out, np.asarray(Image.fromarray(codes).reduce((across, down))))


@pytest.mark.parametrize("step", [1, 2, 5])
def test_averages_of_blocks_are_pillows(step: int) -> None:
    values = np.random.default_rng(step).random((41, 33), dtype=np.float32)
    out = np.empty((-(-41 // step), -(-33 // step)), np.float32)
    block_averages(values, step, 0, 0, 41, 33, out)
    np.testing.assert_allclose(out, np.asarray(Image.fromarray(values).reduce(step)), atol=1e-6)
    inside = np.zeros_like(values)
    inside[7:30, 4:33] = values[7:30, 4:33]
    block_averages(np.ascontiguousarray(values[7:30, 4:33]), step, 4, 7, 41, 33, out)
    np.testing.assert_allclose(out, np.asarray(Image.fromarray(inside).reduce(step)), atol=1e-6)


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
