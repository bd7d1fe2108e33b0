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


@pytest.mark.parametrize("size", [(64, 64), (70, 41), (150, 97), (128, 300)])
@pytest.mark.parametrize("channels", [0, 3, 4])
def test_boxes_are_averaged_as_pillow_averages_them(size: tuple[int, int], channels: int) -> None:
    planes = RNG.random((max(1, channels), 128, 150), np.float32)
    image = np.ascontiguousarray(planes.transpose(1, 2, 0)) if channels else planes[0]
    out = resize(image, *size, Image.Resampling.BOX).reshape(size[1], size[0], -1)
    np.testing.assert_allclose(out, by_pillow(planes, size, Image.Resampling.BOX), atol=1e-6)


@pytest.mark.parametrize("size", [(150, 128), (700, 900), (151, 640)])
@pytest.mark.parametrize("channels", [0, 1, 3, 4])
def test_enlargement_is_pillows_bilinear_one(size: tuple[int, int], channels: int) -> None:
    planes = RNG.random((max(1, channels), 128, 150), np.float32)
    image = np.ascontiguousarray(planes.transpose(1, 2, 0)) if channels else planes[0]
    out = resize(image, *size, Image.Resampling.BILINEAR).reshape(size[1], size[0], -1)
    np.testing.assert_allclose(out, by_pillow(planes, size, Image.Resampling.BILINEAR), atol=5e-5)


def test_a_mean_of_white_is_white() -> None:
    assert (resize(np.ones((777, 555, 3), np.float32), 100, 90, Image.Resampling.BOX) == 1).all()


@pytest.mark.parametrize("sigma", [(0.3, 0.3), (1.4, 0.6), (20, 12), (0, 3)])
@pytest.mark.parametrize("height", [7, 600])
def test_a_blur_is_scipys_gaussian_filter(sigma: tuple[float, float], height: int) -> None:
    image = RNG.random((height, 40, 3), np.float32)
    expected = np.stack([gaussian_filter(image[..., c], sigma) for c in range(3)], -1)
    np.testing.assert_allclose(blurred(image, *sigma), expected, atol=2e-6)
    np.testing.assert_allclose(blurred(image[..., 0], *sigma), expected[..., 0], atol=2e-6)
