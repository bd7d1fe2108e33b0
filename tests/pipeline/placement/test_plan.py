"""From the facts of a cut-out to a place or a refusal."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from pipeline.core.errors import NoHonestPlacement
from pipeline.core.order import Placement, StanceWord
from pipeline.core.spec import SceneKind, Spec
from pipeline.core.types import Cutout
from pipeline.cutout.stance import facts_of
from pipeline.placement.facts import CutoutFacts, StanceName, suited
from pipeline.placement.place import Place, Refusal
from pipeline.placement.plan import accepted, fitted, placed, shown
from testkit.still_life import preset, spec

CUT_BELOW, HANGING = CutoutFacts("cut_below", cut_sides=("bottom",), aspect=0.7), CutoutFacts("hanging", aspect=0.7)
LIES = CutoutFacts("lying", suited("lying", "above"))
STANDS = CutoutFacts("standing", suited("standing", "side"), aspect=0.7)


def refused(facts: CutoutFacts, asked: Spec) -> str:
    """Return the reason of a product's refusal on a canvas of 400×400 pixels; the empty string without one."""
    found = placed(asked, facts, 400, 400)
    return found.message if isinstance(found, Refusal) else ""


@pytest.mark.parametrize(
    ("facts", "kind", "painted"),
    [
        (LIES, "podium", "flatlay"),
        (LIES, "flatlay", "flatlay"),
        (CutoutFacts("hanging", suited("hanging", None)), "sand", "flatlay"),
        (CutoutFacts("hanging", suited("hanging", None)), "podium", "podium"),
        (CutoutFacts("standing"), "flatlay", "flatlay"),
        (STANDS, "flatlay", "tabletop"),
        (STANDS, "podium", "podium"),
        (CutoutFacts("cut_below", suited("cut_below", "side"), ("bottom",)), "flatlay", "tabletop"),
        (LIES, "white", "white"),
        (CutoutFacts(), "podium", "podium"),
    ],
)
def test_an_unsuitable_scene_is_shown_from_the_photos_angle(
    facts: CutoutFacts, kind: SceneKind, painted: SceneKind
) -> None:
    asked = spec(kind)
    asked = replace(asked, scene=replace(asked.scene, wall="plaster", surface="wood"))
    drawn = shown(asked, facts)
    assert isinstance(drawn, Spec)
    assert drawn.scene.kind == painted
    assert (painted == kind) == (kind in facts.suits)


def test_a_scene_is_refused_where_nothing_of_it_is_left_from_the_photos_angle() -> None:
    seen: dict[StanceName, Any] = {"standing": "side", "lying": "above", "hanging": None, "cut_below": "side"}
    refusing = {
        name: {
            kind
            for kind in get_args(SceneKind)
            if isinstance(shown(spec(kind), CutoutFacts(name, suited(name, angle))), Refusal)
        }
        for name, angle in seen.items()
    }
    assert refusing == {"standing": set(), "lying": {"neon"}, "hanging": set(), "cut_below": set()}
    assert "A hand holds" in refused(replace(LIES, held=True), spec("neon"))
    assert "The order says" in refused(CutoutFacts().said("from_above"), spec("neon"))
    with pytest.raises(NoHonestPlacement, match="Choose a table"):
        accepted(placed(spec("neon"), LIES, 400, 400))


def test_a_hanging_product_hangs_in_the_walls_middle_and_a_cropped_one_at_its_edge() -> None:
    left, top, right, bottom = accepted(placed(spec("podium"), HANGING, 400, 400)).box
    assert (left + right, top + bottom) == pytest.approx((400, 400))
    assert accepted(placed(spec("podium"), replace(HANGING, cut_sides=("top",)), 400, 400)).box[1] == 0
    assert not accepted(placed(replace(spec("podium"), pinned=True), HANGING, 400, 400)).pinned, "a stand is there"


@pytest.mark.parametrize("word", get_args(StanceWord))
@pytest.mark.parametrize("kind", ["podium", "flatlay", "white"])
def test_a_stored_cutouts_facts_give_the_same_place_as_its_pixels(word: StanceWord, kind: SceneKind) -> None:
    alpha = np.zeros((500, 400), np.float32)
    alpha[150:, 120:280] = 1
    found = Cutout(np.zeros((500, 400, 3), np.uint8), alpha, 1, (), ("bottom",), viewpoint={"side": 0.9})
    guess = facts_of(found)
    kept = {"product_box": [120, 150, 280, 500], "stance": guess.stance, "suits": list(guess.suits)}
    read = CutoutFacts.read(kept | {"cut_sides": ["bottom"]}, word)
    for asked in (spec(kind), replace(spec(kind), pinned=True), spec(kind, place=preset((400, 500), "transparent"))):
        by_pixels, by_facts = fitted(asked, facts_of(found, word), 400, 500), fitted(asked, read, 400, 500)
        assert isinstance(by_pixels, Place)
        assert isinstance(by_facts, Place)
        assert by_facts.shares == by_pixels.shares
        assert (by_facts.anchor, by_facts.edges) == (by_pixels.anchor, by_pixels.edges)


