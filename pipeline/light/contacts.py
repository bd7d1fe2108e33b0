"""Exposed light for an image of any size: traced again where objects touch, and darker at their foot.

In the crevice between two touching objects, light changes within a pixel or two. Upsampled light would show there as a
row of dashes, as the places of the coarse grid are at varying distances from it. Only few pixels are affected.

Solids here have a sharp edge, next to which a surface is nearly as light as elsewhere; path tracing shows the same. On
a pale floor such objects look pasted in. Of a rounded foot only its darkness is visible, so that is drawn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field, Triple
from pipeline.geometry.solids import Block, Drum
from pipeline.geometry.sprites import Sprite
from pipeline.kernels.image.surfaces import darken_feet
from pipeline.kernels.tracing.interleaved import share_picked
from pipeline.light.exposure import Exposure
from pipeline.light.first_light import FirstLight, LightTracer
from pipeline.light.upsample import Upsampling
from pipeline.scene.layout import Layout
from pipeline.scene.trace import FACES, Geometry

#: Parts touch if they are less than this apart along the view axis, in canvas heights, between neighbouring places of
#: the light's grid. Light is traced on REACH places around, and blends into the grid's on the outer ones.
APART, REACH = 0.02, 3
#: Rays per bundle.
_ROW = 64
#: Radius of a foot's rounding, in canvas heights, and its maximum as a share of the object's height.
ROUND, OF_HEIGHT = 0.005, 0.06


@dataclass(frozen=True, eq=False)
class ContactLight:
    """Light on some pixels of an image."""

    #: n×2 int32, rows and columns, sorted by rows.
    place: NDArray[np.int32]
    #: n×3 linear exposed light, radiance over albedo, and its share (n), 0–1.
    light: Field
    share: Field

    def into(self, strip: Field, top: int) -> None:
        """Mix the light into a strip of the image's rows, h×W×3, from the row `top` on."""
        first, last = np.searchsorted(self.place[:, 0], [top, top + len(strip)])
        at = self.place[first:last, 0] - top, self.place[first:last, 1]
        strip[at] += (self.light[first:last] - strip[at]) * self.share[first:last, None]


