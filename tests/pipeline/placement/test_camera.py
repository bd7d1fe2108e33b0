"""Scenes from another angle than their own keep their characteristic parts."""

from dataclasses import replace
from typing import get_args

import pytest

from pipeline.core.spec import SceneKind
from pipeline.placement.camera import TOP_DOWN, CameraAngle, angle_of, has_angle, seen_from
from service.catalogue.catalogue import load_catalogue

SCENES = load_catalogue().scenes
ANGLES: tuple[CameraAngle, ...] = get_args(CameraAngle)


@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if scene.kind != "white"])
def test_a_scene_is_shown_from_the_asked_angle_or_refused(name: str) -> None:
    scene = SCENES[name]
    for angle in ANGLES:
        if not has_angle(scene.kind, angle):
            with pytest.raises(ValueError, match="can't be shown"):
                seen_from(scene, angle)
            continue
        seen = seen_from(scene, angle)
        assert angle_of(seen.kind) == angle
        assert (seen.name, sorted(seen.palette)) == (scene.name, sorted(scene.palette))
        assert seen_from(seen, angle) == seen
        assert ("top-down" in seen.prompt) == (angle == "above"), "the prompt names the same angle"


@pytest.mark.parametrize(
    ("name", "angle", "kind", "surface", "palette"),
    [
        ("marble_tabletop", "above", "flatlay", "marble", (1, 0)),
        ("sand_dunes", "above", "flatlay", "sand", (1, 0)),
        ("velvet_curtain", "above", "flatlay", "velvet", (0, 1)),
        ("arch_niche", "above", "flatlay", "plaster", (1, 0)),
        ("color_blocks", "above", "flatlay", "plain", (0, 1)),
        ("flat_lay_linen", "side", "tabletop", "fabric", (1, 0)),
        ("flat_lay_paper", "side", "sweep", "plain", (0, 1)),
    ],
)
def test_a_scene_keeps_its_table_its_floor_or_its_cloth_with_its_colour(
    name: str, angle: CameraAngle, kind: str, surface: str, palette: tuple[int, int]
) -> None:
    scene = SCENES[name]
    seen = seen_from(scene, angle)
    assert (seen.kind, seen.surface) == (kind, surface)
    assert seen.palette[:2] == tuple(scene.palette[at] for at in palette)


def test_white_and_scenes_all_behind_the_product_have_no_view_from_above() -> None:
    kinds: tuple[SceneKind, ...] = get_args(SceneKind)
    assert {kind for kind in kinds if not has_angle(kind, "above")} == {"white", "neon"}
    assert {kind for kind in kinds if not has_angle(kind, "side")} == {"white"}
    assert {kind for kind in kinds if angle_of(kind) == "above"} == TOP_DOWN


def test_a_callers_words_are_kept() -> None:
    words = replace(SCENES["wooden_table"], prompt="an old oak desk")
    assert seen_from(words, "above").prompt.startswith("an old oak desk, ")
