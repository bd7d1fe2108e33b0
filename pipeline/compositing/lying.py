"""The shadow proxy of a product that lies on a surface seen from above: a low solid that stands in the light's way."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from pipeline.geometry.ray import NEAR, ONE_FACE, Face, Field, Triple
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import trace

#: Thickness over the narrower side of the product's box; no photo from above tells it. A folded shirt has some 3 %, a
#: phone or a book 6 to 10 %: between them a shadow is neither missing nor a tower's.
THICK = 0.055
#: Where it is slim, as a cable or a handle is, it is no thicker than this share of its width.
SLIM = 0.7
#: Its slices: height and the way in from its outline, as shares of the thickness. It is round on top.
SLICES = ((0.25, 0.0), (0.62, 0.3), (1.0, 0.85))
#: Cells to a side of the plan that tells how high the surface is under it.
_PLAN = 48


@dataclass(frozen=True, eq=False)
class LyingProxy:
    """The silhouette as a low solid: slices parallel to the surface, smaller towards the top."""

    #: h×w: canvas heights from the outline inwards, 0 outside.
    inward: Field
    #: The layout's aspect and camera.
    aspect: float
    camera: tuple[float, float]
    #: Of the surface under it, and how much higher its top is; canvas heights.
    base: float
    thick: float

    @classmethod
    def of(cls, alpha: Field, box: tuple[int, int, int, int], layout: Layout) -> "LyingProxy":
        """Lay h×w alpha, whose tight box is `box` in its pixels, where the layout has its product."""
        height = alpha.shape[0]
        mask = np.asarray(alpha > 0.5)
        # Beyond the frame it goes on: a side that the picture cuts is no outline.
        padded = np.pad(mask, 1, mode="edge")
        inward = np.asarray(distance_transform_edt(padded)[1:-1, 1:-1] / height, np.float32)
        narrow = min(box[2] - box[0], box[3] - box[1]) / height
        thick = min(THICK * narrow, SLIM * 2 * float(inward.max()))
        cx, cy, _ = layout.camera
        return cls(inward, layout.aspect, (float(cx), float(cy)), _surface(mask, layout), thick)

    def meet(self, origin: Triple, way: Triple) -> tuple[Field, Face]:
        """Return the nearest slice's distance, inf where there is none; rays are light's, N each."""
        nearest = np.full(np.broadcast_shapes(origin[0].shape, way[0].shape), np.inf, np.float32)
        height, width = self.inward.shape
        for share, inset in SLICES:
            z = np.float32(self.base + share * self.thick)
            with np.errstate(divide="ignore", invalid="ignore"):
                t = (z - origin[2]) / way[2]
            ahead = np.isfinite(t) & (t > NEAR)
            t = np.where(ahead, t, 0)
            # As the camera sees it: a slice is right behind the product's picture.
            scale = np.float32(FOCAL) / (np.float32(FOCAL) - z)
            x = self.aspect / 2 + (origin[0] + t * way[0] - np.float32(self.camera[0])) * scale
            y = np.float32(0.5) - (origin[1] + t * way[1] - np.float32(self.camera[1])) * scale
            column, row = x * np.float32(width / self.aspect), y * np.float32(height)
            inside = ahead & (row >= 0) & (row < height) & (column >= 0) & (column < width)
            r, c = (np.where(inside, place, 0).astype(np.intp) for place in (row, column))
            met = inside & (self.inward[r, c] > np.float32(inset * self.thick))
            nearest = np.where(met, np.minimum(nearest, t), nearest)
        return nearest, ONE_FACE


def _surface(mask: NDArray[np.bool_], layout: Layout) -> float:
    """Return the height of the highest thing right under the product: a sheet or a board, else the surface itself."""
    width = max(16, round(_PLAN * layout.aspect))
    height = trace(layout, width, _PLAN).point[2]
    rows = (np.arange(_PLAN) + 0.5) * mask.shape[0] / _PLAN
    columns = (np.arange(width) + 0.5) * mask.shape[1] / width
    under = mask[rows.astype(int)[:, None], columns.astype(int)]
    return float(height[under].max()) if under.any() else 0.0
