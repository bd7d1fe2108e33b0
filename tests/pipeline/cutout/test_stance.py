"""How a product stands in its photo, told by silhouettes that are drawn here."""

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.core.spec import Scene, SceneKind
from pipeline.core.stance_rules import StanceName
from pipeline.cutout.stance import Stance, footing, stance

SIDE = 400
Point = tuple[float, float]


def drawn(*shapes: list[Point], discs: tuple[tuple[float, float, float, float], ...] = ()) -> NDArray[np.float32]:
    """Polygons, and ellipses as left, top, right, bottom, on a canvas of SIDE."""
    picture = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(picture)
    for shape in shapes:
        draw.polygon(shape, fill=255)
    for disc in discs:
        draw.ellipse(disc, fill=255)
    return np.asarray(picture, np.float32) / np.float32(255)


def rectangle(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


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


def test_a_bottle_that_leans_falls_and_one_that_is_cut_may_be_held_there() -> None:
    leaning = drawn([(160, 350), (190, 360), (320, 70), (290, 60)])
    assert footing(leaning > 0.5).tips < 0 < footing(BOTTLE > 0.5).tips
    assert stance(leaning).name == "lying"
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
    assert stance(JACKET, (), seen).name == "hanging"


def test_what_a_hand_holds_stands_on_nothing_unless_its_arm_comes_from_the_photos_edge() -> None:
    in_hand = {"hand": 0.9, "above": 0.1}
    held = stance(BOTTLE, (), in_hand)
    assert (held.name, held.held, held.angle) == ("lying", True, "above")
    assert "a hand holds" in str(held.refused_in("bokeh"))
    assert stance(BOTTLE, ("top",), in_hand).name == "lying"
    assert stance(BOTTLE, ("bottom",), in_hand).name == "cut_below"
    assert stance(BOTTLE, ("left",), in_hand).name == "standing"


def test_two_things_one_above_the_other_were_seen_from_above_where_the_network_is_in_doubt() -> None:
    two = drawn(rectangle(60, 260, 260, 340), rectangle(160, 60, 360, 140))
    beside = drawn(rectangle(40, 100, 180, 340), rectangle(220, 60, 360, 300))
    doubt = {"above": 0.5, "side": 0.5}
    assert stance(two, (), doubt).name == "lying"
    assert stance(beside, (), doubt).name == "standing"
    assert stance(two, (), {"above": 0.1, "side": 0.9}).name == "standing"
    assert stance(two).name == "standing"


def test_a_thick_neck_is_no_hook() -> None:
    vase = drawn(rectangle(175, 50, 225, 90), rectangle(100, 90, 300, 350))
    assert stance(vase).name == "standing"


def test_what_hangs_comes_down_from_the_upper_edge_but_where_it_lies() -> None:
    hung = Stance("hanging")
    assert hung.edges("podium") == ("top",)
    assert hung.edges("flatlay") == hung.edges("white") == ()
    assert Stance("hanging", ("top",)).edges("podium") == ("top",)
    assert Stance("standing", ("left",)).edges("podium") == ("left",)


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
