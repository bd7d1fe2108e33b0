"""Layers of a picture against plain NumPy: each in linear light, and untouched pixels stay to the bit."""

import numpy as np
from PIL import Image

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.resample import resize
from pipeline.kernels.image.layers import (
    darken,
    dim,
    lay_image,
    lay_product,
    premultiplied_means,
)

RNG = np.random.default_rng(7)
PICTURE = RNG.random((40, 50, 3), np.float32)
SOME = (RNG.random((40, 50)) > 0.5).astype(np.float32)


def check(out: np.ndarray, expected: np.ndarray, touched: np.ndarray) -> None:
    np.testing.assert_allclose(out[touched], expected[touched], atol=1e-5)
    np.testing.assert_array_equal(out[~touched], PICTURE[~touched])


def test_a_shadow_takes_its_share_of_the_light() -> None:
    shadow = SOME * RNG.random((40, 50), np.float32)
    out = PICTURE.copy()
    darken(shadow, out)
    check(out, linear_to_srgb(srgb_to_linear(PICTURE) * (1 - shadow)[..., None]), shadow > 0)


def test_a_shadow_takes_the_same_share_of_linear_light() -> None:
    shadow = SOME * RNG.random((40, 50), np.float32)
    out = PICTURE.copy()
    dim(shadow, out)
    check(out, PICTURE * (1 - shadow)[..., None], shadow > 0)


def test_an_image_is_laid_where_it_covers_more_than_the_minimum() -> None:
    image = RNG.random((40, 50, 4), np.float32) * np.float32(1.2)
    out = PICTURE.copy()
    lay_image(image, np.float32(0.3), out)
    share = np.minimum(image[..., 3:], 1)
    check(out, linear_to_srgb(srgb_to_linear(PICTURE) * (1 - share) + image[..., :3]), image[..., 3] > 0.3)


def test_a_product_is_laid_over_and_its_soft_edge_takes_some_of_the_light_around() -> None:
    rgb, around = RNG.random((40, 50, 3), np.float32), RNG.random((4, 5, 3), np.float32)
    alpha = np.clip(RNG.random((40, 50), np.float32) * 2 - np.float32(0.5), 0, 1)
    out = PICTURE[8:24].copy()
    lay_product(rgb[8:24], 0, alpha[8:24], around, np.float32(0.35), 40, 8, out)
    near = resize(around, 50, 40, Image.Resampling.BILINEAR)
    edge, cover = srgb_to_linear(rgb), alpha[..., None]
    edge = np.minimum(edge + np.float32(0.35) * (1 - cover) * np.maximum(near - edge, 0), 1)
    expected = linear_to_srgb(edge * cover + srgb_to_linear(PICTURE) * (1 - cover))
    expected = np.where(cover >= 1, rgb, np.where(cover <= 0, PICTURE, expected))
    np.testing.assert_allclose(out, expected[8:24], atol=1e-5)
    opaque, empty = alpha[8:24] >= 1, alpha[8:24] <= 0
    np.testing.assert_array_equal(out[opaque], rgb[8:24][opaque])
    np.testing.assert_array_equal(out[empty], PICTURE[8:24][empty])


def test_means_of_a_product_weigh_its_light_by_its_coverage() -> None:
    alpha = np.where((np.arange(50) > 12) & (np.arange(50) < 31), SOME, 0).astype(np.float32)
    out = np.empty((10, 25, 4), np.float32)
    premultiplied_means(PICTURE, (0, 0), alpha, 20, 5, out)
    whole = np.dstack([srgb_to_linear(PICTURE) * alpha[..., None], alpha])
    np.testing.assert_allclose(out, whole.reshape(20, 2, 25, 2, 4).mean((1, 3))[5:15], atol=1e-6)
