"""Emitters: the gobo before the key light, and the points that tubes shine from."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field, Triple
from pipeline.geometry.sampling import square_to
from pipeline.scene.layout import Gobo, Part

#: Canvas heights between the points that a tube shines from: less than its way to the wall, or they show.
TUBE_STEP = 0.045
#: The gobo's mask: pixels to a canvas height, and half its side in canvas heights.
_MASK_SCALE, _MASK_HALF = 512, 0.75


@lru_cache(maxsize=4)
def gobo_mask(gobo: Gobo) -> Field:
    """Return a square mask about the gobo's centre, u to the right and v downwards: 0 opaque to 1 open."""
    side = int(2 * _MASK_HALF * _MASK_SCALE)
    picture = Image.new("L", (side, side), 255)
    draw = ImageDraw.Draw(picture)

    def at(u: float, v: float) -> tuple[float, float]:
        return (u + _MASK_HALF) * _MASK_SCALE, (v + _MASK_HALF) * _MASK_SCALE

    for u0, v0, u1, v1 in gobo.bars:
        draw.rectangle([*at(max(u0, -1), max(v0, -1)), *at(min(u1, 1), min(v1, 1))], fill=0)
    for leaf in gobo.leaves:
        draw.polygon([at(u, v) for u, v in leaf], fill=0)
    return np.asarray(gaussian_filter(np.asarray(picture, np.float32) / 255, 1.0), np.float32)


def gobo_transmission(gobo: Gobo, mask: Field, light: Field, point: Triple, way: Triple) -> Field:
    """Return a gobo's transmission: the share of light, 0–1, that passes it on the way from `light` to each place.

    `way` leads from the place to the light; `light` (3,) is the middle of the lamp, which the plane is square to.
    """
    centre = np.asarray(gobo.centre, np.float32)
    axis = light - centre
    axis = axis / np.linalg.norm(axis)
    u, v = square_to(axis)
    along = way[0] * axis[0] + way[1] * axis[1] + way[2] * axis[2]
    before = sum((centre[k] - point[k]) * axis[k] for k in range(3))
    t = np.clip(before / along, 0, 1)
    at = [point[k] + t * way[k] - centre[k] for k in range(3)]
    side = mask.shape[0]
    column = (at[0] * u[0] + at[1] * u[1] + at[2] * u[2] + _MASK_HALF) * _MASK_SCALE
    row = (at[0] * v[0] + at[1] * v[1] + at[2] * v[2] + _MASK_HALF) * _MASK_SCALE
    column = np.clip(column, 0, side - 1).astype(np.intp)
    row = np.clip(row, 0, side - 1).astype(np.intp)
    return np.where(before > 0, mask[row, column], 1).astype(np.float32)


def tube_points(part: Part) -> tuple[Field, float]:
    """Return N×3 places along a tube's middle line and what each weighs: width × length, square canvas heights."""
    panel = part.solid
    assert isinstance(panel, Panel), "tubes are panels with a hole"
    width = panel.half * (1 - panel.hole)
    middle = panel.half - width / 2
    jamb = panel.centre - panel.y if panel.outline == "arch" else 0.0
    length = 2 * jamb + np.pi * middle if panel.outline == "arch" else 2 * np.pi * middle
    count = int(np.ceil(length / TUBE_STEP))
    if panel.outline == "arch":
        s = (np.arange(count) + 0.5) / count * length
        angle = np.clip((s - jamb) / middle, 0, np.pi)
        x = panel.x + middle * np.cos(angle)
        y = np.where(
            s < jamb,
            panel.y + s,
            np.where(s > length - jamb, panel.y + length - s, panel.centre + middle * np.sin(angle)),
        )
    else:
        angle = (np.arange(count) + 0.5) / count * 2 * np.pi
        x, y = panel.x + middle * np.cos(angle), panel.centre + middle * np.sin(angle)
    z = np.full(count, panel.z - panel.thick / 2)
    return np.stack([x, y, z], 1).astype(np.float32), float(width * length / count)
