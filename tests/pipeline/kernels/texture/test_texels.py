"""Texture lookup by kernels is trilinear lookup as NumPy does it, on the pixels of one part alone."""

import numpy as np
import pytest

from pipeline.geometry.ray import Field
from pipeline.kernels.texture.texels import coloured
from pipeline.materials.noise import TILE
from pipeline.materials.pyramid import Pyramid


def pyramid_of(texture: Field) -> Pyramid:
    """Return the pyramid of an n×n×channels texture."""
    out = Pyramid(texture.shape[2], texture.shape[0], most=float(texture.max()))
    out.write(0, list(np.moveaxis(texture, -1, 0).copy()))
    return out.build()


def bilinear(texture: Field, u: Field, v: Field) -> Field:
    n = texture.shape[0]
    x, y = u * np.float32(n / TILE) - np.float32(0.5), v * np.float32(n / TILE) - np.float32(0.5)
    left, top = np.floor(x), np.floor(y)
    x, y = (x - left)[:, None], (y - top)[:, None]
    x0, y0 = left.astype(np.int32) % n, top.astype(np.int32) % n
    x1, y1 = (x0 + 1) % n, (y0 + 1) % n
    upper = texture[y0, x0] + x * (texture[y0, x1] - texture[y0, x0])
    lower = texture[y1, x0] + x * (texture[y1, x1] - texture[y1, x0])
    return np.asarray(upper + y * (lower - upper), np.float32)


def trilinear(texture: Field, u: Field, v: Field, footprint: Field) -> Field:
    """Return N×channels factors: a blend of the two levels of means nearest to N footprints, in canvas heights."""
    levels = [texture]
    while levels[-1].shape[0] > 1:
        n = levels[-1].shape[0] // 2
        levels.append(levels[-1].reshape(n, 2, n, 2, -1).mean((1, 3)))
    level = np.log2(np.maximum(footprint * np.float32(texture.shape[0] / TILE), 1))
    out = bilinear(texture, u, v)
    for index in range(1, len(levels)):
        share = np.clip(level - (index - 1), 0, 1)[:, None]
        out += share * (bilinear(levels[index], u, v) - out)
    return out


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("largest", [0.9, 9.0, 200.0])
def test_lookup_is_trilinear(channels: int, largest: float) -> None:
    rng = np.random.default_rng(1)
    texture = rng.random((64, 64, channels)).astype(np.float32)
    u, v = rng.uniform(-3, 3, (2, 40, 50)).astype(np.float32)
    depth = rng.uniform(0.1, largest, u.shape).astype(np.float32)
    out = np.ones((40, 50, 3), np.float32)
    part = np.full(u.shape, 7, np.uint16)
    pyramid_of(texture).multiply(out, part, 7, (u, v), 0, depth, TILE / 64)
    expected = trilinear(texture, u.ravel(), v.ravel(), depth.ravel() * np.float32(TILE / 64)).reshape(40, 50, -1)
    np.testing.assert_allclose(out, np.broadcast_to(expected, out.shape), atol=5e-4)


def test_only_the_pixels_of_the_part_are_multiplied() -> None:
    texture = np.full((8, 8, 1), 2, np.float32)
    out = np.ones((4, 6, 3), np.float32)
    part = np.zeros((4, 6), np.uint16)
    part[1:3, 2:5] = 3
    place = np.zeros((4, 4), np.float32)
    pyramid_of(texture).multiply(out, part, 3, (place, place), 1, np.ones((4, 6), np.float32), 0.1)
    np.testing.assert_allclose(out, np.where(part[..., None] == 3, np.full(3, 2), 1), rtol=1e-6)


def test_pixels_get_the_colours_of_their_parts() -> None:
    rng = np.random.default_rng(1)
    part = rng.integers(0, 5, (20, 33)).astype(np.uint16)
    colours = rng.random((5, 3)).astype(np.float32)
    out = np.empty((20, 33, 3), np.float32)
    coloured(part, colours, out)
    np.testing.assert_array_equal(out, colours[part])
