"""Render meshes at known elevation and pose: `python -m scripts.viewpoint.render MESHES OUT [--each 3] [--packshots]`.

    pip install trimesh embreex     # for this script

MESHES is the output of `scripts.viewpoint.meshes`. OUT gets NAME__0.png, … with the thing's alpha. A .json of the same
name has its elevation in degrees (0 level, 90 straight above) and its pose: it `stands`, `lies` on a side, or `hangs`
in front of a wall. Embree casts the rays. Light comes from one lamp and the sky. Ground and walls are drawn here.
Existing files are skipped, and each picture has its own seed. With --packshots, things stand as in a shop's photos: on
plain and white grounds, mostly seen from the side, by long lenses and by phones. These are NAME__p0.png, ….
"""

import argparse
import colorsys
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import trimesh
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from trimesh.ray.ray_pyembree import RayMeshIntersector

Array = NDArray[np.float64]
Pose = Literal["stands", "lies", "hangs"]
#: Side in pixels of a picture.
SIDE = 320
#: Side of the picture relative to the thing, for its surroundings.
ROOM = 1.5
#: Shares of the poses.
POSES: dict[Pose, float] = {"stands": 0.6, "lies": 0.25, "hangs": 0.15}
#: Side in pixels of a ground's texture.
GRAIN = 512


def noise(rng: Generator, side: int, octaves: int, base: int = 2) -> Array:
    """Return side×side noise of mean 0 and deviation 1."""
    out = np.zeros((side, side))
    for octave in range(octaves):
        cells = base * 2**octave + 2
        grid = Image.fromarray(rng.normal(size=(cells, cells)).astype(np.float32))
        out += np.asarray(grid.resize((side, side), Image.Resampling.BICUBIC)) * 0.55**octave
    return np.asarray((out - out.mean()) / (out.std() + 1e-9))


def colour(rng: Generator, *, neutral: bool) -> Array:
    """Return an sRGB colour in [0, 1]."""
    value = rng.uniform(0.12, 0.95)
    saturation = rng.uniform(0, 0.12) if neutral else rng.uniform(0.1, 0.7)
    return np.array(
        colorsys.hsv_to_rgb(rng.uniform() if rng.uniform() < 0.5 else rng.uniform(0.03, 0.13), saturation, value)
    )


