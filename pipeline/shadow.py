"""The product's shadow: occlusion where it stands, a cast shadow over the surface and up the wall.

Computed from the silhouette on a coarse grid; shadows are soft, so nothing is lost, and a 4-megapixel canvas costs no
more than a small one.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.image import Alpha
from pipeline.layout import Layout
from pipeline.resample import resize, tight_box

Field = NDArray[np.float32]

#: Longer side of the grid in pixels.
GRID = 640
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
    shape = _Silhouette(small, box, layout)
    light = 1 - shape.wall_shadow()
    if not cut_below:
        light *= 1 - shape.floor_shadow()
        light *= 1 - shape.occlusion()
    return np.clip(resize(1 - light, width, height), 0, 1)


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


class _Silhouette:
    """The product on the coarse grid, lengths in grid pixels."""

    def __init__(self, alpha: Field, box: tuple[int, int, int, int], layout: Layout):
        self.alpha, self.box, self.layout = alpha, box, layout
        self.h, self.w = alpha.shape
        self.foot = float(box[3])
        self.edge = layout.edge * self.h
        self.wide, self.tall = float(box[2] - box[0]), float(box[3] - box[1])
        #: How far a point at height 1 is thrown sideways and back.
        self.aside = -layout.light_side * (0.75 - 0.25 * layout.softness)
        self.back = 0.24
        #: At this height the shadow has reached the wall.
        self.wall_height = max(1.0, (self.foot - self.edge) / self.back)

    def occlusion(self) -> Field:
        """Dark and tight under the foot, and a wide breath of shade around it."""
        band = _lower_contour(self.alpha, self.box, 0.016 * self.wide)
        tight = gaussian_filter(band, max(0.7, 0.01 * self.wide))
        near = gaussian_filter(band, 0.03 * self.wide)
        wide = gaussian_filter(band, (0.045 * self.wide, 0.11 * self.wide))
        peak = max(float(band.max()), 1e-6)
        shade = 0.62 * np.clip(1.5 * tight / peak, 0, 1) + 0.5 * np.clip(near / peak, 0, 1) + 0.55 * wide / peak
        return np.asarray(np.clip(shade * self._on_podium(0.25), 0, 0.86), np.float32)

    def floor_shadow(self) -> Field:
        """The silhouette laid on the floor, softer the higher the part that casts it."""
        soft = self.layout.softness
        heights = (self.foot - (np.arange(self.h, dtype=np.float32) + 0.5))[:, None] / max(self.tall, 1.0)
        total = np.zeros((self.h, self.w), np.float32)
        for low, high, blur in ((0.0, 0.3, 0.024), (0.15, 0.65, 0.035), (0.45, 1.1, 0.07)):
            middle, half = (low + high) / 2, (high - low) / 2
            part = self.alpha * np.clip(1.6 * (1 - np.abs(heights - middle) / half), 0, 1)
            if low == 0.0:
                part = self.alpha * np.clip((high - heights) / 0.15, 0, 1)
            laid = self._laid(part)
            sigma = max(0.8, (blur * (0.5 + 2 * soft) + 0.004) * max(self.tall, 0.6 * self.wide))
            total = np.maximum(total, gaussian_filter(laid, (0.6 * sigma, sigma)) * (1 - 0.45 * middle))
        rows = np.arange(self.h, dtype=np.float32)[:, None]
        on_floor = np.clip((rows - self.edge) / 2 + 0.5, 0, 1)
        strength = 0.58 - 0.34 * soft
        return np.asarray(strength * total * on_floor * self._on_podium(0.35), np.float32)

    def wall_shadow(self) -> Field:
        """What is higher than the way to the wall stands up on it."""
        shift_x, shift_y = self.aside * self.wall_height, self.wall_height - (self.foot - self.edge)
        thrown = _affine(self.alpha, (1, 0, -shift_x, 0, 1, -shift_y))
        rows = np.arange(self.h, dtype=np.float32)[:, None]
        thrown = thrown * (rows < self.edge)
        soft = self.layout.softness
        sigma = (0.02 + 0.07 * soft) * self.h
        spread = gaussian_filter(thrown, sigma) * np.clip((self.edge - rows) / 2 + 0.5, 0, 1)
        return np.asarray((0.34 - 0.26 * soft) * spread, np.float32)

    def _laid(self, part: Field) -> Field:
        """Shear and flatten: (x, foot - h) goes to (x + aside·h, foot - back·h)."""
        k = self.aside / self.back
        return _affine(part, (1, k, -k * self.foot, 0, 1 / self.back, self.foot - self.foot / self.back))

    def _on_podium(self, outside: float) -> Field | float:
        """1 on the podium's top, `outside` beyond its rim, where the floor is lower and the shadow lands elsewhere."""
        podium = self.layout.podium
        if podium is None:
            return 1.0
        x = (np.arange(self.w, dtype=np.float32)[None] + 0.5) / self.h - podium.x
        y = (np.arange(self.h, dtype=np.float32)[:, None] + 0.5) / self.h - podium.y
        reach = np.sqrt((x / podium.rx) ** 2 + (y / podium.ry) ** 2)
        inside: Field = np.clip((1.02 - reach) / 0.05, 0, 1).astype(np.float32)
        return outside + (1 - outside) * inside


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


def _affine(field: Field, inverse: tuple[float, float, float, float, float, float]) -> Field:
    """Move a field; `inverse` takes the answer's (x, y) to the field's, as Pillow's AFFINE does."""
    picture = Image.fromarray(np.ascontiguousarray(field, np.float32))
    moved = picture.transform(picture.size, Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR)
    return np.asarray(moved, np.float32)
