"""Light that clear solids refract onto what they stand on: focused, tinted, and no more than falls on them."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field
from pipeline.geometry.solids import Ball, Block, Solid
from pipeline.light.caustics import Caustic
from pipeline.light.emitters import gobo_openness
from pipeline.scene.composition import compose
from pipeline.scene.layout import Gobo, Layout, Part
from tests.support.still_life import spec

#: So far above the level and to the left, and so far before the scene is the light.
LIGHT = (-2.0, 2.5, 1.5)
RADIUS = 0.1


def lit(*, fill: float = 0.2, position: tuple[float, float, float] = LIGHT, gobo: Gobo | None = None) -> Layout:
    layout = compose(spec("podium"), 96, 96, 0.6)
    white = np.ones(3, np.float32)
    rig = replace(
        layout.rig, position=position, target=(0.0, 0.0, 0.0), half=0.1, key=1.0, fill=fill, key_tint=white,
        fill_tint=white, gobo=gobo,
    )  # fmt: skip
    return replace(layout, rig=rig, colours=(np.array([0.8, 0.2, 0.1], np.float32),) * len(layout.colours))


def caustic(solid: Solid, layout: Layout, clear: float = 1.0) -> Caustic:
    found = Caustic.of(Part(solid, 0, "prop", clear=clear), layout)
    assert found is not None
    return found


def at(found: Caustic, x: float, z: float) -> Field:
    return np.asarray(found.at(np.array([x], np.float32), np.array([z], np.float32))[0], np.float32)


def test_a_ball_focuses_light_within_its_shadow_on_the_side_away_from_the_light() -> None:
    found = caustic(Ball(0.0, RADIUS, 0.0, RADIUS), lit())
    row, column = np.unravel_index(found.factor[..., 1].argmax(), found.factor.shape[:2])
    x = found.grid.left + (column + 0.5) * found.grid.step
    z = found.grid.back + (row + 0.5) * found.grid.step
    # The middle of its shadow: where the ray through its middle falls.
    middle = np.array([-LIGHT[0], -LIGHT[2]]) * RADIUS / (LIGHT[1] - RADIUS)
    assert np.hypot(x - middle[0], z - middle[1]) < 0.5 * RADIUS
    assert found.factor.max() > 3
    beside = middle + 0.75 * RADIUS * np.array([LIGHT[2], -LIGHT[0]]) / np.hypot(LIGHT[0], LIGHT[2])
    assert at(found, *beside).max() < 0.8


def test_a_clear_ball_passes_most_of_the_light_that_falls_on_it_and_makes_none() -> None:
    # Under so much fill the factors are the light that was added, over the fill.
    fill = 1e3
    found = caustic(Ball(0.0, RADIUS, 0.0, RADIUS), lit(fill=fill))
    added = float((found.factor[..., 1].astype(np.float64) - 1).sum()) * fill * found.grid.step**2
    # The traced light has .6 of what falls on a disc as broad as the ball; light near its target is 1. What grazes the
    # ball is mirrored, or leaves it upwards.
    passed = 0.6 + added / (np.pi * RADIUS**2)
    assert 0.7 < passed < 0.97


def test_a_sheet_of_tinted_glass_casts_its_colour() -> None:
    found = caustic(Panel("disc", 0.0, 0.0, 0.0, 0.1, 0.2, 0.02), lit(fill=0.05), clear=1e-3)
    shadow = at(found, 0.1 * -LIGHT[0] / LIGHT[1], 0.1 * -LIGHT[2] / LIGHT[1])
    assert shadow[0] > 0.9
    assert shadow[1] < 0.55
    assert shadow[2] < 0.45
    # A sheet moves light a little aside, where some fell already; neither it nor its rim bends any together.
    assert found.factor.max() < 1.8


def test_a_level_keeps_its_light_beyond_the_shadow_and_where_the_gobo_is_closed() -> None:
    block = Block(0.0, 0.0, 0.0, 0.1, 0.2, 0.08, 0.3)
    found = caustic(block, lit())
    edge = np.concatenate([found.factor[0], found.factor[-1], found.factor[:, 0], found.factor[:, -1]])
    assert (edge == 1).all()
    assert at(found, 9.0, 9.0) == pytest.approx(np.ones(3))
    closed = Gobo((-1.0, 1.25, 0.75), ((-0.7, -0.7, 0.7, 0.7),), ())
    assert (caustic(block, lit(gobo=closed)).factor == 1).all()


def test_a_gobo_is_open_beside_its_bars() -> None:
    half_closed = Gobo((-1.0, 1.25, 0.75), ((-0.7, -0.7, 0.0, 0.7),), ())
    rig = lit(gobo=half_closed).rig
    # Its u runs to the right, seen from the light.
    aside = np.cross([0.0, 1.0, 0.0], LIGHT)
    aside *= 0.2 / np.linalg.norm(aside)
    assert {gobo_openness(rig, (float(s * aside[0]), 0.0, float(s * aside[2]))) for s in (-1, 1)} == {0.0, 1.0}
    assert gobo_openness(replace(rig, gobo=None), (0.0, 0.0, 0.0)) == 1


def test_light_that_is_no_higher_than_the_glass_leaves_it_alone() -> None:
    tall = Block(0.0, 0.0, 0.0, 0.1, 0.4, 0.1)
    assert Caustic.of(Part(tall, 0, "prop"), lit(position=(-2.0, 0.45, 0.5))) is None
