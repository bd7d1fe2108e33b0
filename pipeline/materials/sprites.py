"""The colours of sprites as textures."""

from functools import lru_cache

import numpy as np

from pipeline.core.lasting import lasting
from pipeline.geometry.sprites import MOST, Sprite, View
from pipeline.materials.pyramid import CODES, Pyramid

#: Textures kept for the process: 2 MB each.
_KEPT = 4


def texture_of(sprite: Sprite) -> Pyramid:
    """Return the factors of a sprite's colours, at (u, v) from 0 to 1 times a tile."""
    return _texture(sprite.baked)


@lru_cache(_KEPT)
def _texture(view: View) -> Pyramid:
    found = Pyramid(3, len(view.colour), lasting)
    for channel, plane in enumerate(found.levels[0]):
        plane[:] = np.rint(np.square(view.colour[..., channel] / np.float32(255)) * CODES)
    found.reduce()
    # Factors as they are: their mean over a whole picture has no meaning.
    found.scales = np.full(3, MOST / CODES, np.float32)
    return found
