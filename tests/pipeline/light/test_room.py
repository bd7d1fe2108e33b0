"""The room that polish mirrors beyond the scene: a dark studio, a camera, a reflector opposite the key light."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipeline.core.spec import SceneKind
from pipeline.geometry.ray import Field
from pipeline.light.surroundings import room
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout
from testkit.still_life import spec


@cache
def composed(kind: SceneKind) -> Layout:
    return compose(spec(kind), 96, 96, 0.6)


def studio(kind: SceneKind, x: float = -1.5) -> Layout:
    layout = composed(kind)
    position = (x, 1.0, 2.0) if layout.top_down else (x, 2.0, 1.0)
    return replace(layout, rig=replace(layout.rig, position=position, target=(0.0, 0.0, 0.0)))


def towards(*way: float) -> Field:
    unit = np.array(way, np.float32)
    return (unit / np.linalg.norm(unit))[:, None]


@pytest.mark.parametrize("kind", ["flatlay", "podium"])
def test_the_room_is_dark_behind_the_camera_and_bright_opposite_the_key_light(kind: SceneKind) -> None:
    layout = studio(kind)
    camera = room(layout, towards(0, 0, 1))[0]
    across = towards(1.5, -1.0, 0.9) if layout.top_down else towards(0.8, 0.5, 0.9)
    assert camera < 0.5
    assert room(layout, across)[0] > 2
    same_side = towards(-1.5, -1.0, 0.9) if layout.top_down else towards(-0.8, 0.5, 0.9)
    assert room(layout, same_side)[0] < 1.5
    # With the key light it changes sides.
    mirrored = np.array([[-1], [1], [1]], np.float32)
    assert room(studio(kind, 1.5), mirrored * across)[0] == pytest.approx(room(layout, across)[0], rel=1e-3)


@pytest.mark.parametrize("kind", ["flatlay", "podium", "sand"])
def test_the_room_is_about_as_bright_as_the_fill_over_which_it_is_set(kind: SceneKind) -> None:
    layout = studio(kind)
    rng = np.random.default_rng(1)
    way = rng.normal(size=(3, 20_000)).astype(np.float32)
    way /= np.linalg.norm(way, axis=0)
    up = way[2 if layout.top_down else 1]
    assert 0.6 < float((room(layout, way) * np.maximum(up, 0)).sum() / np.maximum(up, 0).sum()) < 1.4
