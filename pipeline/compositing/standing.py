"""The shadow proxy of a product that stands: its silhouette as a solid, so that light can be traced past it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.ray import NEAR, ONE_FACE, Field, Triple
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

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, NDArray[np.uint8]]:
        """Return the nearest slice's distance; rays are light's, N each."""
        nearest = np.full(np.broadcast_shapes(origin[0].shape, way[0].shape), np.inf, np.float32)
        height, width = self.mask.shape
        for slice_at in SLICES:
            z = np.float32(self.deep * (slice_at - 0.9))
            t = (z - origin[2]) / way[2]
            t = np.where(np.isfinite(t) & (t > NEAR), t, np.float32(1e6))
            column = (origin[0] + t * way[0]) * np.float32(self.scale) + np.float32(self.foot[0])
            row = np.float32(self.foot[1]) - (origin[1] + t * way[1]) * np.float32(self.scale)
            inside = (row >= 0) & (row < height)
            r = np.where(inside, row, 0).astype(np.intp)
            # A round thing's slice at share s of its depth has sqrt(1 - s²) of its width.
            wide = np.float32(np.sqrt(1 - slice_at**2))
            column = (column - self.middle[r]) / wide + self.middle[r]
            inside &= (column >= 0) & (column < width)
            c = np.where(inside, column, 0).astype(np.intp)
            nearest = np.where(inside & self.mask[r, c], np.minimum(nearest, t), nearest)
        return nearest, ONE_FACE
