"""The shadow proxy of a product that is flat on a surface facing the camera: a low solid that blocks light.

It lies there, seen from above, or hangs against a wall.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from pipeline.geometry.ray import Field
from pipeline.geometry.solids import Packed
from pipeline.kernels.tracing import solids
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import trace

#: Thickness over the narrower side of the product's box, which no photo from above shows. A folded shirt has about 3 %,
#: a phone or a book 6 to 10 %. A value in between avoids both a missing shadow and a tower's.
THICK = 0.055
#: A slim part, such as a cable or a handle, is no thicker than this share of its width.
SLIM = 0.7
#: Its slices: height and distance inside its outline, as shares of the thickness. It is rounded on top.
SLICES = ((0.25, 0.0), (0.62, 0.3), (1.0, 0.85))
#: Cells per side of the plan that shows the surface's height under it.
_PLAN = 48


@dataclass(frozen=True, eq=False)
class LyingProxy:
    """The silhouette as a low solid: slices parallel to the surface, smaller towards the top."""

    #: h×w: canvas heights from the outline inwards, 0 outside.
    inward: Field
    #: The layout's aspect, camera and horizon.
    aspect: float
    camera: tuple[float, float]
    horizon: float
    #: Height of the surface under it, and of its top above that; canvas heights.
    base: float
    thick: float

    @classmethod
    def of(cls, alpha: Field, box: tuple[int, int, int, int], layout: Layout, lift: float = 0.0) -> "LyingProxy":
        """Place h×w alpha, with its tight box `box` in pixels, on the layout's surface, or against its wall.

        `lift`: its height above the surface, canvas heights.
        """
        height = alpha.shape[0]
        mask = np.asarray(alpha > 0.5)
        # It continues beyond the frame: a cropped side is not an outline.
        padded = np.pad(mask, 1, mode="edge")
        inward = np.asarray(distance_transform_edt(padded)[1:-1, 1:-1] / height, np.float32)
        narrow = min(box[2] - box[0], box[3] - box[1]) / height
        thick = min(THICK * narrow, SLIM * 2 * float(inward.max()))
        cx, cy, _ = layout.camera
        base = _surface(mask, layout) + lift
        return cls(inward, layout.aspect, (float(cx), float(cy)), float(layout.horizon_y), base, thick)

    @cached_property
    def packed(self) -> Packed:
        """The slices, as rays of light meet them."""
        heights = [self.base + share * self.thick for share, _ in SLICES]
        bars = [inset * self.thick for _, inset in SLICES]
        room = [0.0] * (solids.SLICES - len(SLICES) - 1)
        sizes = self.aspect, *self.camera, FOCAL, len(SLICES)
        return Packed(solids.FLAT, (*sizes, *heights, *room, self.horizon, *bars), image=self.inward)


def _surface(mask: NDArray[np.bool_], layout: Layout) -> float:
    """Return the z of the foremost part right behind the product: a sheet, a board or a fold, else the surface itself.

    In a scene seen from the side only upright parts count.
    """
    width = max(16, round(_PLAN * layout.aspect))
    geometry = trace(layout, width, _PLAN)
    height = layout.camera[2] - geometry.depth
    faces = np.array([layout.top_down or part.role in ("wall", "panel", "tube") for part in layout.parts])
    rows = (np.arange(_PLAN) + 0.5) * mask.shape[0] / _PLAN
    columns = (np.arange(width) + 0.5) * mask.shape[1] / width
    under = mask[rows.astype(int)[:, None], columns.astype(int)] & faces[geometry.part]
    return float(height[under].max()) if under.any() else 0.0
