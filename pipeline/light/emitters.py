"""Emitters: the gobo in front of the key light, and the light points of tubes."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from pipeline.core.lasting import kept
from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field, square_samples, square_to
from pipeline.kernels.tracing.lights import Lamps
from pipeline.scene.layout import Gobo, Layout, Part

#: Canvas heights between a tube's light points: less than the distance to the wall, or they would show.
TUBE_STEP = 0.055
#: The gobo's mask: pixels per canvas height, and half its side in canvas heights.
_MASK_SCALE, _MASK_HALF = 512, 0.75


@lru_cache(maxsize=4)
def gobo_mask(gobo: Gobo) -> Field:
    """Return a square mask around the gobo's centre, u to the right and v downwards: 0 opaque to 1 open."""
    side = int(2 * _MASK_HALF * _MASK_SCALE)
    picture = Image.new("L", (side, side), 255)
    draw = ImageDraw.Draw(picture)

    def at(u: float, v: float) -> tuple[float, float]:
        return (u + _MASK_HALF) * _MASK_SCALE, (v + _MASK_HALF) * _MASK_SCALE

    for u0, v0, u1, v1 in gobo.bars:
        draw.rectangle([*at(max(u0, -1), max(v0, -1)), *at(min(u1, 1), min(v1, 1))], fill=0)
    for leaf in gobo.leaves:
        draw.polygon([at(u, v) for u, v in leaf], fill=0)
    return kept(gaussian_filter(np.asarray(picture, np.float32) / 255, 1.0))


def lamps(layout: Layout, samples: int) -> Lamps:
    """Return a layout's lights, with `samples` samples of the key light for each pattern."""
    rig = layout.rig
    centre, target = np.asarray(rig.position, np.float32), np.asarray(rig.target, np.float32)
    axis = centre - target
    reach = float(np.linalg.norm(axis))
    axis = axis / np.float32(reach)
    u, v = square_to(axis)
    offset = square_samples(samples) * np.float32(2 * rig.half)
    tubes = [np.zeros((0, 7), np.float32)]
    for part in layout.parts:
        if part.role == "tube":
            places, weight = tube_points(part)
            rest = np.array([weight / np.pi, *layout.radiance(part)], np.float32)
            tubes.append(np.hstack([places, np.broadcast_to(rest, (len(places), 4))]))
    return Lamps(
        centre + offset[..., :1] * u + offset[..., 1:] * v,
        axis,
        np.float32(reach),
        np.ones((1, 1), np.float32) if rig.gobo is None else gobo_mask(rig.gobo),
        np.zeros((4, 3), np.float32) if rig.gobo is None else _gobo_frame(rig.gobo, centre),
        np.float32(_MASK_SCALE),
        np.float32(_MASK_HALF),
        np.concatenate(tubes),
    )


def _gobo_frame(gobo: Gobo, light: Field) -> Field:
    """Return 4×3: a gobo's centre, the axis from it to the lamp's middle, and the axes along its sides."""
    centre = np.asarray(gobo.centre, np.float32)
    axis = light - centre
    axis = axis / np.linalg.norm(axis)
    return np.stack([centre, axis, *square_to(axis)])


def tube_points(part: Part) -> tuple[Field, float]:
    """Return N×3 places along a tube's middle line and their weight: width × length, square canvas heights."""
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
