import numpy as np

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.compositing.composite import STRENGTH, composite, light_around
from pipeline.core.types import Placed, Rgb


def disc(colour: float) -> Placed:
    """A disc with an edge six pixels wide, of one grey in linear light 0–1 as sRGB."""
    rows, columns = np.mgrid[:120, :120]
    alpha = np.clip((40 - np.hypot(rows - 60, columns - 60)) / 6, 0, 1).astype(np.float32)
    return Placed(np.full((120, 120, 3), colour, np.float32), alpha, (20, 20, 100, 100), 1.0)


def edge(placed: Placed, ground: Rgb) -> Rgb:
    """What the soft edge of a product itself looks like before a background, where alpha is above a tenth; else 0."""
    alpha = placed.alpha[..., None]
    mixed = srgb_to_linear(composite(placed, ground.copy(), light_around(ground)))
    own = (mixed - (1 - alpha) * srgb_to_linear(ground)) / np.maximum(alpha, 0.1)
    return linear_to_srgb(np.where((alpha > 0.1) & (alpha < 1), own, 0))


def test_where_the_product_is_opaque_not_a_bit_changes() -> None:
    placed = disc(0.3)
    ground = np.ones((120, 120, 3), np.float32)
    out = composite(placed, ground, light_around(ground))
    opaque = placed.alpha == 1
    np.testing.assert_array_equal(out[opaque], placed.rgb[opaque])
    assert (placed.rgb == np.float32(0.3)).all()


def test_the_thinner_the_edge_the_more_of_a_bright_background_it_takes() -> None:
    placed = disc(0.0)
    out = edge(placed, np.ones((120, 120, 3), np.float32))
    soft = (placed.alpha > 0.1) & (placed.alpha < 1)
    taken = srgb_to_linear(out[soft][:, 0])
    np.testing.assert_allclose(taken, STRENGTH * (1 - placed.alpha[soft]), atol=1e-4)
    assert STRENGTH == 0.35


def test_a_background_darker_than_the_edge_takes_nothing_away() -> None:
    placed = disc(0.6)
    dark = np.full((120, 120, 3), 0.2, np.float32)
    np.testing.assert_allclose(composite(placed, dark.copy(), light_around(dark)), composite(placed, dark), atol=1e-5)


def test_the_light_is_that_of_the_near_background() -> None:
    ground = np.zeros((120, 120, 3), np.float32)
    ground[:, :60, 0] = 1
    ground[:, 60:, 2] = 1
    out = edge(disc(0.0), ground)
    assert out[60, 22, 0] > out[60, 22, 2] + 0.2
    assert out[60, 97, 2] > out[60, 97, 0] + 0.2
