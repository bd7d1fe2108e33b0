"""The lens and the film: what is far behind the product out of focus, dark corners, grain.

They are the background's alone: the product, which is laid on later, is as sharp as its photo.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from pipeline.core.parallel import by_rows
from pipeline.core.resample import blurred, resize
from pipeline.geometry.ray import Field
from pipeline.kernels.image import lens as kernels
from pipeline.kernels.image.resampling import enlarge
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import Geometry

#: Everything is sharp so far behind the product's base, and half as soft as it gets so far behind that.
SHARP, HALF = 0.2, 0.45
#: Standard deviation of the blur, canvas heights, half way and in the end, where `depth_of_field` is 1.
SOFT = (0.0028, 0.0065)
#: A blur of less, in pixels, is not seen.
_LEAST = 0.5


@dataclass(frozen=True)
class Focus:
    """What is out of focus of a picture, on a smaller grid, for `over`."""

    #: The depth from which it is no longer sharp.
    near: float
    #: h×w×3 linear, blurred less and more.
    soft: Field
    softer: Field

    @classmethod
    def of(cls, layout: Layout, geometry: Geometry, picture: Field) -> "Focus | None":
        """Blur an H×W×3 linear picture for a layout's lens; None where all of it is sharp.

        What is in focus does not run into what is behind it: means are taken among what is out of focus.
        """
        height, width = picture.shape[:2]
        amount = layout.lens.depth_of_field
        if layout.top_down or SOFT[1] * amount * height < _LEAST:
            return None
        near = FOCAL + layout.base + SHARP
        if float(geometry.depth.max()) <= near:
            return None
        # A grid on which the wider blur is 1.5 pixels or more: nothing finer is left, and it costs the less.
        step = int(np.clip(SOFT[1] * amount * height / 1.5, 1, 8))
        rows, columns = height // step, width // step
        small = resize(picture, columns, rows, Image.Resampling.BOX)
        at = np.minimum((np.arange(rows) + 0.5) * height / rows, height - 1).astype(int)
        along = np.minimum((np.arange(columns) + 0.5) * width / columns, width - 1).astype(int)
        both = np.empty((rows, columns, 4), np.float32)

        def weigh(top: int, bottom: int) -> None:
            away = geometry.depth[np.ix_(at[top:bottom], along)] - np.float32(near)
            weight = both[top:bottom, :, 3]
            np.clip(away * np.float32(1 / HALF), np.float32(1e-3), np.float32(1), out=weight)
            np.multiply(small[top:bottom], weight[..., None], out=both[top:bottom, :, :3])

        by_rows(rows, weigh)
        levels = []
        for sigma in SOFT:
            wide, level = blurred(both, sigma * amount * rows, sigma * amount * rows), np.empty_like(small)
            by_rows(rows, partial(_unweighted, wide, level))
            levels.append(level)
        return cls(near, *levels)

    def over(self, strip: Field, geometry: Geometry, top: int) -> None:
        """Lay it over the n×W×3 linear strip of the picture that begins at the row `top`."""
        depth = geometry.depth[top : top + len(strip)]
        if float(depth.max()) <= self.near:
            return
        tall = geometry.depth.shape[0]
        soft, softer = np.empty_like(strip), np.empty_like(strip)
        enlarge(self.soft, tall, top, soft)
        enlarge(self.softer, tall, top, softer)
        kernels.defocus(depth, np.float32(self.near), np.float32(1 / HALF), soft, softer, strip)


def _unweighted(wide: Field, level: Field, top: int, bottom: int) -> None:
    np.divide(wide[top:bottom, :, :3], wide[top:bottom, :, 3:], out=level[top:bottom])


def darken_corners(layout: Layout, tall: int, top: int, strip: Field) -> None:
    """Take from the n×W×3 linear strip of a picture of `tall` rows what the lens loses towards its corners."""
    if layout.lens.vignette > 0:
        kernels.vignette(tall, top, np.float32(layout.lens.vignette), strip)


def add_grain(layout: Layout, top: int, strip: Field) -> None:
    """Add the film's grain to the n×W×3 sRGB strip of a picture, the same for the same seed and place."""
    if layout.lens.grain > 0:
        kernels.grain(top, np.uint32(layout.seed), np.float32(layout.lens.grain), strip)
