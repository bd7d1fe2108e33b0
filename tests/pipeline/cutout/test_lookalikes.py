"""What looks like the place around a product is found in it, and opened where a segmenter denies it, too."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from pipeline.core.resample import reduced
from pipeline.cutout.lookalikes import SIDE, contradicted, denied_closely, lookalikes
from pipeline.cutout.segment import segment
from tests.pipeline.cutout.test_warnings import disc, painted
from tests.support.still_life import photo

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


#: A pot with a handle whose hole, seen as a whole, both segmenters fill.
POT = np.maximum(disc(320, 130, 160, 80), disc(320, 225, 160, 38))
HANDLES_HOLE = disc(320, 228, 160, 22)
HOLED = painted(POT * (1 - HANDLES_HOLE))


def small_of(product: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return reduced(product, SIDE)


class Closer:
    """A look that sees what is red, or what it is told to see; it keeps what it was shown."""

    def __init__(self, answer: float | None = None) -> None:
        self.answer, self.shown = answer, list[NDArray[np.uint8]]()

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.shown.append(image)
        red = (image[..., 0].astype(int) - image[..., 1] > 60).astype(np.float32)
        return red if self.answer is None else np.full(image.shape[:2], self.answer, np.float32)


def test_a_handles_hole_that_only_a_closer_look_sees_is_opened_to_its_rim() -> None:
    look = Closer()
    opened = denied_closely(HOLED, small_of(HOLED), POT, look)
    assert opened is not None
    assert np.abs(opened - HANDLES_HOLE).mean() < 0.005
    (shown,) = look.shown
    assert max(shown.shape) < 0.6 * SIDE


def test_a_hole_in_a_large_photo_is_looked_at_with_all_its_pixels() -> None:
    large, look = HOLED.repeat(3, 0).repeat(3, 1), Closer()
    opened = denied_closely(large, small_of(large), POT, look)
    assert opened is not None
    assert np.abs(opened - HANDLES_HOLE).mean() < 0.01
    assert max(look.shown[0].shape) > SIDE


@pytest.mark.parametrize("answer", [0.9, 0.02])
def test_a_closer_look_that_sees_the_hole_filled_or_nothing_at_all_opens_nothing(answer: float) -> None:
    assert denied_closely(HOLED, small_of(HOLED), POT, Closer(answer)) is None


def test_a_closer_look_is_taken_only_where_the_photo_shows_the_place() -> None:
    look, whole = Closer(), painted(POT)
    assert denied_closely(whole, small_of(whole), POT, look) is None
    assert look.shown == []


def test_a_white_handle_before_white_is_not_looked_at() -> None:
    """Its colours are the place's and the product's alike, and tell nothing."""
    look = Closer()
    shade = np.where(POT * (1 - HANDLES_HOLE) > 0.5, 4, 0)[..., None]
    white = np.clip(painted(np.zeros_like(POT), (240, 240, 240)) - shade, 0, 255).astype(np.uint8)
    assert denied_closely(white, small_of(white), POT, look) is None
    assert look.shown == []


def test_at_most_two_holes_of_a_product_are_looked_at_the_largest_first() -> None:
    holes = [disc(320, 160 + x, 160, radius) for x, radius in ((-90, 10), (-30, 13), (30, 12), (90, 11))]
    band = np.zeros_like(POT)
    band[135:185, 30:290] = 1
    rgb, look = painted(band * (1 - np.max(holes, axis=0))), Closer()
    opened = denied_closely(rgb, small_of(rgb), band, look)
    assert opened is not None
    assert [opened[160, 160 + x] > 0.5 for x in (-90, -30, 30, 90)] == [False, True, True, False]
    assert len(look.shown) == 2


def test_the_second_segmenter_of_an_ensemble_takes_the_closer_look() -> None:
    class Coarse(Closer):
        """Fills the handle's hole, unless it is shown little else."""

        def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
            red = super().__call__(image)
            return red if red[:, 0].any() else np.asarray(binary_fill_holes(red), np.float32)

    # before a wall without a pattern the photo alone proves it
    stripes = 12 * np.sign(np.sin(np.arange(320) / 6))[:, None, None]
    rgb = np.where(HOLED[..., :1] > HOLED[..., 1:2] + 60, HOLED, HOLED + stripes).astype(np.uint8)
    second = Coarse()
    found = segment(photo(rgb), Coarse(), second=second)
    assert len(second.shown) == 2
    assert (found.alpha[HANDLES_HOLE > 0.5] < 0.5).mean() > 0.95
    assert (found.alpha[(POT - HANDLES_HOLE) > 0.5] > 0.5).mean() > 0.97
