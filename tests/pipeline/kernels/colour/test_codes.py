"""Codes of 8 bits: the dither is NumPy's own noise in steps of a byte, and white that arrives dark is seen."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.codes import resized
from pipeline.delivery.encode import to_8_bit
from pipeline.kernels.colour.codes import lowest_of_white


def dithered(image: NDArray[np.float32], kept: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Quantise with triangular dither, in plain NumPy: blocks of 256 rows, one stream of noise in steps of 1 / 127."""
    codes = np.empty(image.shape, np.uint8)
    rng = np.random.default_rng(0x64697468)
    for top in range(0, image.shape[0], 256):
        block = image[top : top + 256]
        rounded = np.rint(np.clip(block, 0, 1) * np.float32(255)).astype(np.uint8)
        noise = rng.random(block.shape, dtype=np.float32)
        noise -= rng.random(block.shape, dtype=np.float32)
        noise = np.rint(noise * np.float32(127)) * np.float32(1 / 127)
        noisy = np.clip(np.floor(block * np.float32(255) + noise + np.float32(0.5)), 0, 255).astype(np.uint8)
        plain = (block >= 1) | (block <= 0) | kept[top : top + 256, :, None]
        codes[top : top + 256] = np.where(plain, rounded, noisy)
    return codes


# odd sizes: there a draw of 64 bits is shared by two rows, or by the two numbers of one value
@pytest.mark.parametrize("size", [(64, 64), (301, 333), (257, 5), (1, 1), (100, 77), (700, 31)])
def test_the_noise_is_numpys_own_stream(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    image = np.clip(rng.normal(0.5, 0.4, (*size, 3)), 0, 1).astype(np.float32)
    kept = rng.random(size) > 0.6
    # the compiled product and sum are one operation, which rounds once: a code in a million
    assert (to_8_bit(image, kept) != dithered(image, kept)).mean() < 1e-5


def test_white_that_arrives_dark_is_seen_only_where_it_was_white_and_free() -> None:
    codes = np.array([[255, 255, 255], [255, 254, 255], [255, 255, 255], [255, 255, 255]], np.uint8)
    alpha = np.array([0, 0, 0.5, 0], np.float32)
    arrived = np.array([[250, 249, 255], [9, 9, 9], [9, 9, 9], [255, 255, 255]], np.uint8)
    out = np.empty(4, np.uint8)
    lowest_of_white(codes, alpha, arrived, out)
    assert out.tolist() == [249, 255, 255, 255]


@pytest.mark.parametrize("size", [(60, 80), (150, 200), (301, 401), (7, 9)])
def test_a_resampled_picture_is_pillows(size: tuple[int, int]) -> None:
    codes = np.random.default_rng(7).integers(0, 256, (400, 300, 3)).astype(np.uint8)
    wanted = Image.fromarray(codes).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    np.testing.assert_array_equal(resized(codes, *size), np.asarray(wanted))


def test_a_squeezed_picture_is_pillows() -> None:
    codes = np.random.default_rng(8).integers(0, 256, (400, 200, 3)).astype(np.uint8)
    wanted = Image.fromarray(codes).resize((96, 96), Image.Resampling.BICUBIC, reducing_gap=2.0)
    np.testing.assert_array_equal(resized(codes, 96, 96), np.asarray(wanted))
