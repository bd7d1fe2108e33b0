"""The shadow proxy of a product that stands: its silhouette as a solid, so that light can be traced past it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.packing import Packed
from pipeline.geometry.ray import Field
from pipeline.kernels.tracing import solids
from pipeline.scene.layout import Layout

#: Half the product's depth over its width; no photo tells it.
DEPTH = 0.33
#: Where its slices are, shares of half its depth.
SLICES = (-0.85, -0.5, 0.0, 0.5, 0.85)


@dataclass(frozen=True, eq=False)
class StandingProxy:
    """The silhouette as a solid: upright slices, narrower towards front and back, as if what is wide were round."""

    #: h×w silhouette, True inside, and each row's middle and half width in pixels.
    mask: NDArray[np.bool_]
    middle: Field
    half: Field
    #: Pixels to a canvas height, and the pixel of the world's origin.
    scale: float
    foot: tuple[float, float]
    #: Half its depth, canvas heights; it stands behind its foot.
    deep: float

    @classmethod
    def of(cls, alpha: Field, box: tuple[int, int, int, int], layout: Layout) -> "StandingProxy":
        """Stand h×w alpha, whose tight box is `box`, on the layout's spot."""
        height = alpha.shape[0]
        mask = np.asarray(alpha > 0.5)
        rows = mask.any(1)
        left, right = np.argmax(mask, 1), mask.shape[1] - np.argmax(mask[:, ::-1], 1)
        middle = np.where(rows, (left + right) / 2, (box[0] + box[2]) / 2).astype(np.float32)
        half = np.where(rows, (right - left) / 2, 0).astype(np.float32)
        x, y = layout.foot
        deep = DEPTH * min((box[2] - box[0]) / height, 0.8 * (box[3] - box[1]) / height)
        return cls(mask, middle, half, float(height), (x * height, y * height), deep)

    @cached_property
    def packed(self) -> Packed:
        """The slices as rays of light meet them."""
        places = [self.deep * (at - 0.9) for at in SLICES]
        # A round thing's slice at share s of its depth has sqrt(1 - s²) of its width.
        widths = [float(np.sqrt(1 - at**2)) for at in SLICES]
        room = [0.0] * (solids.SLICES - len(SLICES))
        numbers = (self.scale, *self.foot, len(SLICES), *places, *room, *widths)
        return Packed(solids.UPRIGHT, numbers, image=self.mask.astype(np.float32), middle=self.middle)
