"""Props next to the product: their shapes, their places, and that none hides the product."""

import itertools
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from pipeline.core.spec import PropName, SceneKind
from pipeline.scene.composition import compose
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.props import prop
from pipeline.scene.trace import trace
from service.catalogue.catalogue import load_catalogue
from tests.support.still_life import preset, spec

NAMES: tuple[PropName, ...] = get_args(PropName)
SIX = ("#e8d5c4", "#2f5d50", "#c96f4a", "#f2b84b", "#5a4a78", "#8fb8d0")


def furnished(
    name: PropName, seed: int, kind: SceneKind = "tabletop", colours: int = 2, size: tuple[int, int] = (200, 200)
) -> Layout:
    asked = spec(kind, palette=SIX[:colours], place=preset(size), seed=seed)
    return compose(replace(asked, mood=replace(asked.mood, props=(name,))), *size, 0.6)


@pytest.mark.parametrize("name", NAMES)
def test_a_thing_stands_on_its_level_about_its_spot_and_is_no_larger_than_asked(name: PropName) -> None:
    made = prop(name, (0.3, -0.1, -0.2), 0.04, np.random.default_rng(1))
    bounds = np.array([part.solid.bounds for part in made.parts])
    assert bounds[:, 1].min() == pytest.approx(-0.1, abs=0.02)
    across, tall = bounds[:, 3].max() - bounds[:, 0].min(), bounds[:, 4].max() - bounds[:, 1].min()
    # Leaves reach far and are thin.
    assert 0.02 < across * tall < (0.3 if name in ("vase", "potted_plant") else 0.12)
    assert bounds[:, 0].min() < 0.3 < bounds[:, 3].max()
    assert made.foot > 0


@pytest.mark.parametrize("name", ["folded_cloth", "towels"])
def test_cloth_is_folded_into_leaves_that_are_pressed_together(name: PropName) -> None:
    for seed in range(8):
        parts = prop(name, (0, 0, 0), 0.04, np.random.default_rng(seed)).parts
        assert len(parts) >= 4
        assert {part.finish for part in parts} == {"linen"}
        bounds = np.array([part.solid.bounds for part in parts])
        # Each is pressed into the one below, and none is as wide.
        assert (bounds[1:, 1] < bounds[:-1, 4]).all()
        assert len({round(right - left, 6) for left, right in bounds[:, [0, 3]]}) == len(parts)


@pytest.mark.parametrize("name", ["stones", "pebbles"])
def test_stones_rest_on_the_ground_or_on_each_other(name: PropName) -> None:
    for seed in range(8):
        bounds = np.array(
            [part.solid.bounds for part in prop(name, (0, 0, 0), 0.04, np.random.default_rng(seed)).parts]
        )
        under = np.concatenate([[0.0], bounds[:-1, 4]]) if name == "stones" else np.zeros(len(bounds))
        assert (bounds[:, 1] < under).all()
        assert (bounds[:, 1] > under - 0.02).all()


def test_a_book_has_its_pages_within_its_covers() -> None:
    for seed in range(8):
        parts = prop("books", (0, 0, 0), 0.04, np.random.default_rng(seed)).parts
        for at in range(0, len(parts), 4):
            bounds = np.array([part.solid.bounds for part in parts[at : at + 4]])
            assert parts[at + 3].tint == "page"
            assert (bounds[3, :3] > bounds[:3, :3].min(0)).all()
            assert (bounds[3, 3:] < bounds[:3, 3:].max(0)).all()


def test_water_mirrors_and_is_darker_than_its_dish() -> None:
    darker = 0
    for seed in range(6):
        layout = furnished("water", seed)
        for before, part in itertools.pairwise(layout.parts):
            if part.mirror > 0:
                assert part.mirror > 0.2
                darker += bool(layout.colours[part.slot].sum() < layout.colours[before.slot].sum())
    assert darker >= 2


def test_three_things_are_polished() -> None:
    made = {name: prop(name, (0, 0, 0), 0.04, np.random.default_rng(2)) for name in NAMES}
    polished = {name for name, one in made.items() if any(part.mirror for part in one.parts)}
    assert polished == {"tray", "water", "metal_ball"}


@pytest.mark.parametrize("name", NAMES)
def test_each_thing_is_placed_and_none_stands_in_front_of_the_product(name: PropName) -> None:
    placed = 0
    for seed in range(6):
        layout = furnished(name, seed)
        # Its parts, not a plain body alone.
        placed += sum(part.role == "prop" for part in layout.parts) > 2
        geometry = trace(layout, 200, 200)
        left, top, right, bottom = (int(side * 200) for side in layout.product)
        ahead = geometry.depth[top : bottom - 6, left:right] < FOCAL - 0.08
        assert ahead.mean() < 0.03
    assert placed >= 2


@pytest.mark.parametrize("size", [(200, 200), (300, 170), (170, 300)])
def test_asked_colours_are_seen_on_things_as_on_plain_bodies(size: tuple[int, int]) -> None:
    names: tuple[PropName, ...] = ("books", "folded_cloth", "bowl", "towels")
    for seed, name in enumerate(names):
        layout = furnished(name, seed, "podium", 5, size)
        slots = np.array([part.slot for part in layout.parts])[trace(layout, *size).part]
        assert min((slots == slot).mean() for slot in range(5)) >= 0.02, name


def test_every_mood_of_the_catalogue_puts_its_own_things_next_to_the_product() -> None:
    moods = load_catalogue().moods.values()
    assert {name for mood in moods for name in mood.props} == set(NAMES)
    assert all(3 <= len(mood.props) <= 6 for mood in moods)
    assert len({mood.props for mood in moods}) == len(moods)
