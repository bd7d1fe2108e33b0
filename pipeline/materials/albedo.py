"""A layout drawn in its own colours: flat, or with the finishes of its surfaces. No light falls here."""

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.spaces import linear_to_srgb
from pipeline.core.parallel import by_rows
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.kernels.texels import coloured
from pipeline.materials.bokeh import draw_lights
from pipeline.materials.pyramid import Pyramid
from pipeline.materials.swatches import Swatches
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import FACES, Geometry, trace, window_of


def draw(layout: Layout, width: int, height: int) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: flat albedo with smooth edges."""
    geometry = trace(layout, width, height)
    return linear_to_srgb(smoothed(layout, geometry, albedo(layout, geometry, finished=False)))


def albedo(layout: Layout, geometry: Geometry, *, finished: bool, swatches: Swatches | None = None) -> Field:
    """Return H×W×3 linear: each surface's colour, with its finish where `finished`; edges are still stairs.

    The finishes are those of `swatches`, or made anew.
    """
    part = geometry.part
    height, width = part.shape
    colours = np.stack([layout.colours[thing.slot] for thing in layout.parts]).astype(np.float32)
    out = np.empty((height, width, 3), np.float32)
    by_rows(height, lambda top, bottom: coloured(part[top:bottom], colours, out[top:bottom]))
    if not finished:
        return out
    for index, swatch in enumerate((swatches or Swatches(height)).of(layout)):
        if swatch is not None:
            _finish(out, layout, geometry, part, index, swatch)
    if layout.kind == "bokeh":
        draw_lights(layout, part, out)
    return out


def _finish(
    out: Field, layout: Layout, geometry: Geometry, part: NDArray[np.uint16], index: int, swatch: Pyramid
) -> None:
    """Multiply a part's finish onto its pixels."""
    rows, columns = window_of(part == index)
    solid, pixel = layout.parts[index].solid, 1 / (FOCAL * part.shape[0])

    def work(top: int, bottom: int) -> None:
        strip = slice(rows.start + top, rows.start + bottom)
        x, y, z = (axis[strip, columns] for axis in geometry.point)
        place = solid.surface((x, y, z), (geometry.surface[strip, columns] % FACES).astype(np.uint8))
        swatch.multiply(out[strip], part[strip], index, place, columns.start, geometry.depth[strip], pixel)

    if rows.stop > rows.start:
        by_rows(rows.stop - rows.start, work)


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
