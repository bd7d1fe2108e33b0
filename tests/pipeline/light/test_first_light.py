"""First light: the analytic lights, before any network."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import maximum_filter, minimum_filter

from pipeline.core.spec import SceneKind
from pipeline.geometry.panels import Panel
from pipeline.geometry.solids import Ball, Block, Drum, Solid
from pipeline.geometry.walls import Floor, Wall
from pipeline.light.conditions import conditions
from pipeline.light.emitters import tube_points
from pipeline.light.first_light import LightTracer, first_light
from pipeline.scene.composition import compose
from pipeline.scene.layout import Gobo, Layout, Part
from pipeline.scene.trace import trace
from testkit.still_life import preset, spec
from tests.pipeline.scene.test_layout import KINDS


@cache
def composed() -> Layout:
    return compose(spec("podium"), 96, 96, 0.6)


def bare(*parts: Part) -> Layout:
    """A floor and things on it, under a key light of half side 0.3 from the upper left and a dome of 0.4."""
    layout = composed()
    rig = replace(layout.rig, position=(-2.0, 2.5, 1.0), target=(0.0, 0.0, 0.0), half=0.3, key=1.0, fill=0.4)
    rig = replace(rig, key_tint=np.ones(3, np.float32), fill_tint=np.ones(3, np.float32), gobo=None)
    return replace(layout, parts=(Part(Floor(0.0, -8.0), 1, "floor"), *parts), rig=rig)


def at(layout: Layout, x: float, y: float, z: float, size: int = 96) -> tuple[int, int]:
    px, py = layout.project((np.float32(x), np.float32(y), np.float32(z)))  # type: ignore[arg-type]  # 0-d
    return int(py * size), int(px * size / layout.aspect)


def test_an_open_floor_has_the_keys_cosine_and_the_whole_dome() -> None:
    layout = bare()
    first = first_light(layout, 96, 96)
    where = at(layout, 0.0, 0.0, -0.1)
    way = np.array([-2.0, 2.5, 1.1])
    reach, distance = np.linalg.norm([-2.0, 2.5, 1.0]), np.linalg.norm(way)
    expected = way[1] / distance * (reach / distance) ** 2 + 0.4
    assert first.light[where].mean() == pytest.approx(expected, rel=0.03)
    assert first.occlusion[where] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("kind", ["podium", "curtain", "sand", "window"])
def test_light_followed_only_where_it_bends_is_the_light_of_every_place(kind: SceneKind) -> None:
    layout = compose(spec(kind), 512, 512, 0.6)
    geometry = trace(layout, 512, 512)
    light, occlusion, back = LightTracer.of(geometry).light()
    expected, open_dome, _ = LightTracer(layout, geometry).light(back)
    error = np.abs(light - expected).mean(-1) / np.maximum(expected.mean(-1), 0.1 * expected.mean())
    assert error.mean() < 0.006
    assert np.quantile(error, 0.999) < 0.06
    assert np.abs(occlusion - open_dome).mean() < 0.01


@pytest.mark.parametrize("kind", ["podium", "neon"])
def test_light_traced_in_bands_of_rows_is_the_light_traced_at_once(
    kind: SceneKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = trace(compose(spec(kind), 512, 512, 0.6), 512, 512)
    found = LightTracer.of(geometry).light()
    monkeypatch.setattr("pipeline.light.first_light.BAND", 512)
    for one, other in zip(found, LightTracer.of(geometry).light(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_ball_shades_the_floor_on_the_side_away_from_the_light_and_takes_some_of_the_dome() -> None:
    layout = bare(Part(Ball(0.0, 0.12, -0.3, 0.12), 2, "prop"))
    first = first_light(layout, 96, 96)
    shaded, open_floor = at(layout, 0.17, 0.0, -0.38), at(layout, -0.35, 0.0, -0.3)
    assert first.light[shaded].mean() < 0.6 * first.light[open_floor].mean()
    # Right before the ball's foot the ball hides most of the dome.
    near = at(layout, 0.0, 0.0, -0.22)
    assert first.occlusion[near] < 0.85 < first.occlusion[open_floor]


@pytest.mark.parametrize(
    "solid",
    [Drum(0, 0, -0.3, 0.25, 0.15), Block(0, 0, -0.3, 0.2, 0.15, 0.15, 0.2)],
    ids=lambda solid: type(solid).__name__,
)
def test_no_speck_of_light_leaks_through_the_foot_of_standing_things(solid: Solid) -> None:
    first = first_light(bare(Part(solid, 2, "prop")), 384, 384)
    on_floor, light = first.geometry.part == 0, first.light.mean(-1)
    beside = on_floor & (minimum_filter(on_floor.astype(int), 3) == 0)
    # The brightest floor within a few pixels: towards the foot it becomes darker, or stays as bright as in the open.
    about = maximum_filter(np.where(on_floor & ~beside, light, 0), 9)
    assert beside.sum() > 100
    assert (light - about)[beside & (about > 0)].max() < 0.03


def test_a_larger_light_has_softer_shadows() -> None:
    layout = bare(Part(Ball(0.0, 0.2, -0.3, 0.12), 2, "prop"))
    floor = np.broadcast_to(np.arange(96)[:, None] > 60, (96, 96))

    def steepest(half: float) -> float:
        light = first_light(replace(layout, rig=replace(layout.rig, half=half)), 96, 96)
        same = floor & (light.geometry.part == 0)
        step = np.abs(np.diff(light.light[..., 1], axis=1))
        return float(step[same[:, 1:] & same[:, :-1]].max())

    assert steepest(0.02) > 1.5 * steepest(0.8)


def test_light_through_a_gobo_falls_where_its_bars_leave_gaps() -> None:
    wall = Part(Wall(-0.8), 0, "wall")
    layout = bare(wall)
    half = Gobo((-1.0, 1.4, 0.1), ((-6.0, -6.0, 0.0, 6.0),), ())
    lit = first_light(replace(layout, rig=replace(layout.rig, half=0.05, gobo=half)), 96, 96)
    whole = first_light(replace(layout, rig=replace(layout.rig, half=0.05)), 96, 96)
    share = lit.light.mean(-1) / whole.light.mean(-1)
    on_wall = lit.geometry.part == 1
    assert (share[on_wall] < 0.75).mean() > 0.1
    assert (share[on_wall] > 0.9).mean() > 0.1


def test_things_before_a_coloured_wall_take_on_its_colour() -> None:
    red = np.array([0.8, 0.05, 0.05], np.float32)
    layout = bare(Part(Wall(-0.5), 0, "wall"))
    layout = replace(layout, colours=(red, *layout.colours[1:]))
    first = first_light(layout, 96, 96)
    light = first.light[at(layout, 0.0, 0.0, -0.46)]
    assert light[0] > 1.08 * light[1]


def test_the_shadow_next_to_a_thing_sees_its_dark_side() -> None:
    red = np.array([0.8, 0.05, 0.05], np.float32)
    layout = bare(Part(Block(0.0, 0.0, -0.3, 0.15, 0.25, 0.15), 2, "stand"))
    layout = replace(layout, colours=(*layout.colours[:2], red, *layout.colours[3:]))
    first = first_light(layout, 384, 384)
    lit, dark = (first.light[at(layout, x, 0.0, -0.2, 384)] for x in (-0.2, 0.2))
    assert 0 < dark[0] - dark[1] < 0.9 * (lit[0] - lit[1])


def test_where_a_thing_touches_the_floor_neither_lights_the_other() -> None:
    layout = bare(Part(Ball(0.0, 0.12, -0.3, 0.12), 2, "prop"))
    layout = replace(layout, colours=tuple(np.full(3, 0.8, np.float32) for _ in layout.colours))
    first = first_light(layout, 768, 768)
    row, column = at(layout, 0.0, 0.0, -0.3, 768)
    seen = np.flatnonzero(first.geometry.part[row - 40 : row + 8, column] == 0)
    foot = first.light[row - 40 + seen[:4], column].mean(-1).max()
    # With the floor's reflection elsewhere, it would have 0.38 of the open floor's.
    assert foot < 0.25 * first.light[at(layout, -0.35, 0.0, -0.3, 768)].mean()


def test_a_tube_lights_the_wall_behind_it_in_its_own_colour() -> None:
    tube = Part(Panel("disc", 0.0, 0.1, -0.4, 0.25, 0.5, 0.02, 0.92), 2, "tube", glow=14.0)
    layout = bare(Part(Wall(-0.5), 0, "wall"), tube)
    layout = replace(layout, rig=replace(layout.rig, key=0.0, fill=0.0))
    layout = replace(layout, colours=(*layout.colours[:2], np.array([0.1, 0.2, 1.0], np.float32), *layout.colours[3:]))
    first = first_light(layout, 96, 96)
    light = first.light[first.geometry.part == 1]
    assert light[:, 2].max() > 0.3
    assert light[:, 2].max() > 4 * light[:, 0].max()
    places, weight = tube_points(tube)
    radius = np.hypot(places[:, 0], places[:, 1] - 0.35)
    np.testing.assert_allclose(radius, 0.24, atol=1e-3)
    assert weight * len(places) == pytest.approx(2 * np.pi * 0.24 * 0.02, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_finite_light_and_conditions_of_one_size(kind: SceneKind) -> None:
    size = (96, 64)
    given = conditions(compose(spec(kind, place=preset(size)), *size, 0.6), *size)
    for name, field in vars(given).items():
        assert field.shape == ((64, 96, 3) if name in ("sketch", "light", "normals") else (64, 96)), name
        assert field.dtype == np.float32, name
        assert np.isfinite(field).all(), name
    assert given.light.min() >= 0
    assert given.sketch.min() >= 0
    assert given.sketch.max() <= 1
    assert given.occlusion.max() <= 1
    np.testing.assert_allclose(np.linalg.norm(given.normals[given.lit > 0], axis=-1), 1, atol=1e-2)
