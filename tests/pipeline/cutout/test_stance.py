"""How a product stands in its photo, told by silhouettes that are drawn here."""

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.core.spec import Scene, SceneKind, StanceWord
from pipeline.core.stance_rules import StanceName, as_said
from pipeline.core.types import Cutout
from pipeline.cutout.stance import Stance, stance, stance_of
from pipeline.geometry.statics import footing, turned_ellipse, turned_rectangle
from tests.pipeline.silhouettes import SIDE, Point, drawn, rectangle

BOTTLE = drawn(rectangle(170, 60, 230, 360))
BALL = drawn(discs=((120, 120, 280, 280),))
PENCIL = drawn(discs=((190, 40, 210, 360),))
#: A box over its corner: both base edges recede.
BOX = drawn([(200, 360), (330, 310), (330, 150), (210, 110), (80, 160), (80, 300)])
#: Laid across the picture: its weight is beside the end that is lowest.
SCISSORS = drawn([(100, 300), (120, 330), (340, 120), (320, 90)], discs=((90, 270, 150, 335),))
#: Seen from above, toes down.
SHOES = drawn(discs=((90, 80, 180, 340), (220, 80, 310, 345)))
BOTTLES = drawn(rectangle(110, 80, 170, 340), rectangle(230, 80, 290, 340))
#: A hook, shoulders, sleeves that hang lower than the hem.
JACKET = drawn(
    rectangle(196, 50, 204, 80),
    [(100, 110), (180, 80), (220, 80), (300, 110), (280, 320), (120, 320)],
    [(300, 110), (330, 340), (300, 345), (270, 130)],
    [(100, 110), (70, 340), (100, 345), (130, 130)],
)


def turned(shape: list[Point], degrees: float) -> list[Point]:
    """A polygon turned about the canvas's middle."""
    cos, sin, middle = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees)), SIDE / 2
    return [
        (
            middle + cos * (x - middle) - sin * (y - middle),
            middle + sin * (x - middle) + cos * (y - middle),
        )
        for x, y in shape
    ]


#: A road sign without its post.
SIGN = rectangle(100, 130, 300, 270)
#: Its lower edges rise by 54 degrees, and by 45 those of a square tile.
HEART = drawn([(200, 350), (70, 170), (330, 170)], discs=((66, 80, 204, 218), (196, 80, 334, 218)))
DIAMOND = drawn([(200, 340), (340, 200), (200, 60), (60, 200)])
#: A clock whose bracket ends in a point below, and a sign on what is left of its post.
#: Seen from below: its lower edge is the steeper the nearer it is.
HUNG = drawn([(90, 60), (280, 150), (270, 350), (75, 250)])
CLOCK = drawn(rectangle(110, 80, 290, 250), [(110, 250), (290, 250), (200, 340)])
POSTED = drawn([(60, 160), (200, 60), (340, 160), (200, 260)], rectangle(194, 250, 206, 350))
#: What stands on little, and stands.
GLASS = drawn(
    [(140, 60), (260, 60), (240, 180), (160, 180)], rectangle(195, 180, 205, 340), discs=((150, 325, 250, 350),)
)
PLANT = drawn(rectangle(160, 250, 240, 350), discs=((80, 60, 320, 260),))
LAMP = drawn(
    [(150, 60), (250, 60), (300, 170), (100, 170)], rectangle(197, 170, 203, 340), rectangle(150, 335, 250, 350)
)
BOWL = drawn([(60, 200), (340, 200), (235, 320), (165, 320)])
#: Four legs, the far ones higher in the photo.
CHAIR = drawn(
    rectangle(110, 60, 290, 230),
    rectangle(110, 220, 125, 330),
    rectangle(240, 220, 255, 350),
    rectangle(165, 220, 178, 290),
    rectangle(277, 220, 290, 305),
)
#: A van seen askew: plumb, its roof and its base inclined.
VAN = drawn([(60, 150), (340, 100), (340, 240), (60, 290)])
#: A box seen from 40 degrees above, over its corner.
LOW_BOX = drawn([(200, 340), (340, 255), (340, 205), (200, 120), (60, 205), (60, 255)])
STANDS_ON_LITTLE = {
    "glass": GLASS, "plant": PLANT, "lamp": LAMP, "bowl": BOWL, "chair": CHAIR, "van": VAN, "box": LOW_BOX
}  # fmt: skip


@pytest.mark.parametrize("alpha", [BOTTLE, BALL, PENCIL, BOX, BOTTLES], ids=["bottle", "ball", "pencil", "box", "two"])
def test_what_has_its_weight_over_its_foot_stands(alpha: NDArray[np.float32]) -> None:
    assert stance(alpha).name == "standing"


