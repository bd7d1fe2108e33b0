"""The lens's kernels against NumPy."""

import numpy as np

from pipeline.kernels.image.lens import defocus, quotients, vignette, weighted_means
from pipeline.kernels.image.resampling import enlarge

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


def test_what_is_out_of_focus_is_blended_with_two_enlarged_blurs() -> None:
    picture, depth = RNG.random((12, 20, 3), np.float32), RNG.uniform(1, 3, (12, 20)).astype(np.float32)
    depth[5] = 1
    soft, softer = RNG.random((6, 10, 3), np.float32), RNG.random((3, 5, 3), np.float32)
    large = np.empty((2, 12, 20, 3), np.float32)
    enlarge(soft, 12, 0, large[0])
    enlarge(softer, 12, 0, large[1])
    share = np.clip((depth - 1.5) * 1.25, 0, 2)[..., None]
    expected = picture + (large[0] - picture) * np.minimum(share, 1)
    expected += (large[1] - expected) * np.maximum(share - 1, 0)
    for top in (0, 7):
        rows = slice(top, top + 7)
        defocus(depth[rows], np.float32(1.5), np.float32(1.25), soft, softer, 12, top, picture[rows])
    np.testing.assert_allclose(picture, expected, atol=1e-6)


def test_corners_lose_light_by_the_fourth_power_of_the_way_there() -> None:
    strip = np.ones((4, 30, 3), np.float32)
    vignette(20, 3, np.float32(0.4), strip)
    v, u = ((np.arange(3, 7) + 0.5 - 10) / 10)[:, None], ((np.arange(30) + 0.5 - 15) / 15)[None]
    np.testing.assert_allclose(strip[..., 1], 1 - 0.4 * ((u * u + v * v) / 2) ** 2, atol=1e-6)
