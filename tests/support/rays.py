"""Single rays of light against one solid."""

import numpy as np

from pipeline.geometry.ray import Face, Field, Triple
from pipeline.geometry.solids import Packed, shapes
from pipeline.kernels.tracing.rays import FACES, meet_rays


def meet(thing: Packed, origin: Triple, way: Triple) -> tuple[Field, Face]:
    """Return the distance at which rays meet a solid, inf without a hit, and the face that they hit.

    These are rays of light; a camera sees hanging cloth and dunes differently. Parts of `origin` and `way` broadcast
    together.
    """
    parts = np.broadcast_arrays(*origin, *way)
    ray = np.stack([part.ravel() for part in parts]).astype(np.float32)
    best, found = np.full(ray.shape[1], np.inf, np.float32), np.zeros(ray.shape[1], np.int32)
    meet_rays(shapes([thing]), np.zeros(1, np.int64), 1, best.size, ray, best, found)
    return best.reshape(parts[0].shape), (found % FACES).astype(np.uint8).reshape(parts[0].shape)
