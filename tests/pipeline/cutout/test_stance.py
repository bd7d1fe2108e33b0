"""A product's stance in its photo, by silhouettes that are drawn here."""

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.order import StanceWord
from pipeline.core.spec import SceneKind
from pipeline.core.types import Cutout
from pipeline.cutout.stance import NOBODY_LOOKED, facts_of, guess, pose_of
from pipeline.placement.facts import StanceName
from tests.pipeline.silhouettes import SIDE, drawn, rectangle

BOTTLE = drawn(rectangle(170, 60, 230, 360))
#: A box over its corner: both base edges recede.
BOX = drawn([(200, 360), (330, 310), (330, 150), (210, 110), (80, 160), (80, 300)])
#: A hook, shoulders, and sleeves that hang lower than the hem.
JACKET = drawn(
    rectangle(196, 50, 204, 80),
    [(100, 110), (180, 80), (220, 80), (300, 110), (280, 320), (120, 320)],
    [(300, 110), (330, 340), (300, 345), (270, 130)],
    [(100, 110), (70, 340), (100, 345), (130, 130)],
)


STANDS, LIES = {"side": 0.9, "above": 0.1}, {"side": 0.1, "above": 0.98, "elevation": 0.7}
DOUBT = {"side": 0.5, "above": 0.5}


def cutout(alpha: NDArray[np.float32], seen: Mapping[str, float] = NOBODY_LOOKED) -> Cutout:
    return Cutout(np.zeros((*alpha.shape, 3), np.uint8), alpha, 1, (), viewpoint=seen)


def test_a_garment_on_its_hanger_hangs_and_needs_a_wall_and_a_thick_neck_is_no_hook() -> None:
    found = guess(JACKET)
    assert found.stance == "hanging"
    assert set(get_args(SceneKind)) - set(found.suits) == {"sand", "bokeh"}
    assert guess(drawn(rectangle(175, 50, 225, 90), rectangle(100, 90, 300, 350))).stance == "standing"


def test_limp_clothing_hangs_however_it_was_photographed_and_is_only_turned_where_no_wall_is() -> None:
    for seen in (LIES, STANDS, DOUBT):
        found = guess(BOTTLE, ("bottom",), seen | {"garment": 0.9, "elevation": 0.9})
        assert (found.stance, found.unsure, found.cut_sides) == ("hanging", False, ("bottom",))
        assert (found.turned("curtain"), found.turned("flatlay"), found.turned("sand")) == (None, None, "above")


def test_a_scene_is_turned_only_for_a_certain_answer_and_else_the_product_lies_in_it_at_a_slant() -> None:
    doubtful = {"above": 0.7, "side": 0.3, "elevation": 0.3}
    high, low = guess(BOTTLE, (), LIES), guess(BOTTLE, (), doubtful)
    assert (high.stance, high.turned("podium"), high.unsure, high.lies) == ("lying", "above", False, False)
    assert (low.stance, low.turned("podium"), low.unsure, low.lies) == ("lying", None, True, True)
    found = cutout(BOTTLE, doubtful)
    given = facts_of(found, "lying")
    assert pose_of(found.alpha, facts_of(found)) == pose_of(found.alpha, given)
    assert replace(facts_of(found), unsure=False, word="lying") == given


@pytest.mark.parametrize(
    ("seen", "name", "unsuited", "unsure"),
    [(LIES, "lying", "podium", False), (STANDS, "standing", "flatlay", False), (DOUBT, "standing", None, True)],
    ids=["above", "side", "doubtful"],
)
def test_a_confident_network_decides_the_stance_and_a_doubtful_one_decides_nothing(
    seen: dict[str, float], name: StanceName, unsuited: SceneKind | None, unsure: bool
) -> None:
    found = guess(BOTTLE, (), seen)
    assert (found.stance, found.unsure) == (name, unsure)
    assert (unsuited is None) == (set(found.suits) == set(get_args(SceneKind)))
    assert unsuited not in found.suits
    cut = guess(BOTTLE, ("bottom",), seen)
    assert (cut.stance, cut.unsure) == ("lying" if name == "lying" else "cut_below", unsure)
    assert guess(JACKET, (), seen).stance == ("standing" if seen is STANDS else "hanging"), "a car's aerial is no hook"


