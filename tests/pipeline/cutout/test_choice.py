"""The product at a caller's place in a photo: from a given mask, from the first look, or from a new look."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.errors import NoSubject, SubjectNotFound
from pipeline.core.order import photo_place
from pipeline.core.types import Photo, Segmentation
from pipeline.cutout.subjects import SQUARES, Choice, Masks, choose
from tests.pipeline.cutout.test_subjects import mask

Codes = NDArray[np.uint8]
#: A large thing on the left, a small one on the right: left, top, right, bottom.
LARGE, SMALL = (40, 60, 160, 260), (300, 180, 350, 260)


class Looks:
    """A network that finds everything brighter than black, and lists the parts that it was shown."""

    def __init__(self, *boxes: tuple[int, int, int, int]) -> None:
        self.photo = Photo(np.repeat(mask(*boxes)[..., None], 3, axis=2), None, "jpeg")
        self.shown: list[tuple[int, ...]] = []

    def __call__(self, part: Photo) -> Segmentation:
        self.shown.append(part.rgb.shape[:2])
        seen = part.rgb[..., 0] / np.float32(255)
        if not seen.any():
            raise NoSubject("Nothing.")
        return Segmentation(np.asarray(seen, np.float32), 0.25)

    def at(self, *place: float, found: Codes | None = None, given: Codes | None = None) -> Choice:
        return choose(place, Masks(self.photo, lambda: found, self, given))


def test_a_point_chooses_the_thing_there_or_right_next_to_it_among_the_found_ones() -> None:
    looks = Looks(LARGE, SMALL)
    found = mask(LARGE, SMALL)

    large, small = (looks.at(x, 0.7, found=found) for x in (0.2, 0.8))

    assert np.array_equal(large.codes, mask(LARGE))
    assert np.array_equal(small.codes, mask(SMALL))
    assert (large.source, large.number, small.number) == ("found", 1, 2)
    assert not looks.shown
    assert Looks().at(162 / 400, 0.5, found=mask(LARGE)).number == 1
    with pytest.raises(SubjectNotFound):
        Looks().at(175 / 400, 0.5, found=mask(LARGE))


def test_where_nothing_was_found_a_square_around_the_point_is_looked_at() -> None:
    looks = Looks(LARGE, SMALL)

    chosen = looks.at(0.8, 0.7, found=mask(LARGE))

    assert np.array_equal(chosen.codes, mask(SMALL))
    assert (chosen.source, chosen.number) == ("looked", None)
    assert chosen.seen is not None
    assert chosen.seen.confidence == 0.25
    assert looks.shown == [(240, 240)], "of 0.6 of the longer side"
    assert np.array_equal(Looks(SMALL).at(0.8, 0.7).codes, mask(SMALL)), "where nothing stands out at all"


def test_a_thing_that_a_square_crops_is_refused_and_one_that_the_photo_crops_is_chosen() -> None:
    long = (0, 140, 400, 160)
    looks = Looks(long)
    with pytest.raises(SubjectNotFound, match="Nothing stands out"):
        looks.at(0.5, 0.5)
    assert len(looks.shown) == len(SQUARES)
    at_the_edge = (330, 180, 400, 260)
    assert np.array_equal(Looks(at_the_edge).at(0.9, 0.7).codes, mask(at_the_edge))


def test_a_box_chooses_the_found_thing_that_fills_it() -> None:
    looks = Looks(LARGE, SMALL)
    for grown in (0, 0.02):
        chosen = looks.at(0.75 - grown, 0.6 - grown, 0.875 + grown, 260 / 300, found=mask(LARGE, SMALL))
        assert np.array_equal(chosen.codes, mask(SMALL))
        assert chosen.source == "found"
    assert not looks.shown


def test_a_box_is_looked_at_with_a_margin_and_only_its_content_is_kept() -> None:
    looks = Looks(LARGE, (165, 60, 200, 260))

    chosen = looks.at(40 / 400, 60 / 300, 160 / 400, 260 / 300)

    # 0.12 of the longer side around it is looked at, 0.02 is kept, so that no soft edge is cut
    assert looks.shown == [(248, 168)]
    assert np.array_equal(chosen.codes, mask(LARGE))
    assert chosen.source == "looked"
    chosen = Looks(LARGE).at(40 / 400, 60 / 300, 160 / 400, 260 / 300, found=mask((40, 60, 160, 120)))
    assert np.array_equal(chosen.codes, mask(LARGE)), "little of it was found"
    assert chosen.source == "looked"


def test_the_first_looks_content_of_a_box_counts_where_the_closer_look_finds_nothing() -> None:
    chosen = Looks().at(0.5, 0.2, 1.0, 1.0, found=mask(LARGE, SMALL))
    assert np.array_equal(chosen.codes, mask(SMALL))
    assert chosen.source == "found"


def test_a_given_mask_is_chosen_from_first() -> None:
    drawn = mask((280, 160, 360, 280))
    looks = Looks(SMALL)

    point = looks.at(0.8, 0.7, found=mask(SMALL), given=drawn)
    box = looks.at(0.6, 0.4, 1.0, 1.0, found=mask(SMALL), given=drawn)

    assert np.array_equal(point.codes, drawn)
    assert np.array_equal(box.codes, drawn)
    assert (point.source, point.number, box.source, looks.shown) == ("given", 1, "given", [])
    chosen = Looks().at(0.8, 0.7, found=mask(LARGE, SMALL), given=mask(LARGE))
    assert (chosen.source, chosen.number) == ("found", 2)


def test_a_files_own_alpha_is_never_looked_at_again() -> None:
    looks = Looks(LARGE, SMALL)
    looks.photo = Photo(looks.photo.rgb, (mask(LARGE) / 255).astype(np.float32), "png")
    with pytest.raises(SubjectNotFound):
        looks.at(0.8, 0.7, found=mask(LARGE))
    assert np.array_equal(looks.at(0.0, 0.0, 0.5, 1.0, found=mask(LARGE)).codes, mask(LARGE))
    assert not looks.shown


@pytest.mark.parametrize(
    ("place", "said"), [((0.8, 0.2), "point 0.8, 0.2"), ((0.6, 0.1, 0.7, 0.2), "box 0.6, 0.1, 0.7")]
)
def test_a_place_without_a_product_fails_with_its_shares_and_the_remedy(place: tuple[float, ...], said: str) -> None:
    with pytest.raises(SubjectNotFound, match=f"{said}.* Give .*or give a mask"):
        Looks(LARGE).at(*place, found=mask(LARGE))


def test_corners_are_places_in_the_photo() -> None:
    whole = mask((0, 0, 400, 300))
    for place in ((0.0, 0.0), (1.0, 1.0), (0.0, 0.0, 1.0, 1.0), (0.99, 0.99, 1.0, 1.0)):
        assert Looks((0, 0, 400, 300)).at(*place, found=whole).codes.any()


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((), "0 numbers are neither a point nor a box"),
        ((0.1, 0.2, 0.3), "3 numbers are neither a point nor a box"),
        ((0.1, 1.2), "1.2 is outside the photo. Give shares from 0 to 1"),
        ((0.5, float("nan")), "nan is outside the photo"),
        ((0.4, 0.2, 0.4, 0.9), "The box 0.4, 0.2, 0.4, 0.9 is empty. Give left, top, right, bottom"),
    ],
)
def test_an_invalid_place_is_refused_with_its_value_and_the_remedy(numbers: tuple[float, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        photo_place(numbers)
