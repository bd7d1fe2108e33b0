"""Glass: what is seen through it and in it, by rays that look the picture up (`pipeline.light.surroundings`)."""

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.casting import follow
from pipeline.geometry.ray import Bounds, Face, Field
from pipeline.geometry.solids import Ball, Block, Drum, Solid
from pipeline.light.surroundings import LEAST, Surroundings, key_light, normals_against, schlick, seen_by, softened
from pipeline.scene.layout import FOCAL, Layout, Part
from pipeline.scene.trace import FACES, Geometry

#: Index of refraction of crown glass, and the share of light that it mirrors at right angles (Fresnel).
INDEX = 1.5
REFLECTANCE = 0.04
#: What clear glass lets through, linear.
CLEAR = np.array([0.955, 0.975, 0.968], np.float32)
#: Share of the light that falls on tinted glass which it scatters.
CLOUDY = np.float32(0.3)
#: The share of light that glass keeps from what it stands on, clear and fully tinted, and over which share of its half
#: width beyond its foot that fades to 1 / e; by eye.
SHADOW, FALLS = (0.38, 0.55), 0.35
#: The foot of what stands on a point of its rim, over its half width: so far it is as dark as under a box.
_ROUND = 0.4
#: Canvas heights about its foot that are what it stands on.
_LEVEL = np.float32(0.004)
#: How often light is mirrored in all within glass, at most: a block's corner does so three times.
BOUNCES = 3
#: Rays to a pixel across and down, for the edges of glass.
_FINE = 3


def lay_glass(layout: Layout, geometry: Geometry, out: Field) -> None:
    """Lay what is of glass over H×W×3 linear light, in place: refracted twice, mirrored at its front.

    Its colours are those of its parts, as deep as the ways through it are long; `Part.clear` says how far it has none.
    """
    if not layout.glass:
        return
    for part in layout.glass:
        _shade(part, layout, geometry, out)
    # Nearer glass shows what is farther already.
    around = Surroundings.of(layout, geometry, out)
    for part in sorted(layout.glass, key=_depth):
        _lay(part, around, out)


def _shade(part: Part, layout: Layout, geometry: Geometry, out: Field) -> None:
    """Darken what a part stands on round its foot, in place: glass is no part of the traced light."""
    bounds = part.solid.bounds
    assert bounds is not None, "glass has an end"
    left, low, back, right, _, front = bounds
    half, deep = (right - left) / 2, (front - back) / 2
    near = left - 2 * half, low, back - 2 * half, right + 2 * half, low, front + 2 * half
    window = _box(layout, near, *out.shape[1::-1])
    if window is None:
        return
    first, top, end, bottom = window
    x, y, z = geometry.points(slice(top, bottom), slice(first, end))
    if not isinstance(part.solid, Block | Drum):
        half, deep = _ROUND * half, min(deep, _ROUND * half)
    aside = np.maximum(np.abs(x - np.float32((left + right) / 2)) - np.float32(half), 0)
    along = np.maximum(np.abs(z - np.float32((back + front) / 2)) - np.float32(deep), 0)
    away = np.hypot(aside, along) / np.float32(FALLS * (right - left) / 2)
    share = SHADOW[1] + (SHADOW[0] - SHADOW[1]) * part.clear
    ground = np.array([thing.role in ("floor", "wall") for thing in layout.parts])[geometry.part[top:bottom, first:end]]
    dark = np.float32(share) * np.exp(-away) * (ground & (np.abs(y - np.float32(low)) < _LEVEL))
    out[top:bottom, first:end] *= 1 - dark[..., None]


def _lay(part: Part, around: Surroundings, out: Field) -> None:
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
    inside, _ = _refracted(way, normal, 1 / INDEX)
    end, inside, outwards, length, still = _through(part.solid, place, inside)
    outside, _ = _refracted(inside, -outwards, INDEX)
    # What never leaves looks on where it was going.
    outside = np.where(still, inside, outside)
    passed = _passed(part, layout, length)
    # From right within: what it stands on is met, too.
    light = around.along(end - np.float32(4e-3) * outwards, outside) * passed
    light *= np.where(still, np.float32(0.55), 1)[:, None]
    # Tinted glass is a little cloudy, so that it shows before a dark wall.
    light += (1 - part.clear) * CLOUDY * layout.colours[part.slot]
    front = schlick(REFLECTANCE, way, normal)[:, None]
    mirrored = way - 2 * (way * normal).sum(0) * normal
    start = place + np.float32(3e-3) * normal
    light = (1 - front) * light + front * (around.along(start, mirrored) + key_light(layout, start, mirrored))
    # A second, fainter highlight comes from the far side, from within.
    back = inside - 2 * (inside * outwards).sum(0) * outwards
    light += np.float32(REFLECTANCE) * passed * key_light(layout, end, back)
    light = softened(rows, columns, light, LEAST)
    cover = share[rows, columns][:, None].astype(np.float32)
    rows, columns = rows + top, columns + left
    out[rows, columns] += (light - out[rows, columns]) * cover


