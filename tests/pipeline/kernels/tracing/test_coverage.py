"""Edges are found where surfaces meet, and mixed by coverage."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipeline.geometry.casting import follow
from pipeline.geometry.solids import Slab
from pipeline.geometry.walls import Wall
from pipeline.kernels.tracing.coverage import ACROSS, DOWN
from pipeline.kernels.tracing.rays import FACES
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout, Part
from pipeline.scene.trace import trace
from testkit.still_life import spec


@cache
def from_above() -> Layout:
    return compose(spec("flatlay"), 96, 96, 0.6)


@pytest.mark.parametrize("kind", ["podium", "curtain", "sand"])
def test_every_edge_pixel_is_covered_once(kind: str) -> None:
    layout = compose(spec(kind), 120, 120, 0.6)  # type: ignore[arg-type]  # a SceneKind
    coverage = trace(layout, 120, 120).coverage
    assert len(coverage.place) > 50
    assert (coverage.share.sum(1) == ACROSS * DOWN).all()
    # The surface of most pixels covers more than half of them.
    assert (coverage.share[:, 4] >= ACROSS * DOWN / 2).mean() > 0.7


@pytest.mark.parametrize("turn", [0.004, 0.3, np.pi / 2 - 0.004])
def test_flat_and_steep_edges_have_as_many_levels_as_rays(turn: float) -> None:
    side, layout = 96, from_above()
    c, s = 0.3 * np.cos(turn), 0.3 * np.sin(turn)
    wide = ((s - c, -s - c), (c + s, s - c), (c - s, s + c), (-c - s, c - s))
    corners = tuple((float(x + layout.camera[0]), float(y + layout.camera[1])) for x, y in wide)
    layout = replace(layout, parts=(Part(Wall(-0.5), 0, "wall"), Part(Slab(corners, 0.0, 0.001), 1, "prop")))
    geometry = trace(layout, side, side)
    covered = (geometry.part == 1).astype(np.float32)
    geometry.coverage.smooth(covered)
    across, down, _ = layout.rays(8 * side, 8 * side)
    fine = follow([part.solid for part in layout.parts], layout.camera, across[0], down[:, 0])[0] >= FACES
    exact = fine.reshape(side, 8, side, 8).mean((1, 3))
    away = np.abs(covered - exact)[(exact > 0) & (exact < 1)]
    assert away.size > 100
    assert away.mean() < 0.04
    assert away.max() < 0.1


def test_a_face_thinner_than_a_pixel_is_seen_all_along() -> None:
    # A slab's edge of 0.3 pixels, nearly level: pixels' centres meet it here and there.
    side, layout = 96, from_above()
    level = float(layout.camera[1]) - 0.3
    corners = ((-9.0, level - 0.9), (9.0, level - 0.9), (9.0, level + 0.18), (-9.0, level - 0.18))
    layout = replace(layout, parts=(Part(Wall(-0.5), 0, "wall"), Part(Slab(corners, 0.0, 0.024), 1, "prop")))
    geometry = trace(layout, side, side)
    thin = (geometry.surface % FACES > 0) & (geometry.part == 1)
    picture = thin.astype(np.float32)
    geometry.coverage.smooth(picture)
    assert 0 < thin.any(0).sum() < 0.6 * side
    assert picture.sum(0).min() > 0.15
    assert picture.sum(0).max() < 0.5
