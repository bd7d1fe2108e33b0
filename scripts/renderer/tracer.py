"""Path tracer for layouts, built on Mitsuba's shapes and surfaces.

The lights are not Mitsuba emitters. The key light is a square that each bounce samples, so that camera and dome see
neither its back nor its gobo. The gobo masks only that light's path. Rays that leave the scene reach the dome. Tubes
and skies are triangles with a radiance, which the camera sees and each bounce samples. No light is reached in two ways,
so no weighting is needed.

Dr.Jit compiles a kernel for each structure of a scene. All parts are one mesh whose vertices have attributes. So there
are two structures, with and without glowing parts, times the sizes of pictures.
"""

import drjit as dr
import mitsuba as mi
import numpy as np
import pyoidn
from numpy.typing import NDArray

from pipeline.scene.layout import FOCAL, Layout
from scripts.renderer.lamps import Glow, Key, opaque
from scripts.renderer.meshes import Mesh, join, mesh

Array = NDArray[np.float32]

#: Most surfaces in a path.
DEPTH = 5
#: Largest radiance from beyond a path's first surface. Larger values are fireflies, which the denoiser would spread.
CLAMP = 6.0
#: Specular parameter of polished surfaces: a reflectance of 4 % at normal incidence.
SPECULAR = 0.5
#: Distance of a shadow ray's end from its light, as a share.
_SHORT = 1e-4


class Tracer:
    """Renders layouts."""

    def __init__(self, threads: int = 1, samples: int = 64):
        """Set the number of threads, and paths per pixel, rounded up to a square number."""
        dr.set_thread_count(threads)
        self._samples = int(np.ceil(samples**0.5)) ** 2

    def picture(self, layout: Layout, width: int, height: int, *, albedo: Array, normals: Array) -> Array:
        """Return h×w×3 linear radiance, denoised with h×w×3 albedo and unit normals."""
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
        key, glow = Key(layout.rig), Glow(layout, meshes)
        fill = mi.Color3f(*opaque(layout.rig.fill * layout.rig.fill_tint))
        count = width * height * self._samples
        random = mi.PCG32(size=count, initstate=dr.opaque(mi.UInt64, layout.seed))
        ray, pixel, sample = _camera(layout, width, height, self._samples, random)
        total = _follow(scene, glow, key, fill, ray, pixel, sample, random)
        mean = dr.block_sum(dr.ravel(total, order="C"), self._samples) / self._samples
        return np.ascontiguousarray(np.array(mean).reshape(3, height, width).transpose(1, 2, 0), np.float32)


@dr.syntax  # type: ignore[untyped-decorator]  # drjit is not there, so its types are not read
def _follow(
    scene: mi.Scene,
    glow: Glow,
    key: Key,
    fill: mi.Color3f,
    ray: mi.Ray3f,
    pixel: mi.UInt32,
    sample: mi.UInt32,
    random: mi.PCG32,
) -> mi.Color3f:
    """Return the radiance along each ray."""
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
    """Return the radiance that a surface reflects from one point of light; 0 if the point is hidden."""
    point, way, power = light
    reached = active & (dr.max(power) > 0)
    reached &= ~scene.ray_test(at.spawn_ray_to(dr.lerp(point, at.p, _SHORT)), reached)
    found = at.bsdf().eval(mi.BSDFContext(), at, at.to_local(way), reached) * power
    return dr.select(reached, found, 0)


def _shone(
    scene: mi.Scene,
    at: mi.SurfaceInteraction3f,
    glow: Glow,
    shift: mi.Float,
    sample: mi.UInt32,
    random: mi.PCG32,
    active: mi.Bool,
    seen: mi.Bool,
) -> mi.Color3f:
    """Return the radiance that a surface reflects from glowing parts; a path's first surface takes several samples."""
    several = dr.select(seen, mi.Float(1 / glow.samples), 1)
    found = mi.Color3f(0)
    for number in range(glow.samples):
        # Multiples of the golden ratio fill an interval evenly for any number of samples.
        even = mi.Float(sample * glow.samples + number) * 0.61803399 + shift
        choice = dr.select(seen, even - dr.floor(even), random.next_float32())
        light = glow.sample(at.p, choice, random.next_float32(), random.next_float32())
        found += _given(scene, at, light, active if number == 0 else active & seen)
    return found * several


def _shifted(pixel: mi.UInt32, sample: mi.UInt32) -> list[mi.Float]:
    """Return four numbers in [0, 1) per sample, a low-discrepancy set per pixel, and the pixel's random shift.

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
    """Return stratified rays, row by row, with their pixels and sample numbers.

    `samples`: rays per pixel, a square number.
    """
    side = round(samples**0.5)
    index = dr.arange(mi.UInt32, width * height * samples)
    pixel, sample = index // samples, index % samples
    x = mi.Float(pixel % width) + (mi.Float(sample % side) + random.next_float32()) / side
    y = mi.Float(pixel // width) + (mi.Float(sample // side) + random.next_float32()) / side
    # The picture's left edge and its horizon, as slopes: `Layout.rays` at continuous positions.
    left, eye = opaque(np.array([-layout.aspect / 2, layout.horizon_y]) / FOCAL)
    pitch_x, pitch_y = opaque(np.array([layout.aspect / width, 1 / height]) / FOCAL)
    way = mi.Vector3f(left + x * pitch_x, eye - y * pitch_y, -1)
    origin = mi.Point3f(*opaque(np.array([float(axis) for axis in layout.camera])))
    return mi.Ray3f(origin, dr.normalize(way)), pixel, sample


def _shape(layout: Layout, meshes: list[Mesh]) -> mi.Mesh:
    """Return all parts as one mesh with the vertex attributes albedo, roughness, share of polish and radiance."""
    whole, parts = join(meshes), layout.parts
    owners = np.repeat(np.arange(len(parts)), [len(piece.vertices) for piece in meshes])
    radiance = np.stack([layout.radiance(part) for part in parts]).astype(np.float32)
    colour = np.stack([layout.colours[part.slot] for part in parts]).astype(np.float32)
    roughness = np.array([0.9 - 0.65 * part.gloss for part in parts], np.float32)[:, None]
    # Matt surfaces get little sheen, or a floor at a flat angle would lose its colour.
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
