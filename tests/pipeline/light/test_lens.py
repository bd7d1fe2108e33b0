"""The lens: far things are soft and near ones sharp, corners are darker, grain is even and of mean 0."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipeline.core.parallel import ROWS
from pipeline.geometry.ray import Field
from pipeline.geometry.solids import Ball
from pipeline.geometry.walls import Wall
from pipeline.light.lens import SOFT, Focus, SlightBlur, add_grain, darken_corners
from pipeline.light.relight import Shaded, developed
from pipeline.scene.composition import compose
from pipeline.scene.layout import FOCAL, Layout, Lens, Part
from pipeline.scene.trace import Geometry, trace
from testkit.still_life import spec

SIDE = 320


@cache
def composed() -> Layout:
    return compose(spec("tabletop"), SIDE, SIDE, 0.6)


def seen(lens: Lens) -> tuple[Layout, Geometry]:
    layout = replace(composed(), lens=lens)
    return layout, trace(layout, SIDE, SIDE)


def stripes() -> Field:
    picture = np.zeros((SIDE, SIDE, 3), np.float32)
    picture[:, ::2] = 1
    return picture


def test_far_things_are_soft_and_near_ones_stay_to_the_bit() -> None:
    layout, geometry = seen(Lens(depth_of_field=1.0))
    picture = stripes()
    focus = Focus.of(layout, geometry, picture)
    assert focus is not None
    for top in range(0, SIDE, 64):
        focus.over(picture[top : top + 64], geometry, top)
    near, far = geometry.depth < FOCAL + 0.1, geometry.depth > FOCAL + 1.1
    assert near.any()
    assert far.any()
    assert (picture[near] == stripes()[near]).all()
    # Everything except the frame's end, and the edge of near things.
    assert (np.abs(picture[far] - 0.5) < 0.1).mean() > 0.98


def test_near_things_do_not_blur_into_far_ones() -> None:
    layout, geometry = seen(Lens(depth_of_field=1.0))
    picture = np.where(geometry.depth[..., None] < FOCAL + 0.1, np.float32(1), np.float32(0)) * np.ones(3, np.float32)
    focus = Focus.of(layout, geometry, picture)
    assert focus is not None
    focus.over(picture, geometry, 0)
    assert picture[geometry.depth > FOCAL + 1.1].max() < 0.02


def test_a_sharp_edge_is_smooth_before_an_out_of_focus_background() -> None:
    layout, _ = seen(Lens(depth_of_field=1.0))
    parts = Part(Wall(-1.5), 0, "wall"), Part(Ball(0.0, 0.2, 0.0, 0.2), 1, "prop")
    layout = replace(layout, parts=parts)
    geometry = trace(layout, SIDE, SIDE)
    ball = geometry.part == 1
    picture = developed(Shaded(layout, geometry, np.repeat(ball[..., None], 3, 2).astype(np.float32), (), ()))
    row, column = geometry.coverage.place.T
    covered = ball.astype(np.float32)
    geometry.coverage.smooth(covered)
    partly = (covered[row, column] > 0.3) & ~ball[row, column]
    assert partly.sum() > 50
    assert (picture[row[partly], column[partly]].mean(-1) > 0.3).mean() > 0.95


def test_the_blur_has_the_asked_width_on_its_own_grid() -> None:
    layout, geometry = seen(Lens(depth_of_field=1.0))
    picture = np.zeros((SIDE, SIDE, 3), np.float32)
    picture[:, 100:102] = 1
    focus = Focus.of(layout, geometry, picture)
    assert isinstance(focus, Focus)
    assert focus.soft.shape[1] <= SIDE / 2, "as fine as the picture"
    focus.over(picture, geometry, 0)
    far = picture[(geometry.depth > FOCAL + 1.2).all(1), :, 0].mean(0)
    x = np.arange(SIDE)
    middle = (far * x).sum() / far.sum()
    assert middle == pytest.approx(100.5, abs=0.1)
    assert np.sqrt((far * (x - middle) ** 2).sum() / far.sum()) == pytest.approx(SOFT[1] * SIDE, rel=0.1)


def test_a_slight_blur_is_the_same_in_strips_of_any_order_as_in_one_piece() -> None:
    layout, geometry = seen(Lens(depth_of_field=0.5))
    picture = np.random.default_rng(1).random((SIDE, SIDE, 3), np.float32)
    whole, sharp = picture.copy(), picture.copy()
    focus = Focus.of(layout, geometry, picture)
    assert isinstance(focus, SlightBlur)
    focus.over(whole, geometry, 0)
    for top in [*range(0, SIDE, 2 * ROWS), *range(ROWS, SIDE, 2 * ROWS)]:
        focus.over(picture[top : top + ROWS], geometry, top)
    np.testing.assert_array_equal(picture, whole)
    far = geometry.depth > FOCAL + 1.1
    assert whole[far].std() < 0.5 * sharp[far].std()


def test_a_lens_without_depth_of_field_changes_nothing() -> None:
    layout, geometry = seen(Lens())
    picture = stripes()
    assert Focus.of(layout, geometry, picture) is None
    darken_corners(layout, SIDE, 0, picture)
    add_grain(layout, 0, picture)
    assert (picture == stripes()).all()


def test_corners_lose_the_asked_share_and_the_middle_none() -> None:
    layout, _ = seen(Lens(vignette=0.2))
    picture = np.ones((SIDE, SIDE, 3), np.float32)
    darken_corners(layout, SIDE, 0, picture[:160])
    darken_corners(layout, SIDE, 160, picture[160:])
    assert picture[160, 160] == pytest.approx(1, abs=1e-4)
    assert picture[0, 0] == pytest.approx(0.8, abs=0.01)
    assert picture[0, 160] == pytest.approx(0.95, abs=0.005)
    assert (picture == picture[::-1, ::-1]).mean() > 0.9


def test_grain_is_grey_even_of_the_asked_strength_and_the_same_in_strips() -> None:
    layout, _ = seen(Lens(grain=0.01))
    whole, strips = (np.full((SIDE, SIDE, 3), 0.5, np.float32) for _ in range(2))
    add_grain(layout, 0, whole)
    for top in range(0, SIDE, 80):
        add_grain(layout, top, strips[top : top + 80])
    np.testing.assert_array_equal(whole, strips)
    assert whole.mean() == pytest.approx(0.5, abs=1e-4)
    assert whole[..., 0].std() == pytest.approx(0.01, rel=0.05)
    assert np.ptp(whole, axis=2).max() == 0
    other = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    add_grain(replace(layout, seed=layout.seed + 1), 0, other)
    assert abs(np.corrcoef(other[..., 0].ravel(), whole[..., 0].ravel())[0, 1]) < 0.02
    ends = np.stack([np.zeros((8, 8, 3)), np.ones((8, 8, 3))]).astype(np.float32).reshape(16, 8, 3)
    kept = ends.copy()
    add_grain(layout, 0, ends)
    assert (ends == kept).all()
