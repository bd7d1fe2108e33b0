"""What a closer look added in the place's colours, or the first look did not see on a neck, is told with its place."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.cutout.lookalikes import doubted
from pipeline.cutout.segment import segment
from pipeline.cutout.warnings import Evidence, assessed
from tests.pipeline.cutout.test_warnings import disc, painted
from tests.support.still_life import by_colour, photo, still_life

SOLID = disc(320, 160, 160, 100)
#: A band along the right of the rim, which hangs on a neck as wide as itself; and a disc, which does not.
BAND = np.minimum(SOLID, 1 - disc(320, 160, 160, 88))
BAND[:, :160] = 0
BAY = disc(320, 255, 160, 25) * SOLID


def test_a_band_in_the_places_colours_that_neither_look_saw_is_told_where_it_is() -> None:
    seen = SOLID * (1 - BAND)
    ((left, top, right, bottom),) = doubted(painted(seen), SOLID, seen, seen)
    assert (left, right) == pytest.approx((160, 260), abs=14)
    assert (top, bottom) == pytest.approx((60, 260), abs=14)


def test_a_band_that_one_look_saw_or_that_has_the_products_colours_is_not_told() -> None:
    seen = SOLID * (1 - BAND)
    assert doubted(painted(seen), SOLID, SOLID, seen) == []
    assert doubted(painted(SOLID), SOLID, seen, seen) == []


def test_what_hangs_on_a_neck_is_told_where_the_first_look_alone_did_not_see_it() -> None:
    seen = SOLID * (1 - BAY)
    assert len(doubted(painted(seen), SOLID, seen, SOLID)) == 1
    assert doubted(painted(SOLID), SOLID, seen, SOLID) == []


def test_what_the_look_at_the_products_box_added_is_warned_of_in_the_photos_pixels() -> None:
    rgb, _ = still_life(480, 600)
    # On a smooth wall the wall itself would prove what is not the jar (`pipeline.cutout.holes`).
    rgb = np.clip(rgb + np.random.default_rng(5).normal(0, 5, rgb.shape), 0, 255).astype(np.uint8)
    right = np.flatnonzero((by_colour(rgb) > 0.5).any(0))[-1] + 1
    looks = []

    def shorter(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        mask = by_colour(image)
        mask[: np.flatnonzero((mask > 0.5).any(1))[0] + 12] = 0
        return mask

    def adding(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Two looks: the jar as it is, then with a band of the wall to its right."""
        looks.append(image)
        mask = by_colour(image)
        if len(looks) == 2:
            columns = np.flatnonzero((mask > 0.5).any(0))
            mask[:, columns[-1] : columns[-1] + 20] = mask[:, [columns[len(columns) // 2]]]
        return mask

    found = segment(photo(rgb), adding, second=shorter)
    ((left, _, end, _),) = found.doubted
    assert (left, end) == pytest.approx((right, right + 20), abs=6)
    told = assessed(Evidence.of(rgb, found.alpha, doubted=found.doubted))
    assert "background_attached" in told.warnings
    assert told.where["background_attached"][0][0] == pytest.approx(left, abs=2)
    assert "background_attached" not in assessed(Evidence.of(rgb, found.alpha)).warnings
