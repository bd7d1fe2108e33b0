"""Glass: what is seen through it and in it, by rays that look the picture up (`pipeline.light.surroundings`)."""

from dataclasses import replace

import numpy as np

from pipeline.geometry.casting import follow
from pipeline.geometry.ray import Bounds, Field, dot
from pipeline.geometry.solids import Block, Drum, Solid
from pipeline.light.caustics import Caustic
from pipeline.light.refraction import INDEX, REFLECTANCE, passed, refracted, through
from pipeline.light.surroundings import (
    LEAST,
    Places,
    Surroundings,
    key_light,
    normals_against,
    schlick,
    seen_by,
    softened,
)
from pipeline.scene.layout import FOCAL, Layout, Part
from pipeline.scene.trace import FACES, Geometry

#: Share of the light that falls on tinted glass which it scatters.
CLOUDY = np.float32(0.3)
#: The share of light that glass keeps from what it stands on, clear and fully tinted, and over which share of its half
#: width beyond its foot that fades to 1 / e; by eye.
SHADOW, FALLS = (0.38, 0.55), 0.35
#: The foot of what stands on a point of its rim, over its half width: so far it is as dark as under a box.
_ROUND = 0.4
#: Canvas heights about its foot that are what it stands on.
_LEVEL = np.float32(0.004)
#: Rays to a pixel across and down, for the edges of glass.
_FINE = 3


def lay_glass(layout: Layout, geometry: Geometry, out: Field) -> Geometry:
    """Lay what is of glass over H×W×3 linear light, in place: refracted twice, mirrored at its front.

    Its colours are those of its parts, as deep as the ways through it are long; `Part.clear` says how far it has none.
    Returns the geometry with the glass' own depths, for a lens.
    """
    if not layout.glass:
        return geometry
    for part in layout.glass:
        _shade(part, layout, geometry, out)
        _focus(part, layout, geometry, out)
    # Nearer glass shows what is farther already.
    around = Surroundings.of(layout, geometry, out)
    depth = geometry.depth.copy()
    for part in sorted(layout.glass, key=_depth):
        _lay(part, around, out, depth)
    return replace(geometry, depth=depth)


def _shade(part: Part, layout: Layout, geometry: Geometry, out: Field) -> None:
    """Darken what a part stands on round its foot, in place: glass is no part of the dome's way."""
    bounds = part.solid.bounds
    assert bounds is not None, "glass has an end"
    left, low, back, right, _, front = bounds
    half, deep = (right - left) / 2, (front - back) / 2
    near = left - 2 * half, back - 2 * half, right + 2 * half, front + 2 * half
    found = _level(near, low, layout, geometry)
    if found is None:
        return
    where, x, z = found
    if not isinstance(part.solid, Block | Drum):
        half, deep = _ROUND * half, min(deep, _ROUND * half)
    aside = np.maximum(np.abs(x - np.float32((left + right) / 2)) - np.float32(half), 0)
    along = np.maximum(np.abs(z - np.float32((back + front) / 2)) - np.float32(deep), 0)
    away = np.hypot(aside, along) / np.float32(FALLS * (right - left) / 2)
    share = SHADOW[1] + (SHADOW[0] - SHADOW[1]) * part.clear
    out[where] *= 1 - (np.float32(share) * np.exp(-away))[:, None]


def _focus(part: Part, layout: Layout, geometry: Geometry, out: Field) -> None:
    """Lay the key light that a part refracts on what it stands on, in place."""
    bounds, caustic = part.solid.bounds, Caustic.of(part, layout)
    assert bounds is not None, "glass has an end"
    found = None if caustic is None else _level(caustic.bounds, bounds[1], layout, geometry)
    if caustic is not None and found is not None:
        where, x, z = found
        out[where] *= caustic.at(x, z)


def _level(
    near: tuple[float, float, float, float], low: float, layout: Layout, geometry: Geometry
) -> tuple[tuple[Places, Places], Field, Field] | None:
    """Return the n pixels, rows and columns, of the ground at a level within left, back, right and front; its x, z."""
    left, back, right, front = near
    height, width = geometry.depth.shape
    window = _box(layout, (left, low, back, right, low, front), width, height)
    if window is None:
        return None
    first, top, end, bottom = window
    ground = np.repeat([thing.role in ("floor", "wall") for thing in layout.parts], FACES)
    x, y, z = geometry.points(slice(top, bottom), slice(first, end))
    level = ground[geometry.surface[top:bottom, first:end]] & (np.abs(y - np.float32(low)) < _LEVEL)
    rows, columns = np.nonzero(level)
    return (rows + top, columns + first), x[rows, columns], z[rows, columns]


