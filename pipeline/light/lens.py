"""Effects of the lens and the film: defocus far behind the product, bloom of glowing tubes, haze, dark corners, grain.

They only apply to the background: the product, composited later, stays as sharp as its photo.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.core.parallel import ROWS, by_rows, rows_of
from pipeline.core.resample import Blurring, blurred, resize
from pipeline.geometry.ray import Field
from pipeline.kernels.image import lens as kernels
from pipeline.kernels.image.resampling import enlarge
from pipeline.kernels.image.surfaces import fade
from pipeline.scene.layout import FOCAL, Colour, Layout
from pipeline.scene.trace import FACES, Geometry

#: Everything is sharp up to SHARP behind the product's base; softness reaches half its maximum HALF farther back.
SHARP, HALF = 0.2, 0.45
#: Standard deviations of the blur, in canvas heights, half way and at most, where `depth_of_field` is 1.
SOFT = (0.0028, 0.0065)
#: SHARP and strength before a place: its lens is so open that the table's far edge is soft. Chosen by eye.
OPEN = 0.05, 1.5
#: A weaker blur, in pixels, is invisible. The second is the least blur before a bilinear enlargement, in pixels of the
#: smaller grid: with less, that grid's cells show at edges.
_LEAST, _LEAST_LEFT = 0.5, 0.5
#: A grid is halved for a blur whose variance, in its pixels, is at least 1 / this; at least 0.4 of it remains.
_COARSER = 0.6


@dataclass(frozen=True)
class Focus:
    """The defocused parts of an image, on a smaller grid, for `over`."""

    #: The depth at which defocus begins.
    near: float
    #: The range of the image's rows that contains everything out of focus, first and last + 1.
    rows: tuple[int, int]
    #: h×w×3 linear, those rows blurred less and more, each at its own size.
    soft: Field
    softer: Field

    @classmethod
    def of(cls, layout: Layout, geometry: Geometry, picture: Field) -> "Focus | SlightBlur | None":
        """Blur an H×W×3 linear image for a layout's lens; None if all of it is sharp.

        Means are only taken over defocused pixels, so sharp objects do not bleed into the background.
        """
        height, width = picture.shape[:2]
        begin, strength = (SHARP, layout.lens.depth_of_field) if layout.view is None else OPEN
        less, more = (sigma * strength * height for sigma in SOFT)
        if layout.top_down or more < _LEAST:
            return None
        near = FOCAL + layout.base + begin
        far = np.flatnonzero(geometry.depth.max(1) > near)
        if far.size == 0:
            return None
        top, bottom = int(far[0]), int(far[-1]) + 1
        # Reducing by `step` and enlarging again adds a blur of half a step, and _LEAST_LEFT. Together they are hardly
        # more than the lesser blur, or 1.4 pixels if the greater blur is wider. Full-size arrays would need many
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
            # A coarser grid suffices for the greater blur, as long as the Gaussian does most of it.
            while step * step <= _COARSER * sigma * sigma and min(sums.shape[:2]) > 1:
                sums = resize(sums, sums.shape[1] // 2, sums.shape[0] // 2, Image.Resampling.BOX)
                step, brought = 2 * step, 4 * brought
            left = max(float(np.sqrt(max(sigma * sigma - brought, 0.0))) / step, _LEAST_LEFT)
            levels.append(_means(sums, Blurring.of(left, left), 0, len(sums)))
        return cls(near, (top, bottom), *levels)

    def over(self, strip: Field, geometry: Geometry, top: int) -> None:
        """Apply the defocus to the n×W×3 linear strip of the image that begins at the row `top`."""
        first, end = self.rows
        above, below = max(top, first), min(top + len(strip), end)
        if above >= below:
            return
        part, depth = strip[above - top : below - top], geometry.depth[above:below]
        rate, tall = np.float32(1 / HALF), end - first
        kernels.defocus(depth, np.float32(self.near), rate, self.soft, self.softer, tall, above - first, part)


@dataclass(frozen=True)
class SlightBlur:
    """Defocus of about a pixel, which is blurred strip by strip, since a smaller grid is too coarse.

    A strip is ROWS rows of the image, or the rest.
    """

    near: float
    rows: tuple[int, int]
    less: Blurring
    more: Blurring
    #: k×2r×W×3: for each strip but the first, the image's rows around its upper edge, as far as the blurs reach. They
    #: are copied first, since the strip above may be blurred earlier.
    edges: Field

    @classmethod
    def of(cls, near: float, rows: tuple[int, int], sigmas: tuple[float, float], picture: Field) -> "SlightBlur":
        """Copy the required rows of an H×W×3 linear image before it is blurred; the rest is as in `Focus`."""
        less, more = (Blurring.of(sigma, sigma) for sigma in sigmas)
        about = np.arange(ROWS, len(picture), ROWS)[:, None] + np.arange(-more.reach, more.reach)
        return cls(near, rows, less, more, picture[np.minimum(about, len(picture) - 1)])

    def over(self, strip: Field, geometry: Geometry, top: int) -> None:
        """Apply the defocus to the n×W×3 linear strip of the image that begins at the row `top`."""
        first, end = self.rows
        above, below = max(top, first), min(top + len(strip), end)
        if above >= below:
            return
        reach, number = self.more.reach, top // ROWS
        start, stop = max(above - reach, first), min(below + reach, end)
        part = strip[above - top : below - top]
        before, after = above - start, stop - below
        # At the edge of the defocused range rows are mirrored, and there are none beyond.
        seen = [self.edges[number - 1, reach - before : reach]] if before else []
        seen += [part, self.edges[number, reach : reach + after]] if after else [part]
        depth = geometry.depth[start:stop]
        sums = np.empty((*depth.shape, 4), np.float32)
        focus, rate = np.float32(self.near), np.float32(1 / HALF)
        kernels.weighted_means(np.concatenate(seen), depth, focus, rate, len(depth), 0, sums)
        soft, softer = (_means(sums, blur, before, before + len(part)) for blur in (self.less, self.more))
        kernels.defocus(geometry.depth[above:below], focus, rate, soft, softer, len(part), 0, part)


def _means(sums: Field, blur: Blurring, first: int, end: int) -> Field:
    """Return n×w×3 means: the rows first … end of h×w×4 sums of colours and of their weights, blurred."""
    out = np.empty((end - first, sums.shape[1], 3), np.float32)

    def work(top: int, bottom: int) -> None:
        kernels.quotients(blur.rows(sums, first + top, first + bottom), out[top:bottom])

    by_rows(len(out), work, ROWS // 2)
    return out


def darken_corners(layout: Layout, tall: int, top: int, strip: Field) -> None:
    """Darken the corners of an image of `tall` rows, in its n×W×3 linear strip from `top` on, by the lens' vignette."""
    if layout.lens.vignette > 0:
        kernels.vignette(tall, top, np.float32(layout.lens.vignette), strip)


