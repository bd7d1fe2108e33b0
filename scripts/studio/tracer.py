"""A path tracer over Mitsuba's shapes and surfaces, for layouts.

The lights are no emitters of Mitsuba's. The key light is a square that each bounce samples, so that neither camera nor
dome sees its back or its gobo: the gobo is a mask in that light's way alone. The dome is what rays that leave the scene
arrive at. Tubes and skies are triangles with a radiance, seen by the camera and sampled by each bounce. No light is met
in two ways, so nothing need be weighted.

Dr.Jit compiles a kernel once for each structure of a scene. All parts are one mesh whose vertices say what they are, so
there are two structures, with and without what shines, times the sizes of pictures.
"""

from itertools import pairwise

import drjit as dr
import mitsuba as mi
import numpy as np
import pyoidn
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from pipeline.layout import FOCAL, Gobo, Layout, Rig
from pipeline.panel import Panel
from scripts.studio.meshes import Mesh, join, mesh, tube_line

mi.set_variant("llvm_ad_rgb")

Array = NDArray[np.float32]

#: Surfaces that a path meets at most.
DEPTH = 5
#: Radiance that a path brings from beyond its first surface at most: more are sparks, which the denoiser spreads.
CLAMP = 6.0
#: Points of the tubes that a path's first surface looks at.
TUBE_SAMPLES = 4
#: Of polished surfaces: a reflectance of 4 % at right angles.
SPECULAR = 0.5
#: The gobo's mask: pixels on a side, and half its side in canvas heights; beyond it nothing passes.
_MASK_SIDE, _MASK_HALF = 1024, 0.75
#: How far a shadow ray stops short of its light, as a share.
_SHORT = 1e-4


class Tracer:
    """Renders layouts, one after another."""

    def __init__(self, threads: int = 1, samples: int = 64):
        """Take the threads to render on, and paths a pixel, which go up to the next square number."""
        dr.set_thread_count(threads)
        self._samples = int(np.ceil(samples**0.5)) ** 2

    def picture(self, layout: Layout, width: int, height: int, *, albedo: Array, normals: Array) -> Array:
        """Return h×w×3 linear radiance, denoised with the help of h×w×3 albedo and unit normals."""
        raw = self.raw(layout, width, height)
        clean = pyoidn.denoise(
            raw,
            np.ascontiguousarray(np.clip(albedo, 0, 1), np.float32),
            np.ascontiguousarray(normals, np.float32),
            hdr=True,
            clean_aux=True,
        )
        return np.maximum(np.asarray(clean, np.float32), 0)

    def raw(self, layout: Layout, width: int, height: int) -> Array:
        """Return h×w×3 linear radiance, a plain mean over each pixel."""
        meshes = [mesh(part) for part in layout.parts]
        scene = mi.load_dict({"type": "scene", "parts": _shape(layout, meshes)})
        key, glow = _Key(layout.rig), _Glow(layout, meshes)
        fill = mi.Color3f(*_opaque(layout.rig.fill * layout.rig.fill_tint))
        count = width * height * self._samples
        random = mi.PCG32(size=count, initstate=dr.opaque(mi.UInt64, layout.seed))
        ray, pixel, sample = _camera(layout, width, height, self._samples, random)
        total = _follow(scene, glow, key, fill, ray, pixel, sample, random)
        mean = dr.block_sum(dr.ravel(total, order="C"), self._samples) / self._samples
        return np.ascontiguousarray(np.array(mean).reshape(3, height, width).transpose(1, 2, 0), np.float32)


class _Key:
    """The key light with its gobo, as values that a kernel reads and does not hold."""

    def __init__(self, rig: Rig):
        position, target = np.asarray(rig.position, np.float32), np.asarray(rig.target, np.float32)
        reach = float(np.linalg.norm(position - target))
        axis = (position - target) / reach
        u, v = _square_to(axis)
        self._position, self._axis = mi.Point3f(*_opaque(position)), mi.Vector3f(*_opaque(axis))
        self._u, self._v = mi.Vector3f(*_opaque(rig.half * u)), mi.Vector3f(*_opaque(rig.half * v))
        # Intensity: π × key over a white surface at `reach`, whatever the light's area.
        self._power = mi.Color3f(*_opaque(np.pi * rig.key * rig.key_tint * reach**2))
        centre = np.asarray(rig.gobo.centre if rig.gobo else rig.target, np.float32)
        across = position - centre
        across /= np.linalg.norm(across)
        gobo_u, gobo_v = _square_to(across)
        self._centre, self._across = mi.Point3f(*_opaque(centre)), mi.Vector3f(*_opaque(across))
        self._gobo_u = mi.Vector3f(*_opaque(gobo_u / (2 * _MASK_HALF)))
        self._gobo_v = mi.Vector3f(*_opaque(gobo_v / (2 * _MASK_HALF)))
        # Linear between its pixels, and its rim goes on beyond it: both Mitsuba's defaults.
        self._mask = mi.Texture2f(mi.TensorXf(_mask(rig.gobo)[..., None]))

    def sample(self, place: mi.Point3f, one: mi.Float, two: mi.Float) -> tuple[mi.Point3f, mi.Vector3f, mi.Color3f]:
        """Return a point of the light, the unit way to it, and the irradiance that it brings square to that way."""
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