def test_without_a_network_no_stance_is_claimed_or_doubted_but_a_product_cropped_below_has_no_foot() -> None:
    found = guess(BOTTLE)
    assert (found.stance, found.suits, found.unsure, found.elevation) == ("standing", get_args(SceneKind), False, None)
    cut = guess(BOTTLE[:300], ("bottom",))
    assert (cut.stance, cut.stands_in("podium"), set(cut.suits)) == ("cut_below", False, set(get_args(SceneKind)))


def test_the_camera_uses_the_networks_elevation_even_of_a_product_that_may_not_stand() -> None:
    high = {"elevation": 1 / 3}
    found = guess(BOTTLE, (), STANDS | high)
    assert found.elevation == pytest.approx(30)
    for seen in (STANDS, DOUBT):
        for cut in ((), ("top",)):
            pose = pose_of(BOTTLE, guess(BOTTLE, cut, seen | high))
            assert pose.pitch_slope == pytest.approx(np.tan(np.deg2rad(30)))
    assert not pose_of(BOTTLE, guess(BOTTLE, ("bottom",), STANDS | high)).pitch_slope, "it has no foot"


def test_a_held_product_stands_on_nothing_unless_its_arm_comes_from_the_photos_edge() -> None:
    in_hand = {"hand": 0.9, "above": 0.4, "side": 0.6}
    held = guess(BOTTLE, (), in_hand)
    assert (held.stance, held.held, held.turned("podium")) == ("lying", True, "above")
    assert guess(BOTTLE, ("top",), in_hand).stance == "lying"
    assert guess(BOTTLE, ("bottom",), in_hand).stance == "cut_below"
    assert guess(BOTTLE, ("left",), in_hand).stance == "standing"


def test_the_callers_stance_overrides_the_guess_and_uses_the_photos_evidence() -> None:
    shoes = replace(cutout(BOTTLE, LIES), cut_sides=("bottom", "left"))
    guess, standing, lying, hanging, above = (facts_of(shoes, word) for word in get_args(StanceWord))
    assert (guess.stance, standing.stance, lying.stance, hanging.stance, above.stance) == (
        *("lying", "standing", "lying"),
        *("hanging", "lying"),
    )
    assert "flatlay" not in standing.suits
    assert lying.suits == get_args(SceneKind)
    assert above.suits == guess.suits
    assert standing.cut_sides == lying.cut_sides == ("left",)
    assert above.cut_sides == hanging.cut_sides == guess.cut_sides
    assert pose_of(shoes.alpha, lying).base_rise == pytest.approx(1 / shoes.aspect), "all of it is over the surface"


@pytest.mark.parametrize("word", ["standing", "lying"])
def test_the_camera_uses_the_networks_elevation_under_the_callers_stance(word: StanceWord) -> None:
    bottle = cutout(BOTTLE, {"above": 0.9, "elevation": 0.25})
    found = facts_of(bottle, word)
    assert (found.elevation, found.unsure) == (22.5, False)
    assert pose_of(BOTTLE, found).pitch_slope == pytest.approx(np.tan(np.deg2rad(22.5)))


@pytest.mark.parametrize("scale", [0.5, 3.0])
@pytest.mark.parametrize("alpha", [BOTTLE, JACKET, BOX], ids=["bottle", "jacket", "box"])
def test_the_photos_size_does_not_matter(alpha: NDArray[np.float32], scale: float) -> None:
    side = round(SIDE * scale)
    other = np.asarray(Image.fromarray(alpha).resize((side, side), Image.Resampling.BILINEAR), np.float32)
    assert guess(other).stance == guess(alpha).stance
