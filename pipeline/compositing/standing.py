"""The shadow proxy of a product that stands: its silhouette as a solid, so that light can be traced past it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.core.resample import Box
from pipeline.geometry.packing import Packed
from pipeline.geometry.ray import Field
from pipeline.kernels.tracing import solids
from pipeline.scene.layout import Layout

#: Half the product's depth over its width; no photo tells it.
DEPTH = 0.33
#: Where its slices are, shares of half its depth.
SLICES = (-0.85, -0.4, 0.0, 0.45, 0.85)
#: Half the depth over half the height of what is long and low, as a bar that lies or a wing.
LOW = 2.0
#: What is no deeper than this share of the product's depth is a sheet in its foremost slice: in several slices it would
#: throw as many shadows, a leg's beside each other, a bar's in stripes.
SHEET = 0.3


@dataclass(frozen=True, eq=False)
class StandingProxy:
    """The silhouette as a solid: upright slices, in which each part is as deep as it is wide, at most the product's.

    What is wide is as if it were round, what is slim stands in front, where the foot is.
    """

    #: h×w silhouette, True inside.
    mask: NDArray[np.bool_]
    #: Its tight box in pixels.
    box: Box
    #: Pixels to a canvas height, and the pixel of the world's origin.
    scale: float
    foot: tuple[float, float]
    #: Half its depth, canvas heights; it stands behind its foot.
    deep: float

    @classmethod
    def of(cls, alpha: Field, box: Box, layout: Layout) -> "StandingProxy":
        """Stand h×w alpha, whose tight box is `box`, on the layout's spot."""
        height = alpha.shape[0]
        x, y = layout.foot
        deep = DEPTH * min((box[2] - box[0]) / height, 0.8 * (box[3] - box[1]) / height)
        return cls(np.asarray(alpha > 0.5), box, float(height), (x * height, y * height), deep)

    @cached_property
    def packed(self) -> Packed:
        """The slices as rays of light meet them."""
        places = [self.deep * (at - 0.9) for at in SLICES]
        room = [0.0] * (solids.SLICES - len(SLICES))
        numbers = (self.scale, *self.foot, len(SLICES), *places, *room)
        return Packed(solids.UPRIGHT, numbers, image=self.slices())

    def slices(self) -> Field:
        """Return h×w float32: which slices hold each pixel, slice k as 2 to the power k."""
        left, top, right, bottom = self.box
        mask = self.mask[top:bottom, left:right]
        half, off = _runs(mask)
        tall, _ = _runs(mask.T)
        deep = np.float32(max(self.deep * self.scale, 1e-3))
        # Half the depth of what a pixel belongs to, as a share of the product's; a round thing's section at a pixel.
        share = np.minimum(np.minimum(half, np.float32(LOW) * tall.T) / deep, 1)
        section = share * np.sqrt(np.maximum(1 - np.square(off / np.maximum(half, 0.5)), 0))
        sheet = share < SHEET
        held = np.zeros(mask.shape, np.int32)
        for number, at in enumerate(SLICES):
            within = ~sheet & (np.abs(np.float32(at - 1) + share) <= section)
            held |= (within | sheet if number == len(SLICES) - 1 else within).astype(np.int32) << number
        out = np.zeros(self.mask.shape, np.float32)
        out[top:bottom, left:right] = np.where(mask, held, 0)
        return out


def _runs(mask: NDArray[np.bool_]) -> tuple[Field, Field]:
    """Return for each pixel inside h×w half the length of its row's unbroken run, and how far it is off its middle."""
    wide = mask.shape[1]
    at = np.arange(wide, dtype=np.int32)
    before = np.maximum.accumulate(np.where(mask, -1, at), axis=1)
    after = np.minimum.accumulate(np.where(mask, wide, at)[:, ::-1], axis=1)[:, ::-1]
    half = ((after - before - 1) * np.float32(0.5)).astype(np.float32)
    return half, (at - (before + after) * np.float32(0.5)).astype(np.float32)