class _Glow:
    """What shines, each piece as likely as its power: triangles of skies, and tubes as the lines that thin ones are."""

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
        #: Samples that a path's first surface takes: what is near a tube sees little of it, but that brightly.
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
        # Radiance over the chance, in area, of a point: the same power for each piece, of its colour.
        brightest = np.maximum(colour.max(1, keepdims=True), 1e-9)
        self._power = mi.Vector3f((colour / brightest * power.sum()).T.astype(np.float32))

    def sample(
        self, place: mi.Point3f, choice: mi.Float, one: mi.Float, two: mi.Float
    ) -> tuple[mi.Point3f, mi.Vector3f, mi.Color3f]:
        """Return a point that shines, the unit way to it, and the irradiance that it brings square to that way."""
        index = self._choice.sample(choice)
        root = dr.sqrt(one)
        first, side_one, side_two, normal, power = (
            dr.gather(mi.Vector3f, table, index)
            for table in (self._first, self._one, self._two, self._normal, self._power)
        )
        radius = dr.gather(mi.Float, self._radius, index)
        point = mi.Point3f(first + root * (1 - two) * side_one + root * two * side_two)
        way = point - place
        # No nearer than a tube is thick, or it would be a spark.
        square = dr.maximum(dr.squared_norm(way), 1e-4)
        unit = dr.normalize(way)
        # A tube's cross-section is as wide from every side but along it.
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
    """Return n×13 as for triangles, in order along the axis: a line twice as both sides, no normal, length × width."""
    line, radius = tube_line(tube)
    fine = np.concatenate([np.linspace(a, b, 8, endpoint=False) for a, b in pairwise(line)] + [line[-1:]])
    step = np.diff(fine, axis=0)
    width = 2 * radius * np.linalg.norm(step, axis=1, keepdims=True)
    return np.concatenate([fine[:-1], step, step, np.zeros_like(step), width], 1)


@dr.syntax
def _follow(
    scene: mi.Scene,
    glow: _Glow,
    key: _Key,
    fill: mi.Color3f,
    ray: mi.Ray3f,
    pixel: mi.UInt32,
    sample: mi.UInt32,
    random: mi.PCG32,
) -> mi.Color3f:
    """Return the radiance that arrives along each ray."""
    context = mi.BSDFContext()
    first = _shifted(pixel, sample)
    total, weight = mi.Color3f(0), mi.Color3f(1)
    depth, active = mi.UInt32(0), mi.Bool(True)
    while active:
        at = scene.ray_intersect(ray, active)
        seen = depth == 0
        most = dr.select(seen, mi.Float(dr.inf), mi.Float(CLAMP))
        total += dr.select(active & ~at.is_valid(), dr.minimum(weight * fill, most), 0)
        active &= at.is_valid()
        if dr.hint(glow.shines, mode="scalar"):
            radiance = at.shape.eval_attribute_3("vertex_radiance", at, active)
            total += dr.select(active & seen, radiance, 0)
            active &= dr.max(radiance) <= 0

        surface = at.bsdf()
        one = dr.select(seen, first[0], random.next_float32())
        two = dr.select(seen, first[1], random.next_float32())
        given = _given(scene, at, key.sample(at.p, one, two), active)

        if dr.hint(glow.shines, mode="scalar"):
            given += _shone(scene, at, glow, first[4], sample, random, active, seen)
        total += dr.select(active, dr.minimum(weight * given, most), 0)

        three = dr.select(seen, first[2], random.next_float32())
        four = dr.select(seen, first[3], random.next_float32())
        bounce, factor = surface.sample(context, at, random.next_float32(), mi.Point2f(three, four), active)
        weight *= factor
        ray = at.spawn_ray(at.to_world(bounce.wo))
        depth += 1
        active &= (depth < DEPTH) & (dr.max(weight) > 0)
        # Russian roulette.
        lives = dr.select(depth < 3, 1, dr.minimum(dr.max(weight), 0.95))
        active &= random.next_float32() < lives
        weight *= dr.rcp(lives)
    return total


def _given(
    scene: mi.Scene, at: mi.SurfaceInteraction3f, light: tuple[mi.Point3f, mi.Vector3f, mi.Color3f], active: mi.Bool
) -> mi.Color3f:
    """Return the radiance that a surface sends back of the light from one point, 0 where something stands between."""
    point, way, power = light
    reached = active & (dr.max(power) > 0)
    reached &= ~scene.ray_test(at.spawn_ray_to(dr.lerp(point, at.p, _SHORT)), reached)
    found = at.bsdf().eval(mi.BSDFContext(), at, at.to_local(way), reached) * power
    return dr.select(reached, found, 0)


