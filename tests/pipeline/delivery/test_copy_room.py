"""The room for copy in the delivered picture, measured."""

from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

from pipeline.core.order import CopySpaceWord, Frame, Placement
from pipeline.core.spec import Limits
from pipeline.delivery.inspection import copy_room_report
from pipeline.placement.frame import copy_room
from pipeline.report import to_json
from pipeline.swap import swap
from testkit.still_life import PHOTO, networks, preset, spec

LEFT = copy_room(Frame(copy_space="left")) or (0, 0, 1, 1)


def flat(code: int) -> np.ndarray:
    return np.full((200, 300, 3), code, np.uint8)


@pytest.mark.parametrize(("code", "text"), [(250, "black"), (20, "white"), (112, "white"), (130, "black")])
def test_an_even_room_is_calm_and_names_the_text_that_is_legible(code: int, text: str) -> None:
    found = copy_room_report(flat(code), LEFT)
    assert (found.deviation, found.different, found.calm, found.legible) == (0, 0, True, text)


def test_things_in_the_room_make_it_busy_and_things_beside_it_do_not() -> None:
    rng = np.random.default_rng(0)
    picture = flat(90)
    picture[:, 125:] = rng.integers(0, 255, (200, 175, 3))
    assert copy_room_report(picture, LEFT).calm
    picture[60:120, 20:70] = 230
    found = copy_room_report(picture, LEFT)
    assert (found.calm, found.legible) == (False, None)
    assert found.different == pytest.approx(60 * 50 / (200 * 120), abs=0.01)


def test_grain_finer_than_letters_is_calm_at_every_size() -> None:
    rng = np.random.default_rng(0)
    big = np.clip(rng.normal(200, 12, (2000, 3000, 1)), 0, 255).astype(np.uint8).repeat(3, 2)
    assert copy_room_report(big, LEFT).deviation < 1


@pytest.mark.parametrize("space", ["none", "right", "top"])
def test_a_swap_reports_its_frame_as_achieved(space: CopySpaceWord) -> None:
    asked = replace(spec("podium", place=preset((120, 100))), frame=Frame("10% 24px", "bottom", space))
    found = swap(PHOTO, asked, networks(), limits=Limits(), clock=perf_counter)
    report = found.report.frame
    assert report is not None
    assert report.margins[2] == 10
    assert report.margins[1] >= 24
    box = found.report.cutout.placed_box or []
    assert report.margins == pytest.approx(
        [100 * box[1], 120 * (1 - box[2]), 100 * (1 - box[3]), 120 * box[0]], abs=0.01
    )
    if space == "none":
        assert report.copy_room is None
        return
    room = report.copy_room
    assert room is not None
    assert ("copy_space_busy" in found.warnings) == (not room.calm)
    assert to_json(found.report)["frame"]["copy_room"]["box"] == room.box
    assert room.box[0] == (0.6 if space == "right" else 0)


def test_a_white_room_is_calm_until_the_product_is_moved_into_it_and_a_transparent_one_is_not_measured() -> None:
    frame = Frame(copy_space="left")
    white = replace(spec("white", place=preset((240, 200), "white")), frame=frame)
    found = swap(PHOTO, white, networks(), limits=Limits(), clock=perf_counter).report.frame
    assert found is not None
    assert found.copy_room is not None
    assert (found.copy_room.calm, found.copy_room.legible) == (True, "black")
    moved = replace(white, placement=Placement(shift_x=-0.35))
    assert "copy_space_busy" in swap(PHOTO, moved, networks(), limits=Limits(), clock=perf_counter).warnings
    clear = replace(spec("white", place=preset((240, 200), "transparent")), frame=frame)
    none = swap(PHOTO, clear, networks(), limits=Limits(), clock=perf_counter).report.frame
    assert none is not None
    assert none.copy_room is None
    assert "frame" not in to_json(
        swap(PHOTO, replace(white, frame=Frame()), networks(), limits=Limits(), clock=perf_counter).report
    )
