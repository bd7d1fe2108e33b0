"""The place that a plan tells of is where the swap of that plan puts the product, whatever is asked."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.background.position import product_box
from pipeline.core.errors import NoHonestPlacement
from pipeline.core.resample import tight_box
from pipeline.core.spec import Output, Placement, Preset, Scene, Spec
from pipeline.core.types import Cutout
from pipeline.cutout.stance import Stance, stance_of
from pipeline.delivery.output import ordered
from pipeline.placement.adjust import adjusted
from pipeline.placement.facts import WORDS
from service.catalogue.catalogue import load_catalogue
from service.catalogue.product_place import product_place

CATALOGUE = load_catalogue()
PHOTO = (400, 500)
ABOVE, SIDE = {"above": 0.9, "side": 0.05}, {"above": 0.05, "side": 0.9}
#: Boxes in the photo (left, top, right, bottom), the sides that it cuts, and how a network saw it.
PRODUCTS: dict[str, tuple[tuple[int, int, int, int], tuple[str, ...], dict[str, float]]] = {
    "standing": ((120, 100, 280, 450), (), SIDE),
    "in doubt": ((60, 200, 360, 420), (), {}),
    "in the air": ((60, 200, 360, 420), (), {"aircraft": 0.99}),
    "lying": ((60, 120, 340, 430), (), ABOVE),
    "cut below": ((120, 150, 280, 500), ("bottom",), {}),
    "cut above": ((120, 0, 280, 400), ("top",), {}),
    "cut at a side": ((0, 150, 250, 400), ("left",), SIDE),
    "cut across": ((0, 150, 400, 400), ("left", "right"), {}),
}


def cut_out(name: str) -> Cutout:
    """Return the cut-out of a plain box in the photo, as large as the photo."""
    (left, top, right, bottom), cut_sides, viewpoint = PRODUCTS[name]
    alpha = np.zeros(PHOTO[::-1], np.float32)
    alpha[top:bottom, left:right] = 1
    rgb = np.zeros((*alpha.shape, 3), np.uint8)
    return Cutout(rgb, alpha, 1, (), cut_sides, viewpoint=viewpoint)


def facts(cutout: Cutout, stance: Stance) -> dict[str, Any]:
    """Return what is kept of a cut-out."""
    box = tight_box(cutout.alpha > 0.5)
    return {
        "product_box": box,
        "stance": stance.name,
        "suits": list(stance.suits),
        "cut_sides": list(stance.cut_sides),
    }


def specs(scene: Scene, preset: Preset) -> list[Spec]:
    """Return what can be asked of a scene and a preset.

    Plain, pinned, pinned and moved, by each word on the stance, in a size of its own.
    """
    plain = Spec(scene=scene, mood=CATALOGUE.mood("calm"), palette=(), preset=preset, seed=1)
    pinned = replace(plain, pinned=True)
    sized = [] if preset.size is None else [replace(plain, output=Output(900, 600))]
    said = [replace(pinned, placement=Placement(stance=word)) for word in WORDS]
    return [plain, pinned, replace(pinned, placement=Placement(shift_x=0.1)), *said, *sized]


@pytest.mark.parametrize("name", PRODUCTS)
def test_it_is_where_the_swap_puts_the_product_in_every_scene_and_preset(name: str) -> None:
    cutout = cut_out(name)
    guess = facts(cutout, stance_of(cutout))
    told = 0
    for scene in {scene.kind: scene for scene in CATALOGUE.scenes.values()}.values():
        for preset in CATALOGUE.presets.values():
            for spec in specs(scene, preset):
                wanted = ordered(spec.preset, spec.output)
                width, height = wanted.size or PHOTO
                place = product_place(spec, guess, PHOTO)
                asked = scene.name, preset.name, spec.placement
                try:
                    box = product_box(cutout, replace(spec, preset=wanted), width, height)
                except NoHonestPlacement:
                    assert place is None, asked
                    continue
                assert place is not None, asked
                shares = box[0] / width, box[1] / height, box[2] / width, box[3] / height
                assert place.box == pytest.approx(shares), asked
                told += 1
    assert told > 100


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("scene", ["podium", "white", "flat_lay_linen"])
def test_its_anchor_is_what_stays_where_it_is_when_the_product_is_scaled(name: str, scene: str) -> None:
    cutout = cut_out(name)
    stance = stance_of(cutout)
    spec = specs(CATALOGUE.scene(scene), CATALOGUE.preset("instagram_square"))[0]
    place = product_place(spec, facts(cutout, stance), PHOTO)
    if place is None:
        assert name in ("cut above", "cut across", "in the air")
        return
    side = 1000.0
    left, top, right, bottom = (side * share for share in place.box)
    stands = place.anchor == "foot" and "bottom" not in place.edges
    larger = adjusted(
        (left, top, right, bottom),
        Placement(scale=1.1),
        1000,
        1000,
        cut_sides=stance.cut_sides,
        edges=place.edges,
        stands=stands,
    ).box
    anchored = {"foot": (larger[3], bottom), "hook": (larger[1], top), "middle": (sum(larger[1::2]), top + bottom)}
    now, before = anchored[place.anchor]
    assert now == pytest.approx(before)


def test_nothing_is_told_where_nothing_was_cut_out() -> None:
    (spec, *_) = specs(CATALOGUE.scene("podium"), CATALOGUE.preset("instagram_square"))
    assert product_place(spec, {}, PHOTO) is None
    assert product_place(spec, {"product_box": None}, PHOTO) is None
