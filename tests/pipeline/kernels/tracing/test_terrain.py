"""Heights of dunes and folds of cloth against their plain formulas."""

import numpy as np

from pipeline.geometry.heightfields import Dunes
from pipeline.kernels.tracing.terrain import meet_dunes
from tests.support.rays import meet

RIPPLED = Dunes(0.01, ((0.08, 0.7, 1.3, 0.4), (0.045, -1.0, 2.0, 2.0)), -8.0, ripple=0.0016, rise=0.05)


def test_dunes_match_their_formula() -> None:
    rng = np.random.default_rng(2)
    x, z = rng.uniform(-4, 4, 5000).astype(np.float32), rng.uniform(-8, 2, 5000).astype(np.float32)
    y = np.zeros(5000)
    for amplitude, kx, kz, phase in RIPPLED.ridges:
        wave = 1 - np.abs(np.sin(kx * x + kz * z + phase + 0.35 * np.sin(0.7 * kx * z + phase)))
        y += amplitude * (1.6 * wave * wave - 0.6)
    away = (x / 0.75) ** 2 + ((z + 0.05) / 0.6) ** 2
    warp = np.sin(2.1 * x + 1.3 * z) + np.sin(3.7 * x - 0.8 * z)
    y = y * (1 - np.exp(-away * away)) + 0.05 * np.maximum(0, -0.5 - z) + 0.01
    along = 46 * z + 9 * x + 2.2 * warp
    y += 0.0016 * np.sin(along + 0.5 * np.sin(along))
    np.testing.assert_allclose(RIPPLED.height(x, z), y, atol=2e-6)


def test_dunes_stop_light_where_a_place_on_its_way_is_below_ground() -> None:
    rng = np.random.default_rng(3)
    origin = rng.uniform((-1, 0, -3), (1, 0.12, 1), (4000, 3)).astype(np.float32).T
    origin[1] += RIPPLED.height(origin[0], origin[2])
    way = rng.normal(0, 1, (3, 4000)) * [[1], [0.3], [1]]
    way = (way / np.linalg.norm(way, axis=0)).astype(np.float32)
    found, _ = meet(RIPPLED.packed, (origin[0], origin[1], origin[2]), (way[0], way[1], way[2]))

    expected, before = np.full(4000, np.inf, np.float32), 0.0
    for reach in np.geomspace(0.02, 2.0, 9).astype(np.float32):
        x, y, z = origin + reach * way
        below = (y < RIPPLED.height(x, z) - 0.004) & (z > -8) & np.isinf(expected)
        expected[below] = (before + reach) / 2
        before = float(reach)
    assert 0.1 < np.isfinite(expected).mean() < 0.9
    # A place within rounding of the ground may be counted either way.
    assert (
        np.abs(np.where(np.isinf(found), 9, found) - np.where(np.isinf(expected), 9, expected)) > 1e-6
    ).mean() < 2e-3


def test_a_ray_that_has_met_something_nearer_keeps_it() -> None:
    ray = np.array([[0.0], [0.02], [-2.0], [0.0], [-1.0], [0.0]], np.float32)
    best, found = np.array([1e-3], np.float32), np.array([7], np.int32)
    meet_dunes(RIPPLED.packed.row(), 8, ray, best, found)
    assert best[0] == np.float32(1e-3)
    assert found[0] == 7


def test_a_crest_between_two_depths_keeps_its_height() -> None:
    camera = (0.0, 0.5, 2.2)
    across = np.linspace(-0.3, 0.3, 400, dtype=np.float32)
    dunes = Dunes(0.0, ((0.08, 0.7, 1.3, 0.4), (0.045, -1.0, 2.0, 2.0)), -8.0, rise=0.05)
    skyline = dunes.slopes(camera, across, 1800)[1][-1]  # type: ignore[arg-type]  # numbers
    exact = dunes.slopes(camera, across, 60_000)[1][-1]  # type: ignore[arg-type]  # numbers
    # A tenth of a pixel of 2048. Where one crest hides another, the nearest steps may choose the lower one.
    assert np.quantile(np.abs(skyline - exact), 0.97) < 2e-5
    assert np.abs(skyline - exact).max() < 2e-4
