"""The lights of a layout as points for a path tracer to sample: the key light with its gobo, and glowing parts."""

from itertools import pairwise

import drjit as dr
import mitsuba as mi
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from pipeline.geometry.panels import Panel
from pipeline.scene.layout import Gobo, Layout, Rig
from scripts.renderer.meshes import Mesh, tube_line

# Must come before any type of Mitsuba; `scripts.renderer.tracer` imports this file first.
mi.set_variant("llvm_ad_rgb")

Array = NDArray[np.float32]

#: Samples of the tubes at a path's first surface.
TUBE_SAMPLES = 4
#: The gobo's mask: pixels on a side, and half its side in canvas heights.
_MASK_SIDE, _MASK_HALF = 1024, 0.75


class Key:
    """The key light with its gobo. Its values are variables, not constants of the compiled kernel."""

    def __init__(self, rig: Rig):
        position, target = np.asarray(rig.position, np.float32), np.asarray(rig.target, np.float32)
        reach = float(np.linalg.norm(position - target))
        axis = (position - target) / reach
        u, v = _square_to(axis)
        self._position, self._axis = mi.Point3f(*opaque(position)), mi.Vector3f(*opaque(axis))
        self._u, self._v = mi.Vector3f(*opaque(rig.half * u)), mi.Vector3f(*opaque(rig.half * v))
        # Intensity: π × key over a white surface at `reach`, for any area of the light.
        self._power = mi.Color3f(*opaque(np.pi * rig.key * rig.key_tint * reach**2))
        centre = np.asarray(rig.gobo.centre if rig.gobo else rig.target, np.float32)
        across = position - centre
        across /= np.linalg.norm(across)
        gobo_u, gobo_v = _square_to(across)
        self._centre, self._across = mi.Point3f(*opaque(centre)), mi.Vector3f(*opaque(across))
        self._gobo_u = mi.Vector3f(*opaque(gobo_u / (2 * _MASK_HALF)))
        self._gobo_v = mi.Vector3f(*opaque(gobo_v / (2 * _MASK_HALF)))
        # Mitsuba's defaults: linear between pixels, and clamped to the rim outside.
        self._mask = mi.Texture2f(mi.TensorXf(_mask(rig.gobo)[..., None]))

    def sample(self, place: mi.Point3f, one: mi.Float, two: mi.Float) -> tuple[mi.Point3f, mi.Vector3f, mi.Color3f]:
        """Return a point of the light, the unit direction to it, and its irradiance perpendicular to that direction."""
        point = self._position + (2 * one - 1) * self._u + (2 * two - 1) * self._v
        way = point - place
        square = dr.squared_norm(way)
        unit = way * dr.rsqrt(square)
        leaving = dr.maximum(dr.dot(unit, self._axis), 0)
        before = dr.dot(self._centre - place, self._across)
        share = dr.clip(before / dr.dot(way, self._across), 0, 1)
        at = place + share * way - self._centre
        passed = self._mask.eval(mi.Point2f(dr.dot(at, self._gobo_u) + 0.5, dr.dot(at, self._gobo_v) + 0.5))[0]
        return point, unit, self._power * (leaving / square * dr.select(before > 0, passed, 1))


