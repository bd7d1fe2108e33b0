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
