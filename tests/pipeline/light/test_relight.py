"""Light on a drawing: asked colours, covered edges, every kind at every shape."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import delta_e00, linear_to_srgb, srgb_to_lab, srgb_to_linear
from pipeline.core.spec import SceneKind
from pipeline.geometry.solids import Ball
from pipeline.geometry.walls import Wall
from pipeline.light.exposure import Exposure
from pipeline.light.first_light import first_light
from pipeline.light.relight import SHOULDER, Shaded, developed, picture, tone_mapped
from pipeline.scene.composition import compose
from pipeline.scene.layout import Lens, Part
from pipeline.scene.trace import trace
from testkit.still_life import preset, spec
from tests.pipeline.scene.test_layout import KINDS, SIX, SIZES


def test_the_tone_curve_leaves_asked_colours_alone_and_never_exceeds_white() -> None:
    linear = np.linspace(0, 8, 500, dtype=np.float32)
    shown = tone_mapped(linear)
    np.testing.assert_allclose(shown[linear <= SHOULDER], linear[linear <= SHOULDER], atol=1e-6)
    assert (np.diff(shown) >= 0).all()
    assert shown.max() <= 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("bokeh", "neon")])
def test_the_lit_part_of_every_colour_shows_that_colour(kind: SceneKind) -> None:
    layout = compose(spec(kind, palette=SIX[:3], seed=3), 128, 128, 0.6)
    first = first_light(layout, 128, 128)
    light = Exposure.of(layout, first).on(first.light, first.geometry.part)
    geometry = first.geometry
    shown = linear_to_srgb(tone_mapped(geometry.flat() * light))
    slots = np.array([part.slot for part in layout.parts])[geometry.part]
    for slot, colour in enumerate(SIX[:3]):
        lab = srgb_to_lab(shown[slots == slot])
        distance = delta_e00(lab, srgb_to_lab(hex_to_rgb(colour)[None]))
        # A fifth of the pixels of that colour are as near as a careful eye would ask.
        assert np.quantile(distance, 0.2) < 6, colour


def test_edges_are_covered_in_proportion() -> None:
    left = []
    for seed in range(1, 6):
        layout = compose(spec("podium", palette=SIX[:3], seed=seed), 120, 120, 0.6)
        geometry = trace(layout, 120, 120)
        fine = trace(layout, 960, 960)
        flat = fine.flat().reshape(120, 8, 120, 8, 3).mean((1, 3))
        smooth = geometry.flat()
        geometry.coverage.smooth(smooth)
        stairs = geometry.flat()
        left.append(np.abs(smooth - flat).mean() / np.abs(stairs - flat).mean())
    # Things thinner than a pixel, such as the covers of books here, leave more.
    assert np.median(left) < 0.2
    assert max(left) < 0.5


def test_a_products_shadow_and_overexposure_end_at_an_edge_by_coverage() -> None:
    layout = compose(spec("podium", palette=SIX[:3]), 120, 120, 0.6)
    layout = replace(
        layout, parts=(Part(Wall(-1.5), 0, "wall"), Part(Ball(0.0, 0.2, 0.0, 0.2), 1, "prop")), lens=Lens()
    )
    geometry = trace(layout, 120, 120)
    ball = (geometry.part == 1).astype(np.float32)
    covered = ball.copy()
    geometry.coverage.smooth(covered)
    for light, blocked in ((ball + 0.4, 0.75 * ball), (0.1 + 9 * ball, 0 * ball)):
        linear = np.repeat(light[..., None], 3, 2).astype(np.float32)
        shown = srgb_to_linear(developed(Shaded(layout, geometry, linear, (), ()), blocked=blocked.astype(np.float32)))
        on, off = shown[covered == 1].max(), shown[(ball == 0) & (covered == 0)].max()
        expected = off + (on - off) * covered
        np.testing.assert_allclose(shown[..., 0], expected, atol=0.01)


@pytest.mark.parametrize(("kind", "size"), list(zip(KINDS, itertools.cycle(SIZES))))
def test_every_kind_is_painted_in_range_and_not_flat(kind: SceneKind, size: tuple[int, int]) -> None:
    layout = compose(spec(kind, palette=SIX[:3], place=preset(size)), *size, 0.6)
    painted = picture(layout, first_light(layout, size[0] // 2, size[1] // 2), *size)
    assert painted.shape == (size[1], size[0], 3)
    assert painted.dtype == np.float32
    assert np.isfinite(painted).all()
    assert painted.min() >= 0
    assert painted.max() <= 1
    assert painted.std() > 0.01
