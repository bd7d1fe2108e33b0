"""A caller's frame: margins, alignment and room for copy."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.order import AlignWord, CopySpaceWord, Frame, Output, Placement, SwapOrder
from pipeline.core.spec import SceneKind
from pipeline.placement.facts import CutoutFacts, suited
from pipeline.placement.fit import box_in, place_of
from pipeline.placement.frame import (
    COPY_HEAD,
    COPY_SIDE,
    GAP,
    HIGHEST_FOOT,
    LEAST_SPACE,
    copy_room,
    frame_faults,
    insets,
    margin_shares,
)
from pipeline.placement.place import MAX_ENLARGED, Place, Refusal
from pipeline.placement.plan import accepted, fitted, placed
from testkit.still_life import preset, spec

#: A sharp photo of a product that is narrower than high, and wider canvases than that.
STANDS = CutoutFacts("standing", suited("standing", "side"), aspect=0.7, box=(0, 0, 1400, 2000))
LENGTHS = st.one_of(st.integers(0, 25).map("{}%".format), st.integers(0, 90).map("{}px".format))
MARGINS = st.lists(LENGTHS, min_size=0, max_size=4).map(" ".join)
ALIGNS, SPACES = st.sampled_from(get_args(AlignWord)), st.sampled_from(get_args(CopySpaceWord))
SIZES = st.tuples(st.integers(200, 900), st.integers(200, 900))
KINDS = st.sampled_from(("podium", "flatlay", "white"))


def order(frame: Frame, output: Output = Output()) -> SwapOrder:  # noqa: B008  # a frozen record
    return SwapOrder("podium", "calm", "shopify_product", output=output, frame=frame)


@given(MARGINS, ALIGNS, SPACES, SIZES, st.floats(0.2, 4), KINDS, st.booleans())
def test_the_product_is_inside_its_margins_and_outside_the_room_for_copy(
    margins: str,
    align: AlignWord,
    space: CopySpaceWord,
    size: tuple[int, int],
    aspect: float,
    kind: SceneKind,
    pin: bool,
) -> None:
    frame, canvas = Frame(margins, align, space), preset(size)
    asked = replace(spec(kind, place=canvas), frame=frame, pinned=pin)
    if list(frame_faults(canvas, order(frame))):
        return
    place = accepted(fitted(asked, replace(STANDS, aspect=aspect), *size))
    left, top, right, bottom = place.shares
    free = insets(canvas, frame, *size)
    assert min(left - free[0], top - free[1], 1 - free[2] - right, 1 - free[3] - bottom) > -1e-6
    assert (right - left) * size[0] / ((bottom - top) * size[1]) == pytest.approx(aspect, rel=1e-6)
    room = copy_room(frame)
    if room is not None:
        assert left > room[2] or right < room[0] or top > room[3]


@pytest.mark.parametrize(
    ("margins", "shares"),
    [
        ("10%", (0.1, 0.1, 0.1, 0.1)),
        ("40px 5%", (0.05, 0.1, 0.05, 0.1)),
        ("10% 5% 20%", (0.05, 0.1, 0.05, 0.2)),
        ("0", (0, 0, 0, 0)),
        (" 1%  20px 3% 4.5% ", (0.045, 0.01, 0.025, 0.03)),
    ],
)
def test_margins_are_read_in_the_order_of_css(margins: str, shares: tuple[float, ...]) -> None:
    assert margin_shares(margins, 800, 400) == pytest.approx(shares)


@pytest.mark.parametrize(
    ("frame", "field", "code", "words"),
    [
        (Frame("8"), "margins", "frame_margins", "'8'"),
        (Frame("-8%"), "margins", "frame_margins", "'-8%'"),
        (Frame("8em 2%"), "margins", "frame_margins", "'8em'"),
        (Frame("٣%"), "margins", "frame_margins", "in px or %"),
        (Frame("1% 1% 1% 1% 1%"), "margins", "frame_margins", "5 lengths"),
        (Frame("  "), "margins", "frame_margins", "0 lengths"),
        (Frame("46%"), "margins", "frame_no_room", "92 % of the width"),
        (Frame("200px 0"), "margins", "frame_no_room", "100 % of the height"),
        (Frame("0% 55% 0% 0%", copy_space="left"), "margins", "frame_no_room", "98 % of the width"),
        (Frame(align="bottom_left", copy_space="left"), "align", "frame_align", "Choose another align"),
        (Frame(align="top", copy_space="top"), "align", "frame_align", "copy_space=top"),
    ],
)
def test_a_frame_that_cannot_be_kept_is_a_fault_with_its_field_and_remedy(
    frame: Frame, field: str, code: str, words: str
) -> None:
    faults = [fault for fault in frame_faults(preset((400, 400)), order(frame)) if fault.field == field]
    assert (faults[0].code, words in faults[0].message) == (code, True)
    assert not list(frame_faults(preset((400, 400)), order(Frame("40px 8%", "right", "left"))))


def test_pixels_are_of_the_ordered_size_and_unknown_for_a_photos_own_size() -> None:
    frame = Frame("300px")
    assert not list(frame_faults(preset((400, 400)), order(frame, Output(width=1200, height=1200))))
    assert list(frame_faults(preset((1200, 1200)), order(frame, Output(width=400, height=400))))
    own = replace(preset((400, 400), "transparent"), size=None)
    assert not list(frame_faults(own, order(frame)))
    asked = replace(spec("white", place=own), frame=frame)
    assert isinstance(fitted(asked, STANDS, 1400, 2000), Place)
    small = fitted(asked, STANDS, 500, 400)
    assert isinstance(small, Refusal)
    assert "leave no room on a picture of 500x400 pixels" in small.message


@pytest.mark.parametrize("align", get_args(AlignWord))
def test_a_product_goes_to_the_side_it_is_aligned_to_and_a_standing_one_keeps_its_floor(align: AlignWord) -> None:
    for kind in ("podium", "white"):
        asked = replace(spec(kind, place=preset((800, 400))), frame=Frame("25% 10%", align))
        left, top, right, bottom = accepted(fitted(asked, STANDS, 800, 400)).shares
        middle = {"left": left - 0.1, "right": 0.9 - right}.get(align.split("_")[-1], (left + right) / 2 - 0.5)
        assert middle == pytest.approx(0)
        if align.startswith("bottom"):
            assert bottom == pytest.approx(0.75)
        if align.startswith("top"):
            assert top == pytest.approx(0.25)
            assert kind == "white" or bottom >= HIGHEST_FOOT
    asked = replace(spec("podium", place=preset((400, 800))), frame=Frame("5%", "top"))
    assert accepted(fitted(asked, STANDS, 400, 800)).shares[3] == pytest.approx(
        max(HIGHEST_FOOT, 0.05 + 0.9 * 400 / 0.7 / 800)
    )


def test_a_frame_comes_before_the_callers_move_and_enlarges_no_further_than_a_photo_stays_sharp() -> None:
    small = replace(STANDS, box=(0, 0, 70, 100))
    framed = replace(spec("podium", place=preset((1000, 1000))), frame=Frame("2%", "right"))
    wide, plain = (
        accepted(fitted(one, STANDS, 1000, 1000)) for one in (framed, spec("podium", place=preset((1000, 1000))))
    )
    assert wide.box[3] - wide.box[1] > plain.box[3] - plain.box[1]
    held = accepted(fitted(framed, small, 1000, 1000))
    assert held.box[3] - held.box[1] == pytest.approx(max(100 * MAX_ENLARGED, plain.box[3] - plain.box[1]))
    moved = accepted(placed(replace(framed, placement=Placement(shift_x=-0.1)), STANDS, 1000, 1000))
    assert moved.box == wide.box
    assert moved.position.box[0] == pytest.approx(wide.box[0] - 100)


@pytest.mark.parametrize(
    ("facts", "frame", "outcome"),
    [
        (CutoutFacts("standing", cut_sides=("left",), aspect=0.7), Frame(copy_space="left"), "at the left, so"),
        (CutoutFacts(cut_sides=("left", "right"), aspect=1.4), Frame(copy_space="right"), "Choose another copy_space"),
        (CutoutFacts("hanging", aspect=0.7), Frame(copy_space="top"), ""),
        (CutoutFacts("hanging", aspect=0.7), Frame(align="bottom"), ""),
        (CutoutFacts(cut_sides=("left",), aspect=0.7), Frame(align="center"), "frame_overridden"),
        (CutoutFacts("cut_below", cut_sides=("bottom",), aspect=0.7), Frame(align="bottom_left"), ""),
        (CutoutFacts("cut_below", cut_sides=("bottom",), aspect=0.7), Frame("5%"), "frame_overridden"),
        (CutoutFacts("cut_below", cut_sides=("bottom",), aspect=0.7), Frame("5% 5% 0%"), ""),
    ],
)
def test_only_a_cropped_product_stays_at_its_edge_with_a_warning_or_is_refused(
    facts: CutoutFacts, frame: Frame, outcome: str
) -> None:
    found = fitted(replace(spec("podium"), frame=frame), facts, 400, 400)
    if isinstance(found, Refusal):
        assert outcome
        assert outcome in found.message
    else:
        assert ("frame_overridden" in found.warnings) == (outcome == "frame_overridden")
        assert not outcome or outcome == "frame_overridden"


def test_a_frame_names_the_rules_that_only_it_breaks() -> None:
    ruled = replace(preset((400, 400), "white"), fill=0.88, fill_bounds=(0.85, 1.0), margins=(0.03,) * 4)
    for frame, broken in ((Frame("20%"), ["fill"]), (Frame("2%"), []), (Frame(copy_space="top"), ["fill"])):
        place = accepted(fitted(replace(spec("white", place=ruled), frame=frame), STANDS, 400, 400))
        assert place.frame_breaks == broken
    assert accepted(fitted(spec("white", place=ruled), STANDS, 400, 400)).frame_breaks == []


@given(SPACES, st.sampled_from(("podium", "flatlay")), st.tuples(st.integers(300, 900), st.integers(300, 900)))
def test_a_pinned_place_is_beside_the_room_for_copy_for_every_product(
    space: CopySpaceWord, kind: SceneKind, size: tuple[int, int]
) -> None:
    asked = replace(spec(kind, place=preset(size)), frame=Frame("4%", copy_space=space), pinned=True)
    left, top, right, _bottom = place_of(asked, *size)
    reach = {"none": 0.04, "top": COPY_HEAD + GAP}.get(space, COPY_SIDE + GAP)
    assert {"left": left / size[0], "right": 1 - right / size[0], "top": top / size[1]}.get(space, 1.0) > reach - 1e-6
    for aspect in (0.4, 1.0, 2.5):
        box = box_in(asked, aspect, *size)
        assert box[0] >= left - 1e-6
        assert box[2] <= right + 1e-6
        assert box[1] >= size[1] * (reach if space == "top" else 0.04) - 1e-6
    assert 1 - COPY_SIDE - GAP > LEAST_SPACE
