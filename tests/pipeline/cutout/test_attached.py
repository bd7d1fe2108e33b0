"""What came along is told with its place: strips to the border, and parts at the rim that look like the place."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.cutout.attached import Surroundings, foreign_parts, strips_to_border
from pipeline.cutout.warnings import Evidence, assessed
from tests.pipeline.cutout.test_warnings import disc, painted

SOLID = disc(320, 160, 160, 60)


def with_bar(left: int, right: int, width: int = 2) -> NDArray[np.float32]:
    """The disc with a bar to its right."""
    alpha = SOLID.copy()
    alpha[160 - width // 2 : 160 - width // 2 + width, left:right] = 1
    return alpha


def test_a_strip_to_the_border_is_found_where_it_is() -> None:
    ((left, top, right, bottom),) = strips_to_border(with_bar(200, 320))
    assert left == pytest.approx(222, abs=4)
    assert (right, top, bottom) == (320, 159, 161)


@pytest.mark.parametrize(
    ("name", "alpha"),
    [
        ("none", SOLID),
        ("a handle that ends within the photo", with_bar(200, 300)),
        ("an arm that is wider", with_bar(200, 320, 6)),
        ("a product that the photo cuts", disc(320, 20, 160, 100)),
        ("a stub", np.roll(with_bar(200, 250), 70, axis=1)),
    ],
)
def test_what_is_no_thin_strip_to_the_border_is_not_told(name: str, alpha: NDArray[np.float32]) -> None:
    assert strips_to_border(alpha) == [], name


def test_a_joint_in_the_floor_is_warned_of_with_its_box_in_the_photo() -> None:
    alpha = with_bar(200, 320).repeat(4, 0).repeat(4, 1)
    found = assessed(Evidence.of(painted(alpha), alpha))
    assert "background_attached" in found.warnings
    ((left, top, right, bottom),) = found.where["background_attached"]
    assert (right, top, bottom) == (1280, 636, 644)
    assert left == pytest.approx(888, abs=16)


def test_a_strip_in_a_files_own_alpha_is_the_callers() -> None:
    alpha = with_bar(200, 320)
    assert "background_attached" not in assessed(Evidence.of(painted(alpha), alpha, from_file_alpha=True)).warnings


class CellColours:
    """A `FeatureExtractor` that describes each cell by its mean colour alone."""

    side = 448

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        cells = picture.reshape(56, 8, 56, 8, 3)
        return np.asarray(cells.mean(axis=(1, 3)) / 64, np.float32)


def told(rgb: NDArray[np.uint8], alpha: NDArray[np.float32]) -> list[tuple[int, int, int, int]]:
    """What is told of a cut-out by its colours."""
    around = Surroundings.of(rgb, alpha, CellColours.side)
    assert around is not None  # there is a product
    return foreign_parts(around, CellColours())


#: Neither the disc's red nor the lawn's green.
SKIN = (200, 150, 120)


def on_a_lawn(product: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A red product on green."""
    return painted(product, (70, 140, 60))


def test_a_part_of_the_place_at_the_rim_is_found_where_it_is() -> None:
    alone = disc(320, 150, 160, 60)
    lump = np.maximum(alone, disc(320, 218, 160, 16))

    ((left, top, right, bottom),) = told(on_a_lawn(alone), lump)

    assert left == pytest.approx(211, abs=8)
    assert right == pytest.approx(234, abs=8)
    assert top == pytest.approx(144, abs=8)
    assert bottom == pytest.approx(176, abs=8)
    assert told(on_a_lawn(alone), alone) == []


def test_a_handle_in_the_products_own_colours_is_not_told() -> None:
    lump = np.maximum(disc(320, 150, 160, 60), disc(320, 218, 160, 16))
    assert told(on_a_lawn(lump), lump) == []


def held(colour: tuple[int, int, int], start: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A red disc on a lawn, held by an arm in that colour that starts at a column; the photo, and both cut out."""
    alone, arm = disc(320, 150, 160, 60), np.zeros((320, 320), np.float32)
    arm[140:180, start:110] = 1
    rgb = painted(arm, (70, 140, 60))
    rgb[arm > 0] = np.clip(np.array(colour) + np.random.default_rng(5).normal(0, 3, ((arm > 0).sum(), 3)), 0, 255)
    rgb[alone > 0.5] = painted(alone)[alone > 0.5]
    return rgb, np.maximum(alone, arm)


def test_an_arm_from_the_border_is_told_though_it_is_not_like_the_lawn() -> None:
    rgb, alpha = held(SKIN)

    ((left, top, right, bottom),) = told(rgb, alpha)

    assert left == 0
    assert 60 <= right <= 140
    assert top == pytest.approx(140, abs=10)
    assert bottom == pytest.approx(180, abs=10)


def test_the_same_arm_is_a_handle_where_it_ends_within_the_photo_or_has_the_products_colours() -> None:
    assert told(*held(SKIN, start=20)) == []
    assert told(*held((180, 40, 30))) == []


def test_what_the_product_encloses_is_another_warnings() -> None:
    solid = disc(320, 160, 160, 80)
    ring = solid - disc(320, 160, 160, 25)
    assert told(on_a_lawn(ring), solid) == []


def test_where_nothing_is_seen_of_the_place_nothing_is_told() -> None:
    alpha = np.ones((320, 320), np.float32)
    alpha[:2] = 0
    assert told(on_a_lawn(disc(320, 150, 160, 60)), alpha) == []
    assert Surroundings.of(on_a_lawn(alpha), np.zeros((320, 320), np.float32), CellColours.side) is None


def test_a_lump_of_lawn_is_warned_of_but_not_in_a_mended_cut_out() -> None:
    alone = disc(320, 150, 160, 60)
    lump = np.maximum(alone, disc(320, 218, 160, 16))
    rgb = on_a_lawn(alone)

    found = assessed(Evidence.of(rgb, lump, extractor=CellColours()))

    assert "background_attached" in found.warnings
    assert len(found.where["background_attached"]) == 1
    assert "background_attached" not in assessed(Evidence.of(rgb, lump)).warnings
    assert "background_attached" not in assessed(Evidence.of(rgb, lump, extractor=CellColours(), given=True)).warnings
