"""The lens and the film: what is far behind the product out of focus, dark corners, grain.

They are the background's alone: the product, which is laid on later, is as sharp as its photo.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.core.parallel import ROWS, by_rows, rows_of
from pipeline.core.resample import Blurring, resize
from pipeline.geometry.ray import Field
from pipeline.kernels.image import lens as kernels
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import Geometry

#: Everything is sharp so far behind the product's base, and half as soft as it gets so far behind that.
SHARP, HALF = 0.2, 0.45
#: Standard deviation of the blur, canvas heights, half way and in the end, where `depth_of_field` is 1.
SOFT = (0.0028, 0.0065)
#: The share of that where what is far is drawn out of focus already.
DRAWN = 0.35
#: A blur of less, in pixels, is not seen; of what is enlarged bilinearly after less of one, in pixels of the smaller
#: grid, edges show that grid's cells.
_LEAST, _LEAST_LEFT = 0.5, 0.5
#: A grid is halved for a blur whose variance, in its pixels, is at least 1 over this: .4 of it is left, or more.
_COARSER = 0.6


@dataclass(frozen=True)
class Focus:
    """What is out of focus of a picture, on a smaller grid, for `over`."""

    #: The depth from which it is no longer sharp.
    near: float
    #: The rows of the picture that hold all that is out of focus, first and last + 1.
    rows: tuple[int, int]
    #: h×w×3 linear, those rows blurred less and more, each of its own size.
    soft: Field
    softer: Field

    @classmethod
    def of(cls, layout: Layout, geometry: Geometry, picture: Field) -> "Focus | SlightBlur | None":
        """Blur an H×W×3 linear picture for a layout's lens; None where all of it is sharp.

        What is in focus does not run into what is behind it: means are taken among what is out of focus.
        """
        height, width = picture.shape[:2]
        # What `blurs` show was drawn out of focus; of the rest, a table, only the back is, and little.
        strength = layout.lens.depth_of_field * (DRAWN if layout.blurs else 1.0)
        less, more = (sigma * strength * height for sigma in SOFT)
        if layout.top_down or more < _LEAST:
            return None
        near = FOCAL + layout.base + SHARP
        far = np.flatnonzero(geometry.depth.max(1) > near)
        if far.size == 0:
            return None
        top, bottom = int(far[0]), int(far[-1]) + 1
        # Reducing by `step` and enlarging again blur by half of it, and _LEAST_LEFT: hardly more than the lesser blur
        # is to be, or by 1.4 pixels where the greater one is wider. Arrays as fine as a large picture are many
        # megabytes.
        step = int(np.clip(max(1.6 * less, min(1.6 * more, 2)), 1, 8))
        if step == 1:
            return SlightBlur.of(near, (top, bottom), (less, more), picture)
        rows, columns = max(1, (bottom - top) // step), width // step
        sums = np.empty((rows, columns, 4), np.float32)
        seen, depth = picture[top:bottom], geometry.depth[top:bottom]
        focus, rate = np.float32(near), np.float32(1 / HALF)
        by_rows(
            rows,
            lambda a, b: kernels.weighted_means(seen, depth, focus, rate, rows, a, sums[a:b]),
            rows_of(bottom - top, rows),
        )
        brought, levels = 0.25 * step * step, []
        for sigma in (less, more):
            # A coarser grid does for the greater blur, as long as most of it is left to the Gaussian.
            while step * step <= _COARSER * sigma * sigma and min(sums.shape[:2]) > 1:
                sums = resize(sums, sums.shape[1] // 2, sums.shape[0] // 2, Image.Resampling.BOX)
                step, brought = 2 * step, 4 * brought
            left = max(float(np.sqrt(max(sigma * sigma - brought, 0.0))) / step, _LEAST_LEFT)
            levels.append(_means(sums, Blurring.of(left, left), 0, len(sums)))
        return cls(near, (top, bottom), *levels)

    def over(self, strip: Field, geometry: Geometry, top: int) -> None:
        """Lay it over the n×W×3 linear strip of the picture that begins at the row `top`."""
        first, end = self.rows
        above, below = max(top, first), min(top + len(strip), end)
        if above >= below:
            return
        part, depth = strip[above - top : below - top], geometry.depth[above:below]
        rate, tall = np.float32(1 / HALF), end - first
        kernels.defocus(depth, np.float32(self.near), rate, self.soft, self.softer, tall, above - first, part)


@dataclass(frozen=True)
class SlightBlur:
    """What is out of focus by a pixel or so, which is blurred strip by strip: no smaller grid shows it.

    A strip is of ROWS rows of the picture, or of the rest.
    """

    near: float
    rows: tuple[int, int]
    less: Blurring
    more: Blurring
    #: Of the k-th strip but the first, the rows of the picture about its upper edge, as far as the blurs reach, since
    #: what is above may be blurred before it: k×2r×W×3.
    edges: Field

    @classmethod
    def of(cls, near: float, rows: tuple[int, int], sigmas: tuple[float, float], picture: Field) -> "SlightBlur":
        """Take what is needed of an H×W×3 linear picture before it is blurred; the rest is as in `Focus`."""
        less, more = (Blurring.of(sigma, sigma) for sigma in sigmas)
        about = np.arange(ROWS, len(picture), ROWS)[:, None] + np.arange(-more.reach, more.reach)
        return cls(near, rows, less, more, picture[np.minimum(about, len(picture) - 1)])

    def over(self, strip: Field, geometry: Geometry, top: int) -> None:
        """Lay it over the n×W×3 linear strip of the picture that begins at the row `top`."""
        first, end = self.rows
        above, below = max(top, first), min(top + len(strip), end)
        if above >= below:
            return
        reach, number = self.more.reach, top // ROWS
        start, stop = max(above - reach, first), min(below + reach, end)
        part = strip[above - top : below - top]
        before, after = above - start, stop - below
        # rows at the edge of what is out of focus are mirrored there, and have none beyond
        seen = [self.edges[number - 1, reach - before : reach]] if before else []
        seen += [part, self.edges[number, reach : reach + after]] if after else [part]
        depth = geometry.depth[start:stop]
        sums = np.empty((*depth.shape, 4), np.float32)
        focus, rate = np.float32(self.near), np.float32(1 / HALF)
        kernels.weighted_means(np.concatenate(seen), depth, focus, rate, len(depth), 0, sums)
        soft, softer = (_means(sums, blur, before, before + len(part)) for blur in (self.less, self.more))
        kernels.defocus(geometry.depth[above:below], focus, rate, soft, softer, len(part), 0, part)


def _means(sums: Field, blur: Blurring, first: int, end: int) -> Field:
    """Return the rows first … end of h×w×4 sums of colours, and of their weights, blurred: n×w×3 means."""
    out = np.empty((end - first, sums.shape[1], 3), np.float32)

    def work(top: int, bottom: int) -> None:
        kernels.quotients(blur.rows(sums, first + top, first + bottom), out[top:bottom])

    by_rows(len(out), work, ROWS // 2)
    return out


def darken_corners(layout: Layout, tall: int, top: int, strip: Field) -> None:
    """Take from the n×W×3 linear strip of a picture of `tall` rows what the lens loses towards its corners."""
    if layout.lens.vignette > 0:
        kernels.vignette(tall, top, np.float32(layout.lens.vignette), strip)


def add_grain(layout: Layout, top: int, strip: Field) -> None:
    """Add the film's grain to the n×W×3 sRGB strip of a picture, the same for the same seed and place."""
    if layout.lens.grain > 0:
        kernels.grain(top, np.uint32(layout.seed), np.float32(layout.lens.grain), strip)
