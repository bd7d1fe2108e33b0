"""An image laid over a picture, against plain NumPy: in linear light, and untouched pixels stay to the bit."""

import numpy as np

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.kernels.image.layers import lay_image

RNG = np.random.default_rng(7)
PICTURE = RNG.random((40, 50, 3), np.float32)


def test_an_image_is_laid_where_it_covers_more_than_the_minimum() -> None:
    image = RNG.random((40, 50, 4), np.float32) * np.float32(1.2)
    out = PICTURE.copy()
    lay_image(image, np.float32(0.3), out)
    share, touched = np.minimum(image[..., 3:], 1), image[..., 3] > 0.3
    expected = linear_to_srgb(srgb_to_linear(PICTURE) * (1 - share) + image[..., :3])
    np.testing.assert_allclose(out[touched], expected[touched], atol=1e-5)
    np.testing.assert_array_equal(out[~touched], PICTURE[~touched])
