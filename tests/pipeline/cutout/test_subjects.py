"""Subjects of a mask: parts that are large enough, ordered by size, and a mask with some of them alone."""

import numpy as np
from numpy.typing import NDArray

from pipeline.cutout.given import codes_of, coverage
from pipeline.cutout.subjects import subjects_of


def mask(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (300, 400)) -> NDArray[np.uint8]:
    """An H×W mask of rectangles: left, top, right, bottom."""
    codes = np.zeros(size, np.uint8)
    for left, top, right, bottom in boxes:
        codes[top:bottom, left:right] = 255
    return codes


def test_subjects_are_the_connected_parts_the_largest_first() -> None:
    found = subjects_of(mask((10, 20, 40, 60), (100, 50, 300, 200))).found

    assert [(one.id, one.box) for one in found] == [(1, (100, 50, 300, 200)), (2, (10, 20, 40, 60))]
    assert [one.share for one in found] == [0.9615, 0.0385]


def test_touching_corners_connect_two_parts_and_a_veil_does_not() -> None:
    assert len(subjects_of(mask((10, 10, 50, 50), (50, 50, 90, 90))).found) == 1
    codes = mask((10, 10, 100, 100), (200, 10, 300, 100))
    codes[40:60, 100:200] = 60
    assert len(subjects_of(codes).found) == 2
    assert subjects_of(mask()).found == ()
    assert not subjects_of(mask()).only(mask((1, 1, 5, 5)), {1}).any()


def test_specks_are_no_subjects_and_go_with_the_nearest_subject() -> None:
    codes = mask((10, 10, 100, 100), (200, 10, 290, 100), (120, 50, 124, 54))
    subjects = subjects_of(codes)

    assert len(subjects.found) == 2
    left = subjects.only(codes, {1})
    assert left[52, 122] == 255
    assert not left[:, 200:].any()


def test_a_subjects_soft_edge_goes_along_to_the_last_code() -> None:
    codes = mask((60, 60, 140, 140), (240, 60, 320, 140))
    for step, value in enumerate((200, 120, 60, 10), 1):
        ring = (slice(60 - step, 140 + step), slice(60 - step, 140 + step))
        codes[ring] = np.maximum(codes[ring], value)

    subjects = subjects_of(codes)

    assert np.array_equal(subjects.only(codes, {1})[:, :200], codes[:, :200])
    assert not subjects.only(codes, {1})[:, 200:].any()
    assert np.array_equal(subjects.only(codes, {1, 2}), codes)


def test_large_masks_are_separated_as_small_ones_are_and_boxes_are_tight_to_the_pixel() -> None:
    codes = mask((101, 203, 1707, 2999), (2003, 1001, 2407, 1603), size=(3000, 4000))

    subjects = subjects_of(codes)

    assert [one.box for one in subjects.found] == [(101, 203, 1707, 2999), (2003, 1001, 2407, 1603)]
    assert np.array_equal(subjects.only(codes, {2}), mask((2003, 1001, 2407, 1603), size=(3000, 4000)))


def test_codes_become_coverage_and_return_to_the_same_codes() -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    alpha = coverage(codes)

    assert (alpha[0, 0], alpha[15, 15]) == (0, 1)
    assert np.array_equal(codes_of(alpha, (3, 2), 20, 20)[2:18, 3:19], codes)
    assert not codes_of(alpha, (3, 2), 20, 20)[:2].any()
