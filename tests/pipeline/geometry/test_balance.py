"""What a silhouette is balanced on, and what hangs beside it, told by outlines that are drawn here."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.cutout.stance import stance
from pipeline.geometry.balance import hangs_plumb, has_part_far_up, is_heap
from pipeline.geometry.statics import footing, mirror_axis, tight, without_appendages
from tests.pipeline.silhouettes import Point, drawn, rectangle

SEEN_FROM_THE_SIDE, IN_DOUBT = {"side": 0.9, "above": 0.05}, {"side": 0.6, "above": 0.35}


BOOK: list[Point] = [(200, 360), (340, 270), (340, 200), (200, 110), (60, 200), (60, 270)]
RIBBON: list[Point] = [(90, 250), (115, 260), (80, 335), (66, 325), (50, 329)]
#: Its lowest corner is at the left, its lower edge rises to the right, and its left side leans outward.
CUSHION: list[Point] = [(90, 330), (120, 314), (220, 297), (340, 285), (290, 130), (40, 140), (60, 240)]
#: As wide, as high and as far risen, and its left side is plumb.
CRATE: list[Point] = [(60, 330), (340, 280), (340, 130), (60, 150)]
EGGS = ((80, 190, 320, 360), (100, 40, 260, 210))
BELL: list[Point] = [(190, 0), (210, 0), (210, 60), (260, 90), (290, 260), (330, 300), (70, 300), (110, 260), (140, 90)]


def test_a_ribbon_that_hangs_beside_a_base_is_no_part_of_it_and_legs_are() -> None:
    book, with_ribbon = (drawn(*shapes) > 0.5 for shapes in ([BOOK], [BOOK, RIBBON]))
    left = without_appendages(with_ribbon)
    assert not left[325:, :90].any(), "the ribbon's end"
    assert (left ^ book).sum() < 0.005 * book.sum()
    assert (without_appendages(book) == book).all()
    table = drawn(rectangle(60, 100, 340, 180), rectangle(70, 100, 90, 300), rectangle(300, 100, 320, 360)) > 0.5
    assert (without_appendages(table) == table).all()
    beside = np.zeros((200, 400), bool)
    beside[:, :200] = beside[90:98] = True  # a cable that leaves at the side, with nothing below it
    assert (without_appendages(beside) == beside).all()


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_cushion_on_its_corner_lies_and_a_crate_that_is_turned_a_little_stands(mirrored: bool) -> None:
    cushion, crate = (drawn(shape)[:, :: -1 if mirrored else 1] for shape in (CUSHION, CRATE))
    assert stance(cushion, (), SEEN_FROM_THE_SIDE).name == "lying"
    assert stance(crate, (), SEEN_FROM_THE_SIDE).name == "standing"


def test_an_egg_upon_an_egg_is_no_equilibrium_unless_somebody_saw_it_stand() -> None:
    eggs = drawn(discs=EGGS)
    assert is_heap(eggs > 0.5)
    assert stance(eggs, (), IN_DOUBT).falls
    assert stance(eggs, (), SEEN_FROM_THE_SIDE).name == "standing", "a figure of snow"
    beside = drawn(discs=((40, 190, 215, 340), (200, 190, 360, 340)))
    jug = drawn([(150, 60), (250, 60), (230, 160), (170, 160)], discs=((90, 150, 310, 350),))
    assert not is_heap(beside > 0.5)
    assert not is_heap(jug > 0.5)


def test_a_bell_that_the_photo_cuts_above_hangs_from_there_and_a_lamp_on_its_foot_stands() -> None:
    clapper = rectangle(188, 300, 212, 350)
    bell = drawn(BELL, clapper)
    assert stance(bell, ("top",), SEEN_FROM_THE_SIDE).name == "hanging"
    assert stance(bell, ("top",)).edges("podium") == ("top",)
    lamp = drawn(rectangle(195, 0, 205, 340), rectangle(130, 330, 270, 350))
    assert stance(lamp, ("top",), SEEN_FROM_THE_SIDE).name == "standing"
    leaning = tight(drawn([(60, 0), (90, 0), (300, 340), (290, 350)]) > 0.5)
    assert not hangs_plumb(leaning), "its weight is beside what holds it"


def test_what_is_cut_at_a_side_and_on_a_point_is_held_there_by_somebodys_word_alone() -> None:
    anchor = drawn([(0, 60), (120, 0), (160, 220), (390, 90), (150, 360)])
    assert stance(anchor, ("left",), IN_DOUBT).name == "lying"
    assert stance(anchor, ("left",), SEEN_FROM_THE_SIDE).name == "standing"


def turned_picture(alpha: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    """The picture turned clockwise about its middle."""
    return np.asarray(Image.fromarray(alpha).rotate(-degrees, Image.Resampling.BILINEAR), np.float32)


JAR = drawn(rectangle(140, 120, 250, 280), rectangle(160, 90, 230, 120), discs=((140, 265, 250, 295),))
LANTERN = drawn([(150, 110), (250, 110), (270, 290), (130, 290)], discs=((170, 70, 230, 120),))


@pytest.mark.parametrize("alpha", [JAR, LANTERN], ids=["jar", "lantern"])
@pytest.mark.parametrize("degrees", [-38, -24, 21, 33])
def test_what_is_photographed_askew_is_symmetric_about_an_axis_that_is_not_plumb(
    alpha: NDArray[np.float32], degrees: float
) -> None:
    askew = turned_picture(alpha, degrees)
    turn, alike, more = mirror_axis(askew > 0.5)
    assert turn == pytest.approx(degrees, abs=4)
    assert more > 0.15 > mirror_axis(alpha > 0.5)[2]
    assert alike > 0.8
    assert stance(askew, (), SEEN_FROM_THE_SIDE).falls
    assert stance(turned_picture(alpha, degrees / 8), (), SEEN_FROM_THE_SIDE).name == "standing"


def test_a_box_over_its_corner_and_a_ball_are_symmetric_about_no_axis_more_than_about_plumb() -> None:
    carton = drawn([(180, 350), (340, 275), (340, 210), (215, 130), (60, 190), (60, 260)])
    ball = drawn(discs=((100, 100, 300, 300),))
    assert max(mirror_axis(shape > 0.5)[2] for shape in (carton, ball)) < 0.13
    assert {stance(shape, (), SEEN_FROM_THE_SIDE).name for shape in (carton, ball)} == {"standing"}


#: A sign, a cone that stands behind it, and a tyre that lies further back than any table.
SIGN = rectangle(40, 250, 360, 350)
CONE: list[Point] = [(150, 40), (170, 40), (190, 255), (130, 255)]
TYRE = ((280, 40, 350, 80),)


def test_a_part_that_ends_above_any_surface_lies_small_as_it_is_and_one_that_stands_behind_does_not() -> None:
    behind = drawn(SIGN, CONE, discs=TYRE)
    assert stance(behind, (), SEEN_FROM_THE_SIDE).falls
    assert stance(behind[40:], ("top",), SEEN_FROM_THE_SIDE).falls, "it would hang beside what stands"
    assert stance(behind, ("right",), SEEN_FROM_THE_SIDE).name == "standing", "it may be held there"
    assert stance(drawn(SIGN, CONE), (), SEEN_FROM_THE_SIDE).name == "standing"
    lower = drawn(rectangle(40, 150, 260, 350), discs=((280, 240, 350, 280),))
    assert stance(lower, (), SEEN_FROM_THE_SIDE).name == "standing", "further back on the same table"
    speck = drawn(SIGN, CONE, discs=((320, 60, 328, 68),))
    assert not has_part_far_up(tight(speck > 0.5))


def test_a_glass_whose_stem_the_cut_out_lost_stands_on_its_foot() -> None:
    bowl: list[Point] = [(140, 60), (260, 60), (230, 180), (170, 180)]
    glass, beside = (drawn(bowl, discs=((150 + x, 335, 250 + x, 350),)) for x in (0, 120))
    assert stance(glass, (), SEEN_FROM_THE_SIDE).name == "standing"
    assert stance(beside, (), SEEN_FROM_THE_SIDE).falls, "what is in the air is not above the foot"


def test_a_triangle_on_its_tip_is_balanced_on_a_point_and_one_on_its_edge_stands() -> None:
    give_way, warning = drawn([(60, 90), (340, 90), (212, 330), (188, 330)]), drawn([(60, 330), (340, 330), (200, 90)])
    assert 5 < footing(give_way > 0.5).tips < 8
    assert stance(give_way, (), SEEN_FROM_THE_SIDE).falls
    assert stance(warning, (), SEEN_FROM_THE_SIDE).name == "standing"


def test_a_flag_on_its_stick_has_no_base_that_recedes_to_its_cloth() -> None:
    stick: list[Point] = [(60, 330), (72, 335), (132, 60), (120, 56)]
    cloth: list[Point] = [(122, 70), (330, 120), (318, 222), (98, 180)]
    assert stance(drawn(stick, cloth), (), SEEN_FROM_THE_SIDE).falls
    assert stance(drawn(stick, cloth, rectangle(40, 318, 300, 338)), (), SEEN_FROM_THE_SIDE).name == "standing"


def test_a_wedge_that_rests_on_its_level_edge_stands_though_the_axis_of_its_symmetry_leans() -> None:
    wedge, askew = drawn([(60, 340), (340, 340), (340, 60)]), drawn([(60, 270), (330, 340), (260, 70)])
    assert mirror_axis(wedge > 0.5)[0] == -45
    assert stance(wedge, (), SEEN_FROM_THE_SIDE).name == "standing"
    assert stance(askew, (), SEEN_FROM_THE_SIDE).falls


#: A round clock, one whose lower edge rises since it is seen from below, one on its own base.
ROUND, FROM_BELOW = drawn(discs=((100, 100, 300, 300),)), drawn([(120, 60), (240, 80), (280, 270), (100, 330)])
MANTEL = drawn(rectangle(90, 300, 310, 340), discs=((110, 100, 290, 320),))


def test_a_clock_stands_on_a_level_base_and_else_it_hung() -> None:
    clock = SEEN_FROM_THE_SIDE | {"clock": 0.8}
    assert {stance(alpha, (), clock).name for alpha in (ROUND, FROM_BELOW)} == {"lying"}
    assert {stance(alpha, (), SEEN_FROM_THE_SIDE).name for alpha in (ROUND, FROM_BELOW)} == {"standing"}
    assert stance(MANTEL, (), clock).name == "standing"


def test_a_flower_stands_on_its_stalk_or_in_its_pot_alone() -> None:
    flower = SEEN_FROM_THE_SIDE | {"flower": 0.9}
    assert stance(ROUND, (), flower).falls
    assert stance(ROUND, ("left",), flower).falls
    assert stance(ROUND, (), flower | {"flower": 0.5}).name == "standing", "a ball"
    potted = drawn(rectangle(165, 240, 235, 350), discs=((90, 60, 310, 250),))
    wide = drawn(rectangle(125, 240, 275, 350), discs=((80, 60, 320, 250),))
    assert {stance(alpha, (), flower).name for alpha in (potted, wide)} == {"standing"}
    assert stance(ROUND[:280], ("bottom",), flower).name == "cut_below"
