"""First light: how bright each surface of a layout is, before a network has a say. No ray is traced.

Fields are factors on linear albedo, about 1 where the key light falls, so that the lit part of a surface shows its
asked colour.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.canvas import Canvas, rectangle
from pipeline.finish import fractal
from pipeline.layout import Layout, Podium, Prop

Field = NDArray[np.float32]

#: A surface's brightness at this quantile is scaled to 1: the asked colour is that of its lit part.
LIT_QUANTILE = 0.65


def wall_light(canvas: Canvas, layout: Layout) -> Field:
    """Return H×W light on the wall: a pool behind the product, falling off to the sides, darker along the floor."""
    x0, y0 = layout.stand
    top = layout.product[1]
    centre_x = x0 + 0.22 * layout.light_side
    centre_y = 0.55 * top + 0.45 * y0 - 0.12
    reach = 0.62 * max(1.0, layout.aspect * 0.8)

    def field(x: Field, y: Field) -> Field:
        pool = 1 / (1 + ((x - centre_x) / reach) ** 2 + ((y - centre_y) / (0.8 * reach)) ** 2) ** 1.6
        depth = _depth(layout)
        side = 1 + 0.16 * depth * layout.light_side * (x - layout.aspect / 2) / layout.aspect * 2
        corner = 1 - (0.1 + 0.1 * depth) * np.exp(-np.maximum(layout.edge - y, 0) / 0.09)
        return np.asarray((1 - depth + depth * pool) * side * corner, np.float32)

    seen = canvas.smooth(field)
    return normalised(seen, canvas, 0.0, layout.edge)


def floor_light(canvas: Canvas, layout: Layout) -> Field:
    """Return H×W light on the floor: brightest where the product stands, occluded along the wall."""
    x0, y0 = layout.stand
    centre_x = x0 + 0.16 * layout.light_side
    reach = 0.75 * max(1.0, layout.aspect * 0.8)

    def field(x: Field, y: Field) -> Field:
        pool = 1 / (1 + ((x - centre_x) / reach) ** 2 + ((y - y0) / (0.55 * reach)) ** 2) ** 1.5
        depth = 0.8 * _depth(layout)
        corner = 1 - (0.12 + 0.12 * depth) * np.exp(-np.maximum(y - layout.edge, 0) / 0.035)
        return np.asarray((1 - depth + depth * pool) * corner, np.float32)

    return normalised(canvas.smooth(field), canvas, layout.edge, 1.0)


def window_pattern(canvas: Canvas, layout: Layout) -> Field:
    """Return H×W sunlight through a window of six panes and a plant beside it, 0 shade to 1 sun, on wall and floor."""
    rng = np.random.default_rng(layout.seed + 1)
    blur = 0.012 + 0.05 * layout.softness
    way = 1.0 if layout.light_side >= 0 else -1.0
    # The light comes from `way`, so the patch slants down away from it.
    x0 = layout.stand[0] - way * 0.12
    y0 = layout.edge * 0.5
    half_w, half_h = 0.4 * min(1.0, layout.aspect + 0.1), 0.42 * layout.edge
    leaves = fractal(rng, 256, 1.75)

    def field(x: Field, y: Field) -> Field:
        # On the floor the pattern runs on, stretched by the flat angle.
        run = np.where(y > layout.edge, layout.edge + (y - layout.edge) * 0.55, y)
        u: Field = np.asarray(x - x0 + way * 0.3 * (run - y0), np.float32)
        v: Field = np.asarray(run - y0 - way * 0.12 * (x - x0), np.float32)
        sun = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
        for column in (-1, 1):
            for row in (-1, 0, 1):
                pane = rectangle(
                    u - column * half_w / 2, v - row * half_h * 2 / 3, half_w / 2 - 0.011, half_h / 3 - 0.011
                )
                t = np.clip(0.5 - pane / blur, 0, 1)
                sun = np.maximum(sun, t * t * (3 - 2 * t))
        iu = (np.clip(u / half_w * 0.5 + 0.5, 0, 1) * 150).astype(int)
        iv = (np.clip(v / half_h * 0.5 + 0.5, 0, 1) * 150).astype(int)
        shade = np.clip((leaves[iv, iu] - 0.5) * 1.6, 0, 1) * np.clip(0.75 + way * u / half_w, 0, 1)
        return np.asarray(sun * (1 - 0.75 * shade), np.float32)

    return np.clip(canvas.smooth(field, side=768), 0, 1)


def sphere_light(layout: Layout, nx: Field, ny: Field, nz: Field) -> Field:
    """Return light on a sphere from its normals (x right, y down, z to the camera), wrapped for a soft source."""
    lx, ly, lz = 0.75 * layout.light_side, -0.66, 0.5
    length = np.sqrt(lx * lx + ly * ly + lz * lz)
    wrap = 0.25 + 0.55 * layout.softness
    lambert = np.clip(((nx * lx + ny * ly + nz * lz) / length + wrap) / (1 + wrap), 0, 1)
    ambient = 0.42 - 0.2 * _depth(layout)
    bounce = 0.1 * np.clip(ny, 0, 1)
    rim = 1 - 0.25 * (1 - nz) ** 3
    return np.asarray((ambient + (1 - ambient) * lambert**1.2 + bounce) * rim * 1.12, np.float32)


def cylinder_light(layout: Layout, nx: Field) -> Field:
    """Return light on an upright round side from its normal's x, -1 to 1."""
    nz = np.sqrt(np.clip(1 - nx * nx, 0, 1))
    wrap = 0.35 + 0.5 * layout.softness
    lambert = np.clip((nx * 0.8 * layout.light_side + nz * 0.6 + wrap) / (1 + wrap), 0, 1)
    ambient = 0.4 - 0.18 * _depth(layout)
    return np.asarray(ambient + (0.92 - ambient) * lambert, np.float32)