@dataclass(frozen=True)
class Exposed:
    """Exposed light on a small grid, for images of any size."""

    light: FirstLight
    small: Upsampling
    exposure: Exposure

    @classmethod
    def of(cls, layout: Layout, light: FirstLight) -> "Exposed":
        """Expose a layout's light."""
        exposure = Exposure.of(layout, light)
        return cls(
            light, Upsampling.of(exposure.on(light.light, light.geometry.part), light.geometry.surface), exposure
        )

    def at_contacts(self, layout: Layout, geometry: Geometry) -> ContactLight | None:
        """Trace light where parts of an image's geometry touch, with the network's change; None if none do.

        Also None for an image no larger than the grid.
        """
        first, (height, width) = self.light, geometry.surface.shape
        if height * width <= first.geometry.surface.size:
            return None
        place, near = self.small.contacts(first.geometry.depth, APART, REACH, (height, width))
        if not len(place):
            return None
        picked = _Picked.of(geometry, place)
        light = picked.listed(_Tracer(layout, picked).light(first.back)[0])
        if first.change is not None:
            light *= np.exp2(first.change.at(place, picked.seen, (height, width)))
        light = self.exposure.on(light, picked.seen // FACES)
        return ContactLight(place, light, np.minimum(near / np.float32(REACH), 1).astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Picked:
    """Some pixels of an image, rearranged as an image in which each keeps its sampling pattern."""

    #: n×2 int32, rows and columns, sorted by rows; the width of the whole image; the n surfaces shown, uint16.
    place: NDArray[np.int32]
    wide: int
    seen: NDArray[np.uint16]
    #: h×w: the index of the pixel at each place.
    order: NDArray[np.intp]
    #: World places, three times h×w, and unit normals, 3×h×w.
    point: Triple
    normal: Field

    @classmethod
    def of(cls, geometry: Geometry, place: NDArray[np.int32]) -> "_Picked":
        seen = geometry.surface[place[:, 0], place[:, 1]]
        pattern = place[:, 0] % 3 * 3 + place[:, 1] % 3
        # Sorted by surface, so that the rays of a bundle start on one plane.
        order = np.argsort(seen, kind="stable")
        alike = [order[pattern[order] == which] for which in range(9)]
        size = -(-max(len(some) for some in alike) // _ROW) * _ROW
        filled = np.stack([np.append(some, np.full(size - len(some), some[-1] if len(some) else 0)) for some in alike])
        # A place's row and column modulo 3 are those of its pattern.
        laid = filled.reshape(3, 3, -1, _ROW).transpose(2, 0, 3, 1).reshape(-1, 3 * _ROW).astype(np.intp)
        return cls(place, geometry.surface.shape[1], seen, laid, *geometry.places(place[laid], seen[laid]))

    @property
    def surface(self) -> NDArray[np.uint16]:
        """h×w surfaces, as in a `Geometry`."""
        return self.seen[self.order]

    @property
    def part(self) -> NDArray[np.uint16]:
        """h×w part indices."""
        return self.surface // FACES

    def normals(self) -> Field:
        """Return unit normals, 3×h×w."""
        return self.normal

    def listed(self, field: Field) -> Field:
        """Return n×C, in the order of the pixels, from h×w×C in the order of this image."""
        out = np.empty((len(self.place), field.shape[2]), np.float32)
        out[self.order] = field
        return out

    def shared(self, field: Field) -> Field:
        """Return C×h×w values, shared among pixels that are neighbours in the whole image.

        The filter runs twice: right where two parts touch, a pixel has few neighbours, which lack some of the samples.
        """
        given, normal = (np.ascontiguousarray(self.listed(np.moveaxis(some, 0, -1)).T) for some in (field, self.normal))
        once, twice = np.empty_like(given), np.empty_like(given)
        share_picked(self.place, self.wide, self.seen, normal, given, once)
        share_picked(self.place, self.wide, self.seen, normal, once, twice)
        return twice[:, self.order]


class _Tracer(LightTracer):
    def __init__(self, layout: Layout, picked: _Picked):
        super().__init__(layout, picked)
        self._picked = picked

    def shared(self, field: Field) -> Field:
        return self._picked.shared(field)


@dataclass(frozen=True)
class Feet:
    """The feet of a layout's objects, for one image size."""

    #: The slopes of the camera's H rows; its height.
    down: Field
    camera: np.float32
    #: By surface: the level of the ground under it, -inf without ground, and 1 / its rounding.
    level: Field
    by: Field

    @classmethod
    def of(cls, layout: Layout, width: int, height: int) -> "Feet | None":
        """Return a layout's feet; None if none is visible from the side."""
        if layout.top_down:
            return None
        level, by = np.full(len(layout.parts), -np.inf, np.float32), np.ones(len(layout.parts), np.float32)
        for index, part in enumerate(layout.parts):
            if isinstance(part.solid, Block | Drum | Panel | Sprite) and not part.glow:
                box = part.solid.bounds
                ground = part.solid.y if isinstance(part.solid, Sprite) else box[1]
                level[index], by[index] = ground, 1 / min(ROUND, OF_HEIGHT * (box[4] - box[1]))
        if np.isinf(level).all():
            return None
        _, down, _ = layout.rays(width, height)
        return cls(down[:, 0].copy(), np.float32(layout.camera[1]), np.repeat(level, FACES), np.repeat(by, FACES))

    def over(self, light: Field, geometry: Geometry, top: int) -> None:
        """Darken n×W×3 linear light, the rows from `top` on, in place."""
        rows = slice(top, top + len(light))
        darken_feet(
            geometry.surface[rows], geometry.depth[rows], self.down[rows], self.camera, self.level, self.by, light
        )
