"""Props next to the product: what their table says, their places, their shadows, and that none hides the product."""

import tomllib
from collections import Counter
from dataclasses import fields
from importlib.resources import files
from typing import get_args

import numpy as np
import pytest

from pipeline.core.spec import SceneKind
from pipeline.geometry.sprites import ABOVE, SLOPES, Sprite, view_of
from pipeline.scene.composition import compose
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.props import BODIED, Known, Tint, known, lying, pool, prop, shows
from pipeline.scene.trace import trace
from service.catalogue.catalogue import load_catalogue
from testkit.still_life import preset, spec
from tests.lanes import rest_at_night
from tests.support.rays import meet

NAMES = list(known())
SIX = ("#e8d5c4", "#2f5d50", "#c96f4a", "#f2b84b", "#5a4a78", "#8fb8d0")
EYE = (0.0, 0.45, FOCAL)


def furnished(seed: int, kind: SceneKind = "tabletop", colours: int = 2, size: tuple[int, int] = (200, 200)) -> Layout:
    return compose(spec(kind, palette=SIX[:colours], place=preset(size), seed=seed), *size, 0.6)


def sprites(layout: Layout) -> list[Sprite]:
    return [part.solid for part in layout.parts if isinstance(part.solid, Sprite)]


def test_the_table_names_kinds_and_moods_that_exist_and_every_prop_has_its_file() -> None:
    moods = set(load_catalogue().moods)
    table = tomllib.loads((files("pipeline") / "assets" / "props" / "props.toml").read_text("utf-8"))
    assert len(NAMES) >= 20
    for name, entry in table.items():
        assert set(entry) <= {field.name for field in fields(Known)}, name
        assert set(known()[name].scenes) <= set(get_args(SceneKind)), name
        assert set(known()[name].moods) <= moods, name
    assert {f"{name}.npz" for name in NAMES} == {
        one.name for one in (files("pipeline") / "assets" / "props").iterdir() if one.name.endswith(".npz")
    }


def test_every_mood_has_more_props_than_a_shop_of_a_hundred_orders_would_tire_of() -> None:
    moods = load_catalogue().moods.values()
    assert min(len(pool("tabletop", mood)) for mood in moods) >= 20
    assert min(sum(shows(name, "own") >= BODIED for name in pool("tabletop", mood)) for mood in moods) >= 8


@pytest.mark.parametrize("name", rest_at_night(NAMES, 4))  # another baked prop
def test_a_prop_has_tints_and_normals_and_its_proxy_is_where_it_is_seen(name: str) -> None:
    for view in range(len(SLOPES) + 1):
        baked = view_of(name, view, False)
        assert set(baked.shares) <= set(get_args(Tint))
        assert 0.02 < baked.covers < 0.9
        np.testing.assert_allclose(np.linalg.norm(baked.normal, axis=-1), 1, atol=0.05)
    # From above both show the same outline.
    assert (baked.proxy > 0).mean() == pytest.approx(baked.covers, rel=0.4)


@pytest.mark.parametrize("name", NAMES[::12])
def test_a_prop_stands_on_its_level_and_covers_its_area(name: str) -> None:
    made = prop(name, (0.3, -0.1, -0.2), 0.04, np.random.default_rng(1), EYE)
    solid = made.parts[0].solid
    assert isinstance(solid, Sprite)
    assert solid.size**2 * solid.baked.covers == pytest.approx(0.04 * known()[name].size)
    left, low, _, right, top, _ = solid.bounds
    assert left < 0.3 < right
    assert low <= -0.1 < top
    # Light from above is blocked over the foot, and passes far beside it.
    down = [np.array(axis, np.float32) for axis in ((0.3, 1.3), (1.0, 1.0), (-0.2, -0.2))]
    way = [np.array([part] * 2, np.float32) for part in (0.001, -1.0, 0.001)]
    blocked = [one for one in made.parts if isinstance(one.solid, Sprite) and one.solid.blocks]
    assert len(blocked) == 1
    t, _ = meet(blocked[0].solid.packed, (down[0], down[1], down[2]), (way[0], way[1], way[2]))
    assert np.isinf(t[1])


def test_a_mirrored_prop_is_the_mirror_image() -> None:
    one, other = (view_of(NAMES[0], ABOVE, flip) for flip in (False, True))
    n = len(one.seen)
    np.testing.assert_array_equal(one.seen[:, :n][:, ::-1], other.seen[:, :n])
    np.testing.assert_array_equal(one.normal[:, ::-1, 0], -other.normal[..., 0])


def test_a_lying_prop_covers_what_the_camera_sees_of_it() -> None:
    layout = furnished(1, "flatlay")
    part = lying("pebbles", (0.1, 0.2, 0.0), 0.05, 0.7, np.random.default_rng(2), layout.eye).parts[0]
    assert isinstance(part.solid, Sprite)
    x, y = np.linspace(-0.5, 0.7, 300, dtype=np.float32)[None], np.linspace(-0.4, 0.8, 300, dtype=np.float32)[:, None]
    assert part.solid.covers(x, y).mean() * 1.2**2 == pytest.approx(0.05 * known()["pebbles"].size, rel=0.1)


def test_none_stands_in_front_of_the_product_and_seeds_choose_different_ones() -> None:
    seen: Counter[str] = Counter()
    for seed in range(8):
        layout = furnished(seed)
        seen.update({one.name for one in sprites(layout)})
        geometry = trace(layout, 200, 200)
        left, top, right, bottom = (int(side * 200) for side in layout.product)
        assert (geometry.depth[top : bottom - 6, left:right] < FOCAL - 0.08).mean() < 0.03
    assert len(seen) >= 8


@pytest.mark.parametrize("size", [(200, 200), (300, 170), (170, 300)])
def test_asked_colours_are_seen_on_props(size: tuple[int, int]) -> None:
    for seed in range(3):
        layout = furnished(seed, "podium", 5, size)
        slots = np.array([part.slot for part in layout.parts])[trace(layout, *size).part]
        assert min((slots == slot).mean() for slot in range(5)) >= 0.02
