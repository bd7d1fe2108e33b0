"""Bloom and haze: light that glowing tubes spill in the lens, and the air in front of distant dunes."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.core.resample import blurred, resize
from pipeline.geometry.ray import Field
from pipeline.kernels.image.resampling import enlarge
from pipeline.kernels.image.surfaces import fade
from pipeline.scene.layout import FOCAL, Colour, Layout
from pipeline.scene.trace import FACES, Geometry


def bloom(layout: Layout, geometry: Geometry) -> Field | None:
    """Return h×w×3: the light that glowing tubes spill in the lens, two wide, weak blurs of their colour.

    The grid has a quarter of the image's size and fits `spill`. Returns None without tubes.
    """
    tubes = [index for index, part in enumerate(layout.parts) if part.role == "tube"]
    if not tubes:
        return None
    height, width = geometry.surface.shape
    small = (max(2, width // 4), max(2, height // 4))
    glow = np.zeros((small[1], small[0], 3), np.float32)
    for index in tubes:
        its = (geometry.surface >= index * FACES) & (geometry.surface < (index + 1) * FACES)
        seen = resize(its.astype(np.float32), *small, Image.Resampling.BOX)
        glow += seen[..., None] * tube_hue(layout, layout.parts[index].slot)
    tight, wide = (blurred(glow, sigma * small[1], sigma * small[1]) for sigma in (0.012, 0.05))
    return np.float32(0.9) * tight + np.float32(0.8) * wide


def spill(glow: Field, height: int, top: int, strip: Field) -> None:
    """Add an h×w×3 glow to the n×W×3 linear strip of an image of `height` rows that begins at the row `top`."""
    light = np.empty_like(strip)
    enlarge(glow, height, top, light)
    strip += light


def tube_hue(layout: Layout, slot: int) -> Colour:
    """Return the colour of a glowing tube: its slot's colour at full brightness."""
    colour = layout.colours[slot]
    return np.asarray(colour / max(float(colour.max()), 1e-3), np.float32)


@dataclass(frozen=True)
class Haze:
    """The air of a wide landscape: the sky is paler at the horizon, and distant dunes fade into it."""

    #: (3,) linear.
    sky: Colour
    #: The horizon, canvas heights from the top.
    horizon: float

    @classmethod
    def of(cls, layout: Layout) -> "Haze | None":
        """Return a layout's haze; None if it has none."""
        return cls(layout.colours[layout.behind], max(layout.edge, 0.1)) if layout.kind == "sand" else None

    def over(self, strip: Field, geometry: Geometry, top: int) -> None:
        """Apply the haze to the n×W×3 linear strip of an image that begins at the row `top`."""
        rows = slice(top, top + len(strip))
        height = geometry.surface.shape[0]
        y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / height
        bright = (0.94 + 0.12 * np.clip(y / self.horizon, 0, 1)).astype(np.float32)
        depth, near = geometry.depth[rows], np.float32(FOCAL + 1.0)
        fade(geometry.surface[rows], FACES, depth, near, self.sky, bright, strip)
