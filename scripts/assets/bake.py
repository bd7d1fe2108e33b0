"""Bake props into sprites: views from a few heights with their alpha, tints, albedo, normals, depth and occlusion.

Run in an environment with `scripts/renderer/requirements.txt`: `python -m scripts.assets.bake pipeline/assets/props
[NAME ...]`. Props that have a file are left as they are, so an interrupted run continues. Each prop becomes NAME.npz;
`pipeline.geometry.sprites` reads its arrays.
"""

import io
import sys
from pathlib import Path

import drjit as dr
import mitsuba as mi
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from scripts.assets.props import PROPS
from scripts.assets.shapes import Array, Piece

mi.set_variant("llvm_ad_rgb")

#: Pixels of a view's side, and of its normals and depth; rays per pixel and side; rays of the dome for each of them.
SIDE, FINE, RAYS, DOME = 512, 256, 2, 20
#: Slopes at which the camera looks down in each view; the last view is from straight above.
SLOPES = (0.14, 0.28, 0.5)
#: The frame is 1 wide and high; the prop stands on this height of it. It is at most so wide and high, less some room.
FOOT, WIDE, TALL, ROOM = 0.2, 0.94, 0.8, 0.02
#: Cells of a proxy's side, and its slices.
CELLS, SLICES = 96, 16
#: Share of ambient occlusion that is baked. The scene's own light adds the rest.
OCCLUDED = 0.75
TINTS = ("none", "own", "other", "leaf", "stone", "earth", "egg", "page", "wood", "as_is")
GAMMA, MOST, GREY = 2.0, 2.0, 0.5


class Model:
    """A prop's pieces, fitted to the frame, as one mesh."""

    def __init__(self, pieces: list[Piece]):
        self.pieces = pieces
        points = np.concatenate([piece.points for piece in pieces])
        low, high = points.min(0), points.max(0)
        middle = (low + high) / 2
        size = np.maximum(high - low, 1e-6)
        self.middle = np.array([middle[0], low[1], middle[2]])
        around = points - self.middle
        self.scale = min(WIDE / size[0], WIDE / size[2])
        for slope in SLOPES:
            seen = around[:, 1] - slope * around[:, 2]
            self.scale = min(self.scale, (TALL - ROOM) / seen.max(), (FOOT - ROOM) / max(-seen.min(), 1e-9))
        self.points = (points - self.middle) * self.scale
        starts = np.cumsum([0, *(len(piece.points) for piece in pieces)])
        self.faces = np.concatenate([piece.faces + start for piece, start in zip(pieces, starts, strict=False)])
        self.piece_of = np.repeat(np.arange(len(pieces)), [len(piece.faces) for piece in pieces])
        self.own = np.concatenate([piece.own for piece in pieces])
        self.original = points
        self.local = np.concatenate([piece.local for piece in pieces])
        a, b, c = (self.points[self.faces[:, k]] for k in range(3))
        across = np.cross(b - a, c - a)
        normals = np.zeros_like(self.points)
        for k in range(3):
            np.add.at(normals, self.faces[:, k], across)
        # A ring's last column is its first, but poles are many points in one place.
        self.normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        self.scene = _scene(self.points, self.faces)
        self.high = float(self.points[:, 1].max())
        self.deep = float(np.abs(self.points[:, 2]).max())


def _scene(points: Array, faces: NDArray[np.int64]) -> mi.Scene:
    shape = mi.Mesh("prop", len(points), len(faces))
    data = mi.traverse(shape)
    data["vertex_positions"] = mi.Float(np.ascontiguousarray(points, np.float32).ravel())
    data["faces"] = mi.UInt32(np.ascontiguousarray(faces, np.uint32).ravel())
    data.update()
    return mi.load_dict({"type": "scene", "prop": shape})


