"""Bundles of rays: no solid is left out that a ray meets, and most of the others are."""

import numpy as np
import pytest

from pipeline.geometry.solids import Ball
from pipeline.kernels.jit import kernel
from pipeline.kernels.tracing.bundles import lay_ends, lay_starts, may_meet, parallel
from pipeline.kernels.tracing.rays import Field
from tests.support.rays import meet


@kernel
def is_kept(count: int, ray: Field, endless: bool, box: Field) -> bool:
    hull = np.empty((4, 3), np.float32)
    pad = lay_starts(count, ray, hull)
    lay_ends(count, ray, endless, hull)
    return may_meet(hull, pad, box)


@kernel
def are_parallel(count: int, normal: Field) -> bool:
    return parallel(count, normal)


@pytest.mark.parametrize("endless", [False, True])
def test_a_solid_that_a_ray_of_a_bundle_meets_is_kept_and_most_others_are_left_out(endless: bool) -> None:
    rng = np.random.default_rng(4)
    met = kept_in_vain = 0
    for _ in range(300):
        count, ray = 24, np.empty((6, 24), np.float32)
        first, last, to = rng.uniform(-1, 1, (3, 3))
        share = np.linspace(0, 1, count)
        # nearly as places of one row
        ray[:3] = (first + share[:, None] * (last - first) + rng.normal(0, 0.002, (count, 3))).T
        ray[3:] = (to / np.linalg.norm(to))[:, None] if endless else to[:, None] - ray[:3]
        x, y, z = rng.uniform(-1, 1, 3).tolist()
        ball = Ball(x, y, z, 0.3)
        kept = is_kept(count, ray, endless, np.array(ball.bounds, np.float32))
        t, _ = meet(ball.packed, (ray[0], ray[1], ray[2]), (ray[3], ray[4], ray[5]))
        if (np.isfinite(t) if endless else t < 1).any():
            met += 1
            assert kept
        else:
            kept_in_vain += kept
    assert met > 20
    assert kept_in_vain < 0.25 * 300


def test_rays_about_one_normal_are_parallel() -> None:
    normal = np.zeros((3, 4), np.float32)
    normal[1] = 1
    assert are_parallel(4, normal)
    normal[:, 3] = 0.6, 0.8, 0.0
    assert are_parallel(3, normal)
    assert not are_parallel(4, normal)
