"""Upright outlines: arches, discs and half discs as boards with or without a hole."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.geometry.ray import Bounds, Face, Field, Triple, triple
from pipeline.geometry.solids import Packed
from pipeline.kernels.tracing import solids

Outline = Literal["arch", "disc", "half_disc"]
#: A place on an edge closer to the foot than this, in canvas heights, is on the foot.
FOOT = 1e-5


@dataclass(frozen=True)
class Opening:
    """The outline of an arch: a half disc of radius `half` over straight jambs, its foot's middle at (x, foot)."""

    x: float
    foot: float
    half: float
    height: float

    @property
    def spring(self) -> float:
        """The height at which the round part begins."""
        return self.foot + self.height - self.half


@dataclass(frozen=True)
class Panel:
    """An upright board with a round outline: its front (face 0), its edge (1) and the edge of its hole (2).

    (x, y) is the foot's middle, and z its front. `hole` is the hole's share of the half width.
    """

    outline: Outline
    x: float
    y: float
    z: float
    half: float
    height: float
    thick: float
    hole: float = 0.0

    @property
    def bounds(self) -> Bounds:
        tall = {"arch": self.height, "disc": 2 * self.half, "half_disc": self.half}[self.outline]
        return self.x - self.half, self.y, self.z - self.thick, self.x + self.half, self.y + tall, self.z

    @property
    def centre(self) -> float:
        """The height of the round part's centre."""
        return self.y + {"arch": self.height - self.half, "disc": self.half, "half_disc": 0.0}[self.outline]

    @property
    def packed(self) -> Packed:
        # The parts of an arch that form the outline: a disc has no jambs and is not cut off below.
        foot = self.y if self.outline == "arch" else self.centre
        low = self.centre - 2 * self.half if self.outline == "disc" else foot
        outline = (self.x, foot, self.centre, low, self.half, self.half * self.hole)
        return Packed(solids.PANEL, (self.z - self.thick, self.z, *outline))

    def normal(self, point: Triple, face: Face) -> Triple:
        dx, dy = point[0] - np.float32(self.x), point[1] - np.float32(self.centre)
        if self.outline == "arch":
            dy = np.maximum(dy, 0)
        length = np.maximum(np.hypot(dx, dy), np.float32(1e-6))
        sign = np.where(face == 0, 0, np.where(face == 2, -1, 1)).astype(np.float32)
        # A board that lies shows its foot, which is level.
        foot = (face == 1) & (np.abs(point[1] - np.float32(self.y)) < FOOT) & (self.outline != "disc")
        across, up = np.where(foot, 0, sign * dx / length), np.where(foot, -1, sign * dy / length)
        return triple(across, up, np.where(face == 0, 1, 0), point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        return np.where(face == 0, point[0], point[2]), point[1]
