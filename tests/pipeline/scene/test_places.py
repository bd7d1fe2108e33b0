"""Places behind a table: each has plates, light from the product's side, and a lens that makes discs of lights."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from pipeline.core.spec import Far
from pipeline.materials.bokeh import developed, draw_place, through_lens
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout
from pipeline.scene.places import MOST_LIFT, MOST_TINT, plates, stops_of
from pipeline.scene.trace import trace
from testkit.still_life import preset, spec

PLACES: tuple[Far, ...] = get_args(Far)


def behind(place: Far, palette: tuple[str, ...] = (), seed: int = 1, side: float | None = None) -> Layout:
    asked = spec("bokeh", palette=palette, place=preset((240, 240)), seed=seed)
    return compose(replace(asked, scene=replace(asked.scene, far=place)), 240, 240, 0.6, light_side=side)


@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_drawn_above_the_tables_edge_and_lights_the_table(place: Far) -> None:
    layout = behind(place)
    part = trace(layout, 120, 120).part
    out = np.full((120, 120, 3), -1, np.float32)
    draw_place(layout, part, out)
    far = np.array([thing.role == "far" for thing in layout.parts])[part]
    assert (out[~far] == -1).all()
    assert out[far].std() > 0.01
    assert 0.02 < out[far].mean() < 0.75
    assert layout.view is not None
    (seen,) = (plate for plate in plates(place) if plate.name == layout.view.plate)
    assert np.allclose(
        layout.colours[layout.behind], np.clip(np.multiply(seen.mean, layout.view.gain), 0, 1), atol=1e-3
    )


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_light_of_a_place_comes_from_the_products_side(side: float) -> None:
    for seed in range(2):
        layout = behind("living_room", seed=seed, side=side)
        assert (layout.rig.position[0] - layout.rig.target[0]) * side > -0.5


def test_asked_colours_tint_a_place_within_bounds_and_none_leaves_it_as_it_is() -> None:
    plain, blue = behind("kitchen").view, behind("kitchen", ("#1030c0",)).view
    assert plain is not None
    assert blue is not None
    assert blue.gain[2] / blue.gain[0] > plain.gain[2] / plain.gain[0]
    for one, other in zip(blue.gain, plain.gain, strict=True):
        assert abs(np.log(one / other)) < np.log(MOST_TINT * MOST_LIFT) + 1e-3


def test_seeds_choose_among_the_plates_and_the_same_seed_the_same() -> None:
    assert behind("foliage").view == behind("foliage").view
    assert len({getattr(behind("foliage", seed=seed).view, "plate", "") for seed in range(6)}) > 2
    assert all(len(plates(place)) > 1 for place in PLACES)


def test_the_lens_makes_an_even_disc_of_a_point_and_keeps_its_light() -> None:
    point = np.zeros((1, 65, 65), np.float32)
    point[0, 32, 32] = 100
    disc = through_lens(point, 9.0)[0]
    assert disc.sum() == pytest.approx(100, rel=1e-3)
    inside = np.hypot(*np.mgrid[-32:33, -32:33]) < 6
    assert disc[inside].std() < 1e-3 * disc[inside].mean()
    assert disc[np.hypot(*np.mgrid[-32:33, -32:33]) > 12].max() < 1e-4


def test_a_view_is_finite_on_every_shape_of_canvas() -> None:
    for aspect in (0.4, 1.0, 2.2):
        layout = behind("street")
        assert layout.view is not None
        for horizon in (-0.4, 0.9):
            seen = developed(layout.view, horizon, aspect, 64, 64)
            assert np.isfinite(seen).all()
            assert 0 <= seen.min() <= seen.max() < 8
    assert stops_of("street_0").shape[1] == stops_of("sea_0").shape[1]
