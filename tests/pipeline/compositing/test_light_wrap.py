import numpy as np

from pipeline.compositing.light_wrap import STRENGTH, wrapped
from pipeline.core.types import Placed


def disc(colour: float) -> Placed:
    """A disc with an edge six pixels wide, of one grey in linear light 0–1 as sRGB."""
    rows, columns = np.mgrid[:120, :120]
    alpha = np.clip((40 - np.hypot(rows - 60, columns - 60)) / 6, 0, 1).astype(np.float32)
    return Placed(np.full((120, 120, 3), colour, np.float32), alpha, (20, 20, 100, 100), 1.0)


def test_where_the_product_is_opaque_not_a_bit_changes() -> None:
    placed = disc(0.3)
    out = wrapped(placed, np.ones((120, 120, 3), np.float32))
    opaque = placed.alpha == 1
    np.testing.assert_array_equal(out.rgb[opaque], placed.rgb[opaque])
    assert out.alpha is placed.alpha
    assert (placed.rgb == np.float32(0.3)).all()


def test_the_thinner_the_edge_the_more_of_a_bright_background_it_takes() -> None:
    placed = disc(0.0)
    out = wrapped(placed, np.ones((120, 120, 3), np.float32))
    soft = (placed.alpha > 0) & (placed.alpha < 1)
    taken = out.rgb[soft][:, 0]
    order = np.argsort(placed.alpha[soft])
    assert (np.diff(taken[order]) <= 1e-6).all()
    # sRGB 0.6271 is a linear 0.3513: no edge takes more than STRENGTH of white.
    assert 0.4 < taken.max() <= 0.6271
    assert STRENGTH == 0.35


def test_a_background_darker_than_the_edge_takes_nothing_away() -> None:
    placed = disc(0.6)
    out = wrapped(placed, np.full((120, 120, 3), 0.2, np.float32))
    np.testing.assert_allclose(out.rgb, placed.rgb, atol=1e-5)


def test_the_light_is_that_of_the_near_background() -> None:
    ground = np.zeros((120, 120, 3), np.float32)
    ground[:, :60, 0] = 1
    ground[:, 60:, 2] = 1
    out = wrapped(disc(0.0), ground)
    assert out.rgb[60, 22, 0] > out.rgb[60, 22, 2] + 0.2
    assert out.rgb[60, 97, 2] > out.rgb[60, 97, 0] + 0.2
