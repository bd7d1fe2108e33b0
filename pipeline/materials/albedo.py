"""A layout drawn in its own colours: flat, or with the finishes of its surfaces. No light falls here."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.spaces import linear_to_srgb
from pipeline.core.parallel import THREADS
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.materials.bokeh import lights
from pipeline.materials.textures import mapped, swatch
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import FACES, Geometry, trace, window_of

#: Linear albedo below which a stone is dark and has light veins.
DARK = 0.12


def draw(layout: Layout, width: int, height: int) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: flat albedo with smooth edges."""
    geometry = trace(layout, width, height)
    return linear_to_srgb(smoothed(layout, geometry, albedo(layout, geometry, finished=False)))


def albedo(layout: Layout, geometry: Geometry, *, finished: bool) -> Field:
    """Return H×W×3 linear: each surface's colour, with its finish where `finished`; edges are still stairs."""
    colours = np.stack([layout.colours[part.slot] for part in layout.parts]).astype(np.float32)
    part = geometry.part
    out = colours[part]
    if not finished:
        return out
    height = part.shape[0]
    for index, (thing, texture) in enumerate(zip(layout.parts, _textures(layout, height), strict=True)):
        if texture is None:
            continue
        rows, columns = window_of(part == index)
        where = part[rows, columns] == index
        if not where.any():
            continue
        at = tuple(axis[rows, columns][where] for axis in geometry.point)
        face = (geometry.surface[rows, columns][where] % FACES).astype(np.uint8)
        u, v = thing.solid.surface((at[0], at[1], at[2]), face)
        factor = mapped(texture, u, v, geometry.depth[rows, columns][where] / np.float32(FOCAL * height))
        patch = out[rows, columns]
        patch[where] *= factor if factor.ndim == 2 else factor[:, None]
    if layout.kind == "bokeh":
        far = np.array([thing.role == "far" for thing in layout.parts])[part]
        out[far] = lights(layout, *part.shape[::-1])[far]
    return out


def _textures(layout: Layout, height: int) -> list[Field | None]:
    """Return the swatch of each part, None for what has none; two at a time."""
    fine = 2048 if height > 1200 else 1024

    def texture(index: int) -> Field | None:
        thing = layout.parts[index]
        dark = float(layout.colours[thing.slot].max()) < DARK
        rng = np.random.default_rng([layout.seed, index])
        return None if thing.glow else swatch(thing.finish, rng, fine, dark=dark)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(texture, range(len(layout.parts))))


def smoothed(layout: Layout, geometry: Geometry, picture: Field) -> Field:
    """Return the H×W×3 linear picture with antialiased edges.

    Where surfaces meet, 4×4 rays ask how much of the pixel each covers; its colour is that of the nearest pixel of the
    same surface. Exact for straight edges of even colour, and only edges cost.
    """
    surface = geometry.surface
    edge = np.zeros(surface.shape, bool)
    across, down = surface[:, 1:] != surface[:, :-1], surface[1:] != surface[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    rows, columns = np.nonzero(edge)
    if rows.size == 0:
        return picture
    out = picture.copy()
    padded = np.pad(surface, 1, mode="edge")
    order = sorted(((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)), key=lambda at: at[0] ** 2 + at[1] ** 2)
    height, width = surface.shape
    for start in range(0, rows.size, 60_000):
        r, c = rows[start : start + 60_000], columns[start : start + 60_000]
        near = np.stack([padded[r + 1 + dy, c + 1 + dx] for dy, dx in order], 1)
        total = np.zeros((r.size, 3), np.float32)
        for sub in range(16):
            ids = _seen_at(layout, geometry, c + (sub % 4 + 0.5) / 4, r + (sub // 4 + 0.5) / 4)
            which = np.argmax(near == ids[:, None], axis=1)
            dy, dx = np.array([at[0] for at in order])[which], np.array([at[1] for at in order])[which]
            total += picture[np.clip(r + dy, 0, height - 1), np.clip(c + dx, 0, width - 1)]
        out[r, c] = total / 16
    return out


def _seen_at(
    layout: Layout, geometry: Geometry, x: NDArray[np.floating], y: NDArray[np.floating]
) -> NDArray[np.uint16]:
    """Return the surfaces seen at scattered points of the picture, in pixels."""
    height, width = geometry.surface.shape
    scale, focal = np.float32(layout.aspect / width), np.float32(FOCAL)
    way = (
        ((x * scale - layout.aspect / 2) / focal).astype(np.float32),
        ((layout.horizon_y - y / height) / focal).astype(np.float32),
        np.full(x.shape, -1, np.float32),
    )
    camera = layout.camera
    nearest = np.full(x.shape, np.inf, np.float32)
    found = np.zeros(x.shape, np.uint16)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for index, part in enumerate(layout.parts):
            t, face = part.solid.meet(camera, way)
            closer = t < nearest
            nearest = np.where(closer, t, nearest)
            found = np.where(closer, index * FACES + face, found).astype(np.uint16)
    return found
