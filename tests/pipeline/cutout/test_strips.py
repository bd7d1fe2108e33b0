"""A thin strip of the cut-out that runs on to the photo's border is told, with its place."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.cutout.strips import strips_to_border
from pipeline.cutout.warnings import assess_cutout
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
    found = assess_cutout(painted(alpha), alpha)
    assert "background_attached" in found.warnings
    ((left, top, right, bottom),) = found.where["background_attached"]
    assert (right, top, bottom) == (1280, 636, 644)
    assert left == pytest.approx(888, abs=16)


def test_a_strip_in_a_files_own_alpha_is_the_callers() -> None:
    alpha = with_bar(200, 320)
    assert "background_attached" not in assess_cutout(painted(alpha), alpha, from_file_alpha=True).warnings
