"""Means of boxes, enlargement and blur against Pillow's and SciPy's."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.core.resample import blurred, resize

RNG = np.random.default_rng(3)


def by_pillow(planes: np.ndarray, size: tuple[int, int], resampling: Image.Resampling) -> np.ndarray:
    """C×H×W planes resized to H×W×C."""
    return np.stack([np.asarray(Image.fromarray(plane).resize(size, resampling)) for plane in planes], -1)


@pytest.mark.parametrize(
    ("filtered", "size", "channels"),
    [
        *((Image.Resampling.BOX, (70, 41), 3), (Image.Resampling.BOX, (128, 300), 0)),
        *((Image.Resampling.BILINEAR, (700, 900), 3), (Image.Resampling.BILINEAR, (151, 640), 4)),
    ],
)
def test_means_of_boxes_and_enlargements_are_pillows(
    filtered: Image.Resampling, size: tuple[int, int], channels: int
) -> None:
    planes = RNG.random((max(1, channels), 128, 150), np.float32)
    image = np.ascontiguousarray(planes.transpose(1, 2, 0)) if channels else planes[0]
    out = resize(image, *size, filtered).reshape(size[1], size[0], -1)
    np.testing.assert_allclose(out, by_pillow(planes, size, filtered), atol=5e-5)


def test_a_mean_of_white_is_white() -> None:
    assert (resize(np.ones((777, 555, 3), np.float32), 100, 90, Image.Resampling.BOX) == 1).all()


@pytest.mark.parametrize(("sigma", "height"), [((1.4, 0.6), 600), ((20, 12), 7), ((0, 3), 7)])
def test_a_blur_is_scipys_gaussian_filter(sigma: tuple[float, float], height: int) -> None:
    image = RNG.random((height, 40, 3), np.float32)
    expected = np.stack([gaussian_filter(image[..., c], sigma) for c in range(3)], -1)
    np.testing.assert_allclose(blurred(image, *sigma), expected, atol=2e-6)
    np.testing.assert_allclose(blurred(image[..., 0], *sigma), expected[..., 0], atol=2e-6)