def test_a_render_from_before_the_stance_was_reported_claims_nothing() -> None:
    assert CutoutFacts.read({"cut_sides": []}) == CutoutFacts()
    assert CutoutFacts.read({"product_box": None}, "lying").stance == "lying"


@pytest.mark.parametrize(
    ("facts", "kind", "anchor"),
    [
        (STANDS, "podium", "foot"),
        (CUT_BELOW, "white", "foot"),
        (HANGING, "niche", "middle"),
        (STANDS, "white", "middle"),
    ],
)
def test_its_anchor_stays_in_place_when_the_product_is_scaled(facts: CutoutFacts, kind: SceneKind, anchor: str) -> None:
    place = accepted(placed(spec(kind, placement=Placement(scale=1.1)), facts, 400, 400))
    (_, top, _, bottom), (_, new_top, _, new_bottom) = place.box, place.position.box
    before = {"foot": bottom, "hook": top, "middle": (top + bottom) / 2}
    now = {"foot": new_bottom, "hook": new_top, "middle": (new_top + new_bottom) / 2}
    assert place.anchor == anchor
    assert now[anchor] == pytest.approx(before[anchor])


def test_cropped_above_and_too_wide_to_reach_the_floor_it_is_refused_where_it_would_stand() -> None:
    wide = CutoutFacts("standing", cut_sides=("top",), aspect=2.4)
    assert "hang in the air" in refused(wide, spec("podium"))
    assert refused(wide, spec("flatlay")) == refused(wide, spec("white")) == ""


@pytest.mark.parametrize(
    ("edges", "aspect"),
    [
        (("left", "right"), 0.7),
        (("left", "right", "bottom"), 0.7),
        (("top", "bottom"), 1.5),
        (("left", "top", "right", "bottom"), 0.7),
    ],
)
def test_a_product_that_the_canvas_would_crop_again_is_refused(edges: tuple[str, ...], aspect: float) -> None:
    assert " % of the product." in refused(CutoutFacts(cut_sides=edges, aspect=aspect), spec("white"))


@pytest.mark.parametrize(
    ("facts", "placement", "words"),
    [
        (CUT_BELOW, Placement(shift_y=-0.05), "crops the product at the bottom"),
        (CUT_BELOW, Placement(turn=3), "crops the product at the bottom"),
        (CUT_BELOW, Placement(scale=0.6), ""),
        (CUT_BELOW, Placement(shift_x=0.2), ""),
        (CUT_BELOW, Placement(shift_y=0.1), ""),
        (STANDS, Placement(shift_x=0.45), "beyond the picture's edge"),
        (STANDS, Placement(scale=2, shift_x=0.2), "beyond the picture's edge"),
        (HANGING, Placement(shift_y=0.1, scale=0.8, turn=5), ""),
        (CutoutFacts("standing", cut_sides=("top",), aspect=0.7), Placement(scale=0.4), "would show the crop"),
        (CutoutFacts("standing", cut_sides=("top",), aspect=1.6), Placement(shift_y=-0.12), "Shift it down"),
    ],
)
def test_a_placement_that_shows_a_crop_or_leaves_the_canvas_is_refused(
    facts: CutoutFacts, placement: Placement, words: str
) -> None:
    found = refused(facts, spec("podium", placement=placement))
    assert (words in found) if words else not found


@pytest.mark.parametrize(
    ("placement", "wide", "codes"),
    [
        (Placement(), 200, ()),
        (Placement(), 60, ("upscaled",)),
        (Placement(scale=0.3), 60, ()),
        (Placement(shift_x=0.295), 200, ()),
        (Placement(shift_x=0.35), 200, ("cropped",)),
    ],
)
def test_a_strong_enlargement_and_a_crop_by_the_canvas_are_warnings(
    placement: Placement, wide: int, codes: tuple[str, ...]
) -> None:
    facts = replace(STANDS, box=(0, 0, wide, wide / 0.7))
    assert accepted(placed(spec("podium", placement=placement), facts, 400, 400)).warnings == codes


def test_a_scene_from_another_angle_and_an_unknown_stance_are_warnings() -> None:
    unsure = CutoutFacts("standing", aspect=0.7, unsure=True)
    for facts, code in ((unsure, "placement_unsure"), (LIES, "scene_unsuited")):
        assert accepted(placed(spec("podium"), facts, 400, 400)).warnings == (code,)
        assert accepted(placed(spec("white"), facts, 400, 400)).warnings == ()
    assert accepted(placed(spec("flatlay"), unsure, 400, 400)).warnings == ("placement_unsure",)
    assert accepted(placed(spec("flatlay"), LIES, 400, 400)).warnings == ()