def texture(rng: Generator) -> Array:
    """Return GRAIN×GRAIN×3 sRGB of a surface: plain, stone, wood, planks, tiles, cloth or grass."""
    n = GRAIN
    kind = rng.choice(["plain", "plain", "noise", "wood", "planks", "tiles", "cloth", "grass"])
    base, rough = colour(rng, neutral=rng.uniform() < 0.5), rng.uniform(0.02, 0.12)
    place = np.arange(n)
    if kind == "plain":
        drawn = np.ones((n, n, 1)) * base + 0.01 * rng.normal(size=(n, n, 1))
    elif kind == "noise":
        drawn = base + rough * noise(rng, n, 6)[..., None]
    elif kind in ("wood", "planks"):
        base = np.array([0.55, 0.38, 0.24]) * rng.uniform(0.5, 1.5)
        grain = noise(rng, n, 5)
        rings = np.linspace(0, rng.uniform(10, 40), n)[:, None] + 0.8 * grain
        drawn = base * (1 + 0.18 * np.sin(rings * 2)[..., None] * rng.uniform(0.3, 1) + 0.06 * grain[..., None])
        if kind == "planks":
            count = int(rng.integers(3, 9))
            drawn = drawn * (1 + rng.uniform(-0.12, 0.12, count)[place * count // n])[:, None, None]
            drawn[(place * count % n) < count * 2] *= 0.5
    elif kind == "tiles":
        count = int(rng.integers(2, 8))
        index = place * count // n
        odd = ((index[:, None] + index[None]) % 2)[..., None]
        other = colour(rng, neutral=True) if rng.uniform() < 0.5 else base * 0.93
        drawn = np.where(odd, base, other) + 0.02 * noise(rng, n, 5)[..., None]
        joint = (place * count % n) < count * 3
        drawn[joint] *= 0.75
        drawn[:, joint] *= 0.75
    elif kind == "cloth":
        weave = 0.06 * np.sin(place * rng.uniform(60, 150) / n * 6.28)
        drawn = base * (1 + weave[:, None, None] + weave[None, :, None] + 0.05 * noise(rng, n, 3)[..., None])
    else:
        drawn = np.array([0.25, 0.42, 0.15]) * rng.uniform(0.6, 1.4) * (1 + 0.35 * noise(rng, n, 7, 8)[..., None])
    return np.asarray(np.clip(drawn, 0, 1))


def sampled(picture: NDArray[Any], u: Array, v: Array, scale: float = 1.0) -> Array:
    """Return the colours of a repeating texture."""
    rows = np.floor(v * scale * picture.shape[0]).astype(int) % picture.shape[0]
    return np.asarray(picture[rows, np.floor(u * scale * picture.shape[1]).astype(int) % picture.shape[1]], float)


def turned(vertices: Array, axis: list[float], degrees: float) -> Array:
    """Return vertices turned about an axis through 0."""
    return np.asarray(vertices @ trimesh.transformations.rotation_matrix(np.deg2rad(degrees), axis)[:3, :3].T)


def elevation_for(rng: Generator, pose: Pose, *, packshot: bool) -> float:
    """Return a random elevation in degrees for a pose, roughly as photographers choose it."""
    if pose == "hangs":
        return float(rng.uniform(-15, 25))
    if packshot:
        return float(rng.choice([rng.uniform(*some) for some in ((0, 15), (10, 45), (40, 90))], p=(0.5, 0.35, 0.15)))
    ranges = {"stands": ((0, 20), (15, 50), (45, 90)), "lies": ((10, 50), (50, 90), (78, 90))}[pose]
    shares = {"stands": (0.4, 0.35, 0.25), "lies": (0.25, 0.4, 0.35)}[pose]
    return float(rng.choice([rng.uniform(*some) for some in ranges], p=shares))


def posed(vertices: Array, rng: Generator, pose: Pose) -> Array:
    """Return a thing of size 1 in its pose. Its lowest point is on the ground, z = 0; a hanging one is above."""
    if pose == "lies":
        axis = [1.0, 0, 0] if rng.uniform() < 0.5 else [0, 1.0, 0]
        vertices = turned(vertices, axis, float(rng.choice([90, -90])))
    vertices = turned(vertices, [0, 0, 1.0], rng.uniform(0, 360))
    if pose == "hangs" and rng.uniform() < 0.5:
        vertices = turned(vertices, [0, 1.0, 0], rng.normal(0, 6))
    vertices = vertices / np.ptp(vertices, axis=0).max()
    vertices[:, :2] -= (vertices[:, :2].max(0) + vertices[:, :2].min(0)) / 2
    vertices[:, 2] -= vertices[:, 2].min()
    if pose == "hangs":
        vertices[:, 2] += rng.uniform(0.5, 3)
    return vertices


@dataclass(frozen=True)
class Camera:
    """A camera that looks at a thing: its position, and the rays of its pixels, row by row."""

    eye: Array
    rays: Array
    #: Downward angle in degrees.
    elevation: float

    @classmethod
    def at(cls, vertices: Array, rng: Generator, pose: Pose, *, packshot: bool) -> "Camera":
        """Return a camera that sees the whole thing, from an elevation for its pose, not below the ground."""
        angle = np.deg2rad(elevation_for(rng, pose, packshot=packshot))
        middle = (vertices.max(0) + vertices.min(0)) / 2
        field = np.deg2rad(rng.choice([rng.uniform(4, 16), rng.uniform(20, 60)]) if packshot else rng.uniform(12, 50))
        size = np.linalg.norm(vertices - middle, axis=1).max() * 2
        far = size * 0.5 * rng.uniform(1.5, 1.9) / np.tan(field / 2)
        eye = middle + np.array([0, -np.cos(angle), np.sin(angle)]) * far
        if pose != "hangs":
            eye[2] = max(0.05, eye[2])
        ahead = (middle - eye) / np.linalg.norm(middle - eye)
        right = np.cross(ahead, [0, 0, 1.0]) if abs(ahead[2]) < 0.9999 else np.array([1.0, 0, 0])
        right /= np.linalg.norm(right)
        up = np.cross(right, ahead)
        roll = np.deg2rad(rng.normal(0, 2))
        right, up = right * np.cos(roll) + up * np.sin(roll), up * np.cos(roll) - right * np.sin(roll)
        seen = vertices - eye
        depth = seen @ ahead
        across, high = (seen @ right) / depth, (seen @ up) / depth
        half = max(np.ptp(across), np.ptp(high)) / 2 * ROOM
        grid = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
        x, y = np.meshgrid((across.min() + across.max()) / 2 + grid * half, (high.min() + high.max()) / 2 - grid * half)
        rays = (ahead + x[..., None] * right + y[..., None] * up).reshape(-1, 3)
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        return cls(eye, rays, float(np.degrees(np.arcsin(-ahead[2]))))


def render(
    mesh: dict[str, NDArray[Any]], rng: Generator, pose: Pose, *, packshot: bool = False
) -> tuple[NDArray[np.uint8], float] | None:
    """Return (SIDE×SIDE×4 sRGB with the thing's alpha, elevation); None if the thing is hardly visible."""
    vertices = posed(mesh["vertices"].astype(float), rng, pose)
    body = trimesh.Trimesh(vertices, mesh["faces"], process=False)
    rays = RayMeshIntersector(body)
    camera = Camera.at(vertices, rng, pose, packshot=packshot)
    eye, ray = camera.eye, camera.rays
    face = rays.intersects_first(np.broadcast_to(eye, ray.shape), ray)
    hit = np.flatnonzero(face >= 0)
    if len(hit) < 200:
        return None
    count = len(ray)
    point, normal, albedo = np.full((count, 3), np.nan), np.zeros((count, 3)), np.zeros((count, 3))
    point[hit], normal[hit], weights = _surface(body, face[hit], eye, ray[hit])
    albedo[hit] = _albedo(mesh, face[hit], weights, point[hit], rng)

    kind = rng.choice(["studio", "room", "bokeh"], p=[0.75, 0.2, 0.05] if packshot else [0.4, 0.42, 0.18])
    middle = (vertices.max(0) + vertices.min(0)) / 2
    if pose == "hangs":
        wall = middle[1] + rng.uniform(0.02, 0.3) + vertices[:, 1].max() - middle[1]
    else:
        wall = middle[1] + rng.choice([rng.uniform(0.5, 1.5), rng.uniform(1.5, 8)])
    if kind == "studio":
        floor = np.ones((4, 4, 3)) * (1.0 if rng.uniform() < 0.55 else colour(rng, neutral=True))
    else:
        floor = texture(rng)
    behind = floor if kind == "studio" else texture(rng)
    free = np.flatnonzero(face < 0)
    down, along = ray[free, 2], ray[free, 1]
    to_floor = np.where(down < -1e-4, -eye[2] / np.minimum(down, -1e-4), np.inf)
    to_wall = np.where(along > 1e-4, (wall - eye[1]) / np.maximum(along, 1e-4), np.inf)
    if kind == "bokeh" or (kind == "room" and pose != "hangs" and rng.uniform() < 0.3):
        to_wall = np.full_like(to_wall, np.inf)
    far = np.minimum(to_floor, to_wall)
    sky = free[~np.isfinite(far)]
    on_floor, on_wall = free[np.isfinite(far) & (to_floor <= to_wall)], free[np.isfinite(far) & (to_floor > to_wall)]
    point[free] = eye + ray[free] * np.minimum(far, 60)[:, None]
    normal[on_floor], normal[on_wall] = [0, 0, 1], [0, -1, 0]
    turn, scale = rng.uniform(0, 6.28), rng.uniform(0.25, 1.2)
    x, y = point[on_floor, 0], point[on_floor, 1]
    albedo[on_floor] = sampled(floor, x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn), scale)
    albedo[on_wall] = sampled(behind, point[on_wall, 0], point[on_wall, 2], rng.uniform(0.25, 1))
    blobs = colour(rng, neutral=False) + 0.25 * np.stack([noise(rng, SIDE, 3) for _ in range(3)], -1)
    albedo[sky] = np.clip(blobs, 0, 1).reshape(-1, 3)[sky] if kind != "studio" else floor[0, 0]

    around, height = rng.uniform(0, 6.28), np.deg2rad(rng.uniform(25, 85))
    lamp = np.array([np.cos(around) * np.cos(height), np.sin(around) * np.cos(height), np.sin(height)])
    if lamp[1] > 0.6 and rng.uniform() < 0.7:
        lamp[1] *= -1
    soft, sky_light = float(rng.choice([0.05, 0.25, 0.5])), rng.uniform(0.35, 0.75)
    warmth = 1 + rng.normal(0, 0.06, 3)
    if kind == "studio" and rng.uniform() < 0.3:
        sky_light, soft = 1.0, 0.6
    solid = (face >= 0).reshape(SIDE, SIDE)
    lit, open_sky = np.ones(count), np.ones(count)
    surface = np.setdiff1d(np.arange(count), sky)
    start = point[surface] + normal[surface] * 2e-3
    near = np.flatnonzero(np.linalg.norm(point[surface, :2] - middle[:2], axis=1) < 4)
    towards = _unit(lamp + rng.normal(0, soft, (len(surface), 3)))
    lit[surface[near]] = ~rays.intersects_any(start[near], towards[near])
    rng.normal(size=start.shape)  # unused, but without it the pictures that the head was fitted on would change
    outwards = _unit(normal[surface] + _unit(rng.normal(size=(len(surface), 3))) * 0.98)
    open_sky[surface[near]] = 1 - 0.9 * rays.intersects_any(start[near], outwards[near])
    lit, open_sky = _smooth(lit, 1.0 + 8 * soft, solid), _smooth(open_sky, 3, solid)
    shade = sky_light * open_sky * (0.7 + 0.2 * normal[:, 2].clip(-1, 1)) + (1.25 - sky_light * 0.7) * (
        np.clip(normal @ lamp, 0, 1) * lit
    )
    shade[sky] = 1
    if kind == "studio":
        shadow, ground = rng.choice([0, 0.3, 0.8]), np.concatenate([on_floor, on_wall])
        if len(ground):
            bright = np.clip(shade[ground] / (np.percentile(shade[ground], 90) + 1e-6), 0, 1)
            shade[ground] = 1 - shadow * (1 - bright)
    light = albedo**2.2 * shade[:, None] * warmth
    if rng.uniform() < 0.4:
        half = _unit(lamp - ray[hit])
        shine = np.clip((normal[hit] * half).sum(1), 0, 1) ** rng.uniform(15, 120) * rng.uniform(0.1, 0.6)
        light[hit] += (shine * lit[hit])[:, None]
    picture = _photographed(light.reshape(SIDE, SIDE, 3), solid, rng, blurred=kind == "bokeh")
    if packshot and kind == "studio" and rng.uniform() < 0.6:  # white, with the shadow if any, as shops retouch it
        soft_shadow = np.ones(count)
        soft_shadow[np.concatenate([on_floor, on_wall])] = shade[np.concatenate([on_floor, on_wall])]
        white = (255 * np.clip(soft_shadow.reshape(SIDE, SIDE, 1), 0, 1)).astype(np.uint8)
        picture[..., :3] = np.where(solid[..., None], picture[..., :3], white)
    return picture, camera.elevation


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _surface(body: Any, face: NDArray[np.int64], eye: Array, ray: Array) -> tuple[Array, Array, Array]:
    """Return the points where rays meet faces, the normals there towards the eye, and the corners' weights."""
    corners = body.triangles[face]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-12
    far = ((corners[:, 0] - eye) * flat).sum(1) / ((ray * flat).sum(1) + 1e-12)
    point = eye + ray * far[:, None]
    weights = np.nan_to_num(trimesh.triangles.points_to_barycentric(corners, point), nan=1 / 3)
    normal = np.einsum("ij,ijk->ik", weights, body.vertex_normals[body.faces[face]])
    sharp = (normal * flat).sum(1) < 0.7
    normal[sharp] = flat[sharp]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    normal[(normal * ray).sum(1) > 0] *= -1
    return point, normal, weights


def _albedo(
    mesh: dict[str, NDArray[Any]], face: NDArray[np.int64], weights: Array, point: Array, rng: Generator
) -> Array:
    """Return the thing's colours, some changed at random; a thing without colours gets one or a pattern."""
    uv = np.einsum("ij,ijk->ik", weights, mesh["uv"][mesh["faces"][face]].astype(float))
    tinted, tint = rng.uniform() < 0.35, 0.5 + rng.uniform(size=3) * 0.9
    found = np.zeros((len(face), 3))
    textures = [mesh[f"texture{index}"] for index in range(int(mesh["part"].max()) + 1)]
    for index in np.unique(mesh["part"][face]):
        of = mesh["part"][face] == index
        own = textures[index]
        found[of] = sampled(own[::-1], uv[of, 0], uv[of, 1]) if own.ndim == 3 else own
    if len(textures) == 1 and textures[0].ndim == 1 and rng.uniform() < 0.7:
        found[:] = colour(rng, neutral=rng.uniform() < 0.3)
        if rng.uniform() < 0.5:
            pattern = texture(rng)
            found = sampled(pattern, point[:, 0] + point[:, 1] * 0.3, point[:, 2], rng.uniform(0.7, 2))
    elif tinted:
        found = np.clip(found * tint, 0, 1)
    return found


def _smooth(values: Array, reach: float, solid: NDArray[np.bool_]) -> Array:
    """Return values smoothed over `reach` pixels, separately on the thing and around it."""
    grid, out = values.reshape(SIDE, SIDE), np.empty((SIDE, SIDE))
    for where, deviation in ((solid, max(1.0, reach * 0.6)), (~solid, reach)):
        share = gaussian_filter(where.astype(float), deviation) + 1e-6
        out[where] = (gaussian_filter(grid * where, deviation) / share)[where]
    return out.reshape(-1)


def _photographed(light: Array, solid: NDArray[np.bool_], rng: Generator, *, blurred: bool) -> NDArray[np.uint8]:
    """Return a picture of linear light: sometimes with a blurred background, exposed, with a sensor's noise."""
    if blurred or rng.uniform() < 0.25:
        deviation = rng.uniform(1, 5)
        share = gaussian_filter((~solid).astype(float), deviation)[..., None] + 1e-6
        soft = np.stack([gaussian_filter(light[..., channel] * ~solid, deviation) for channel in range(3)], -1) / share
        light = np.where(solid[..., None], light, soft)
    light = np.clip(light * rng.uniform(0.75, 1.25), 0, None)
    light = 1 - np.exp(-light * 1.6) if rng.uniform() < 0.4 else np.clip(light, 0, 1)
    codes = np.clip(light, 0, 1) ** (1 / 2.2) * 255
    codes = np.clip(codes + rng.normal(0, rng.uniform(0, 4), codes.shape), 0, 255).astype(np.uint8)
    return np.dstack([codes, (solid * 255).astype(np.uint8)])


def main() -> None:
    """Render each mesh several times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("meshes", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--each", type=int, default=3)
    parser.add_argument("--packshots", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for index in range(given.each):
        for path in sorted(given.meshes.glob("*.npz")):
            number = f"{'p' if given.packshots else ''}{index}"
            name = f"{path.stem}__{number}"
            if (given.out / f"{name}.json").exists():
                continue
            rng = np.random.default_rng(
                int(hashlib.md5(f"{path.stem}{number}".encode(), usedforsecurity=False).hexdigest()[:8], 16)
            )
            pose = "stands" if given.packshots else list(POSES)[rng.choice(len(POSES), p=list(POSES.values()))]
            with np.load(path) as mesh:
                made = render(dict(mesh), rng, pose, packshot=given.packshots)
            if made is not None:
                Image.fromarray(made[0]).save(given.out / f"{name}.png", compress_level=1)
                facts = {"elevation": made[1], "pose": str(pose)}
                (given.out / f"{name}.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
