"""Refraction: the way of light through clear solids, and what they let through."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.ray import Face, Field, dot
from pipeline.geometry.solids import Ball, Block, Drum, Solid
from pipeline.light.surroundings import normals_against
from pipeline.scene.layout import Layout, Part

#: Index of refraction of crown glass, and the share of light that it mirrors at right angles (Fresnel).
INDEX = 1.5
REFLECTANCE = 0.04
#: What clear glass lets through, linear.
CLEAR = np.array([0.955, 0.975, 0.968], np.float32)
#: How often light is mirrored in all within glass, at most: a block's corner does so three times.
BOUNCES = 3


def refracted(way: Field, normal: Field, ratio: float) -> tuple[Field, NDArray[np.bool_]]:
    """Refract 3×n unit ways at normals against them by Snell's law; and say which are mirrored in all."""
    cos = -dot(way, normal)
    rest = 1 - ratio**2 * (1 - cos * cos)
    out = ratio * way + (ratio * cos - np.sqrt(np.maximum(rest, 0))) * normal
    out /= np.maximum(np.sqrt(dot(out, out)), np.float32(1e-6))
    return out.astype(np.float32, copy=False), rest < 0


class Left(NamedTuple):
    """Where n rays leave a solid."""

    #: 3×n: the places, the ways there, those beyond, and outward normals.
    end: Field
    way: Field
    beyond: Field
    outwards: Field
    #: n: the lengths of the ways through the solid, and which are mirrored in all once more there.
    length: Field
    still: NDArray[np.bool_]


def through(solid: Solid, place: Field, way: Field) -> Left:
    """Follow 3×n rays within a solid to where they leave it, mirrored in all up to BOUNCES times.

    What is mirrored more often goes on as it was, and so does what reaches the foot, under which is no air.
    """
    foot = np.float32(solid.bounds[1] + 2e-3 if solid.bounds else -np.inf)

    def step(place: Field, way: Field) -> Left:
        length, face = _leaves(solid, place, way)
        end = place + way * length
        # Sheets are followed as if they went on: what they stand on ends them.
        stands = end[1] <= foot
        np.maximum(end[1], foot, out=end[1])
        outwards = normals_against(solid, end, face, -way)
        beyond, mirrored = refracted(way, -outwards, INDEX)
        return Left(end, way, np.where(mirrored | stands, way, beyond), outwards, length, mirrored & ~stands)

    left = step(place, way)
    for _ in range(BOUNCES):
        some = np.flatnonzero(left.still)
        if not some.size:
            break
        at, out = left.way[:, some], left.outwards[:, some]
        again = step(left.end[:, some] - np.float32(1e-4) * out, at - 2 * dot(at, out) * out)
        if some.size == left.still.size:
            left = again._replace(length=left.length + again.length)
            continue
        left = left._replace(way=left.way.copy())
        for whole, part in zip(left[:4], again[:4], strict=True):
            whole[:, some] = part
        left.length[some] += again.length
        left.still[some] = again.still
    return left


def passed(part: Part, layout: Layout, length: Field) -> Field:
    """Return the n×3 share of light that n ways through a part let through (Beer and Lambert).

    Straight through where it is thickest, the share is the slot's colour at full brightness, as far as it is not clear.
    """
    bounds = part.solid.bounds
    assert bounds is not None, "glass has an end"
    thick = min(bounds[axis + 3] - bounds[axis] for axis in range(3))
    tint = layout.colours[part.slot]
    tint = np.maximum(tint / max(float(tint.max()), 1e-3), 0.02)
    return np.asarray((CLEAR * tint ** (1 - part.clear)) ** (length[:, None] / np.float32(thick)), np.float32)


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
