"""What looks like the place around a product is found in it."""

import numpy as np
from numpy.typing import NDArray

from pipeline.cutout.lookalikes import lookalikes
from tests.pipeline.cutout.test_warnings import disc, painted

SOLID = disc(320, 160, 160, 100)
HOLE = disc(320, 160, 160, 40)


def photo_of(product: NDArray[np.float32]) -> NDArray[np.float32]:
    """The painted product, sRGB in [0, 1]."""
    return np.asarray(painted(product) / np.float32(255), np.float32)


def test_a_part_that_shows_the_place_is_found_where_it_is() -> None:
    (part,) = lookalikes(photo_of(SOLID - HOLE), SOLID)
    assert part.suspected
    assert (part.mask & (HOLE < 0.5)).sum() < 0.02 * part.mask.sum()
    assert part.box[0] >= 118
    assert part.box[2] <= 202


def test_a_product_in_one_colour_of_its_own_has_none() -> None:
    assert lookalikes(photo_of(SOLID), SOLID) == []


def test_what_opens_to_the_outside_is_not_enclosed() -> None:
    bay = disc(320, 260, 160, 40)
    assert lookalikes(photo_of(SOLID * (1 - bay)), SOLID) == []
