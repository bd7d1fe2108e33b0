"""Rays, and the places that they meet.

World coordinates: x right, y up, z towards the camera, in canvas heights at the product's depth. The product's foot is
the origin. Places and directions are triples whose parts broadcast together. All are float32. Distances along rays are
in units of their direction, inf without a hit.
"""

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
#: The number of a solid's flat or round side, 0 to 7.
Face = NDArray[np.uint8]
#: x, y, z: arrays that broadcast together.
Triple = tuple[Field, Field, Field]
#: Left, bottom, back, right, top, front.
Bounds = tuple[float, float, float, float, float, float]
#: Offsets of points from the lattice, as a share of its spacing, and their seed. Of 1,000 seeds, this one's 81 points
#: leave the narrowest gaps in any direction: 0.058 of the square, against 0.106 for the lattice itself.
_OFF, _SEED = 0.7, 865


def triple(x: object, y: object, z: object, like: Triple) -> Triple:
    """Return three parts as float32, in the common broadcast shape of the parts of `like`."""
    shape = np.broadcast_shapes(*(np.shape(part) for part in like))
    nx, ny, nz = (np.broadcast_to(np.asarray(part, np.float32), shape) for part in (x, y, z))
    return nx, ny, nz


def constant(like: Triple, x: float, y: float, z: float) -> Triple:
    """Return one vector, repeated for all points of `like`."""
    return triple(np.float32(x), np.float32(y), np.float32(z), like)


def turned(x: Field, y: Field, angle: float) -> tuple[Field, Field]:
    """Return places in axes turned by `angle` radians."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return c * x + s * y, c * y - s * x


def dot(one: Field, other: Field) -> Field:
    """Return the n scalar products of 3×n vectors."""
    return np.asarray(one[0] * other[0] + one[1] * other[1] + one[2] * other[2], np.float32)


def square_to(axis: Field) -> tuple[Field, Field]:
    """Return a level and an upward unit vector perpendicular to a unit axis."""
    u = np.cross(np.array([0, 1, 0], np.float32), axis)
    u = u / np.linalg.norm(u)
    return u.astype(np.float32), np.cross(axis, u).astype(np.float32)


def plane_samples(count: int) -> Field:
    """Return 9×count×2 in [0, 1): one low-discrepancy set, dealt to the nine patterns in turn.

    A Fibonacci lattice with jitter: the rows of an exact lattice would turn the shadow of a thin stem into a comb. Two
    synthetic scenes were tried under lights of three sizes, against the shadows of 900 points. The errors are 0.67 to
    1.27 times those of R2 (Roberts, 2018), and smaller in five of six cases.
    """
    n = np.arange(9 * count)
    golden = (np.sqrt(5) - 1) / 2
    points = np.stack([(n + 0.5) / len(n), (0.5 + n * golden) % 1], 1)
    points += _OFF * (np.random.default_rng(_SEED).random(points.shape) - 0.5) / np.sqrt(len(n))
    points = np.clip(points, 0, 1 - 1e-6)
    order = np.array([0, 5, 7, 3, 8, 1, 6, 2, 4])
    return np.asarray(points.reshape(count, 9, 2).transpose(1, 0, 2)[order], np.float32)


def square_samples(count: int) -> Field:
    """Return 9×count×2 places in a square of side 1 around the origin."""
    return plane_samples(count) - np.float32(0.5)


def cosine_samples(count: int) -> Field:
    """Return 9×count×3 directions around +z, with a probability proportional to their cosine (Malley's method)."""
    points = plane_samples(count)
    radius, angle = np.sqrt(points[..., 0]), 2 * np.pi * points[..., 1]
    return np.stack(
        [radius * np.cos(angle), radius * np.sin(angle), np.sqrt(np.maximum(1 - points[..., 0], 0))], -1
    ).astype(np.float32)