@pytest.mark.parametrize("alpha", [SCISSORS, SHOES], ids=["scissors", "shoes"])
def test_what_would_fall_over_was_photographed_lying_and_suits_a_flat_lay_and_white(
    alpha: NDArray[np.float32],
) -> None:
    found = stance(alpha)
    assert found.name == "lying"
    assert found.suits == ("white", "flatlay")


@pytest.mark.parametrize("alpha", STANDS_ON_LITTLE.values(), ids=STANDS_ON_LITTLE.keys())
def test_what_stands_on_little_or_is_seen_askew_stands(alpha: NDArray[np.float32]) -> None:
    assert stance(alpha).name == "standing"
    assert stance(alpha, (), {"side": 0.9, "above": 0.1}).name == "standing"


@pytest.mark.parametrize(
    "alpha",
    [HEART, DIAMOND, CLOCK, POSTED, HUNG],
    ids=["heart", "a tile on its corner", "a bracket's end", "a post", "a sign that hung"],
)
def test_what_is_balanced_on_a_point_or_a_corner_lies_whoever_says_that_it_stands(alpha: NDArray[np.float32]) -> None:
    assert stance(alpha, (), {"side": 0.95, "above": 0.05}).name == "lying"
    assert stance(alpha, ("left",), {"side": 0.95}).name == "standing", "what is cut may be held there"


@pytest.mark.parametrize("degrees", [-30, -11, 9, 17, 40])
def test_a_sign_that_is_turned_in_the_picture_stands_on_its_corner_so_it_lies(degrees: float) -> None:
    sign = drawn(turned(SIGN, degrees))
    turn, shown = turned_rectangle(sign > 0.5)
    assert turn == pytest.approx(degrees, abs=1)
    assert shown > 0.8
    assert stance(sign, (), {"side": 0.95, "above": 0.05}).name == "lying"


def test_a_photo_that_was_taken_a_little_askew_turns_no_sign() -> None:
    assert {stance(drawn(turned(SIGN, degrees))).name for degrees in (-5, -2, 0, 3, 5)} == {"standing"}
    assert turned_rectangle(VAN > 0.5)[1] < 0.5


def test_an_oval_that_is_turned_is_askew_on_its_rim_and_lies_and_a_level_or_an_upright_one_stands() -> None:
    oval = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(oval).ellipse((60, 115, 340, 285), fill=255)
    found = {
        turn: stance(np.asarray(oval.rotate(-turn), np.float32) / np.float32(255), (), {"side": 0.9}).name
        for turn in (0, 4, 12, -25, 60, 90)
    }
    assert found == {0: "standing", 4: "standing", 12: "lying", -25: "lying", 60: "lying", 90: "standing"}
    turn, long, share = turned_ellipse(np.asarray(oval.rotate(-12)) > 127)
    assert (turn, long) == pytest.approx((12, 280 / 170), rel=0.03)
    assert share > 0.97


def test_a_rod_that_slants_into_the_distance_lies_and_a_level_one_stands_as_it_is() -> None:
    slanting = drawn([(40, 190), (360, 230), (360, 262), (40, 212)])
    assert stance(slanting, (), {"side": 1.0}).name == "lying"
    assert stance(drawn(rectangle(40, 200, 360, 240))).name == "standing"


def test_of_two_cards_one_that_is_turned_stands_on_its_corner() -> None:
    beside = [(x + 80, y + 20) for x, y in turned(rectangle(170, 140, 260, 260), 14)]
    upright = rectangle(40, 140, 130, 300)
    assert stance(drawn(upright, beside)).name == "lying"
    assert stance(drawn(upright, rectangle(220, 140, 310, 300))).name == "standing"


def test_what_is_cut_below_rests_on_the_surface_where_its_base_is_plainly_seen_and_no_hand_holds_it() -> None:
    assert stance(BOX, ("bottom",)).rests
    assert stance(BOX, ("bottom",)).pose.base_rise > 0.2
    assert not stance(BOX, ("bottom",), {"hand": 0.9}).rests
    assert not stance(BOTTLE, ("bottom",)).rests
    assert not stance(BOX).rests, "it stands, which is more"


def test_what_is_cut_below_rises_from_there_unless_its_weight_is_beside_the_cut() -> None:
    kite = drawn([(130, 400), (138, 400), (310, 200), (150, 20)])
    assert stance(kite, ("bottom",)).name == "lying"
    assert stance(kite, ("bottom",), {"hand": 0.9}).name == "cut_below", "a hand holds it there"
    flower = drawn(rectangle(195, 200, 205, 400), discs=((120, 60, 280, 220),))
    assert stance(flower, ("bottom",)).name == "cut_below"


