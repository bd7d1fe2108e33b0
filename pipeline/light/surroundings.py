"""The surroundings of a place in an image: where rays end, and the light from there, as the image shows it.

A mirrored ray takes its colour from the image at the place where it ends. If the camera doesn't see that place, it
takes the mean of the part's visible pixels. Beyond all parts, polish mirrors a room that the camera does not see: a
dark studio with a reflector and a camera.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.resample import blurred
from pipeline.geometry.ray import Face, Field, Triple, dot, square_to
from pipeline.geometry.solids import Solid, shapes
from pipeline.kernels.image.surfaces import sum_parts
from pipeline.kernels.tracing.rays import meet_rays
from pipeline.scene.layout import Layout
from pipeline.scene.trace import FACES, Geometry

#: The highest visible radiance of the key light in a surface: more is white in any case.
BRIGHTEST = np.float32(24)
#: Factor of a part's mean colour for places that the camera does not see: backs and undersides.
HIDDEN = 0.7
#: Minimum blur, in pixels, of mirror images in polish: one ray per pixel leaves stairs.
LEAST = 0.6

#: Rows or columns of pixels.
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Surroundings:
    """The image in which rays look up their light."""

    layout: Layout
    #: H×W×3 linear.
    picture: Field
    #: (parts + 1)×3: the light of hidden places of each part and, last, beyond all parts.
    means: Field

    @classmethod
    def of(cls, layout: Layout, geometry: Geometry, picture: Field) -> "Surroundings":
        """Return the surroundings of the surfaces in a layout's H×W×3 linear image."""
        # Behind the camera there is only the light that fills the room.
        beyond = np.asarray(layout.rig.fill * layout.rig.fill_tint, np.float32)
        return cls(layout, picture, np.concatenate([part_means(geometry, picture, HIDDEN), beyond[None]]))

    def at(self, met: "Met") -> Field:
        """Return the n×3 light of the places where rays end."""
        means = self.means[met.part]
        beyond = met.part == len(self.means) - 1
        means[beyond] *= met.room[beyond, None]
        return np.where(met.seen[:, None], self.picture[met.row, met.column], means)