def add_grain(layout: Layout, top: int, strip: Field) -> None:
    """Add the film's grain to the n×W×3 sRGB strip of an image; equal seeds and places have equal grain."""
    if layout.lens.grain > 0:
        kernels.grain(top, np.uint32(layout.seed), np.float32(layout.lens.grain), strip)


def bloom(layout: Layout, geometry: Geometry) -> Field | None:
    """Return h×w×3: the light that glowing tubes spill in the lens, two wide, weak blurs of their colour.

    The grid has a quarter of the image's size and fits `spill`. Returns None without tubes.
    """
    tubes = [index for index, part in enumerate(layout.parts) if part.role == "tube"]
    if not tubes:
        return None
    height, width = geometry.surface.shape
    small = (max(2, width // 4), max(2, height // 4))
    glow = np.zeros((small[1], small[0], 3), np.float32)
    for index in tubes:
        its = (geometry.surface >= index * FACES) & (geometry.surface < (index + 1) * FACES)
        seen = resize(its.astype(np.float32), *small, Image.Resampling.BOX)
        glow += seen[..., None] * tube_hue(layout, layout.parts[index].slot)
    tight, wide = (blurred(glow, sigma * small[1], sigma * small[1]) for sigma in (0.012, 0.05))
    return np.float32(0.9) * tight + np.float32(0.8) * wide


def spill(glow: Field, height: int, top: int, strip: Field) -> None:
    """Add an h×w×3 glow to the n×W×3 linear strip of an image of `height` rows that begins at the row `top`."""
    light = np.empty_like(strip)
    enlarge(glow, height, top, light)
    strip += light


def tube_hue(layout: Layout, slot: int) -> Colour:
    """Return the colour of a glowing tube: its slot's colour at full brightness."""
    colour = layout.colours[slot]
    return np.asarray(colour / max(float(colour.max()), 1e-3), np.float32)


@dataclass(frozen=True)
class Haze:
    """The air of a wide landscape: the sky is paler at the horizon, and distant dunes fade into it."""

    #: (3,) linear.
    sky: Colour
    #: The horizon, canvas heights from the top.
    horizon: float

    @classmethod
    def of(cls, layout: Layout) -> "Haze | None":
        """Return a layout's haze; None if it has none."""
        return cls(layout.colours[layout.behind], max(layout.edge, 0.1)) if layout.kind == "sand" else None

    def over(self, strip: Field, geometry: Geometry, top: int) -> None:
        """Apply the haze to the n×W×3 linear strip of an image that begins at the row `top`."""
        rows = slice(top, top + len(strip))
        height = geometry.surface.shape[0]
        y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / height
        bright = (0.94 + 0.12 * np.clip(y / self.horizon, 0, 1)).astype(np.float32)
        depth, near = geometry.depth[rows], np.float32(FOCAL + 1.0)
        fade(geometry.surface[rows], FACES, depth, near, self.sky, bright, strip)