def test_an_aircraft_is_in_the_air_and_has_no_honest_place_but_on_white() -> None:
    seen = {"side": 0.95, "above": 0.05, "aircraft": 0.5}
    found = stance(BOX, (), seen)
    assert found.name == "in_the_air"
    assert found.suits == ("white",)
    assert "aircraft" in str(found.refused_in("podium"))
    assert "aircraft" in str(found.refused_in("flatlay"))
    assert found.refused_in("white") is None
    assert stance(BOX, ("left",), seen).name == "in_the_air"
    assert stance(BOX, (), seen | {"aircraft": 0.01}).name == "standing"


def test_a_bottle_that_leans_falls_and_one_that_is_cut_may_be_held_there() -> None:
    leaning = drawn([(160, 350), (190, 360), (320, 70), (290, 60)])
    assert footing(leaning > 0.5).tips < 0 < footing(BOTTLE > 0.5).tips
    assert stance(leaning).name == "lying"
    assert "can't stand" in str(stance(leaning).refused_in("bokeh"))
    assert stance(leaning, ("right",)).name == "standing"


def test_a_garment_on_its_hanger_hangs_and_wants_a_wall() -> None:
    found = stance(JACKET)
    assert found.name == "hanging"
    assert set(get_args(SceneKind)) - set(found.suits) == {"sand", "bokeh"}


def test_a_scene_is_refused_where_nothing_of_it_is_left_seen_as_the_photo_sees_the_product() -> None:
    kinds: tuple[SceneKind, ...] = get_args(SceneKind)
    refused = {name: {kind for kind in kinds if Stance(name).refused_in(kind)} for name in get_args(StanceName)}
    assert refused == {
        "standing": set(),
        "lying": {"bokeh", "neon"},
        "hanging": {"bokeh"},
        "cut_below": set(),
        "in_the_air": set(kinds) - {"white"},
    }


@pytest.mark.parametrize(
    ("found", "kind", "painted"),
    [
        (Stance("lying"), "podium", "flatlay"),
        (Stance("lying"), "flatlay", "flatlay"),
        (Stance("hanging"), "sand", "flatlay"),
        (Stance("hanging"), "podium", "podium"),
        (Stance("standing"), "flatlay", "flatlay"),
        (Stance("standing", side=True), "flatlay", "tabletop"),
        (Stance("standing", side=True), "podium", "podium"),
        (Stance("cut_below", ("bottom",), side=True), "flatlay", "tabletop"),
        (Stance("standing", ("top",), side=True), "flatlay", "flatlay"),
        (Stance("lying"), "white", "white"),
    ],
)
def test_a_scene_that_does_not_suit_is_shown_from_the_photos_angle(
    found: Stance, kind: SceneKind, painted: SceneKind
) -> None:
    scene = Scene("one", "One", "", "a place", kind, wall="plaster", surface="wood", palette=("#ffffff", "#888888"))
    assert found.scene_for(scene).kind == painted
    assert (painted == kind) == (kind in found.suits)


@pytest.mark.parametrize(
    ("seen", "name", "side"),
    [
        ({"above": 0.9, "side": 0.1}, "lying", False),
        ({"above": 0.1, "side": 0.9}, "standing", True),
        ({"above": 0.55, "side": 0.45}, "standing", False),
        ({"hand": 0.6, "above": 0.4}, "standing", False),
        ({}, "standing", False),
    ],
    ids=["above", "side", "doubtful", "hand", "nobody looked"],
)
def test_a_network_that_is_sure_says_what_the_outline_does_not(
    seen: dict[str, float], name: StanceName, side: bool
) -> None:
    found = stance(BOTTLE, (), seen)
    assert (found.name, found.side) == (name, side)
    assert stance(BOTTLE, ("bottom",), seen).name == ("lying" if name == "lying" else "cut_below")
    assert stance(SCISSORS, (), seen).name == "lying", "what would fall over does not stand, whoever says so"
    assert stance(JACKET, (), seen).name == ("standing" if side else "hanging"), "a car's aerial is no hook"


def test_what_a_hand_holds_stands_on_nothing_unless_its_arm_comes_from_the_photos_edge() -> None:
    in_hand = {"hand": 0.9, "above": 0.1}
    held = stance(BOTTLE, (), in_hand)
    assert (held.name, held.held, held.angle) == ("lying", True, "above")
    assert "a hand holds" in str(held.refused_in("bokeh"))
    assert stance(BOTTLE, ("top",), in_hand).name == "lying"
    assert stance(BOTTLE, ("bottom",), in_hand).name == "cut_below"
    assert stance(BOTTLE, ("left",), in_hand).name == "standing"


