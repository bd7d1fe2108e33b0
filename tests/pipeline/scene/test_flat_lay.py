"""Flat lays: the surface faces the camera, the product lies in the middle, with things round it and none under it."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipeline.compositing.lying import LyingProxy
from pipeline.geometry.ray import Triple
from pipeline.geometry.solids import Slab
from pipeline.light.first_light import first_light
from pipeline.light.relight import picture
from pipeline.scene.composition import compose
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import trace
from testkit.still_life import preset, shadow_of, spec
from tests.support.rays import meet

SIX = ("#e8d5c4", "#2f5d50", "#c96f4a", "#f2b84b", "#5a4a78", "#8fb8d0")


@cache
def laid_out(
    size: tuple[int, int] = (240, 240), colours: int = 3, seed: int = 1, aspect: float = 0.8, softness: float = 0.5
) -> Layout:
    asked = spec("flatlay", palette=SIX[:colours], place=preset(size), seed=seed, softness=softness)
    return compose(asked, *size, aspect)


def product_of(layout: Layout, width: int, height: int) -> tuple[slice, slice]:
    left, top, right, bottom = layout.product
    return slice(round(top * height), round(bottom * height)), slice(round(left * height), round(right * height))


def rays(*values: tuple[float, float, float]) -> Triple:
    x, y, z = (np.array(axis, np.float32) for axis in zip(*values, strict=True))
    return x, y, z


@pytest.mark.parametrize(("size", "colours", "seed"), [((320, 180), 2, 1), ((240, 240), 4, 2), ((180, 320), 6, 3)])
def test_the_camera_looks_straight_down_and_sees_every_asked_colour_but_nothing_under_the_product(
    size: tuple[int, int], colours: int, seed: int
) -> None:
    layout = laid_out(size, colours, seed)
    geometry = trace(layout, *size)
    ground, beside = geometry.part == 0, np.ones(geometry.part.shape, bool)
    assert layout.top_down
    assert ground.mean() > 0.2
    assert geometry.normals()[2][ground].min() == 1
    assert geometry.depth[ground] == pytest.approx(FOCAL, abs=1e-4)
    assert geometry.depth.max() == pytest.approx(FOCAL, abs=1e-4)
    beside[product_of(layout, *size)] = False
    props = np.array([part.role == "prop" for part in layout.parts])[geometry.part]
    assert props.any()
    assert not props[~beside].any()
    slots = np.array([part.slot for part in layout.parts])[geometry.part][beside]
    shares = [float((slots == slot).mean()) for slot in range(colours)]
    assert min(shares) >= 0.028
    assert shares[0] > 0.25


def test_three_seeds_are_three_arrangements_and_one_seed_is_one() -> None:
    seen = [trace(laid_out(seed=seed), 120, 120).part > 0 for seed in range(1, 4)]
    for one in range(3):
        for other in range(one):
            assert (seen[one] != seen[other]).mean() > 0.08
    assert laid_out(seed=2).parts == laid_out.__wrapped__(seed=2).parts


def test_shadows_fall_away_from_the_light() -> None:
    layout = laid_out((160, 160), 1, softness=0.2)
    layout = replace(layout, parts=layout.parts[:1], rig=replace(layout.rig, gobo=None))
    alpha = np.zeros((160, 160), np.float32)
    alpha[60:100, 60:100] = 1
    layout = replace(layout, product=(60 / 160, 60 / 160, 100 / 160, 100 / 160))
    taken = shadow_of(alpha, layout)
    ring = np.ones_like(alpha, bool)
    ring[60:100, 60:100] = False
    rows, columns = np.mgrid[:160, :160]
    weight = np.where(ring, taken, 0)
    middle = np.array([(columns * weight).sum(), -(rows * weight).sum()]) / weight.sum() - (79.5, -79.5)
    towards = np.subtract(layout.rig.position, layout.rig.target)[:2]
    assert middle @ towards / np.linalg.norm(towards) < -0.5


@pytest.mark.parametrize("softness", [0.1, 0.9])
def test_the_shadow_is_all_round_the_product_and_ends_close_to_it(softness: float) -> None:
    layout = laid_out((160, 160), 1, 3, softness=softness)
    layout = replace(layout, parts=layout.parts[:1], rig=replace(layout.rig, gobo=None))
    alpha = np.zeros((160, 160), np.float32)
    alpha[60:100, 50:110] = 1
    taken = shadow_of(alpha, replace(layout, product=(50 / 160, 60 / 160, 110 / 160, 100 / 160)))
    for side in (taken[58, 70:90], taken[101, 70:90], taken[70:90, 48], taken[70:90, 111]):
        assert side.mean() > 0.04
    far = np.ones_like(alpha, bool)
    far[40:120, 30:130] = False
    assert taken[far].max() < 0.02


def test_a_lying_product_is_low_and_as_wide_as_its_picture() -> None:
    layout = replace(laid_out(), parts=laid_out().parts[:1])
    alpha = np.zeros((240, 240), np.float32)
    left, top, right, bottom = (round(240 * side) for side in layout.product)
    alpha[top:bottom, left:right] = 1
    lying = LyingProxy.of(alpha, (left, top, right, bottom), layout)
    narrow = min(right - left, bottom - top) / 240
    assert 0.02 * narrow < lying.thick <= 0.08 * narrow
    half = (right - left) / 480
    height = (bottom - top) / 480
    up = rays((0, height, 0.0), (half - 0.01, height, 0.0), (half + 0.01, height, 0.0), (0, -0.01, 0.0))
    away = rays((0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 1))
    distance, _ = meet(lying.packed, up, away)
    assert np.isfinite(distance).tolist() == [True, True, False, False]
    assert distance[0] < lying.thick
    # A ray from above meets nothing of it there.
    over, _ = meet(lying.packed, rays((0, height, lying.thick + 0.002)), rays((0.3, 0.1, 1)))
    assert np.isinf(over).all()


def test_a_slim_thing_is_no_thicker_than_its_width_allows() -> None:
    layout = laid_out()
    alpha = np.zeros((240, 240), np.float32)
    alpha[40:200, 40:200] = 1
    alpha[43:197, 43:197] = 0
    ring = LyingProxy.of(alpha, (40, 40, 200, 200), layout)
    whole = LyingProxy.of(np.pad(np.ones((160, 160), np.float32), 40), (40, 40, 200, 200), layout)
    assert ring.thick < 0.5 * whole.thick


def test_a_product_on_a_board_lies_on_its_top() -> None:
    layout = replace(laid_out(), parts=laid_out().parts[:1])
    board = Slab(((-2, -2), (2, -2), (2, 2), (-2, 2)), 0.02, 0.02)
    raised = replace(layout, parts=(layout.parts[0], replace(layout.parts[0], solid=board)))
    alpha = np.zeros((240, 240), np.float32)
    alpha[60:180, 60:180] = 1
    assert LyingProxy.of(alpha, (60, 60, 180, 180), layout).base == pytest.approx(0, abs=1e-5)
    assert LyingProxy.of(alpha, (60, 60, 180, 180), raised).base == pytest.approx(0.02, abs=1e-5)


def test_the_lit_surface_shows_its_colour() -> None:
    layout = laid_out((160, 160), 2)
    painted = picture(layout, first_light(layout, 96, 96), 160, 160)
    ground = trace(layout, 160, 160).part == 0
    asked = np.array([0xE8, 0xD5, 0xC4]) / 255
    assert np.abs(painted[ground] - asked).max(-1).min() < 0.03


def test_no_leaf_casts_its_shadow_on_the_products_place() -> None:
    layouts = [laid_out((240, 240), colours=1, seed=seed) for seed in range(1, 6)]
    leafy = [layout for layout in layouts if layout.rig.gobo is not None]
    assert 0 < len(leafy) < len(layouts)
    for layout in leafy[:2]:
        bare = replace(layout, parts=layout.parts[:1])
        light = first_light(bare, 96, 96).light[..., 1]
        full = replace(bare, rig=replace(bare.rig, gobo=None))
        share = light / first_light(full, 96, 96).light[..., 1]
        assert share[product_of(layout, 96, 96)].min() > 0.95
        assert share.min() < 0.9
