"""Rows of rays: a camera's and a light's find the same, on any number of threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipeline.geometry.casting import follow
from pipeline.geometry.panels import Opening, Panel
from pipeline.geometry.solids import Ball, Block, Drum, Slab, Solid
from pipeline.geometry.walls import Floor, Recess, Sweep, Wall
from pipeline.kernels.tracing.rays import FACES
from tests.support.rays import meet

OPENING = Opening(0.05, 0.0, 0.3, 0.7)
SOLIDS: list[Solid] = [
    Floor(0.0, -8.0),
    Wall(-0.6),
    Wall(-0.6, OPENING),
    Recess(-0.6, OPENING, 0.25),
    Sweep(-1.0, 0.0, 0.5),
    Panel("arch", 0, 0, 0.1, 0.3, 0.7, 0.2, 0.6),
    Panel("disc", 0, 0, 0.1, 0.3, 0.6, 0.2, 0.6),
    Panel("half_disc", 0, 0, 0.1, 0.3, 0.6, 0.2),
    Ball(0.1, 0.2, 0.0, 0.2, 0.8),
    Drum(0, 0, 0, 0.3, 0.4),
    Block(0.1, 0, -0.2, 0.3, 0.3, 0.2, 0.4),
    Slab(((-0.2, 0.0), (0.25, -0.05), (0.1, 0.3)), 0.05, 0.05),
]
CAMERA = (np.float32(0.1), np.float32(0.45), np.float32(2.2))
ACROSS, DOWN = np.linspace(-0.25, 0.25, 161, dtype=np.float32), np.linspace(0.1, -0.3, 141, dtype=np.float32)


@pytest.mark.parametrize("solid", SOLIDS, ids=lambda solid: type(solid).__name__)
def test_rays_of_a_camera_and_of_light_meet_a_solid_at_the_same_places(solid: Solid) -> None:
    surface, depth = follow([solid], CAMERA, ACROSS, DOWN)  # type: ignore[arg-type]  # 0-d
    way = (ACROSS[None], DOWN[:, None], np.full((1, 1), -1, np.float32))
    distance, face = meet(solid.packed, CAMERA, way)  # type: ignore[arg-type]  # 0-d

    hit = np.isfinite(depth)
    assert hit.any()
    # Only one of them may count a ray that grazes an edge.
    both = hit & np.isfinite(distance)
    assert (hit != np.isfinite(distance)).mean() < 1e-3
    np.testing.assert_allclose(depth[both], distance[both], atol=1e-4)
    assert (surface[both] % FACES != face[both]).mean() < 1e-3


def test_the_nearest_solid_is_seen_and_an_excluded_one_is_not() -> None:
    near, far = Ball(0.1, 0.3, 0.5, 0.1), Wall(-0.5)
    surface, depth = follow([far, near], CAMERA, ACROSS, DOWN)  # type: ignore[arg-type]  # 0-d
    ball = surface // FACES == 1
    assert 0 < ball.mean() < 1
    assert depth[ball].max() < depth[~ball].min()
    without, _ = follow([far, near], CAMERA, ACROSS, DOWN, without=1)  # type: ignore[arg-type]  # 0-d
    assert not without.any()


def test_two_threads_at_once_see_what_one_sees_alone() -> None:
    def seen() -> bytes:
        surface, depth = follow(SOLIDS, CAMERA, ACROSS, DOWN)  # type: ignore[arg-type]  # 0-d
        return surface.tobytes() + depth.tobytes()

    alone = seen()
    with ThreadPoolExecutor(2) as pool:
        assert all(found == alone for found in pool.map(lambda _: seen(), range(8)))
