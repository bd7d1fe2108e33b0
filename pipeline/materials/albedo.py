"""A layout drawn in its own colours: flat, or with the finishes of its surfaces. No light falls here."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

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
    linear = albedo(layout, geometry, finished=False)
    geometry.coverage.smooth(linear)
    return linear_to_srgb(linear)


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
        at = tuple(axis[where] for axis in geometry.points(rows, columns))
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
