"""A layout drawn in its own colours: flat, or with the finishes of its surfaces. No light falls here."""

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.spaces import linear_to_srgb
from pipeline.core.parallel import FEW, ROWS, by_rows
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.kernels.texture.texels import coloured
from pipeline.materials.bokeh import draw_lights
from pipeline.materials.pyramid import Pyramid
from pipeline.materials.swatches import Swatches
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import FACES, Geometry, trace, windows_of

#: Pixels, and more, whose finish a thread looks up at a time.
_AT_ONCE = 1 << 13


def draw(layout: Layout, width: int, height: int) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: flat albedo with smooth edges."""
    geometry = trace(layout, width, height)
    linear = albedo(layout, geometry, finished=False)
    geometry.coverage.smooth(linear)
    return linear_to_srgb(linear)


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
    kept = (swatches or Swatches(height)).of(layout)
    for index, (swatch, window) in enumerate(zip(kept, windows_of(part, len(kept)), strict=True)):
        if swatch is not None:
            _finish(out, layout, geometry, part, index, swatch, window)
    if layout.kind == "bokeh":
        draw_lights(layout, part, out)
    return out


def _finish(
    out: Field,
    layout: Layout,
    geometry: Geometry,
    part: NDArray[np.uint16],
    index: int,
    swatch: Pyramid,
    window: tuple[slice, slice],
) -> None:
    """Multiply a part's finish onto its pixels, which are in a window."""
    rows, columns = window
    solid, pixel = layout.parts[index].solid, 1 / (FOCAL * part.shape[0])

    def work(top: int, bottom: int) -> None:
        strip = slice(rows.start + top, rows.start + bottom)
        x, y, z = geometry.points(strip, columns)
        place = solid.surface((x, y, z), (geometry.surface[strip, columns] % FACES).astype(np.uint8))
        swatch.multiply(out[strip], part[strip], index, place, columns.start, geometry.depth[strip], pixel)

    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    if tall > 0:
        # so that both threads have some of a low window, too, unless it is a small one
        by_rows(tall, work, min(ROWS, max(tall // (2 * FEW), _AT_ONCE // wide, 1)))
