from dataclasses import replace

import numpy as np
import pytest

from pipeline.compositing.blocked_light import blocked_share
from pipeline.core.spec import SceneKind
from pipeline.geometry.solids import Ball
from pipeline.light.first_light import first_light
from pipeline.scene.composition import compose
from pipeline.scene.layout import Part
from tests.support.still_life import spec

SIDE = 72
BALL = Ball(0.0, 0.15, -0.1, 0.15)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@pytest.mark.parametrize("kind", ["sweep", "podium", "neon", "window"])
def test_what_is_taken_is_what_a_black_thing_in_the_same_place_takes(kind: SceneKind) -> None:
    layout = compose(spec(kind), SIDE, SIDE, 1.0)
    geometry, share = blocked_share(layout, SIDE, SIDE, BALL, BALL.bounds)

    # The same ball as a part of the scene that gives nothing back.
    colours = (*layout.colours, np.zeros(3, np.float32))
    black = Part(BALL, len(layout.colours), "prop")
    with_it = first_light(replace(layout, colours=colours, parts=(*layout.parts, black)), SIDE, SIDE)
    without = first_light(layout, SIDE, SIDE)
    seen = (with_it.geometry.surface == geometry.surface) & np.isfinite(share)
    glows = np.array([part.glow > 0 for part in layout.parts])[geometry.part]
    seen &= ~glows
    expected = 1 - (with_it.light @ LUMINANCE)[seen] / np.maximum((without.light @ LUMINANCE)[seen], 1e-4)

    assert expected.max() > 0.3
    # Among its neighbours a pixel beside the ball shares its samples with fewer.
    assert np.abs(share[seen] - expected).mean() < 0.01
    assert np.quantile(np.abs(share[seen] - expected), 0.95) < 0.05


def test_what_shines_itself_is_not_darkened() -> None:
    layout = compose(spec("neon"), SIDE, SIDE, 1.0)
    geometry, share = blocked_share(layout, SIDE, SIDE, BALL, BALL.bounds)
    glows = np.array([part.glow > 0 for part in layout.parts])[geometry.part]
    assert glows.any()
    assert share[glows].max() == 0
