"""How much commoner a colour is around a product than in it."""

import numpy as np

from pipeline.cutout.colour_likeness import colour_likeness
from tests.pipeline.cutout.test_lookalikes import HOLE, SOLID, photo_of


def test_a_hole_is_likelier_of_the_place_and_the_ring_around_it_of_the_product() -> None:
    seen = colour_likeness(photo_of(SOLID - HOLE), SOLID)
    assert seen is not None
    assert seen.ratio[HOLE > 0.99].mean() > 1
    assert seen.ratio[(SOLID > 0.99) & (HOLE < 0.01)].mean() < -3
    assert seen.typical[(HOLE > 0.99)].mean() > 0.5
    assert not seen.typical[HOLE < 0.01].any()


def test_a_part_that_is_not_counted_as_the_products_own_does_not_speak_for_itself() -> None:
    seen = colour_likeness(photo_of(SOLID - HOLE), SOLID)
    assert seen is not None
    hole = HOLE > 0
    assert seen.ratio_without(hole)[HOLE > 0.99].mean() > 4
    assert np.array_equal(seen.ratio_without(SOLID > 0), seen.ratio)


def test_where_the_product_fills_the_photo_nothing_is_compared() -> None:
    assert colour_likeness(photo_of(SOLID), np.ones_like(SOLID)) is None
