"""Polished things: metal, water and lacquer, which mirror the scene and its key light."""

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

#: What mirrors a larger share than this is metal.
METAL = 0.3
#: Canvas heights by which metal, and by which water and lacquer, blur what they mirror: satin, no chrome. By eye.
SATIN, CLEAR = 0.003, 0.0006
#: Pixels whose rays a thread follows at a time.
_AT_ONCE = 1 << 13


@dataclass(frozen=True)
class Polished:
    """What one polished part mirrors in each of its pixels; the same whatever the colours."""

    index: int
    rows: Places
    columns: Places
    #: In strips of _AT_ONCE pixels: the share of mirrored light (n×1), where it is from, and the key light in it (n×3).
    strips: tuple[tuple[Field, Met, Field], ...]

    @classmethod
    def of(cls, layout: Layout, geometry: Geometry, index: int, window: tuple[slice, slice]) -> "Polished":
        """Follow the rays that a part mirrors, which is in a window of the picture."""
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
        """Let the part mirror what is around it, in place, in H×W×3 linear light."""
        if not self.rows.size:
            return
        part = around.layout.parts[self.index]
        metal = part.mirror > METAL
        # Metal mirrors in its own colour, water and lacquer in white.
        tint = around.layout.colours[part.slot] if metal else np.ones(3, np.float32)
        tint = tint / max(float(tint.max()), 1e-3) if metal else tint
        light = np.concatenate([around.at(met) + key for _, met, key in self.strips])
        share = np.concatenate([strip[0] for strip in self.strips])
        soft = max(LEAST, (SATIN if metal else CLEAR) * len(out))
        mirrored = softened(self.rows, self.columns, light, soft)
        own = out[self.rows, self.columns]
        out[self.rows, self.columns] = (1 - share) * own + share * tint * mirrored


def polished_parts(layout: Layout, geometry: Geometry) -> tuple[Polished, ...]:
    """Follow the rays that a layout's polished parts mirror."""
    polished = [index for index, part in enumerate(layout.parts) if part.mirror > 0]
    windows = windows_of(geometry.part, len(layout.parts)) if polished else []
    return tuple(together(*(partial(Polished.of, layout, geometry, index, windows[index]) for index in polished)))


def polish(layout: Layout, geometry: Geometry, out: Field, polished: tuple[Polished, ...] | None = None) -> None:
    """Let polished parts mirror the scene and its key light, in place, in H×W×3 linear light.

    Their share of mirrored light is `Part.mirror` at right angles and more at flat angles (Schlick 1994); what metal
    mirrors has its colour. `polished` is what `polished_parts` gives, where that is known.
    """
    parts = polished_parts(layout, geometry) if polished is None else polished
    if parts:
        around = Surroundings.of(layout, geometry, out)
        for part in parts:
            part.show(around, out)
