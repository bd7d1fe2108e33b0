"""The things that stand in a scene: spheres, panels and the plinth under the product."""

import numpy as np
from numpy.typing import NDArray

from pipeline.canvas import Canvas, arch, ellipse
from pipeline.layout import Layout, Podium, Prop
from pipeline.light import cylinder_light, foot_shadow, sphere_light, wall_light

Field = NDArray[np.float32]


def paint_prop(canvas: Canvas, layout: Layout, prop: Prop, *, lit: bool) -> None:
    """Paint a sphere on the floor, or a flat panel that leans on the wall; `lit` as for `sketch.draw`."""
    x, y = canvas.x - prop.x, canvas.y - prop.y
    if prop.shape == "sphere":
        if lit:
            canvas.darken(*foot_shadow(canvas, layout, prop))
        r = prop.size
        where = canvas.window(prop.x - r, prop.y - 2 * r, prop.x + r, prop.y)
        dx, dy = x[:, where[1]], y[where[0]] + r
        coverage = canvas.coverage(np.hypot(dx, dy) - r)
        colour: Field = prop.colour
        if lit:
            nx, ny = np.broadcast_arrays(dx / r, dy / r)
            nz = np.sqrt(np.clip(1 - nx * nx - ny * ny, 0, 1))
            colour = prop.colour * sphere_light(layout, nx, ny, nz)[..., None]
        canvas.paint(where, coverage, colour)
        return
    if prop.shape == "panel_arch":
        distance = arch(x, y, prop.size, prop.height)
    else:
        distance = np.maximum(np.hypot(x, y + prop.size * 0.86) - prop.size, y).astype(np.float32)
    if lit:
        away = -layout.light_side * 0.05
        shifted = (
            arch(x - away, y - 0.012, prop.size, prop.height)
            if prop.shape == "panel_arch"
            else np.maximum(np.hypot(x - away, y - 0.012 + prop.size * 0.86) - prop.size, y)
        )
        shadow = canvas.coverage(shifted, 0.04 + 0.12 * layout.softness) * (0.34 - 0.16 * layout.softness)
        canvas.darken(canvas.everything(), shadow.astype(np.float32))
    light = wall_light(canvas, layout)[..., None] if lit else np.float32(1)
    canvas.paint(canvas.everything(), canvas.coverage(distance), prop.colour * light)
    if lit:
        # Its thickness catches the light along the edge.
        rim = canvas.coverage(np.abs(distance + 0.0025) - 0.0012) * 0.16
        canvas.paint(canvas.everything(), rim, np.minimum(prop.colour * 1.5 + 0.05, 1))


def paint_podium(canvas: Canvas, layout: Layout, podium: Podium, *, lit: bool) -> None:
    """Paint a round plinth, its side, its top and the bevel between; `lit` as for `sketch.draw`."""
    if lit:
        canvas.darken(*foot_shadow(canvas, layout, podium))
    rx, ry, tall = podium.rx, podium.ry, podium.height
    where = canvas.window(podium.x - rx, podium.y - ry, podium.x + rx, podium.y + tall + ry)
    x, y = canvas.x[:, where[1]] - podium.x, canvas.y[where[0]] - podium.y
    top = ellipse(x, y, rx, ry)
    column = np.maximum(np.maximum(np.abs(x) - rx, -y), y - tall)
    side = np.minimum(column, ellipse(x, y - tall, rx, ry))
    colour: Field = podium.colour
    if not lit:
        canvas.paint(where, canvas.coverage(side), colour * np.float32(0.8))
        canvas.paint(where, canvas.coverage(top), colour)
        return
    light = cylinder_light(layout, np.clip(x / rx, -1, 1)) * 0.86
    foot = 1 - 0.22 * np.exp((y - tall - ry * np.sqrt(np.clip(1 - (x / rx) ** 2, 0, 1))) / 0.03)
    canvas.paint(where, canvas.coverage(side), colour * np.clip(light * foot, 0, 2)[..., None])
    level = 1.02 - 0.1 * layout.contrast * (0.5 - 0.5 * layout.light_side * np.clip(x / rx, -1, 1))
    canvas.paint(where, canvas.coverage(top), colour * np.broadcast_to(level, top.shape)[..., None])
    bevel = canvas.coverage(np.abs(top - 0.0005) - 0.0014, 0.0022) * np.clip(y / ry * 2, 0, 1) * 0.3
    canvas.paint(where, bevel.astype(np.float32), np.minimum(colour * 1.3 + 0.04, 1))
