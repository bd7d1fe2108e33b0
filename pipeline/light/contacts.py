"""Light at the image's full size where objects touch, since upsampled light would show there as a row of dashes.

In the crevice between two touching objects, light changes within a pixel or two. The places of the coarse grid are at
varying distances from it. Only few pixels are affected.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.ray import Field, Triple
from pipeline.kernels.tracing.interleaved import share_picked
from pipeline.kernels.tracing.rays import FACES
from pipeline.light.exposure import Exposure
from pipeline.light.first_light import FirstLight, LightTracer
from pipeline.light.upsample import Upsampling
from pipeline.scene.layout import Layout
from pipeline.scene.trace import Geometry

#: Parts touch if they are less than this apart along the view axis, in canvas heights, between neighbouring places of
#: the light's grid. Light is traced on REACH places around, and blends into the grid's on the outer ones.
APART, REACH = 0.02, 3
#: Rays per bundle.
_ROW = 64


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


def contact_light(
    layout: Layout, first: FirstLight, exposure: Exposure, small: Upsampling, geometry: Geometry
) -> ContactLight | None:
    """Trace light where parts of an image's geometry touch, with the network's change of `first`; or return None.

    `exposure` belongs to `first`, and `small` to its grid.
    """
    height, width = geometry.surface.shape
    place, near = small.contacts(first.geometry.depth, APART, REACH, (height, width))
    if not len(place):
        return None
    picked = _Picked.of(geometry, place)
    light = picked.listed(_Tracer(layout, picked).light(first.back)[0])
    if first.change is not None:
        light *= np.exp2(first.change.at(place, picked.seen, (height, width)))
    light = exposure.on(light, picked.seen // FACES)
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