def foot_shadow(canvas: Canvas, layout: Layout, thing: Prop | Podium) -> tuple[tuple[slice, slice], Field]:
    """Return a window of the canvas and the share of light that a thing on the floor takes away there.

    Two soft ellipses: tight occlusion under the foot, and a wide cast one drawn out away from the light.
    """
    if isinstance(thing, Podium):
        x0, y0, rx, ry, tall = thing.x, thing.y + thing.height, thing.rx, thing.ry, thing.height
    else:
        rx = thing.size * (0.75 if thing.shape == "sphere" else 1.0)
        ry, tall = rx * layout.squash(thing.y), min(thing.height, 0.3)
        x0, y0 = thing.x, thing.y - (ry if thing.shape == "sphere" else 0.0)
    throw = -layout.light_side * (0.35 + 0.55 * tall) * tall * 1.6
    soft = 0.35 + 0.9 * layout.softness
    strength = 0.5 - 0.24 * layout.softness
    reach_x, reach_y = rx * (1.6 + soft) + abs(throw), ry * (1.6 + 2 * soft) + 0.05
    where = canvas.window(x0 - reach_x, y0 - reach_y, x0 + reach_x, y0 + reach_y)
    x, y = canvas.x[:, where[1]], canvas.y[where[0]]
    tight = _soft_ellipse(x - x0, y - y0, rx * 1.04, ry * 1.1, 0.3)
    cast = _soft_ellipse(x - x0 - throw * 0.6, y - y0 + 0.1 * ry, rx * 1.1 + 0.5 * abs(throw), ry * 1.25, soft)
    inside = 1 - (1 - 0.45 * tight) * (1 - strength * cast)
    return where, inside.astype(np.float32)


def tint(layout: Layout) -> Field:
    """Return (3,) factors of the key light's colour; small, because the asked colours must stay themselves."""
    w = layout.warmth
    return np.array([1 + 0.035 * w, 1.0, 1 - 0.045 * w], np.float32)


def _depth(layout: Layout) -> float:
    """Return 0–1, how far light falls off: the mood's contrast, and more of it in a darker mood."""
    return float(np.clip(0.2 + 0.6 * layout.contrast - 0.14 * layout.exposure, 0.08, 0.9))


def _soft_ellipse(x: Field, y: Field, rx: float, ry: float, soft: float) -> Field:
    reach = np.sqrt((x / rx) ** 2 + (y / ry) ** 2)
    t = np.clip((1 + soft - reach) / (2 * soft), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def normalised(light: Field, canvas: Canvas, top: float, bottom: float) -> Field:
    """Scale H×W light so that its LIT_QUANTILE between two heights, shares of the canvas, is 1."""
    rows = light[int(top * canvas.height) : max(int(top * canvas.height) + 1, int(bottom * canvas.height))]
    return light / np.float32(max(float(np.quantile(rows[::4, ::4], LIT_QUANTILE)), 1e-3))
