import numpy as np
import pytest

from pipeline.compositing.composite import apply_shadow, composite
from pipeline.core.types import Placed


def halves(alpha: float) -> Placed:
    return Placed(np.ones((8, 8, 3), np.float32), np.full((8, 8), alpha, np.float32), (0, 0, 8, 8), 1)


def test_half_coverage_adds_light_and_not_codes() -> None:
    out = composite(halves(0.5), np.zeros((8, 8, 3), np.float32))
    # 0.5 linear is sRGB 0.7354 (IEC 61966-2-1).
    np.testing.assert_allclose(out, 0.7354, atol=1e-3)


def test_opaque_pixels_are_the_products_and_empty_ones_the_backgrounds_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    product, ground = rng.random((300, 20, 3), np.float32), rng.random((300, 20, 3), np.float32)
    alpha = (rng.random((300, 20)) > 0.5).astype(np.float32)
    out = composite(Placed(product, alpha, (0, 0, 20, 300), 1), ground.copy())
    np.testing.assert_array_equal(out, np.where(alpha[..., None] == 1, product, ground))


def test_without_a_background_alpha_stays_straight() -> None:
    out = composite(halves(0.25), None)
    assert out.shape == (8, 8, 4)
    assert (out[..., :3] == 1).all()
    assert (out[..., 3] == 0.25).all()


def test_shade_takes_the_share_of_light_and_leaves_the_rest_alone() -> None:
    ground = np.full((300, 4, 3), 0.7354, np.float32)
    shadow = np.zeros((300, 4), np.float32)
    shadow[280:] = 0.5
    out = apply_shadow(ground.copy(), shadow)
    np.testing.assert_array_equal(out[:280], ground[:280])
    assert out[290, 0, 0] == pytest.approx(0.5371, abs=1e-3)  # a quarter of the light
