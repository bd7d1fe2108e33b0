"""Which feet of a product stand on the surface that a scene shows."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.spec import SceneKind
from pipeline.cutout.stance import CameraPose
from pipeline.geometry.solids import Drum
from pipeline.scene.composition import compose
from pipeline.scene.footing import hovering, spots
from testkit.still_life import spec
from tests.pipeline.scene.test_layout import KINDS

SIDE = 400
#: Three legs, of which one is far behind.
LEGS = CameraPose(0.3, 0.5, ((0.05, 0.0), (0.95, 0.05), (0.5, 0.3)))


def test_a_leg_before_a_wall_is_counted_and_a_deeper_surface_mends_it() -> None:
    blind = compose(spec("tabletop"), SIDE, SIDE, 1.0, pose=CameraPose(0.0, 0.15))
    left, _, right, bottom = blind.product
    far = (left + right) / 2, blind.edge - 0.05
    assert hovering(blind, ((left, bottom), far)) == 1
    seeing = compose(spec("tabletop"), SIDE, SIDE, 1.0, pose=LEGS)
    assert hovering(seeing, seeing.feet) == 0


def test_a_leg_beyond_its_stand_is_counted_and_a_larger_stand_mends_it() -> None:
    layouts = (compose(spec("podium", seed=seed), SIDE, SIDE, 1.0, pose=LEGS) for seed in range(20))
    layout = next(one for one in layouts if any(isinstance(part.solid, Drum) for part in one.parts))
    assert hovering(layout, layout.feet) == 0
    narrow = [
        replace(part, solid=replace(part.solid, radius=0.3)) if isinstance(part.solid, Drum) else part
        for part in layout.parts
    ]
    assert hovering(replace(layout, parts=tuple(narrow)), layout.feet) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_all_feet_of_a_product_stand_in_every_kind_of_scene(kind: SceneKind) -> None:
    layout = compose(spec(kind), SIDE, SIDE, 1.0, pose=LEGS)
    assert layout.feet == spots(LEGS, layout.product)
    assert hovering(layout, layout.feet) == 0


def test_a_part_above_a_gap_is_counted() -> None:
    layout = compose(spec("tabletop"), SIDE, SIDE, 1.0, pose=LEGS)
    body_and_strap = np.zeros((SIDE, SIDE), np.float32)
    body_and_strap[100:200, 100:300] = body_and_strap[240:260, 120:180] = 1
    assert hovering(layout, layout.feet, body_and_strap) == 1
    body_and_strap[200:240, 150] = 1
    assert hovering(layout, layout.feet, body_and_strap) == 0


def test_from_above_nothing_hovers() -> None:
    layout = compose(spec("flatlay"), SIDE, SIDE, 1.0, pose=LEGS)
    assert hovering(layout, ((0.5, 0.1),)) == 0
