"""What looks like the place around a product is found in it, and opened where a second segmenter denies it too."""

import numpy as np
from numpy.typing import NDArray

from pipeline.cutout.lookalikes import contradicted, lookalikes
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


def test_what_the_photo_and_the_second_segmenter_deny_is_opened() -> None:
    opened = contradicted(painted(SOLID - HOLE), SOLID, SOLID - HOLE)
    assert opened is not None
    assert np.abs(opened - HOLE).mean() < 0.01


def test_one_witness_opens_nothing() -> None:
    assert contradicted(painted(SOLID - HOLE), SOLID, SOLID) is None
    assert contradicted(painted(SOLID), SOLID, SOLID - HOLE) is None


#: A disc of the place's colours that hangs on the product's rim.
BAY = disc(320, 255, 160, 25) * SOLID


def test_what_hangs_on_the_rim_in_the_places_colours_and_unseen_by_the_second_segmenter_is_cut_off() -> None:
    opened = contradicted(painted(SOLID * (1 - BAY)), SOLID, SOLID * (1 - BAY))
    assert opened is not None
    assert np.abs(opened - BAY).mean() < 0.01


def test_what_hangs_on_the_rim_is_left_where_one_witness_alone_denies_it() -> None:
    assert contradicted(painted(SOLID), SOLID, SOLID * (1 - BAY)) is None
    assert contradicted(painted(SOLID * (1 - BAY)), SOLID, SOLID) is None


def test_a_band_along_the_rim_is_left_however_much_is_said_against_it() -> None:
    """A pale sole, the rim of a plaque: a part that hangs on a neck as wide as itself."""
    sole = np.minimum(SOLID, 1 - disc(320, 160, 160, 88))
    sole[:, :160] = 0
    assert contradicted(painted(SOLID * (1 - sole)), SOLID, SOLID * (1 - sole)) is None