def _shone(
    scene: mi.Scene,
    at: mi.SurfaceInteraction3f,
    glow: _Glow,
    shift: mi.Float,
    sample: mi.UInt32,
    random: mi.PCG32,
    active: mi.Bool,
    seen: mi.Bool,
) -> mi.Color3f:
    """Return the radiance that a surface sends back of what shines; a path's first surface looks several times."""
    several = dr.select(seen, mi.Float(1 / glow.samples), 1)
    found = mi.Color3f(0)
    for number in range(glow.samples):
        # The golden ratio's multiples fill the line evenly however many are taken.
        even = mi.Float(sample * glow.samples + number) * 0.61803399 + shift
        choice = dr.select(seen, even - dr.floor(even), random.next_float32())
        light = glow.sample(at.p, choice, random.next_float32(), random.next_float32())
        found += _given(scene, at, light, active if number == 0 else active & seen)
    return found * several


def _shifted(pixel: mi.UInt32, sample: mi.UInt32) -> list[mi.Float]:
    """Return four numbers in [0, 1) for each sample, a low-discrepancy set a pixel, and the pixel's random shift.

    R4: Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018.
    """
    found = []
    for number, alpha in enumerate((0.85667488, 0.73389185, 0.62870672, 0.53859725)):
        value = mi.Float(sample) * alpha + mi.sample_tea_float32(pixel, mi.UInt32(number), 4)
        found.append(value - dr.floor(value))
    return [*found, mi.sample_tea_float32(pixel, mi.UInt32(9), 4)]


def _camera(
    layout: Layout, width: int, height: int, samples: int, random: mi.PCG32
) -> tuple[mi.Ray3f, mi.UInt32, mi.UInt32]:
    """Return `samples` (a square number) rays a pixel, stratified over it, row by row; and their pixels and numbers."""
    side = round(samples**0.5)
    index = dr.arange(mi.UInt32, width * height * samples)
    pixel, sample = index // samples, index % samples
    x = mi.Float(pixel % width) + (mi.Float(sample % side) + random.next_float32()) / side
    y = mi.Float(pixel // width) + (mi.Float(sample // side) + random.next_float32()) / side
    # The picture's left edge and its vanishing line, as slopes: `Layout.rays` between its pixels' centres.
    left, eye = _opaque(np.array([-layout.aspect / 2, layout.eye]) / FOCAL)
    pitch_x, pitch_y = _opaque(np.array([layout.aspect / width, 1 / height]) / FOCAL)
    way = mi.Vector3f(left + x * pitch_x, eye - y * pitch_y, -1)
    origin = mi.Point3f(*_opaque(np.array([float(axis) for axis in layout.camera])))
    return mi.Ray3f(origin, dr.normalize(way)), pixel, sample


def _shape(layout: Layout, meshes: list[Mesh]) -> mi.Mesh:
    """Return all parts as one mesh whose vertices have albedo, roughness, share of polish and radiance."""
    whole, parts = join(meshes), layout.parts
    owners = np.repeat(np.arange(len(parts)), [len(piece.vertices) for piece in meshes])
    radiance = np.stack([layout.radiance(part) for part in parts]).astype(np.float32)
    colour = np.stack([layout.colours[part.slot] for part in parts]).astype(np.float32)
    roughness = np.array([0.9 - 0.65 * part.gloss for part in parts], np.float32)[:, None]
    # Matt things hardly have a sheen, or a floor seen at a flat angle would lose its colour.
    sheen = np.array([0.25 + 0.75 * part.gloss for part in parts], np.float32)[:, None]
    polished = {
        "type": "principled",
        "base_color": {"type": "mesh_attribute", "name": "vertex_albedo"},
        "roughness": {"type": "mesh_attribute", "name": "vertex_roughness"},
        "specular": SPECULAR,
    }
    matt = {"type": "diffuse", "reflectance": {"type": "mesh_attribute", "name": "vertex_albedo"}}
    share = {"type": "mesh_attribute", "name": "vertex_sheen"}
    surface = {"type": "twosided", "bsdf": {"type": "blendbsdf", "weight": share, "matt": matt, "polished": polished}}
    properties = mi.Properties()
    properties["mesh_bsdf"] = mi.load_dict(surface)
    shape = mi.Mesh("parts", len(whole.vertices), len(whole.faces), has_vertex_normals=True, props=properties)
    for name, rows in (("albedo", colour), ("roughness", roughness), ("sheen", sheen), ("radiance", radiance)):
        values = np.ascontiguousarray(rows[owners], np.float32)
        shape.add_attribute(f"vertex_{name}", values.shape[1], values.ravel())
    data = mi.traverse(shape)
    data["vertex_positions"] = mi.Float(whole.vertices.ravel())
    data["vertex_normals"] = mi.Float(whole.normals.ravel())
    data["faces"] = mi.UInt32(whole.faces.ravel())
    data.update()
    return shape


def _mask(gobo: Gobo | None) -> Array:
    """Return the share of light that passes, by rows of v and columns of u; all of it without a gobo."""
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
    """Return the level and the upward unit vector square to a unit axis."""
    level = np.cross(np.array([0.0, 1.0, 0.0]), axis)
    level /= np.linalg.norm(level)
    return level, np.cross(axis, level)


def _opaque(values: NDArray[np.floating]) -> list[mi.Float]:
    """Return numbers as variables, which are no part of a compiled kernel."""
    return [dr.opaque(mi.Float, float(value)) for value in values]
