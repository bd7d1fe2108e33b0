"""A finish shows by the colour of its surface and by the light on it."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.geometry.walls import Floor, Top, Wall
from pipeline.materials.appearance import MOST, appearance
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout, Part
from testkit.still_life import spec


@pytest.fixture(name="layout")
def _layout() -> Layout:
    return compose(spec("podium"), 96, 96, 0.6)


def coloured(layout: Layout, level: float, finish: str = "wood") -> tuple[Layout, Part]:
    """Return the layout and a wall of that linear grey and finish."""
    part = Part(Wall(-1.0), 0, "wall", finish)  # type: ignore[arg-type]  # a literal
    return replace(layout, colours=(np.full(3, level, np.float32),) * len(layout.colours), parts=(part,)), part


def lit_from(layout: Layout, x: float, y: float, z: float) -> Layout:
    """Return the layout with its key light in that direction from the light's target."""
    target = layout.rig.target
    return replace(layout, rig=replace(layout.rig, position=(target[0] + x, target[1] + y, target[2] + z)))


def test_a_darker_colour_has_a_stronger_contrast_up_to_a_bound(layout: Layout) -> None:
    found = [appearance(*coloured(layout, level)).contrast for level in (0.8, 0.3, 0.1, 0.03, 0.001)]
    assert found[0] == 1
    assert found[:4] == sorted(found[:4])
    assert found[1] < found[2] < found[4] == MOST


def test_dark_stone_has_light_veins_and_its_own_contrast(layout: Layout) -> None:
    shown = appearance(*coloured(layout, 0.03, "marble"))
    assert shown.dark
    assert shown.contrast == 1
    assert not appearance(*coloured(layout, 0.3, "marble")).dark
    assert not appearance(*coloured(layout, 0.03, "wood")).dark


@pytest.mark.parametrize(
    ("solid", "way", "angle"),
    [
        (Wall(-1.0), (2.0, 0.0, 1.0), 0.0),
        (Wall(-1.0), (0.0, 2.0, 1.0), 90.0),
        (Wall(-1.0), (-2.0, 0.0, 1.0), 180.0),
        (Floor(0.0, -1.0), (0.0, 1.0, 2.0), 90.0),
        (Floor(0.0, -1.0), (2.0, 1.0, 0.0), 0.0),
        (Top(0.0, turn=np.pi / 2), (0.0, 2.0, 1.0), 0.0),
    ],
)
def test_the_light_on_the_surface_comes_from_the_key_light(
    layout: Layout, solid: Wall | Floor, way: tuple[float, float, float], angle: float
) -> None:
    part = Part(solid, 0, "floor", "plaster")
    found = appearance(lit_from(replace(layout, parts=(part,)), *way), part).light_angle
    assert np.cos(found - np.deg2rad(angle)) == pytest.approx(1, abs=1e-3)


def test_grazing_light_brings_out_more_of_a_relief(layout: Layout) -> None:
    part = Part(Wall(-1.0), 0, "wall", "plaster")
    low, high = (
        appearance(lit_from(replace(layout, parts=(part,)), *way), part).relief
        for way in ((2.0, 0.0, 1.0), (0.3, 0.0, 2.0))
    )
    assert low > 1.3 * high


def test_terrazzo_uses_the_other_colours_of_the_scene(layout: Layout) -> None:
    part = Part(Wall(-1.0), 1, "wall", "terrazzo")
    shown = appearance(replace(layout, parts=(part,)), part)
    assert len(shown.accents) == 2
    expected = np.clip(layout.colours[0] / np.maximum(layout.colours[1], 5e-3), 0.3, 3)
    np.testing.assert_allclose(shown.accents[0], expected, rtol=1e-5)
    assert appearance(replace(layout, parts=(part,)), replace(part, finish="wood")).accents == ()