def _lay(part: Part, around: Surroundings, out: Field, seen_at: Field) -> None:
    """Lay one part over H×W×3 linear light, and its depth over those of what is seen, H×W, in place."""
    layout, geometry = around.layout, around.geometry
    height, width = geometry.depth.shape
    window = _window(layout, part.solid, width, height)
    if window is None:
        return
    left, top, right, bottom = window
    fine_x = (
        (np.arange(_FINE * left, _FINE * right) + 0.5) / _FINE * layout.aspect / width - layout.aspect / 2
    ) / FOCAL
    fine_y = (layout.horizon_y - (np.arange(_FINE * top, _FINE * bottom) + 0.5) / _FINE / height) / FOCAL
    across, down = fine_x.astype(np.float32), fine_y.astype(np.float32)
    surface, depth = follow([part.solid], layout.camera, across, down)
    behind = np.repeat(np.repeat(geometry.depth[top:bottom, left:right], _FINE, 0), _FINE, 1)
    depth[depth > behind] = np.inf
    tiles = (bottom - top, _FINE, right - left, _FINE)
    by_pixel = np.moveaxis(depth.reshape(tiles), 1, 2).reshape(bottom - top, right - left, -1)
    share = np.isfinite(by_pixel).mean(-1)
    rows, columns = np.nonzero(share > 0)
    if rows.size == 0:
        return
    # The middle ray stands for its pixel, or else the nearest that meets it.
    order = by_pixel[rows, columns].copy()
    order[:, _FINE * _FINE // 2] -= np.float32(10)
    which = order.argmin(1)
    y, x = _FINE * rows + which // _FINE, _FINE * columns + which % _FINE
    place, way = seen_by(layout, across[x], down[y], depth[y, x])
    normal = normals_against(part.solid, place, (surface[y, x] % FACES).astype(np.uint8), way)
    inside, _ = refracted(way, normal, 1 / INDEX)
    end, inside, outside, outwards, length, still = through(part.solid, place, inside)
    clear = passed(part, layout, length)
    # From right within: what it stands on is met, too.
    light = around.along(end - np.float32(4e-3) * outwards, outside) * clear
    light *= np.where(still, np.float32(0.55), 1)[:, None]
    # Tinted glass is a little cloudy, so that it shows before a dark wall.
    light += (1 - part.clear) * CLOUDY * layout.colours[part.slot]
    front = schlick(REFLECTANCE, way, normal)[:, None]
    mirrored = way - 2 * dot(way, normal) * normal
    start = place + np.float32(3e-3) * normal
    light = (1 - front) * light + front * (around.along(start, mirrored) + key_light(layout, start, mirrored))
    # A second, fainter highlight comes from the far side, from within.
    back = inside - 2 * dot(inside, outwards) * outwards
    light += np.float32(REFLECTANCE) * clear * key_light(layout, end, back)
    light = softened(rows, columns, light, LEAST)
    cover = share[rows, columns][:, None].astype(np.float32)
    rows, columns = rows + top, columns + left
    own = cover[:, 0] >= 0.5
    seen_at[rows[own], columns[own]] = depth[y, x][own]
    out[rows, columns] += (light - out[rows, columns]) * cover


def _window(layout: Layout, solid: Solid, width: int, height: int) -> tuple[int, int, int, int] | None:
    bounds = solid.bounds
    assert bounds is not None, "glass has an end"
    return _box(layout, bounds, width, height)


def _box(layout: Layout, bounds: Bounds, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Return left, top, right and bottom of the pixels in which a box of the world may be seen; None for none."""
    x = np.array([bounds[0], bounds[3]] * 4, np.float32)
    y = np.repeat(np.array([bounds[1], bounds[4]], np.float32), 4)
    z = np.array([bounds[2], bounds[2], bounds[5], bounds[5]] * 2, np.float32)
    px, py = layout.project((x, y, z))
    scale = width / layout.aspect
    left, right = max(0, int(px.min() * scale) - 1), min(width, int(px.max() * scale) + 2)
    top, bottom = max(0, int(py.min() * height) - 1), min(height, int(py.max() * height) + 2)
    return (left, top, right, bottom) if right > left and bottom > top else None


def _depth(part: Part) -> float:
    bounds = part.solid.bounds
    return bounds[5] if bounds is not None else 0.0
