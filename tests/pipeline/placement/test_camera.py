"""Scenes seen from another angle than their own keep what they are known by."""

from dataclasses import replace
from typing import get_args

import pytest

from pipeline.core.spec import Scene, SceneKind
from pipeline.placement.camera import TOP_DOWN, CameraAngle, angle_of, has_angle, seen_from
from service.catalogue.catalogue import load_catalogue

SCENES = load_catalogue().scenes
ANGLES: tuple[CameraAngle, ...] = get_args(CameraAngle)


@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if scene.kind != "white"])
def test_a_scene_is_seen_from_the_angle_that_is_asked_for_or_said_not_to_be(name: str) -> None:
    scene = SCENES[name]
    for angle in ANGLES:
        if not has_angle(scene.kind, angle):
            with pytest.raises(ValueError, match="can't be seen"):
                seen_from(scene, angle)
            continue
        seen = seen_from(scene, angle)
        assert angle_of(seen.kind) == angle
        assert (seen.name, sorted(seen.palette)) == (scene.name, sorted(scene.palette))
        assert seen_from(seen, angle) == seen
        assert ("top-down" in seen.prompt) == (angle == "above"), "a model that reads words is told the same angle"


@pytest.mark.parametrize(
    ("name", "surface", "first"),
    [
        ("marble_tabletop", "marble", 1),
        ("wooden_table", "wood", 1),
        ("sand_dunes", "sand", 1),
        ("velvet_curtain", "velvet", 0),
        ("linen_curtain", "fabric", 0),
        ("arch_niche", "plaster", 1),
        ("studio_sweep", "plain", 0),
    ],
)
def test_from_above_a_scene_is_its_table_its_floor_or_its_cloth(name: str, surface: str, first: int) -> None:
    scene = SCENES[name]
    seen = seen_from(scene, "above")

    assert (seen.surface, seen.palette[0]) == (surface, scene.palette[first])


@pytest.mark.parametrize(
    ("name", "kind", "surface"),
    [
        ("flat_lay_wood", "tabletop", "wood"),
        ("flat_lay_linen", "tabletop", "fabric"),
        ("flat_lay_paper", "sweep", "plain"),
    ],
)
def test_from_the_side_a_flat_lay_is_a_table_or_paper(name: str, kind: str, surface: str) -> None:
    scene = SCENES[name]
    seen = seen_from(scene, "side")

    assert (seen.kind, seen.surface) == (kind, surface)
    assert seen.palette[1 if kind == "tabletop" else 0] == scene.palette[0], "its surface keeps its colour"


def test_white_and_what_is_all_behind_the_product_have_no_view_from_above() -> None:
    kinds: tuple[SceneKind, ...] = get_args(SceneKind)
    assert {kind for kind in kinds if not has_angle(kind, "above")} == {"white", "bokeh", "neon"}
    assert {kind for kind in kinds if not has_angle(kind, "side")} == {"white"}
    assert {kind for kind in kinds if angle_of(kind) == "above"} == TOP_DOWN


def test_words_of_a_caller_are_kept() -> None:
    words = replace(SCENES["wooden_table"], prompt="an old oak desk")
    assert seen_from(words, "above").prompt.startswith("an old oak desk, ")
    assert isinstance(words, Scene)
