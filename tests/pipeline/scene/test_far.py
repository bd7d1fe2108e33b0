"""Things far out of focus: in depth, of the asked colours, above the table's edge."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.colour.gamuts import GAMUTS, lab_of
from pipeline.colour.harmony import to_oklab
from pipeline.core.spec import Far
from pipeline.materials.bokeh import draw_lights, share_of
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout
from pipeline.scene.trace import trace
from tests.support.still_life import preset, spec

FARS: tuple[Far, ...] = ("lights", "foliage")
DARK = ("#2a2f3d", "#1f232d", "#e0a860", "#c96f4a")
PALE = ("#f0e6da", "#e3cdb5", "#d8a48f", "#7f9c6c")
SIZES = [(240, 240), (320, 180), (180, 320)]


def behind(far: Far, palette: tuple[str, ...] = DARK, size: tuple[int, int] = (240, 240), seed: int = 1) -> Layout:
    asked = spec("bokeh", palette=palette, place=preset(size), seed=seed)
    return compose(replace(asked, scene=replace(asked.scene, far=far)), *size, 0.6)


def leafy(colour: str) -> bool:
    return GAMUTS["foliage"].has(lab_of(colour))


@pytest.mark.parametrize("far", FARS)
@pytest.mark.parametrize("palette", [DARK, PALE])
@pytest.mark.parametrize("size", SIZES)
def test_every_asked_colour_is_seen_behind_the_table(far: Far, palette: tuple[str, ...], size: tuple[int, int]) -> None:
    layout = behind(far, palette, size)
    seen = trace(layout, *size).part == 0
    for slot in (2, 3):
        assert (share_of(layout, slot, *size)[seen] > 0.6).mean() > 0.02, slot


@pytest.mark.parametrize("far", FARS)
def test_lights_differ_in_size_and_rim_and_overlap_a_scene(far: Far) -> None:
    layout = behind(far)
    lights = [blur for blur in layout.blurs if blur.rim > 0]
    sizes = np.array([blur.radius for blur in lights])
    assert np.quantile(sizes, 0.95) > 3 * np.quantile(sizes, 0.1)
    assert np.ptp([blur.rim for blur in lights]) > 0.2
    # Without its lights it is no flat colour.
    size = (120, 120)
    part = trace(layout, *size).part
    out = np.zeros((120, 120, 3), np.float32)
    draw_lights(replace(layout, blurs=tuple(blur for blur in layout.blurs if blur.rim == 0)), part, out)
    light = to_oklab(out[part == 0])[:, 0]
    assert np.quantile(light, 0.95) - np.quantile(light, 0.05) > 0.08


@pytest.mark.parametrize("far", FARS)
def test_no_light_is_darker_than_the_scene(far: Far) -> None:
    layout = behind(far, PALE)
    ground = to_oklab(layout.colours[layout.behind])[0]
    # A disc in a colour that no leaf has is a flower, which covers the area behind it.
    flowers = {slot for slot in range(layout.asked) if far == "foliage" and not leafy(PALE[slot])}
    for blur in layout.blurs:
        if blur.rim > 0 and blur.slot not in flowers:
            assert to_oklab(layout.colours[blur.slot])[0] + 0.085 * blur.steps > ground


def test_foliage_has_leaves_and_a_town_has_houses() -> None:
    leaves = [blur for blur in behind("foliage").blurs if blur.apart > 0.5 * blur.radius and blur.long == 0]
    assert len(leaves) > 20
    houses = [blur for blur in behind("lights").blurs if blur.long > 0 and blur.wide > 0]
    assert len(houses) > 5


def test_nothing_of_a_town_has_sharp_corners() -> None:
    for seed in range(3):
        for blur in behind("lights", seed=seed).blurs:
            if blur.long > 0 and blur.wide > 0 and blur.wide < 0.5:
                # A corner is rounded by the radius and, like an edge, by the softness: at least to the lens' disc.
                assert blur.radius + blur.soft > 0.06


def test_the_same_seed_is_the_same_scene_and_another_is_another() -> None:
    assert behind("foliage").blurs == behind("foliage").blurs
    assert behind("foliage").blurs != behind("foliage", seed=2).blurs
