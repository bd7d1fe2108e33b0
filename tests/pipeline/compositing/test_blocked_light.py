from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import maximum_filter, minimum_filter

from pipeline.compositing import shadow
from pipeline.compositing.shadow import blocked_share
from pipeline.core.spec import SceneKind
from pipeline.geometry.solids import Ball
from pipeline.light.first_light import first_light
from pipeline.scene.composition import compose
from pipeline.scene.layout import Part
from testkit.still_life import spec

SIDE = 72
BALL = Ball(0.0, 0.15, -0.1, 0.15)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@pytest.mark.parametrize("kind", ["sweep", "podium", "neon", "window"])
def test_a_product_blocks_the_light_of_a_black_thing_in_its_place(kind: SceneKind) -> None:
    layout = compose(spec(kind), SIDE, SIDE, 1.0)
    geometry, share = blocked_share(layout, SIDE, SIDE, BALL, BALL.bounds)

    # The same ball as a part of the scene that reflects nothing.
    colours = (*layout.colours, np.zeros(3, np.float32))
    black = Part(BALL, len(layout.colours), "prop")
    with_it = first_light(replace(layout, colours=colours, parts=(*layout.parts, black)), SIDE, SIDE)
    without = first_light(layout, SIDE, SIDE)
    seen = (with_it.geometry.surface == geometry.surface) & np.isfinite(share)
    glows = np.array([part.glow > 0 for part in layout.parts])[geometry.part]
    seen &= ~glows
    expected = 1 - (with_it.light @ LUMINANCE)[seen] / np.maximum((without.light @ LUMINANCE)[seen], 1e-4)

    assert expected.max() > 0.3
    # Among its neighbours, a pixel next to the ball shares its samples with fewer.
    assert np.abs(share[seen] - expected).mean() < 0.01
    assert np.quantile(np.abs(share[seen] - expected), 0.95) < 0.05


def test_an_emitter_is_not_darkened() -> None:
    layout = compose(spec("neon"), SIDE, SIDE, 1.0)
    geometry, share = blocked_share(layout, SIDE, SIDE, BALL, BALL.bounds)
    glows = np.array([part.glow > 0 for part in layout.parts])[geometry.part]
    assert glows.any()
    assert share[glows].max() == 0


@pytest.mark.parametrize("kind", ["sweep", "podium", "niche"])
def test_the_light_around_a_product_is_even(kind: SceneKind, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = compose(spec(kind, seed=2), 144, 144, 1.0)
    geometry, share = blocked_share(layout, 144, 144, BALL, BALL.bounds)
    monkeypatch.setattr(shadow, "DOME_SAMPLES", 500)
    _, exact = blocked_share(layout, 144, 144, BALL, BALL.bounds)
    upright = np.array([part.role in ("wall", "panel") for part in layout.parts])[geometry.part]
    # Away from edges, where fewer neighbours share their samples.
    inside = minimum_filter(geometry.surface, 5) == maximum_filter(geometry.surface, 5)
    # Darker pixels touch the product.
    where = upright & inside & (exact > 0.01) & (exact < 0.3)
    assert where.mean() > 0.1
    noise = (share - exact)[where] / (1 - exact[where])
    # Half a step of 8 bits where a surface is pale.
    assert noise.std() < 0.0025
    assert np.abs(noise).max() < 0.015