def _hits(scene: mi.Scene, origin: Array, way: Array) -> tuple[Array, NDArray[np.int64], Array]:
    """Return the distance (inf: none), the face and the barycentric coordinates of the first hit of n rays."""
    ray = mi.Ray3f(mi.Point3f(*origin.T.astype(np.float32)), mi.Vector3f(*way.T.astype(np.float32)))
    found = scene.ray_intersect_preliminary(ray)
    return np.array(found.t), np.array(found.prim_index, np.int64), np.array(found.prim_uv).T


def _blocked(scene: mi.Scene, origin: Array, way: Array) -> NDArray[np.bool_]:
    ray = mi.Ray3f(mi.Point3f(*origin.T.astype(np.float32)), mi.Vector3f(*way.T.astype(np.float32)))
    return np.array(scene.ray_test(ray))


def view(model: Model, slope: float | None, rng: np.random.Generator) -> dict[str, Array]:
    """Return one view's alpha, tint, colour, normal and depth; `slope` None: from above."""
    n = SIDE * RAYS
    at = (np.arange(n) + 0.5) / n
    u, v = np.meshgrid(at - 0.5, 1 - FOOT - at)
    if slope is None:
        v = v - 0.5 + FOOT
        way = np.array([0.0, -1.0, 0.0])
        origin = np.stack([u.ravel(), np.full(u.size, 3.0), -v.ravel()], 1)
    else:
        way = np.array([0.0, -slope, -1.0])
        origin = np.stack([u.ravel(), v.ravel(), 0 * u.ravel()], 1) - 3 * way
    t, face, bary = _hits(model.scene, origin, np.broadcast_to(way, origin.shape))
    hit = np.flatnonzero(np.isfinite(t))
    face, bary = face[hit], bary[hit]
    corner = model.faces[face]
    weight = np.stack([1 - bary.sum(1), bary[:, 0], bary[:, 1]], 1)[..., None]
    normal = (model.normals[corner] * weight).sum(1)
    place, own, local = ((some[corner] * weight).sum(1) for some in (model.original, model.own, model.local))
    world = origin[hit] + t[hit, None] * way
    a, b, c = (model.points[corner[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    flat *= -np.sign(flat @ way)[:, None]
    normal *= np.sign((normal * flat).sum(1))[:, None]
    colour, tint = np.zeros((len(hit), 3)), np.zeros(len(hit), np.int64)
    for index in np.unique(model.piece_of[face]):
        piece, mine = model.pieces[index], model.piece_of[face] == index
        colour[mine] = piece.paint(local[mine], own[mine])
        tint[mine] = TINTS.index(piece.tint)
        if piece.relief is not None:
            e = 1e-3 / model.scale
            base = piece.relief(place[mine])
            slopes = np.stack([piece.relief(place[mine] + e * axis) - base for axis in np.eye(3)], 1) / e
            own_normal = normal[mine]
            slopes -= (slopes * own_normal).sum(1, keepdims=True) * own_normal
            normal[mine] = own_normal - slopes
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    open_ = np.zeros(len(hit))
    start = world + 1.5e-3 * flat
    for k in range(DOME):
        # Stratified in height, so that 4 × DOME rays of a pixel are even enough.
        one, two = (k + rng.random(len(hit))) / DOME, 2 * np.pi * rng.random(len(hit))
        ball = np.stack([np.sqrt(1 - (2 * one - 1) ** 2) * f(two) for f in (np.cos, np.sin)] + [2 * one - 1], 1)
        out = normal + 0.999 * ball
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        under = (out * flat).sum(1) <= 0
        open_ += ~(under | _blocked(model.scene, start, out))
    ao = open_ / DOME
    depth = world[:, 1] if slope is None else world[:, 2]
    facing = np.stack([normal[:, 0], -normal[:, 2], normal[:, 1]], 1) if slope is None else normal

    def pixels(values: Array) -> Array:
        whole = np.zeros((n * n, values.shape[1]))
        whole[hit] = values
        return np.asarray(whole.reshape(SIDE, RAYS, SIDE, RAYS, -1).mean((1, 3)))

    alpha = pixels(np.ones((len(hit), 1)))
    by = np.maximum(alpha, 1e-6)
    ao = pixels(ao[:, None]) / by
    shade = 1 - OCCLUDED * (1 - ao) * (1 - 0.45 * ao)
    # The tint with the most rays has a pixel.
    votes = np.concatenate([pixels((tint == k).astype(float)[:, None]) for k in range(len(TINTS))], -1)
    chosen = votes.argmax(-1)
    mine = tint == chosen.reshape(-1)[_pixel_of(hit, n)]
    share = np.maximum(pixels(mine.astype(float)[:, None]), 1e-6)
    return {
        "alpha": alpha[..., 0],
        "tint": chosen,
        "colour": pixels(colour * mine[:, None]) / share * shade,
        "normal": pixels(facing) / by,
        "depth": (pixels(depth[:, None]) / by)[..., 0],
    }


def _pixel_of(hit: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return hit // n // RAYS * SIDE + hit % n // RAYS


def proxy(model: Model, above: bool) -> NDArray[np.uint16]:
    """Return CELLS×CELLS bits, 2^k where slice k is inside the prop, so that a jittered slice stays inside.

    Slices are even over the prop's depth (or height, from `above`), the foremost last.
    """
    cell = (np.arange(CELLS) + 0.5) / CELLS
    u, v = np.meshgrid(cell - 0.5, (0.5 if above else 1 - FOOT) - cell)
    flat = u.ravel()
    low, high = (0.0, model.high) if above else (-model.deep, model.deep)
    step = (high - low) / SLICES
    front = low + step * (np.arange(SLICES) + 1)
    out = np.zeros(CELLS * CELLS, np.int64)
    thin = np.array([piece.thin for piece in model.pieces])
    groups = [np.flatnonzero(thin)] if thin.any() else []
    groups += [np.array([index]) for index in np.flatnonzero(~thin)]
    for group in groups:
        faces = model.faces[np.isin(model.piece_of, group)]
        scene, sheet = _scene(model.points, faces), bool(thin[group[0]])
        for dx, dy in ((0.0, 0.0),) if not sheet else ((-0.3, -0.3), (0.3, 0.3), (0.3, -0.3), (-0.3, 0.3)):
            x, y = flat + dx / CELLS, v.ravel() + dy / CELLS
            way = np.array([0.0, -1.0, 0.0]) if above else np.array([0.0, 0.0, -1.0])
            origin = np.stack([x, np.full(x.size, 3.0), -y], 1) if above else np.stack([x, y, np.full(x.size, 3.0)], 1)
            live, entered = np.arange(x.size), np.full(x.size, np.nan)
            for _ in range(24):
                t, _, _ = _hits(scene, origin[live], np.broadcast_to(way, (len(live), 3)))
                met = np.isfinite(t)
                live = live[met]
                if not len(live):
                    break
                place = origin[live] + t[met, None] * way
                at = place[:, 1] if above else place[:, 2]
                origin[live] = place + 2e-4 * way
                if sheet:
                    slice_ = np.clip(np.floor((at - low) / step).astype(int) - 1, 0, SLICES - 1)
                    out[live] |= 1 << slice_
                    continue
                first = np.isnan(entered[live])
                entered[live[first]] = at[first]
                ends, near, far = live[~first], entered[live[~first]], at[~first]
                inside = (front <= near[:, None]) & (front - step >= far[:, None])
                few = ~inside.any(1)
                slice_ = np.clip(np.floor((near - low) / step).astype(int) - 1, 0, SLICES - 1)
                inside[few, slice_[few]] = near[few] - far[few] > 0.2 * step
                out[ends] |= (inside << np.arange(SLICES)).sum(1)
                entered[ends] = np.nan
    return out.reshape(CELLS, CELLS).astype(np.uint16)


def _filled(picture: Array, alpha: Array, reach: int = 24) -> Array:
    """Return a picture whose places outside, up to `reach` pixels, have the nearest inside value, for means."""
    away, at = distance_transform_edt(alpha < 0.5, return_indices=True)
    return np.where(away[..., None] < reach, picture[at[0], at[1]], np.median(picture[alpha > 0.5], axis=0))


def _webp(picture: Array, quality: int, *, exact: bool = False) -> NDArray[np.uint8]:
    data = io.BytesIO()
    Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)).save(
        data, "WEBP", quality=quality, method=6, alpha_quality=100, lossless=exact
    )
    return np.frombuffer(data.getvalue(), np.uint8)


def _png(picture: NDArray[np.integer]) -> NDArray[np.uint8]:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG", optimize=True)
    return np.frombuffer(data.getvalue(), np.uint8)


def bake(pieces: list[Piece], seed: int) -> dict[str, NDArray[np.generic]]:
    """Return a prop's arrays for its file."""
    model = Model(pieces)
    rng = np.random.default_rng(seed)
    views = [view(model, slope, rng) for slope in (*SLOPES, None)]
    painted = [(one["colour"], one["tint"]) for one in views]
    for tint in range(1, len(TINTS) - 1):
        seen = [colour[own == tint] for colour, own in painted if (own == tint).any()]
        if seen:
            # The upper part of the range is the asked colour in the light; creases are darker.
            mean = np.percentile(np.concatenate(seen), 60, axis=0)
            for colour, own in painted:
                colour[own == tint] /= mean
    for colour, own in painted:
        colour[own == TINTS.index("as_is")] /= GREY
    colours, reliefs, depths, tints = list[Array](), list[Array](), list[Array](), list[Array]()
    for one in views:
        colour = _filled(one["colour"], one["alpha"])
        shown = (np.clip(colour / MOST, 0, 1)) ** (1 / GAMMA)
        colours.append(np.concatenate([shown, one["alpha"][..., None]], -1))
        packed = _filled(one["normal"] / 2 + 0.5, one["alpha"])
        reliefs.append(packed.reshape(FINE, SIDE // FINE, FINE, SIDE // FINE, 3).mean((1, 3)))
        depths.append(_filled(one["depth"][..., None], one["alpha"], 3)[..., 0])
        tints.append(_filled(one["tint"][..., None], one["alpha"])[..., 0])
    # From the farthest to the nearest place, the view from above from the ground to the highest.
    low, range_ = (-model.deep, 0.0), (2 * model.deep, model.high)
    shares = [np.bincount(one["tint"][one["alpha"] > 0.5], minlength=len(TINTS)) / SIDE**2 for one in views]
    levels = [(depth - low[k == len(SLOPES)]) / range_[k == len(SLOPES)] for k, depth in enumerate(depths)]
    return {
        "colour": _webp(np.concatenate(colours, 1), 82),
        "relief": _webp(np.concatenate(reliefs, 1), 92),
        "depth": _webp(np.concatenate(levels, 1), 100, exact=True),
        "tint": _png(np.concatenate(tints, 1).astype(np.uint8)),
        "proxy": _png(np.concatenate([proxy(model, False), proxy(model, True)], 1)),
        "size": np.array([model.deep, model.high], np.float32),
        "shares": np.array(shares, np.float32),
    }


def main() -> None:
    """Bake the props named, or all, that have no file yet."""
    folder, names = Path(sys.argv[1]), sys.argv[2:] or list(PROPS)
    dr.set_thread_count(2)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / f"{name}.npz"
        if path.exists():
            continue
        seed = sum(name.encode())
        arrays = bake(PROPS[name](np.random.default_rng(seed)), seed)
        np.savez(path, allow_pickle=False, **arrays)
        print(name, path.stat().st_size, {key: one.nbytes for key, one in arrays.items()}, flush=True)


if __name__ == "__main__":
    main()
