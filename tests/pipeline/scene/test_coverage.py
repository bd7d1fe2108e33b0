"""Edges are smooth, the skyline of dunes too, which is followed column by column."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.geometry.heightfields import Dunes
from pipeline.scene.composition import compose
from pipeline.scene.layout import FOCAL
from pipeline.scene.trace import trace
from testkit.still_life import preset, spec

SIDE = 320


@pytest.mark.parametrize("seed", [1, 2])
def test_the_skyline_of_dunes_has_no_stairs(seed: int) -> None:
    layout = compose(spec("sand", place=preset((SIDE, SIDE)), seed=seed), SIDE, SIDE, 0.6)
    layout = replace(layout, parts=layout.parts[:2])
    dunes = layout.parts[1].solid
    assert isinstance(dunes, Dunes)
    geometry = trace(layout, SIDE, SIDE)
    picture = np.repeat((geometry.part == 1).astype(np.float32)[..., None], 3, axis=-1)
    geometry.coverage.smooth(picture)
    drawn = SIDE - picture[..., 0].sum(0)

    across, _, _ = layout.rays(4 * SIDE, 4 * SIDE)
    slopes = dunes.slopes(layout.camera, across[0], 6000)[1][-1].reshape(SIDE, 4).mean(1)
    exact = (layout.horizon_y - slopes * FOCAL) * SIDE
    away = drawn - exact
    assert np.abs(away).mean() < 0.1
    assert np.abs(away).max() < 0.4
