"""The dark line at the foot of an object: its edge is slightly rounded, and light does not get under it.

Solids here have a sharp edge, next to which a surface is nearly as light as elsewhere; path tracing shows the same. On
a pale floor such objects look pasted in. Of a rounded foot only its darkness is visible, so that is drawn.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field
from pipeline.geometry.solids import Block, Drum
from pipeline.geometry.sprites import Sprite
from pipeline.kernels.image.surfaces import darken_feet
from pipeline.scene.layout import Layout
from pipeline.scene.trace import FACES, Geometry

#: Radius of a foot's rounding, in canvas heights, and its maximum as a share of the object's height.
ROUND, OF_HEIGHT = 0.005, 0.06


@dataclass(frozen=True)
class Feet:
    """The feet of a layout's objects, for one image size."""

    #: The slopes of the camera's H rows; its height.
    down: Field
    camera: np.float32
    #: By surface: the level of the ground under it, -inf without ground, and 1 / its rounding.
    level: Field
    by: Field

    @classmethod
    def of(cls, layout: Layout, width: int, height: int) -> "Feet | None":
        """Return a layout's feet; None if none is visible from the side."""
        if layout.top_down:
            return None
        level, by = np.full(len(layout.parts), -np.inf, np.float32), np.ones(len(layout.parts), np.float32)
        for index, part in enumerate(layout.parts):
            if isinstance(part.solid, Block | Drum | Panel | Sprite) and not part.glow:
                box = part.solid.bounds
                ground = part.solid.y if isinstance(part.solid, Sprite) else box[1]
                level[index], by[index] = ground, 1 / min(ROUND, OF_HEIGHT * (box[4] - box[1]))
        if np.isinf(level).all():
            return None
        _, down, _ = layout.rays(width, height)
        return cls(down[:, 0].copy(), np.float32(layout.camera[1]), np.repeat(level, FACES), np.repeat(by, FACES))

    def over(self, light: Field, geometry: Geometry, top: int) -> None:
        """Darken n×W×3 linear light, the rows from `top` on, in place."""
        rows = slice(top, top + len(light))
        darken_feet(
            geometry.surface[rows], geometry.depth[rows], self.down[rows], self.camera, self.level, self.by, light
        )