class Glow:
    """Glowing parts, each piece as likely as its power: triangles of skies, and lines for thin tubes."""

    def __init__(self, layout: Layout, meshes: list[Mesh]):
        pieces = [np.zeros((0, 16))]
        for part, triangles in zip(layout.parts, meshes, strict=True):
            if part.glow > 0:
                shape = _tube_pieces(part.solid) if isinstance(part.solid, Panel) and part.role == "tube" else None
                shape = _triangle_pieces(triangles) if shape is None else shape
                pieces.append(np.concatenate([shape, np.broadcast_to(layout.radiance(part), (len(shape), 3))], 1))
        table = np.concatenate(pieces)
        colour = table[:, 13:]
        power = table[:, 12] * colour.max(1, initial=0)
        self.shines = bool(power.sum() > 0)
        #: Samples at a path's first surface. Near a tube, few samples hit it, but those are bright.
        self.samples = TUBE_SAMPLES if any(part.role == "tube" for part in layout.parts) else 1
        if not self.shines:
            return
        self._choice = mi.DiscreteDistribution(mi.Float(power.astype(np.float32)))
        self._first, self._one, self._two, self._normal = (
            mi.Vector3f(table[:, column : column + 3].T.astype(np.float32)) for column in (0, 3, 6, 9)
        )
        tubes = np.abs(table[:, 9:12]).sum(1) == 0
        radius = np.where(tubes, table[:, 12] / (2 * np.maximum(np.linalg.norm(table[:, 3:6], axis=1), 1e-9)), 0)
        self._radius = mi.Float(radius.astype(np.float32))
        # Radiance over the probability density of a point by area: each piece has the same power, in its colour.
        brightest = np.maximum(colour.max(1, keepdims=True), 1e-9)
        self._power = mi.Vector3f((colour / brightest * power.sum()).T.astype(np.float32))

    def sample(
        self, place: mi.Point3f, choice: mi.Float, one: mi.Float, two: mi.Float
    ) -> tuple[mi.Point3f, mi.Vector3f, mi.Color3f]:
        """Return a glowing point, the unit direction to it, and its irradiance perpendicular to that direction."""
        index = self._choice.sample(choice)
        root = dr.sqrt(one)
        first, side_one, side_two, normal, power = (
            dr.gather(mi.Vector3f, table, index)
            for table in (self._first, self._one, self._two, self._normal, self._power)
        )
        radius = dr.gather(mi.Float, self._radius, index)
        point = mi.Point3f(first + root * (1 - two) * side_one + root * two * side_two)
        way = point - place
        # Not nearer than a tube's thickness, to avoid fireflies.
        square = dr.maximum(dr.squared_norm(way), 1e-4)
        unit = dr.normalize(way)
        # A tube's cross-section has the same width from every side, and shrinks along its axis.
        along = dr.dot(unit, dr.normalize(side_one))
        leaving = dr.select(radius > 0, dr.safe_sqrt(1 - along * along), dr.maximum(-dr.dot(unit, normal), 0))
        return point - unit * (1.2 * radius), unit, mi.Color3f(power * (leaving / square))


def _triangle_pieces(triangles: Mesh) -> NDArray[np.float64]:
    """Return n×13: a corner, two sides from it, the normal, the area."""
    corners = triangles.vertices.astype(np.float64)[triangles.faces]
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(one, two)
    area = np.linalg.norm(across, axis=1, keepdims=True) / 2
    return np.concatenate([corners[:, 0], one, two, across / (2 * area), area], 1)


def _tube_pieces(tube: Panel) -> NDArray[np.float64]:
    """Return n×13 as for triangles, in order along the axis.

    A piece has a line twice as its sides, a zero normal, and length × width as its area.
    """
    line, radius = tube_line(tube)
    fine = np.concatenate([np.linspace(a, b, 8, endpoint=False) for a, b in pairwise(line)] + [line[-1:]])
    step = np.diff(fine, axis=0)
    width = 2 * radius * np.linalg.norm(step, axis=1, keepdims=True)
    return np.concatenate([fine[:-1], step, step, np.zeros_like(step), width], 1)


def _mask(gobo: Gobo | None) -> Array:
    """Return the share of light that passes, by rows of v and columns of u; 1 everywhere without a gobo."""
    if gobo is None:
        return np.ones((_MASK_SIDE, _MASK_SIDE), np.float32)
    picture = Image.new("L", (_MASK_SIDE, _MASK_SIDE), 255)
    draw = ImageDraw.Draw(picture)

    def at(u: float, v: float) -> tuple[float, float]:
        column, row = ((float(np.clip(axis, -1, 1)) / (2 * _MASK_HALF) + 0.5) * _MASK_SIDE for axis in (u, v))
        return column, row

    for u0, v0, u1, v1 in gobo.bars:
        draw.rectangle([*at(u0, v0), *at(u1, v1)], fill=0)
    for leaf in gobo.leaves:
        draw.polygon([at(u, v) for u, v in leaf], fill=0)
    return np.asarray(gaussian_filter(np.asarray(picture, np.float32) / 255, 0.7), np.float32)


def _square_to(axis: Array) -> tuple[Array, Array]:
    """Return the horizontal and the upward unit vector perpendicular to a unit axis."""
    level = np.cross(np.array([0.0, 1.0, 0.0]), axis)
    level /= np.linalg.norm(level)
    return level, np.cross(axis, level)


def opaque(values: NDArray[np.floating]) -> list[mi.Float]:
    """Return numbers as opaque variables, which do not become part of a compiled kernel."""
    return [dr.opaque(mi.Float, float(value)) for value in values]
