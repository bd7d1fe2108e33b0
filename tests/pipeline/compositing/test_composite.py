import numpy as np

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.compositing.composite import STRENGTH, composite, light_around
from pipeline.core.types import Placed, Rgb


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


def disc(colour: float) -> Placed:
    """A disc with an edge six pixels wide, of one grey in linear light 0–1 as sRGB."""
    rows, columns = np.mgrid[:120, :120]
    alpha = np.clip((40 - np.hypot(rows - 60, columns - 60)) / 6, 0, 1).astype(np.float32)
    return Placed(np.full((120, 120, 3), colour, np.float32), alpha, (20, 20, 100, 100), 1.0)


def edge(placed: Placed, ground: Rgb) -> Rgb:
    """Return the colour of a product's own soft edge on a background, where alpha is above a tenth; else 0."""
    alpha = placed.alpha[..., None]
    mixed = srgb_to_linear(composite(placed, ground.copy(), light_around(ground)))
    own = (mixed - (1 - alpha) * srgb_to_linear(ground)) / np.maximum(alpha, 0.1)
    return linear_to_srgb(np.where((alpha > 0.1) & (alpha < 1), own, 0))


def test_a_thinner_edge_takes_more_of_a_bright_background() -> None:
    placed = disc(0.0)
    out = edge(placed, np.ones((120, 120, 3), np.float32))
    soft = (placed.alpha > 0.1) & (placed.alpha < 1)
    taken = srgb_to_linear(out[soft][:, 0])
    np.testing.assert_allclose(taken, STRENGTH * (1 - placed.alpha[soft]), atol=1e-4)
    assert STRENGTH == 0.35


def test_the_light_comes_from_the_near_background() -> None:
    ground = np.zeros((120, 120, 3), np.float32)
    ground[:, :60, 0] = 1
    ground[:, 60:, 2] = 1
    out = edge(disc(0.0), ground)
    assert out[60, 22, 0] > out[60, 22, 2] + 0.2
    assert out[60, 97, 2] > out[60, 97, 0] + 0.2
