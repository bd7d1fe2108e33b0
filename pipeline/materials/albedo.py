"""A layout drawn in its own colours with the finishes of its surfaces, without light.

The swatches of its finishes are made once, for its images of all sizes.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.lasting import lasting
from pipeline.core.parallel import FEW, ROWS, by_rows, together
from pipeline.core.spec import Finish
from pipeline.geometry.ray import Field
from pipeline.geometry.sprites import MOST, Sprite, View
from pipeline.kernels.texture.texels import coloured
from pipeline.materials.appearance import Appearance, appearance
from pipeline.materials.bokeh import draw_place
from pipeline.materials.pyramid import CODES, TILE, Pyramid
from pipeline.materials.tiles import swatch
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import FACES, Geometry, windows_of

#: Pixels, at least, whose finish a thread looks up at a time.
_AT_ONCE = 1 << 13
#: Textures kept for the process: 2 MB each.
_KEPT = 4
#: Texels across a swatch, and across a swatch for an image of more rows than FINE_FROM.
COARSE, FINE, FINE_FROM = 1024, 2048, 1200


class Swatches:
    """A cache of one layout's swatches: those of the last requested layout. For one thread."""

    def __init__(self, height: int):
        """Create swatches that are fine enough for images of up to `height` rows."""
        self._n = FINE if height > FINE_FROM else COARSE
        self._layout: Layout | None = None
        self._kept: list[Pyramid | None] = []

    def of(self, layout: Layout) -> list[Pyramid | None]:
        """Return the swatch of each part, None for a part without one."""
        if layout is not self._layout:
            self.make_beside(layout)
        return self._kept

    def make_beside(self, layout: Layout, *work: Callable[[], Any]) -> list[Any]:
        """Make the swatches of a layout in parallel with other, independent work; return the results of that work.

        The first piece of work runs on the calling thread, the others after the swatches, which may take longest.
        """
        self.clear()
        keys = list(dict.fromkeys(_keys(layout)))
        first, others = work[:1], work[1:]
        given = together(*first, *(partial(self._made, *key) for key in keys), *others)
        begin, end = len(first), len(first) + len(keys)
        kept = dict(zip(keys, given[begin:end], strict=True))
        self._layout, self._kept = layout, [kept[key] for key in _keys(layout)]
        return given[:begin] + given[end:]

    def clear(self) -> None:
        """Release the swatches."""
        self._layout, self._kept = None, []

    def _made(self, finish: Finish, shown: Appearance, seed: int, index: int) -> Pyramid | None:
        return swatch(finish, np.random.default_rng([seed, index]), self._n, shown)


def albedo(layout: Layout, geometry: Geometry, swatches: Swatches | None = None) -> Field:
    """Return H×W×3 linear colours of surfaces with their finishes; edges are not antialiased yet.

    The finishes come from `swatches`, or are created.
    """
    part = geometry.part
    height, width = part.shape
    colours = np.stack([layout.colours[thing.slot] for thing in layout.parts]).astype(np.float32)
    out = np.empty((height, width, 3), np.float32)
    kept = [
        _texture(one.solid.baked) if isinstance(one.solid, Sprite) else own
        for one, own in zip(layout.parts, (swatches or Swatches(height)).of(layout), strict=True)
    ]
    windows = windows_of(part, len(kept))

    def work(top: int, bottom: int) -> None:
        # All parts' finishes of a strip while it is in the processor's cache.
        coloured(part[top:bottom], colours, out[top:bottom])
        for index, (pyramid, (rows, columns)) in enumerate(zip(kept, windows, strict=True)):
            strip = slice(max(top, rows.start), min(bottom, rows.stop))
            if pyramid is not None and strip.start < strip.stop:
                _finish(out, layout, geometry, part, index, pyramid, strip, columns)

    # Small strips for a small image, so that both threads have work.
    by_rows(height, work, min(ROWS, max(height // (2 * FEW), _AT_ONCE // width, 1)))
    draw_place(layout, part, out)
    return out


def _finish(
    out: Field,
    layout: Layout,
    geometry: Geometry,
    part: NDArray[np.uint16],
    index: int,
    swatch: Pyramid,
    strip: slice,
    columns: slice,
) -> None:
    """Multiply a part's finish onto its pixels in a strip of rows, within some columns."""
    x, y, z = geometry.points(strip, columns)
    face = (geometry.surface[strip, columns] & np.uint16(FACES - 1)).astype(np.uint8)
    solid, fine = layout.parts[index].solid, layout.parts[index].fine
    (u, v), pixel = solid.surface((x, y, z), face), fine / (FOCAL * part.shape[0])
    if isinstance(solid, Sprite):
        fine, pixel = TILE, pixel * TILE / solid.size
    u, v = u * np.float32(fine), v * np.float32(fine)
    swatch.multiply(out[strip], part[strip], index, (u, v), columns.start, geometry.depth[strip], pixel)


@lru_cache(_KEPT)
def _texture(view: View) -> Pyramid:
    """Return the factors of a sprite's colours, at (u, v) from 0 to 1 times a tile."""
    found = Pyramid(3, len(view.colour), lasting)
    for channel, plane in enumerate(found.levels[0]):
        plane[:] = np.rint(np.square(view.colour[..., channel] / np.float32(255)) * CODES)
    found.reduce()
    # Factors as they are: their mean over a whole picture has no meaning.
    found.scales = np.full(3, MOST / CODES, np.float32)
    return found


def _keys(layout: Layout) -> list[tuple[Finish, Appearance, int, int]]:
    """Return the keys of the parts' swatches. Small props reuse another part's swatch if possible."""
    keys: list[tuple[Finish, Appearance, int, int]] = []
    first: dict[tuple[Finish, bool], tuple[Appearance, int]] = {}
    for index, part in enumerate(layout.parts):
        finish: Finish = "plain" if part.glow else part.finish
        own = Appearance() if finish == "plain" else appearance(layout, part)
        shown, source = first.setdefault((finish, own.dark), (own, index))
        keys.append((finish, shown, layout.seed, source) if part.role == "prop" else (finish, own, layout.seed, index))
    return keys