@dataclass(frozen=True)
class Met:
    """Where n rays end; independent of colours."""

    #: Index of the part; the number of parts for a ray that leaves the scene.
    part: NDArray[np.int32]
    #: The pixel of that place, and whether the camera sees it there.
    row: Places
    column: Places
    seen: NDArray[np.bool_]
    #: Brightness of the `room` where the ray leaves the scene, else 0.
    room: Field

    @classmethod
    def along(cls, layout: Layout, geometry: Geometry, place: Field, way: Field) -> "Met":
        """Follow rays from 3×n places along 3×n unit directions."""
        ray = np.ascontiguousarray(np.concatenate([place, way]), np.float32)
        n = ray.shape[1]
        best, found = np.full(n, np.inf, np.float32), np.full(n, len(layout.parts) * FACES, np.int32)
        packed = shapes([part.solid.packed for part in layout.parts])
        meet_rays(packed, np.arange(len(layout.parts)), len(layout.parts), n, ray, best, found)
        part = found // FACES
        far = np.where(np.isfinite(best), best, np.float32(9))
        x, y, z = place + way * far
        height, width = geometry.depth.shape
        before = z < layout.camera[2] - np.float32(0.1)
        px, py = layout.project((x, y, np.where(before, z, 0)))
        column = np.clip(px * (width / layout.aspect), 0, width - 1).astype(np.int64)
        row = np.clip(py * height, 0, height - 1).astype(np.int64)
        seen = before & (geometry.surface[row, column] // FACES == part)
        beyond = np.flatnonzero(part == len(layout.parts))
        dark = np.zeros(n, np.float32)
        dark[beyond] = room(layout, way[:, beyond])
        return cls(part, row, column, seen, dark)


def part_means(geometry: Geometry, picture: Field, share: float) -> Field:
    """Return parts×3: `share` × the mean of each part's visible pixels in H×W×3 linear light."""
    count = len(geometry.layout.parts)
    sums, counts = np.zeros((count, 3), np.float64), np.zeros(count, np.int64)
    sum_parts(geometry.surface, FACES, 4, picture, sums, counts)
    return (share * sums / np.maximum(counts, 1)[:, None]).astype(np.float32)


def key_light(layout: Layout, place: Field, way: Field) -> Field:
    """Return the n×3 radiance of the key light, a square, where 3×n rays meet it."""
    rig = layout.rig
    position, target = np.asarray(rig.position, np.float32), np.asarray(rig.target, np.float32)
    axis = (position - target) / np.float32(np.linalg.norm(position - target))
    speed = axis @ way
    t = (axis @ (position[:, None] - place)) / np.where(np.abs(speed) < 1e-6, np.float32(1e-6), speed)
    at = place + way * t - position[:, None]
    u, v = square_to(axis)
    half = np.float32(rig.half)
    # A softbox is darker towards its rim, with a soft edge.
    rim = np.maximum(np.abs(u @ at), np.abs(v @ at)) / half
    share = np.clip((1.06 - rim) / 0.2, 0, 1) * (t > 0) * (speed > 0)
    # A white surface at the target, perpendicular to the light, has radiance `key`.
    reach = float(np.linalg.norm(position - target))
    radiance = min(np.pi * rig.key * reach**2 / (4 * rig.half**2), float(BRIGHTEST))
    return np.asarray(share[:, None] * (radiance * rig.key_tint), np.float32)


def seen_by(layout: Layout, across: Field, down: Field, depth: Field) -> tuple[Field, Field]:
    """Return 3×n places and unit directions of a camera's rays."""
    way = np.stack([across, down, np.full_like(across, -1)]).astype(np.float32)
    origin = np.array([[float(axis)] for axis in layout.camera], np.float32)
    return np.asarray(origin + way * depth, np.float32), np.asarray(way / np.sqrt(dot(way, way)), np.float32)


def softened(rows: Places, columns: Places, light: Field, soft: float) -> Field:
    """Return the n×3 light of n places of an image, blurred by `soft` pixels among these places only."""
    top, left = rows.min(), columns.min()
    image = np.zeros((rows.max() - top + 1, columns.max() - left + 1, 4), np.float32)
    image[rows - top, columns - left] = np.concatenate([light, np.ones((len(light), 1), np.float32)], 1)
    blur = blurred(image, soft, soft)[rows - top, columns - left]
    return np.asarray(blur[:, :3] / blur[:, 3:])


def normals_against(solid: Solid, place: Field, face: Face, way: Field) -> Field:
    """Return 3×n unit normals that point against the directions `way`."""
    point: Triple = (place[0], place[1], place[2])
    normal = np.stack(solid.normal(point, face)).astype(np.float32)
    return np.asarray(np.where(dot(normal, way) > 0, -normal, normal), np.float32)


def schlick(straight: float, way: Field, normal: Field) -> Field:
    """Return the share of light that n surfaces mirror; it is `straight` at perpendicular incidence (Schlick 1994)."""
    flat = 1 - np.clip(-dot(way, normal), 0, 1)
    return np.asarray(straight + (1 - straight) * flat**5, np.float32)


# The room: radiance by direction only, relative to the fill's, since a ball mirrors far objects. All numbers by eye.
#: Outdoors: how much the sky is lighter than its mean straight above, and darker straight below.
SKY = np.float32(0.45)
#: The studio's walls at their foot, and the added light towards its ceiling.
WALLS, CEILING = np.float32(0.36), np.float32(0.8)
#: The light that the key light spills onto the room around it.
SPILL = np.float32(0.8)
#: The reflector opposite the key light: its radiance, and the tangents of half its width and height.
REFLECTOR, WIDE, TALL = np.float32(2.3), 0.42, 0.62
#: The share of light left behind the camera, and the tangents of that dark area's half width and height.
CAMERA, BROAD, LONG = np.float32(0.22), 0.12, 0.16


def room(layout: Layout, way: Field) -> Field:
    """Return n factors of the fill's light that arrives along 3×n unit directions from outside a layout's parts."""
    up = way[2 if layout.top_down else 1]
    if layout.kind == "sand":
        return np.asarray(1 + SKY * up, np.float32)
    key = np.asarray(layout.rig.position, np.float64) - np.asarray(layout.rig.target, np.float64)
    key /= np.linalg.norm(key)
    high = np.array([0, 0, 1.0] if layout.top_down else [0, 1.0, 0])
    across = key - (key @ high) * high
    # As high as the key light, but no higher than a stand.
    reflector = 0.5 * high - across / max(float(np.linalg.norm(across)), 1e-3)
    if not layout.top_down:
        # In front of the scene, not behind its wall.
        reflector[2] = abs(reflector[2]) + 0.35
    out = WALLS + CEILING * np.maximum(up, 0) + SPILL * np.maximum(key.astype(np.float32) @ way, 0) ** 6
    share = _panel(way, reflector, high, WIDE, TALL, 0.12)
    out += (REFLECTOR - out) * share
    before, aside = np.array([0, 0, 1.0]), np.array([0, 1.0, 0])
    return np.asarray(out * (1 - (1 - CAMERA) * _panel(way, before, aside, BROAD, LONG, 0.08)), np.float32)


def _panel(way: Field, towards: np.ndarray, up: np.ndarray, wide: float, tall: float, soft: float) -> Field:
    """Return how much n of 3×n directions meet a rectangle, 0 to 1; half its sides and its soft edge are tangents."""
    axis = towards / np.linalg.norm(towards)
    right = np.cross(up, axis)
    right /= np.linalg.norm(right)
    u, v = right, np.cross(axis, right)
    ahead = axis.astype(np.float32) @ way
    by = np.maximum(ahead, np.float32(1e-3))
    out = np.float32(1)
    for side, half in ((u, wide), (v, tall)):
        off = np.abs(side.astype(np.float32) @ way) / by
        out = out * np.clip((half + soft / 2 - off) / np.float32(soft), 0, 1)
    return np.asarray(out * (ahead > 0), np.float32)
