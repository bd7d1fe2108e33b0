"""Glass and polished metal: what is seen through the one and in the other, by rays that look the picture up.

A ray that leaves glass, or is mirrored, is followed to the part that it meets, and takes that place's colour from the
picture where the camera sees it, else the mean of what is seen of the part.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.parallel import each
from pipeline.geometry.casting import follow
from pipeline.geometry.packing import shapes
from pipeline.geometry.ray import Face, Field, Triple
from pipeline.geometry.sampling import square_to
from pipeline.geometry.solids import Ball, Block, Drum, Solid
from pipeline.kernels.image.surfaces import sum_parts
from pipeline.kernels.tracing.rays import meet_rays
from pipeline.scene.layout import FOCAL, Layout, Part
from pipeline.scene.trace import FACES, Geometry

#: Index of refraction of crown glass, and the share of light that it mirrors at right angles (Fresnel).
INDEX = 1.5
REFLECTANCE = 0.04
#: What clear glass lets through, linear.
CLEAR = np.array([0.955, 0.975, 0.968], np.float32)
#: The most radiance of the key light that is seen in a surface: more is white in any case.
BRIGHTEST = np.float32(24)
#: Share of their mean colour that places have which the camera does not see: they are backs and undersides.
HIDDEN = 0.7
#: Share of the light that falls on tinted glass which it scatters.
CLOUDY = np.float32(0.3)
#: Rays to a pixel across and down, for the edges of glass.
_FINE = 3
#: Pixels that a thread mirrors at a time.
_AT_ONCE = 1 << 13

#: Rows or columns of pixels.
Places = NDArray[np.int64]


@dataclass(frozen=True)
class _Surroundings:
    """The picture that rays look up."""

    layout: Layout
    geometry: Geometry
    #: H×W×3 linear, as it is without glass.
    picture: Field
    #: (parts + 1)×3: what stands for hidden places of each part, and for what is beyond all.
    means: Field

    @classmethod
    def of(cls, layout: Layout, geometry: Geometry, picture: Field) -> "_Surroundings":
        count = len(layout.parts)
        sums, counts = np.zeros((count, 3), np.float64), np.zeros(count, np.int64)
        sum_parts(geometry.surface, FACES, 4, picture, sums, counts)
        means = HIDDEN * sums / np.maximum(counts, 1)[:, None]
        # Behind the camera there is nothing but the light that fills the room.
        beyond = layout.rig.fill * layout.rig.fill_tint
        return cls(layout, geometry, picture, np.concatenate([means, beyond[None]]).astype(np.float32))

    def along(self, place: Field, way: Field) -> Field:
        """Return the n×3 light that comes from 3×n unit ways at 3×n places."""
        ray = np.ascontiguousarray(np.concatenate([place, way]), np.float32)
        n = ray.shape[1]
        best, found = np.full(n, np.inf, np.float32), np.full(n, len(self.layout.parts) * FACES, np.int32)
        packed = shapes([part.solid.packed for part in self.layout.parts])
        for index in range(len(self.layout.parts)):
            meet_rays(packed, index, index, n, ray, best, found)
        part = found // FACES
        far = np.where(np.isfinite(best), best, np.float32(9))
        x, y, z = place + way * far
        height, width = self.geometry.depth.shape
        before = z < self.layout.camera[2] - np.float32(0.1)
        px, py = self.layout.project((x, y, np.where(before, z, 0)))
        column = np.clip(px * (width / self.layout.aspect), 0, width - 1).astype(np.int64)
        row = np.clip(py * height, 0, height - 1).astype(np.int64)
        seen = before & (self.geometry.surface[row, column] // FACES == part)
        return np.where(seen[:, None], self.picture[row, column], self.means[part])

    def key_light(self, place: Field, way: Field) -> Field:
        """Return the n×3 radiance of the key light, a square, where 3×n rays meet it."""
        rig = self.layout.rig
        position, target = np.asarray(rig.position, np.float32), np.asarray(rig.target, np.float32)
        axis = (position - target) / np.float32(np.linalg.norm(position - target))
        speed = axis @ way
        t = (axis @ (position[:, None] - place)) / np.where(np.abs(speed) < 1e-6, np.float32(1e-6), speed)
        at = place + way * t - position[:, None]
        u, v = square_to(axis)
        half = np.float32(rig.half)
        # A softbox is darker towards its rim, and its edge is no knife's.
        rim = np.maximum(np.abs(u @ at), np.abs(v @ at)) / half
        share = np.clip((1.06 - rim) / 0.2, 0, 1) * (t > 0) * (speed > 0)
        # A white surface at the target, square to the light, has radiance `key` under it.
        reach = float(np.linalg.norm(position - target))
        radiance = min(np.pi * rig.key * reach**2 / (4 * rig.half**2), float(BRIGHTEST))
        return np.asarray(share[:, None] * (radiance * rig.key_tint), np.float32)


def polish(layout: Layout, geometry: Geometry, out: Field) -> None:
    """Let polished parts mirror the scene and its key light, in place, in H×W×3 linear light.

    Their share of mirrored light is `Part.mirror` at right angles and more at flat angles (Schlick 1994); what metal
    mirrors has its colour.
    """
    polished = [index for index, part in enumerate(layout.parts) if part.mirror > 0]
    if not polished:
        return
    around = _Surroundings.of(layout, geometry, out)
    for index in polished:
        rows, columns = np.nonzero(geometry.part == index)
        if rows.size:
            _polish(layout.parts[index], around, rows, columns, out)


def _polish(part: Part, around: _Surroundings, rows: Places, columns: Places, out: Field) -> None:
    """Let the n pixels of a part mirror what is around it."""
    layout, geometry = around.layout, around.geometry
    slope_x, slope_y, _ = layout.rays(*geometry.depth.shape[::-1])
    # Metal mirrors in its own colour, water and lacquer in white.
    tint = layout.colours[part.slot] if part.mirror > 0.3 else np.ones(3, np.float32)
    tint = tint / max(float(tint.max()), 1e-3) if part.mirror > 0.3 else tint
    shown = np.empty((rows.size, 3), np.float32)

    def work(first: int) -> None:
        some = slice(first, first + _AT_ONCE)
        row, column = rows[some], columns[some]
        face = (geometry.surface[row, column] % FACES).astype(np.uint8)
        place, way = _seen(layout, slope_x[0, column], slope_y[row, 0], geometry.depth[row, column])
        normal = _normals(part.solid, place, face, way)
        share = _schlick(part.mirror, way, normal)[:, None]
        mirrored = way - 2 * (way * normal).sum(0) * normal
        start = place + np.float32(3e-3) * normal
        light = around.along(start, mirrored) + around.key_light(start, mirrored)
        shown[some] = (1 - share) * out[row, column] + share * tint * light

    each(range(0, rows.size, _AT_ONCE), work)
    out[rows, columns] = shown  # not before: it is looked up in there what is mirrored


def lay_glass(layout: Layout, geometry: Geometry, out: Field) -> None:
    """Lay what is of glass over H×W×3 linear light, in place: refracted twice, mirrored at its front.

    Its colours are those of its parts, as deep as the ways through it are long; `Part.clear` says how far it has none.
    """
    if not layout.glass:
        return
    # Nearer glass shows what is farther already.
    around = _Surroundings.of(layout, geometry, out)
    for part in sorted(layout.glass, key=_depth):
        _lay(part, around, out)


def _lay(part: Part, around: _Surroundings, out: Field) -> None:
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
    place, way = _seen(layout, across[x], down[y], depth[y, x])
    normal = _normals(part.solid, place, (surface[y, x] % FACES).astype(np.uint8), way)
    inside, _ = _refracted(way, normal, 1 / INDEX)
    length, face = _leaves(part.solid, place, inside)
    end = place + inside * length
    outwards = _normals(part.solid, end, face, -inside)
    outside, total = _refracted(inside, -outwards, INDEX)
    # What is mirrored within leaves after all, elsewhere: it looks where the glass is thick.
    outside = np.where(total, inside, outside)
    passed = _passed(part, layout, length)
    # From right within: what it stands on is met, too.
    light = around.along(end - np.float32(4e-3) * outwards, outside) * passed
    light *= np.where(total, np.float32(0.55), 1)[:, None]
    # Tinted glass is a little cloudy, so that it shows before a dark wall.
    light += (1 - part.clear) * CLOUDY * layout.colours[part.slot]
    front = _schlick(REFLECTANCE, way, normal)[:, None]
    mirrored = way - 2 * (way * normal).sum(0) * normal
    start = place + np.float32(3e-3) * normal
    light = (1 - front) * light + front * (around.along(start, mirrored) + around.key_light(start, mirrored))
    # A second, fainter highlight comes from the far side, from within.
    back = inside - 2 * (inside * outwards).sum(0) * outwards
    light += np.float32(REFLECTANCE) * passed * around.key_light(end, back)
    cover = share[rows, columns][:, None].astype(np.float32)
    rows, columns = rows + top, columns + left
    out[rows, columns] += (light - out[rows, columns]) * cover


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


def _seen(layout: Layout, across: Field, down: Field, depth: Field) -> tuple[Field, Field]:
    """Return 3×n places and unit ways of a camera's rays."""
    way = np.stack([across, down, np.full_like(across, -1)]).astype(np.float32)
    origin = np.array([[float(axis)] for axis in layout.camera], np.float32)
    return origin + way * depth, way / np.sqrt((way * way).sum(0))


def _normals(solid: Solid, place: Field, face: Face, way: Field) -> Field:
    """Return 3×n unit normals, against the ways."""
    point: Triple = (place[0], place[1], place[2])
    normal = np.stack(solid.normal(point, face)).astype(np.float32)
    return np.asarray(np.where((normal * way).sum(0) > 0, -normal, normal), np.float32)


def _schlick(straight: float, way: Field, normal: Field) -> Field:
    flat = 1 - np.clip(-(way * normal).sum(0), 0, 1)
    return np.asarray(straight + (1 - straight) * flat**5, np.float32)


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
