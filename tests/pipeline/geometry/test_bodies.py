"""Rounded and lathed solids: rays meet them where a slow walk does, and their normals point out of them."""

from functools import cache

import numpy as np
import pytest

from pipeline.geometry.casting import follow
from pipeline.geometry.lathed import Lathed
from pipeline.geometry.ray import Field
from pipeline.geometry.rounded import Rounded, axes

CAMERA = (np.float32(0.1), np.float32(0.45), np.float32(2.2))
ACROSS, DOWN = np.linspace(-0.25, 0.25, 81, dtype=np.float32), np.linspace(0.1, -0.3, 71, dtype=np.float32)
BODIES: dict[str, Rounded | Lathed] = {
    "stone": Rounded((0.1, 0.2, 0), (0.15, 0, 0.1), (0.05, 0.04, 0.03), (0.02, 0.04, 0.08), axes(0.4, 0.2, 0.3)),
    "egg": Rounded((0, 0.2, 0), (0, 0, 0), (0.1, 0.15, 0.1), (0.1, 0.12, 0.1), axes(0.3, 1.2)),
    "vase": Lathed(0, 0, 0, 0.4, (0.1, 0.1, 0.25, 0.2, 0.05, 0.1, 0.1), 0.9, 0.02),
    "bowl that lies": Lathed(0, 0.1, 0, 0.2, (0.05, 0.1, 0.25, 0.26), 0.93, 0.02, lying=True),
    "bottle": Lathed(0, 0, 0, 0.4, (0.1, 0.2, 0.2, 0.1)),
}


@cache
def squares(body: Lathed) -> tuple[np.ndarray, np.ndarray]:
    """Return heights, and the square of the body's radius at each."""
    levels = np.linspace(0, body.height, 200)
    return levels, np.array([body.radius(float(level)) ** 2 for level in levels])


def inside(body: Rounded | Lathed, x: Field, y: Field, z: Field) -> np.ndarray:
    """Return which places are in the matter, straight from what the two kinds are."""
    away = np.stack([x, y, z], -1)
    if isinstance(body, Rounded):
        local = (away - body.at) @ np.array(body.axes).T
        beyond = np.maximum(np.abs(local) - body.core, 0) / np.where(local > 0, body.plus, body.minus)
        return np.asarray((beyond**2).sum(-1) < 1)
    across, up, ahead = np.moveaxis(away - (body.x, body.y, body.z), -1, 0)
    up, ahead = (ahead, up) if body.lying else (up, ahead)
    square = np.interp(up, *squares(body))
    r = across**2 + ahead**2
    hollow = (up > body.floor) & (r < body.hollow**2 * square)
    return np.asarray((up > 0) & (up < body.height) & (r < square) & ~hollow)


@pytest.mark.parametrize("name", BODIES)
def test_rays_meet_a_body_where_a_slow_walk_does_and_its_normals_point_outwards(name: str) -> None:
    body = BODIES[name]
    surface, depth = follow([body], CAMERA, ACROSS, DOWN)  # type: ignore[arg-type]  # 0-d
    walked = np.full(depth.shape, np.inf)
    step = 0.001
    nearest, farthest = (float(CAMERA[2] - body.bounds[number]) for number in (5, 2))
    for t in np.arange(farthest + 0.05, nearest - 0.05, -step):
        x, y = CAMERA[0] + t * ACROSS[None], CAMERA[1] + t * DOWN[:, None]
        places = np.broadcast_arrays(x, y, CAMERA[2] - t)
        walked[inside(body, *places)] = t
    hit = np.isfinite(depth)
    both = hit & np.isfinite(walked)
    assert both.mean() > 0.03
    assert (hit != np.isfinite(walked)).mean() < 2e-3
    assert np.abs(depth[both] - walked[both]).max() < 2 * step

    depth = np.where(hit, depth, 0)
    x, y = CAMERA[0] + depth * ACROSS[None], CAMERA[1] + depth * DOWN[:, None]
    place = tuple(np.asarray(axis[both], np.float32) for axis in (x, y, CAMERA[2] - depth))
    normal = body.normal(place, (surface[both] % 8).astype(np.uint8))  # type: ignore[arg-type]  # three parts
    np.testing.assert_allclose(np.sum(np.square(normal), 0), 1, atol=1e-4)
    out, within = ([at + way * part for at, part in zip(place, normal, strict=True)] for way in (2e-3, -2e-3))
    assert not inside(body, *out).any()
    assert inside(body, *within).mean() > 0.99
    low, high = np.array(body.bounds).reshape(2, 3)
    assert all((at > a - 1e-3).all() and (at < b + 1e-3).all() for at, a, b in zip(place, low, high, strict=True))
