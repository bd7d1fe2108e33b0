"""The product's shadow: what it takes of the scene's own lights, and the occlusion right where it stands.

The silhouette stands in the layout as a solid of a few slices, and the lights that lit the scene are traced past it:
over the surface, off the podium's rim, up the wall, through the window. On a coarse grid; shadows are soft, so nothing
is lost, and a 4-megapixel canvas costs no more than a small one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.image import Alpha
from pipeline.layout import Layout
from pipeline.light import taken
from pipeline.ray import NEAR, ONE_FACE, Field, Triple
from pipeline.relight import spread
from pipeline.resample import resize, tight_box
from pipeline.trace import trace

#: Longer side in pixels of the silhouette's grid, and of the one that light is traced on.
GRID = 640
TRACED = 208
#: Half the product's depth over its width; no photo tells it.
DEPTH = 0.33
#: Where its slices are, shares of half its depth.
SLICES = (-0.85, -0.5, 0.0, 0.5, 0.85)
#: Columns whose lowest point is this far (in product widths) above the foot are not seen to touch the surface.
TOUCH = 0.16
#: A base edge that recedes: its rise for each pixel across, its length and its bend in product widths.
STEEPEST_BASE = 0.95
SHORTEST_BASE = 0.12
STRAIGHT_BASE = 0.015


def cast_shadow(alpha: Alpha, layout: Layout, *, cut_below: bool = False) -> Field:
    """Return H×W: the share of light, 0–1, that the product takes from the surface and the wall behind it.

    `alpha` is the product's H×W coverage on the canvas. `cut_below`: it stands on nothing that is seen, so nothing is
    cast on the floor.
    """
    height, width = alpha.shape
    scale = min(1.0, GRID / max(height, width))
    grid = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = np.clip(resize(alpha, *grid, Image.Resampling.BOX), 0, 1)
    box = tight_box(small > 0.5)
    if box is None:
        return np.zeros_like(alpha)
    longest = max(height, width)
    traced_at = max(16, round(width * TRACED / longest)), max(16, round(height * TRACED / longest))
    geometry, share = taken(layout, *traced_at, Standee.of(small, box, layout))
    full = trace(layout, width, height)
    taken_share = spread(share[..., None], geometry.surface, full.surface)[..., 0]
    if cut_below:
        upright = np.array([part.role in ("wall", "panel") for part in layout.parts])
        return np.where(upright[full.part], taken_share, 0)
    occluded = np.clip(resize(_occlusion(small, box), width, height), 0, 1)
    return 1 - (1 - taken_share) * (1 - occluded)


def contact_shadow(alpha: Alpha, strength: float = 0.3) -> Field:
    """Return H×W: a faint shadow right under the product for a white backdrop; exactly 0 along the canvas's border."""
    height, width = alpha.shape
    scale = min(1.0, GRID / max(height, width))
    grid = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = np.clip(resize(alpha, *grid, Image.Resampling.BOX), 0, 1)
    box = tight_box(small > 0.5)
    if box is None:
        return np.zeros_like(alpha)
    wide = box[2] - box[0]
    band = _lower_contour(small, box, 0.012 * wide)
    shadow = strength * np.maximum(gaussian_filter(band, 0.012 * wide), 0.6 * gaussian_filter(band, 0.035 * wide))
    rows, columns = np.arange(grid[1])[:, None], np.arange(grid[0])[None]
    border = np.minimum(
        np.minimum(rows, grid[1] - 1 - rows) / (0.03 * grid[1]),
        np.minimum(columns, grid[0] - 1 - columns) / (0.03 * grid[0]),
    )
    faded = shadow * np.clip(border - 0.7, 0, 1)
    # Below a quarter of an 8-bit step it is nothing.
    faded = np.clip((faded - 0.004) / 0.996, 0, 1).astype(np.float32)
    return np.clip(resize(faded, width, height, Image.Resampling.BILINEAR), 0, 1)


@dataclass(frozen=True, eq=False)
class Standee:
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
    def of(cls, alpha: Field, box: tuple[int, int, int, int], layout: Layout) -> "Standee":
        """Stand h×w alpha, whose tight box is `box`, on the layout's spot."""
        height = alpha.shape[0]
        mask = np.asarray(alpha > 0.5)
        rows = mask.any(1)
        left, right = np.argmax(mask, 1), mask.shape[1] - np.argmax(mask[:, ::-1], 1)
        middle = np.where(rows, (left + right) / 2, (box[0] + box[2]) / 2).astype(np.float32)
        half = np.where(rows, (right - left) / 2, 0).astype(np.float32)
        x, y = layout.stand
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


def _occlusion(alpha: Field, box: tuple[int, int, int, int]) -> Field:
    """Return h×w: dark and tight under the foot, finer than the traced light can tell."""
    wide = box[2] - box[0]
    band = _lower_contour(alpha, box, 0.016 * wide)
    tight = gaussian_filter(band, max(0.7, 0.01 * wide))
    near = gaussian_filter(band, 0.03 * wide)
    around = gaussian_filter(band, (0.045 * wide, 0.11 * wide))
    peak = max(float(band.max()), 1e-6)
    shade = 0.55 * np.clip(1.5 * tight / peak, 0, 1) + 0.35 * np.clip(near / peak, 0, 1) + 0.25 * around / peak
    return np.asarray(np.clip(shade, 0, 0.8), np.float32)


def _lower_contour(alpha: Field, box: tuple[int, int, int, int], thick: float) -> Field:
    """Return a band along the silhouette's lowest points, fading where they rise from the foot."""
    h = alpha.shape[0]
    solid = alpha > 0.5
    columns = np.asarray(solid.any(axis=0))
    lowest = h - np.argmax(solid[::-1], axis=0).astype(np.float32)
    rise = (box[3] - lowest) / max(1.0, TOUCH * (box[2] - box[0]))
    touching = np.where(columns, np.clip(1 - rise, 0, 1), 0).astype(np.float32)
    touching = np.maximum(touching, _receding_base(lowest, columns, box))
    rows = np.arange(h, dtype=np.float32)[:, None] + 0.5
    thick = max(1.0, thick)
    band = np.clip(1 - np.abs(rows - lowest[None]) / thick, 0, 1)
    return np.asarray(band * touching[None], np.float32)


def _receding_base(lowest: Field, columns: NDArray[np.bool_], box: tuple[int, int, int, int]) -> Field:
    """Return 1 for each column whose lowest point lies on a straight base edge that recedes from the foot, else 0.

    A box seen over its corner touches the surface all along both base edges, high as they rise in the picture; a
    bowl's side rises in a curve and touches nothing.
    """
    touching = np.zeros(len(lowest), np.float32)
    wide = box[2] - box[0]
    found = np.flatnonzero(columns)
    foot = np.flatnonzero(columns & (lowest >= lowest[found].max() - 0.5))
    for start, end in ((foot[-1], box[2] - 1), (foot[0], box[0])):
        step = 1 if end >= start else -1
        reach = np.arange(start, end + step, step)
        rise = lowest[start] - lowest[reach]
        for length in range(len(reach) - 1, int(SHORTEST_BASE * wide), -1):
            slope = rise[length] / length
            off = np.abs(rise[: length + 1] - slope * np.arange(length + 1)).max()
            if columns[reach[: length + 1]].all() and slope <= STEEPEST_BASE and off <= STRAIGHT_BASE * wide:
                fade = np.clip((length - np.arange(length + 1)) / max(1.0, 0.15 * length), 0, 1)
                touching[reach[: length + 1]] = np.maximum(touching[reach[: length + 1]], fade)
                break
    return touching