def test_two_things_one_above_the_other_were_seen_from_above_where_the_network_is_in_doubt() -> None:
    two = drawn(rectangle(60, 220, 180, 340), rectangle(220, 60, 340, 228))
    beside = drawn(rectangle(40, 100, 180, 340), rectangle(220, 60, 360, 300))
    doubt = {"above": 0.5, "side": 0.5}
    assert stance(two, (), doubt).name == "lying"
    assert stance(beside, (), doubt).name == "standing"
    assert stance(two, (), {"above": 0.1, "side": 0.9}).name == "standing"
    assert stance(two).name == "standing"


def test_what_is_far_above_the_foot_by_itself_is_on_no_surface_seen_from_the_side_whoever_says_so() -> None:
    two = drawn(rectangle(60, 260, 260, 340), rectangle(160, 60, 360, 140))
    assert stance(two).name == "lying"
    assert stance(two, (), {"side": 0.95}).name == "lying"
    assert stance(two[:330], ("bottom",), {"side": 0.95}).name == "lying"
    assert stance(two, ("right",), {"side": 0.95}).name == "standing", "what is cut may be held there"


def test_a_thick_neck_is_no_hook() -> None:
    vase = drawn(rectangle(175, 50, 225, 90), rectangle(100, 90, 300, 350))
    assert stance(vase).name == "standing"


def test_what_hangs_comes_down_from_the_upper_edge_but_where_it_lies() -> None:
    hung = Stance("hanging")
    assert hung.edges("podium") == ("top",)
    assert hung.edges("flatlay") == hung.edges("white") == ()
    assert Stance("hanging", ("top",)).edges("podium") == ("top",)
    assert Stance("standing", ("left",)).edges("podium") == ("left",)


def test_the_callers_word_beats_the_guess_and_rests_on_what_the_photo_shows() -> None:
    shoes = Cutout(np.zeros((*SHOES.shape, 3), np.uint8), SHOES, 1, (), ("bottom", "left"), viewpoint={"above": 0.99})
    guess, standing, lying, hanging, above = (stance_of(shoes, word) for word in get_args(StanceWord))
    assert (guess.name, standing.name, lying.name, hanging.name, above.name) == (
        *("lying", "standing", "lying"),
        *("hanging", "lying"),
    )
    assert (standing.angle, lying.angle, above.angle) == ("side", None, "above")
    assert lying.suits == get_args(SceneKind)
    assert above.suits == guess.suits
    assert lying.refused_in("neon") is None
    assert "The order says" in str(above.refused_in("neon"))
    assert standing.cut_sides == lying.cut_sides == ("left",)
    assert above.cut_sides == hanging.cut_sides == guess.cut_sides
    assert lying.pose.base_rise == pytest.approx(1 / shoes.aspect), "all of it is over the surface"


@pytest.mark.parametrize("word", ["standing", "lying", "hanging", "from_above"])
def test_facts_follow_the_callers_word_as_the_stance_does(word: StanceWord) -> None:
    told = stance_of(Cutout(np.zeros((*BOX.shape, 3), np.uint8), BOX, 1, (), ("bottom",)), word)
    facts = as_said({"stance": "cut_below", "suits": [], "cut_sides": ["bottom"]}, word)
    assert (facts["stance"], facts["suits"], facts["cut_sides"]) == (told.name, told.suits, told.cut_sides)


def test_what_is_cut_off_below_has_no_foot() -> None:
    found = stance(BOTTLE[:300], ("bottom",))
    assert found.name == "cut_below"
    assert not found.stands_in("podium")
    assert set(found.suits) == set(get_args(SceneKind))


def test_what_was_seen_from_the_side_does_not_suit_a_flat_lay() -> None:
    assert "flatlay" not in stance(BOX).suits
    assert "flatlay" in stance(BOTTLE).suits


@pytest.mark.parametrize("scale", [0.5, 3.0])
@pytest.mark.parametrize("alpha", [BOTTLE, SHOES, JACKET, SCISSORS, BOX], ids=["bottle", "shoes", "jacket", "s", "box"])
def test_the_photos_size_does_not_matter(alpha: NDArray[np.float32], scale: float) -> None:
    side = round(SIDE * scale)
    other = np.asarray(Image.fromarray(alpha).resize((side, side), Image.Resampling.BILINEAR), np.float32)
    assert stance(other).name == stance(alpha).name