def _through(solid: Solid, place: Field, way: Field) -> tuple[Field, Field, Field, Field, NDArray[np.bool_]]:
    """Follow 3×n rays within a solid to where they leave it, mirrored in all up to BOUNCES times.

    Returns the ends (3×n), the ways there, outward normals, the lengths (n), and which are mirrored once more there.
    """
    way, start, foot = way.copy(), place.copy(), np.float32(solid.bounds[1] + 2e-3 if solid.bounds else -np.inf)
    end, outwards = np.empty_like(place), np.empty_like(place)
    length, still = np.zeros(place.shape[1], np.float32), np.ones(place.shape[1], bool)
    for bounce in range(BOUNCES + 1):
        some = np.flatnonzero(still)
        if not some.size:
            break
        if bounce:
            at, out = way[:, some], outwards[:, some]
            way[:, some] = at - 2 * (at * out).sum(0) * out
            start[:, some] = end[:, some] - np.float32(1e-4) * out
        here, face = _leaves(solid, start[:, some], way[:, some])
        end[:, some] = start[:, some] + way[:, some] * here
        # Sheets are followed as if they went on: what they stand on ends them.
        end[1, some] = np.maximum(end[1, some], foot)
        outwards[:, some] = normals_against(solid, end[:, some], face, -way[:, some])
        length[some] += here
        still[some] = _refracted(way[:, some], -outwards[:, some], INDEX)[1]
    return end, way, outwards, length, still


def _passed(part: Part, layout: Layout, length: Field) -> Field:
    """Return the n×3 share of light that n ways through a part let through (Beer and Lambert).

    Straight through where it is thickest, the share is the slot's colour at full brightness, as far as it is not clear.
    """
    bounds = part.solid.bounds
    assert bounds is not None, "glass has an end"
    thick = min(bounds[axis + 3] - bounds[axis] for axis in range(3))
    tint = layout.colours[part.slot]
    tint = np.maximum(tint / max(float(tint.max()), 1e-3), 0.02)
    return np.asarray((CLEAR * tint ** (1 - part.clear)) ** (length[:, None] / np.float32(thick)), np.float32)


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


def _refracted(way: Field, normal: Field, ratio: float) -> tuple[Field, NDArray[np.bool_]]:
    """Refract 3×n unit ways at normals against them by Snell's law; and say which are mirrored in all."""
    cos = -(way * normal).sum(0)
    rest = 1 - ratio**2 * (1 - cos * cos)
    out = ratio * way + (ratio * cos - np.sqrt(np.maximum(rest, 0))) * normal
    out /= np.maximum(np.sqrt((out * out).sum(0)), np.float32(1e-6))
    return out.astype(np.float32), rest < 0


def _leaves(solid: Solid, place: Field, way: Field) -> tuple[Field, Face]:
    """Return how far 3×n rays from a solid's surface go through it, and the face where they leave."""
    if isinstance(solid, Ball):
        scale = np.array([1, 1 / solid.squash, 1], np.float32)[:, None] / np.float32(solid.radius)
        o, d = (place - np.array([[solid.x], [solid.y], [solid.z]], np.float32)) * scale, way * scale
        length = -2 * (o * d).sum(0) / np.maximum((d * d).sum(0), np.float32(1e-9))
        return np.maximum(length, np.float32(1e-4)), np.zeros(length.size, np.uint8)
    if isinstance(solid, Drum):
        x, z = place[0] - np.float32(solid.x), place[2] - np.float32(solid.z)
        a, b = way[0] ** 2 + way[2] ** 2, x * way[0] + z * way[2]
        root = np.sqrt(np.maximum(b * b - a * (x * x + z * z - np.float32(solid.radius**2)), 0))
        round_ = (-b + root) / np.maximum(a, np.float32(1e-9))
        level = _to_level(place[1] - np.float32(solid.y), way[1], solid.height)
        length = np.maximum(np.minimum(round_, level), np.float32(1e-4))
        return length, (level < round_).astype(np.uint8)
    if isinstance(solid, Block):
        c, s = np.float32(np.cos(solid.yaw)), np.float32(np.sin(solid.yaw))
        x, z = place[0] - np.float32(solid.x), place[2] - np.float32(solid.z)
        u, w, du, dw = c * x - s * z, s * x + c * z, c * way[0] - s * way[2], s * way[0] + c * way[2]
        ends = _to_level(u + np.float32(solid.half_x), du, 2 * solid.half_x)
        sides = _to_level(w + np.float32(solid.half_z), dw, 2 * solid.half_z)
        level = _to_level(place[1] - np.float32(solid.y), way[1], solid.height)
        face = np.where(level < np.minimum(ends, sides), 2, np.where(ends < sides, 0, 4)).astype(np.uint8)
        return np.maximum(np.minimum(np.minimum(ends, sides), level), np.float32(1e-4)), face
    # A sheet that faces the camera: from its front to its back.
    bounds = solid.bounds
    assert bounds is not None, "glass has an end"
    length = _to_level(place[2] - np.float32(bounds[2]), way[2], bounds[5] - bounds[2])
    return np.clip(length, 1e-4, 4 * (bounds[5] - bounds[2])).astype(np.float32), np.zeros(length.size, np.uint8)


def _to_level(at: Field, speed: Field, thick: float) -> Field:
    """Return how far rays at `at` within a slab from 0 to `thick` go until they leave it."""
    still = np.abs(speed) < 1e-7
    end = np.where(speed > 0, np.float32(thick), np.float32(0))
    return np.asarray(np.where(still, np.inf, (end - at) / np.where(still, 1, speed)), np.float32)
