"""Sheets on a surface seen from above: their shadows are drawn, since sheets are too thin for the traced light.

Paper is two cells of the traced light high. Its traced shadow would be as wide, a row of dashes along its edge.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.ray import Field
from pipeline.geometry.solids import Slab, Solid
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import FACES

#: The shadow of an object on the surface that is no higher than this, in canvas heights, is drawn.
THIN = 0.01
#: Half the width of the shadow's soft edge, and the reach of the darkness along the whole edge, in canvas heights.
SOFT, NEAR = 0.006, 0.012
#: Share of light removed right at the edge, on the side away from the light and all around; chosen by eye.
CAST, AROUND = 0.85, 0.16


def is_sheet(solid: Solid) -> bool:
    """Return whether a solid on the surface z = 0 is so thin that its shadow is drawn."""
    return isinstance(solid, Slab) and solid.z <= THIN


@dataclass(frozen=True)
class SheetShadows:
    """The shadows of a flat lay's sheets on its surface, for one image size."""

    #: W and H float32: the places that pixels show on the surface.
    x: Field
    y: Field
    #: For each sheet its sides, n×3 float32, where nx x + ny y > d is outside; and those of its shadow.
    sheets: tuple[tuple[Field, Field], ...]
    #: The key light's share of all light.
    key: float

    @classmethod
    def of(cls, layout: Layout, width: int, height: int) -> "SheetShadows | None":
        """Return a layout's sheet shadows; None without sheets."""
        found = [part.solid for part in layout.parts if is_sheet(part.solid)] if layout.top_down else []
        if not found:
            return None
        across, down, _ = layout.rays(width, height)
        rig = layout.rig
        way = np.asarray(rig.position) - np.asarray(rig.target)
        straight = float(way[2] / np.linalg.norm(way))
        sheets = []
        for solid in found:
            assert isinstance(solid, Slab), "a sheet must be a Slab"
            sides = np.array(solid.sides, np.float32)
            fallen = sides.copy()
            fallen[:, 2] -= sides[:, :2] @ (way[:2] / way[2] * solid.z).astype(np.float32)
            sheets.append((sides, fallen))
        return cls(
            layout.camera[0] + across[0] * np.float32(FOCAL),
            layout.camera[1] + down[:, 0] * np.float32(FOCAL),
            tuple(sheets),
            rig.key * straight / (rig.key * straight + rig.fill),
        )

    def over(self, linear: Field, surface: NDArray[np.uint16], top: int) -> None:
        """Darken n×W×3 linear light of n×W surfaces, the rows from `top` on, in place."""
        y = self.y[top : top + len(linear)]
        for sides, fallen in self.sheets:
            rows, columns = np.nonzero((_outside(sides, self.x[None], y[:, None]) < 4 * NEAR) & (surface < FACES))
            if rows.size == 0:
                continue
            px, py = self.x[columns], y[rows]
            around = np.float32(AROUND) * np.exp(-np.maximum(_outside(sides, px, py), 0) / np.float32(NEAR))
            share = np.clip(0.5 - _outside(fallen, px, py) / np.float32(2 * SOFT), 0, 1)
            cast = np.float32(CAST * self.key) * share * share * (3 - 2 * share)
            linear[rows, columns] *= ((1 - around) * (1 - cast))[:, None]


def _outside(sides: Field, x: Field, y: Field) -> Field:
    """Return the signed distance of places from a convex outline, negative inside; exact except at its corners."""
    nx, ny, d = sides[0]
    out = nx * x + (ny * y - d)
    for nx, ny, d in sides[1:]:
        np.maximum(out, nx * x + (ny * y - d), out=out)
    return np.asarray(out, np.float32)
