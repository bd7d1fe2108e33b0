"""How a product stands in its photo, by silhouettes that are drawn here."""

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.spec import Scene, SceneKind, StanceWord
from pipeline.core.types import Cutout
from pipeline.cutout.stance import Stance, stance, stance_of
from pipeline.placement.facts import StanceName, as_said
from tests.pipeline.silhouettes import SIDE, drawn, rectangle

BOTTLE = drawn(rectangle(170, 60, 230, 360))
BALL = drawn(discs=((120, 120, 280, 280),))
#: A box over its corner: both base edges recede.
BOX = drawn([(200, 360), (330, 310), (330, 150), (210, 110), (80, 160), (80, 300)])
#: A hook, shoulders, sleeves that hang lower than the hem.
JACKET = drawn(
    rectangle(196, 50, 204, 80),
    [(100, 110), (180, 80), (220, 80), (300, 110), (280, 320), (120, 320)],
    [(300, 110), (330, 340), (300, 345), (270, 130)],
    [(100, 110), (70, 340), (100, 345), (130, 130)],
)


STANDS, LIES = {"side": 0.9, "above": 0.1}, {"side": 0.1, "above": 0.9}
DOUBT = {"side": 0.5, "above": 0.5}


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
    ("seen", "name", "side", "unsure"),
    [(LIES, "lying", False, False), (STANDS, "standing", True, False), (DOUBT, "standing", False, True)],
    ids=["above", "side", "doubtful"],
)
def test_a_network_that_is_sure_says_how_it_stands_and_one_that_is_not_claims_nothing(
    seen: dict[str, float], name: StanceName, side: bool, unsure: bool
) -> None:
    found = stance(BOTTLE, (), seen)
    assert (found.name, found.side, found.unsure) == (name, side, unsure)
    assert found.angle == {"lying": "above", "standing": "side" if side else None}[name]
    cut = stance(BOTTLE, ("bottom",), seen)
    assert (cut.name, cut.unsure) == ("lying" if name == "lying" else "cut_below", unsure)
    assert stance(JACKET, (), seen).name == ("standing" if side else "hanging"), "a car's aerial is no hook"


def test_where_nobody_looked_nothing_is_claimed_and_nobody_is_unsure() -> None:
    found = stance(BOTTLE)
    assert (found.name, found.angle, found.unsure, found.elevation) == ("standing", None, False, None)


def test_the_camera_meets_the_elevation_that_a_network_sees_of_what_it_is_sure_that_stands() -> None:
    high = {"elevation": 1 / 3}
    found = stance(BOTTLE, (), STANDS | high)
    assert found.elevation == pytest.approx(30)
    assert found.pose.pitch_slope == pytest.approx(np.tan(np.deg2rad(30)))
    assert not stance(BOTTLE, (), DOUBT | high).pose.pitch_slope
    assert stance(BOX).pose.pitch_slope, "where nobody looked its base tells it"


def test_what_a_hand_holds_stands_on_nothing_unless_its_arm_comes_from_the_photos_edge() -> None:
    in_hand = {"hand": 0.9, "above": 0.4, "side": 0.6}
    held = stance(BOTTLE, (), in_hand)
    assert (held.name, held.held, held.angle) == ("lying", True, "above")
    assert "a hand holds" in str(held.refused_in("bokeh"))
    assert stance(BOTTLE, ("top",), in_hand).name == "lying"
    assert stance(BOTTLE, ("bottom",), in_hand).name == "cut_below"
    assert stance(BOTTLE, ("left",), in_hand).name == "standing"


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
    shoes = Cutout(np.zeros((*BOTTLE.shape, 3), np.uint8), BOTTLE, 1, (), ("bottom", "left"), viewpoint={"above": 0.99})
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


@pytest.mark.parametrize("word", ["standing", "lying"])
def test_the_camera_meets_what_a_network_sees_of_what_the_caller_says_stands_or_lies(word: StanceWord) -> None:
    bottle = Cutout(np.zeros((*BOTTLE.shape, 3), np.uint8), BOTTLE, 1, (), viewpoint={"above": 0.9, "elevation": 0.25})
    found = stance_of(bottle, word)
    assert (found.elevation, found.unsure) == (22.5, False)
    assert found.pose.pitch_slope == pytest.approx(np.tan(np.deg2rad(22.5)))


@pytest.mark.parametrize("word", ["standing", "lying", "hanging", "from_above"])
def test_facts_follow_the_callers_word_as_the_stance_does(word: StanceWord) -> None:
    found = stance_of(Cutout(np.zeros((*BOX.shape, 3), np.uint8), BOX, 1, (), ("bottom",)), word)
    facts = as_said({"stance": "cut_below", "suits": [], "cut_sides": ["bottom"]}, word)
    assert (facts["stance"], facts["suits"], facts["cut_sides"]) == (found.name, found.suits, found.cut_sides)


def test_what_is_cut_off_below_has_no_foot() -> None:
    found = stance(BOTTLE[:300], ("bottom",))
    assert found.name == "cut_below"
    assert not found.stands_in("podium")
    assert set(found.suits) == set(get_args(SceneKind))


def test_what_was_seen_from_the_side_does_not_suit_a_flat_lay() -> None:
    assert "flatlay" not in stance(BOX, (), STANDS).suits
    assert "flatlay" in stance(BOX).suits, "where nobody looked nothing is claimed"


@pytest.mark.parametrize("scale", [0.5, 3.0])
@pytest.mark.parametrize("alpha", [BOTTLE, JACKET, BOX], ids=["bottle", "jacket", "box"])
def test_the_photos_size_does_not_matter(alpha: NDArray[np.float32], scale: float) -> None:
    side = round(SIDE * scale)
    other = np.asarray(Image.fromarray(alpha).resize((side, side), Image.Resampling.BILINEAR), np.float32)
    assert stance(other).name == stance(alpha).name
