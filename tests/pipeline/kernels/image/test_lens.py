"""The lens's kernels against NumPy."""

import numpy as np

from pipeline.kernels.image.lens import quotients, weighted_means

RNG = np.random.default_rng(8)


def test_means_of_boxes_are_weighted_by_how_far_out_of_focus_their_pixels_are() -> None:
    picture = RNG.random((12, 20, 3), np.float32)
    depth = RNG.uniform(1, 3, (12, 20)).astype(np.float32)
    sums, means = np.empty((4, 5, 4), np.float32), np.empty((4, 5, 3), np.float32)
    for top in (0, 2):
        weighted_means(picture, depth, np.float32(1.5), np.float32(2), 4, top, sums[top : top + 2])
    quotients(sums, means)
    weight = np.clip((depth - 1.5) * 2, 1e-3, 1)[..., None]
    boxes = np.concatenate([picture * weight, weight], 2).reshape(4, 3, 5, 4, 4).sum((1, 3))
    np.testing.assert_allclose(sums, boxes, rtol=1e-5)
    np.testing.assert_allclose(means, boxes[..., :3] / boxes[..., 3:], rtol=1e-5)
