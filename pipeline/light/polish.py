"""Polished parts: metal, water and lacquer, which mirror the scene and its key light."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.core.parallel import together
from pipeline.geometry.ray import Field, dot
from pipeline.light.surroundings import (
    LEAST,
    Met,
    Places,
    Surroundings,
    key_light,
    normals_against,
    schlick,
    seen_by,
    softened,
)
from pipeline.scene.layout import Layout
from pipeline.scene.trace import FACES, Geometry, windows_of

#: A part that mirrors more than this share is metal.
METAL = 0.3
#: Canvas heights by which metal, and water or lacquer, blur their mirror images. Satin, not chrome; chosen by eye.
SATIN, CLEAR = 0.003, 0.0006
#: Pixels traced at a time by one thread.
_AT_ONCE = 1 << 13


@dataclass(frozen=True)
class Polished:
    """The mirrored places in each pixel of one polished part; independent of colours."""

    index: int
    rows: Places
    columns: Places
    #: In strips of _AT_ONCE pixels: the share of mirrored light (n×1), its origin, and the key light in it (n×3).
    strips: tuple[tuple[Field, Met, Field], ...]

    @classmethod
    def of(cls, layout: Layout, geometry: Geometry, index: int, window: tuple[slice, slice]) -> "Polished":
        """Trace the rays that a part, within a window of the image, mirrors."""
        rows, columns = np.nonzero(geometry.part[window] == index)
        rows, columns = rows + window[0].start, columns + window[1].start
        part = layout.parts[index]
        slope_x, slope_y, _ = layout.rays(*geometry.depth.shape[::-1])

        def strip(first: int) -> tuple[Field, Met, Field]:
            some = slice(first, first + _AT_ONCE)
            row, column = rows[some], columns[some]
            face = (geometry.surface[row, column] % FACES).astype(np.uint8)
            place, way = seen_by(layout, slope_x[0, column], slope_y[row, 0], geometry.depth[row, column])
            normal = normals_against(part.solid, place, face, way)
            share = schlick(part.mirror, way, normal)[:, None]
            mirrored = way - 2 * dot(way, normal) * normal
            start = place + np.float32(3e-3) * normal
            met = Met.along(layout, geometry, start, mirrored)
            return share, met, key_light(layout, start, mirrored)

        strips = together(*(partial(strip, first) for first in range(0, rows.size, _AT_ONCE)))
        return cls(index, rows, columns, tuple(strips))

    def show(self, around: Surroundings, out: Field) -> None:
        """Draw the part's mirror images from its surroundings into H×W×3 linear light, in place."""
        if not self.rows.size:
            return
        part = around.layout.parts[self.index]
        metal = part.mirror > METAL
        # Metal tints its mirror images, water and lacquer don't.
        tint = around.layout.colours[part.slot] if metal else np.ones(3, np.float32)
        tint = tint / max(float(tint.max()), 1e-3) if metal else tint
        light = np.concatenate([around.at(met) + key for _, met, key in self.strips])
        share = np.concatenate([strip[0] for strip in self.strips])
        soft = max(LEAST, (SATIN if metal else CLEAR) * len(out))
        mirrored = softened(self.rows, self.columns, light, soft)
        own = out[self.rows, self.columns]
        out[self.rows, self.columns] = (1 - share) * own + share * tint * mirrored


def polished_parts(layout: Layout, geometry: Geometry) -> tuple[Polished, ...]:
    """Trace the rays that a layout's polished parts mirror."""
    polished = [index for index, part in enumerate(layout.parts) if part.mirror > 0]
    windows = windows_of(geometry.part, len(layout.parts)) if polished else []
    return tuple(together(*(partial(Polished.of, layout, geometry, index, windows[index]) for index in polished)))


def polish(layout: Layout, geometry: Geometry, out: Field, polished: tuple[Polished, ...] | None = None) -> None:
    """Draw the mirror images of the scene and its key light in polished parts, in H×W×3 linear light, in place.

    The mirrored share is `Part.mirror` at perpendicular incidence and more at grazing angles (Schlick 1994). Metal
    tints its mirror images. `polished` is the result of `polished_parts`, if known.
    """
    parts = polished_parts(layout, geometry) if polished is None else polished
    if parts:
        around = Surroundings.of(layout, geometry, out)
        for part in parts:
            part.show(around, out)
