"""Bloom and haze: a lens that glowing tubes spill into, and the air before far dunes."""

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.core.resample import resize
from pipeline.geometry.ray import Field
from pipeline.scene.layout import FOCAL, Colour, Layout
from pipeline.scene.trace import Geometry


def bloom(layout: Layout, geometry: Geometry, out: Field) -> None:
    """Glowing tubes spill light in the lens: two wide, weak blurs of their colour."""
    tubes = [index for index, part in enumerate(layout.parts) if part.role == "tube"]
    if not tubes:
        return
    height, width = geometry.surface.shape
    small = (max(2, width // 4), max(2, height // 4))
    glow = np.zeros((small[1], small[0], 3), np.float32)
    for index in tubes:
        seen = resize((geometry.part == index).astype(np.float32), *small, Image.Resampling.BOX)
        glow += seen[..., None] * tube_hue(layout, layout.parts[index].slot)
    for sigma, weight in ((0.012, 0.9), (0.05, 0.8)):
        halo = np.stack([gaussian_filter(glow[..., c], sigma * small[1]) for c in range(3)], -1)
        out += np.float32(weight) * np.maximum(resize(halo, width, height, Image.Resampling.BILINEAR), 0)


def tube_hue(layout: Layout, slot: int) -> Colour:
    """Return the colour of a glowing tube: that of its slot at full brightness."""
    colour = layout.colours[slot]
    return np.asarray(colour / max(float(colour.max()), 1e-3), np.float32)


def haze(layout: Layout, geometry: Geometry, out: Field) -> None:
    """A sky is paler at the horizon, and far dunes fade into it."""
    if layout.kind != "sand":
        return
    height, _ = geometry.surface.shape
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None, None]
    far = (geometry.part == 0)[..., None]
    out *= np.where(far, 0.94 + 0.12 * np.clip(y / max(layout.edge, 0.1), 0, 1), 1)
    ground = (geometry.part == 1)[..., None]
    haze = np.clip((geometry.depth[..., None] - FOCAL - 1.0) / 9, 0, 1) * np.float32(0.55)
    sky = layout.colours[0]
    out += np.where(ground, haze, 0) * (sky - out)
