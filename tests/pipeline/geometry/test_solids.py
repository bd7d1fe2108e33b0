"""Rays meet solids where a slow walk along them finds the surface."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.geometry.casting import follow
from pipeline.geometry.heightfields import Curtain, Dunes
from pipeline.geometry.panels import Opening, Panel
from pipeline.geometry.solids import Ball, Block, Drum, Slab, Solid
from pipeline.geometry.walls import Recess, Sweep, Wall
from tests.support.rays import meet

Points = NDArray[np.floating]
Holds = Callable[[Points, Points, Points], NDArray[np.bool_]]


def in_block(x: Points, y: Points, z: Points) -> NDArray[np.bool_]:
    c, s = np.cos(0.4), np.sin(0.4)
    u, w = c * (x - 0.1) - s * (z + 0.2), s * (x - 0.1) + c * (z + 0.2)
    return np.asarray((np.abs(u) < 0.3) & (y > 0) & (y < 0.5) & (np.abs(w) < 0.2))


def in_arch(x: Points, y: Points, z: Points) -> NDArray[np.bool_]:
    low = (np.abs(x) < 0.3) & (y > 0) & (y <= 0.4)
    return np.asarray((low | ((y > 0.4) & (np.hypot(x, y - 0.4) < 0.3))) & (z < 0.1) & (z > -0.1))


def in_portal(x: Points, y: Points, z: Points) -> NDArray[np.bool_]:
    hole = ((np.abs(x) < 0.21) & (y > 0) & (y <= 0.4)) | ((y > 0.4) & (np.hypot(x, y - 0.4) < 0.21))
    return np.asarray(in_arch(x, y, z) & ~hole)


def in_slab(slab: Slab) -> Holds:
    def holds(x: Points, y: Points, z: Points) -> NDArray[np.bool_]:
        sides = [nx * x + ny * y < d for nx, ny, d in slab.sides]
        return np.asarray(np.all(np.broadcast_arrays(*sides), 0) & (z < slab.z) & (z > slab.z - slab.thick))

    return holds


SLABS = [
    Slab(((-0.2, 0.1), (0.25, 0.05), (0.1, 0.4)), 0.1, 0.1),
    Slab(((-0.2, 0.1), (0.2, 0.1), (0.2, 0.3), (-0.2, 0.3)), 0.05, 0.02, 0.4),
]

SOLIDS: list[tuple[Solid, Holds]] = [
    *((slab, in_slab(slab)) for slab in SLABS),
    (Ball(0.1, 0.3, 0.0, 0.3), lambda x, y, z: (x - 0.1) ** 2 + (y - 0.3) ** 2 + z**2 < 0.09),
    (Ball(0, 0.2, 0, 0.3, 0.6), lambda x, y, z: x**2 + ((y - 0.2) / 0.6) ** 2 + z**2 < 0.09),
    (Drum(0, 0, 0, 0.3, 0.4), lambda x, y, z: (np.hypot(x, z) < 0.3) & (y > 0) & (y < 0.4)),
    (Block(0.1, 0, -0.2, 0.3, 0.5, 0.2, 0.4), in_block),
    (Panel("arch", 0, 0, 0.1, 0.3, 0.7, 0.2), in_arch),
    (Panel("arch", 0, 0, 0.1, 0.3, 0.7, 0.2, 0.7), in_portal),
    (
        Panel("disc", 0, 0, 0.1, 0.3, 0.6, 0.2, 0.6),
        lambda x, y, z: (np.hypot(x, y - 0.3) < 0.3) & (np.hypot(x, y - 0.3) > 0.18) & (np.abs(z) < 0.1),
    ),
    (
        Panel("half_disc", 0, 0, 0.1, 0.4, 0.4, 0.2),
        lambda x, y, z: (np.hypot(x, y) < 0.4) & (y > 0) & (np.abs(z) < 0.1),
    ),
    (
        Sweep(-1.0, 0.0, 0.5),
        lambda x, y, z: (y < 0) | (z < -1) | ((y < 0.5) & (z < -0.5) & (np.hypot(y - 0.5, z + 0.5) > 0.5)),
    ),
    (
        Dunes(0.0, ((0.1, 0.7, 1.3, 0.4), (0.05, -1.0, 2.0, 2.0)), -8.0),
        lambda x, y, z: y < Dunes(0.0, ((0.1, 0.7, 1.3, 0.4), (0.05, -1.0, 2.0, 2.0)), -8.0).height(x, z),
    ),
]


@pytest.mark.parametrize(("solid", "holds"), SOLIDS, ids=lambda value: type(value).__name__)
def test_a_camera_meets_a_solid_where_a_walk_along_the_ray_enters_it(solid: Solid, holds: Holds) -> None:
    camera = (np.float32(0.1), np.float32(0.55), np.float32(2.2))
    across, down = np.linspace(-0.4, 0.4, 41, dtype=np.float32), np.linspace(0.2, -0.45, 37, dtype=np.float32)
    _, t = follow([solid], camera, across, down)  # type: ignore[arg-type]  # 0-d
    reach = np.linspace(0.5, 4.5, 4001)
    x = 0.1 + across[None, :, None] * reach
    y = 0.55 + down[:, None, None] * reach
    inside = holds(x, y, np.broadcast_to(2.2 - reach, (1, 1, reach.size)))
    entered = np.where(inside.any(-1), reach[np.argmax(inside, -1)], np.inf)
    entered = np.broadcast_to(entered, t.shape)
    near = (t < 4.4) & (entered < 4.4)
    # One method may count a grazing ray that the other misses.
    assert ((t < 4.4) != (entered < 4.4)).mean() < 0.02
    assert near.sum() > 30
    assert np.quantile(np.abs(t[near] - entered[near]), 0.98) < (0.02 if isinstance(solid, Dunes) else 0.003)


@pytest.mark.parametrize(
    "solid", [pair[0] for pair in SOLIDS if pair[0].bounds is not None], ids=lambda s: type(s).__name__
)
def test_scattered_rays_end_on_the_surface_with_a_unit_normal_against_them(solid: Solid) -> None:
    rng = np.random.default_rng(3)
    origin = rng.uniform(-2, 2, (3, 4000)).astype(np.float32)
    origin[1] = np.abs(origin[1]) + 0.6
    way = rng.uniform(-0.3, 0.3, (3, 4000)).astype(np.float32) + np.array([[0.05], [0.25], [-0.1]]) - origin
    way = (way / np.linalg.norm(way, axis=0)).astype(np.float32)
    t, face = meet(solid.packed, (origin[0], origin[1], origin[2]), (way[0], way[1], way[2]))
    hit = np.isfinite(t)
    assert hit.sum() > 200
    point = origin[:, hit] + t[hit] * way[:, hit]
    face = np.broadcast_to(face, hit.shape)[hit]
    normal = np.stack(solid.normal((point[0], point[1], point[2]), face))
    np.testing.assert_allclose(np.linalg.norm(normal, axis=0), 1, atol=1e-3)
    seen_from_behind = (normal * way[:, hit]).sum(0) > 0.02
    # Panels and slabs have fronts only: no camera sees their backs.
    allowed = 0.5 if isinstance(solid, Panel | Slab) else 0.0
    assert seen_from_behind.mean() <= allowed
    bounds = np.array(solid.bounds)
    assert (point.min(1) > bounds[:3] - 2e-3).all()
    assert (point.max(1) < bounds[3:] + 2e-3).all()


CONVEX: list[Solid] = [
    Ball(0, 0.2, 0, 0.3, 0.6),
    Drum(0, 0, 0, 0.3, 0.4),
    Block(0, 0, 0, 0.3, 0.4, 0.3, 0.4),
    Slab(((-0.3, 0.0), (0.3, 0.0), (0.3, 0.4), (-0.3, 0.4)), 0.1, 0.2),
]


@pytest.mark.parametrize("solid", CONVEX, ids=lambda s: type(s).__name__)
def test_light_that_starts_close_to_a_solid_does_not_leak_through_it(solid: Solid) -> None:
    # From all sides through the middle and far beyond, as to a light: a thousandth of that way counts as close.
    angle = np.linspace(0.01, 6.25, 100, dtype=np.float32)
    inwards = -np.cos(angle), np.zeros_like(angle), -np.sin(angle)
    far = tuple(np.asarray(-4 * part + at, np.float32) for part, at in zip(inwards, (0, 0.2, 0), strict=True))
    distance, _ = meet(solid.packed, far, inwards)  # type: ignore[arg-type]  # three parts
    for off in (5e-4, -5e-4):
        origin = tuple(place + (distance - off) * part for place, part in zip(far, inwards, strict=True))
        through, _ = meet(solid.packed, origin, tuple(3 * part for part in inwards))  # type: ignore[arg-type]  # three parts
        assert np.isfinite(through).all(), off
        away, _ = meet(solid.packed, origin, tuple(-3 * part for part in inwards))  # type: ignore[arg-type]  # three parts
        assert np.isinf(away).all(), off


def test_a_recess_is_seen_through_the_opening_of_its_wall_and_nowhere_else() -> None:
    opening = Opening(0.0, 0.0, 0.3, 0.8)
    wall, recess = Wall(-0.5, opening), Recess(-0.5, opening, 0.2)
    camera = (np.float32(0), np.float32(0.4), np.float32(2.2))
    across, down = np.linspace(-0.3, 0.3, 61, dtype=np.float32), np.linspace(0.25, -0.14, 55, dtype=np.float32)
    on_wall = np.isfinite(follow([wall], camera, across, down)[1])  # type: ignore[arg-type]  # 0-d
    face, depth = follow([recess], camera, across, down)  # type: ignore[arg-type]  # 0-d
    inside = np.isfinite(depth)
    assert (on_wall ^ inside).all()
    assert depth[inside].min() > 2.7 - 1e-3
    assert depth[inside].max() < 2.9 + 1e-3
    assert set(np.unique(face[inside])) >= {0, 1}


def test_cloth_is_met_on_its_folds() -> None:
    curtain = Curtain(-0.9, ((0.03, 3.0, 0.3), (0.015, 1.3, 2.0)))
    camera = (np.float32(0), np.float32(0.4), np.float32(2.2))
    across = np.linspace(-0.25, 0.25, 200, dtype=np.float32)
    depth = curtain.depths(camera, across)  # type: ignore[arg-type]  # 0-d
    x = across * depth
    np.testing.assert_allclose(2.2 - depth, -0.9 + curtain.relief(x)[0], atol=2e-3)


def test_an_arch_on_its_back_is_open_below_and_its_foot_is_level() -> None:
    lying = Panel("arch", 0, 0, 0.1, 0.4, 0.6, 0.1, 0.5)
    below = np.full(2, -1.0, np.float32)
    x, up = np.array([0.1, 0.3], np.float32), np.ones(2, np.float32)
    level, into = np.full(2, 0.05, np.float32), np.zeros(2, np.float32)
    distance, _ = meet(lying.packed, (x, below, level), (into, up, into))
    # Through the opening to the crown of the hole, and right onto a leg's end.
    assert distance == pytest.approx([1 + 0.2 + np.sqrt(0.2**2 - 0.1**2), 1.0], abs=1e-4)
    foot = lying.normal((x, np.zeros(2, np.float32), level), np.ones(2, np.uint8))
    np.testing.assert_allclose(np.stack(foot)[:, 1], [0, -1, 0])
