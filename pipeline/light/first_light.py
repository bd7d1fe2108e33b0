"""First light: a layout's lights on its surfaces, traced before a network changes them.

The result is radiance over albedo, linear. It sums the key light with its gobo's soft shadows, the tubes' glow, the
dome's occluded fill, and one bounce off occluders. Each pixel takes few samples of a pattern that repeats every 3×3
pixels (interleaved sampling: Keller and Heidrich, EGWR 2001). A 3×3 mean among pixels of one surface then shares them,
which avoids both grain and the steps of few samples.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.parallel import by_rows
from pipeline.geometry.heightfields import Curtain, Dunes
from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Bounds, Field, Triple, cosine_samples
from pipeline.geometry.solids import Caster, shapes
from pipeline.geometry.sprites import blocks, lift
from pipeline.geometry.walls import Recess, Wall
from pipeline.kernels.tracing.dome import Bring, dome_light
from pipeline.kernels.tracing.interleaved import share
from pipeline.kernels.tracing.lights import Places, Shade, direct_light
from pipeline.light.emitters import lamps
from pipeline.light.sheets import is_sheet
from pipeline.light.upsample import Upsampling, enlarged
from pipeline.scene.layout import Layout
from pipeline.scene.trace import Geometry, trace

#: Samples per pixel of the key light, of the same past a caster, whose grid is coarser, and of the dome. Sharing
#: multiplies them by nine. On path-traced layouts, 14 are no closer to the truth than 9.
KEY_SAMPLES, CASTER_SAMPLES = 9, 14
DOME_SAMPLES = 9
#: Light is followed on a grid whose longer side is at least this, and on finer ones where it bends. From a coarser grid
#: the ends of a thin shadow would be missing.
COARSEST = 256
#: Share of the incoming light that occluders of the dome reflect, beyond their own direct light.
BOUNCE = 0.85
#: Share of an object's reflected light that is equal in all directions. The rest comes from the side lit by the key
#: light: the shadow next to a plinth sees its dark side, not its bright top.
EVEN = 0.7
#: Surfaces nearer than about this, in canvas heights, share the light of the place that sees them. Where two objects
#: touch, light reflected elsewhere does not reach the contact. At most MOST_NEAR of a place's light returns.
NEAR, MOST_NEAR = 0.0075, 0.9
#: The box of a solid without end.
_NO_END = (-np.inf,) * 3 + (np.inf,) * 3
#: Rows of an image that are traced at once on finer grids, to save memory, and the rows beside them that they share
#: samples with. Both are multiples of the pattern's 3.
BAND, BESIDE = 240, 3
#: Rows of a strip: few, so that a small image still has strips for both threads, and a multiple of the pattern's three.
ROWS = 12


@dataclass(frozen=True)
class FirstLight:
    """Light on the surfaces of a `Geometry`."""

    geometry: Geometry
    #: H×W×3 linear, radiance over albedo.
    light: Field
    #: H×W, the visible share of the dome, 0–1.
    occlusion: Field
    #: parts×3: the radiance that each part reflects.
    back: Field
    #: The stops by which a network changed the light, on its own grid; None if it did not.
    change: Upsampling | None = None


class Seen(Protocol):
    """H×W places on a layout's surfaces, as in a `Geometry`."""

    @property
    def surface(self) -> NDArray[np.uint16]:
        """H×W surfaces, as in a `Geometry`."""

    @property
    def part(self) -> NDArray[np.uint16]:
        """H×W part indices."""

    @property
    def point(self) -> Triple:
        """World places, three times H×W."""

    def normals(self) -> Field:
        """Return unit normals, 3×H×W float32."""


def first_light(layout: Layout, width: int, height: int) -> FirstLight:
    """Trace the light of a layout at width×height pixels; some 0.3 CPU-seconds at 1024 pixels."""
    geometry = trace(layout, width, height)
    return FirstLight(geometry, *LightTracer.of(geometry).light())


def smoothed(geometry: Geometry, values: Field, times: int) -> Field:
    """Return H×W×C values, averaged `times` times over 3×3 places of the same surface that face the same way."""
    normals, field, every = geometry.normals(), np.moveaxis(values, -1, 0), np.ones(values.shape[:2], np.bool_)
    for _ in range(times):
        field = _shared(geometry.surface, normals, every, field)
    return np.ascontiguousarray(np.moveaxis(field, 0, -1))


def _shared(surface: NDArray[np.uint16], normals: Field, lit: NDArray[np.bool_], field: Field) -> Field:
    out, field = np.zeros(field.shape, np.float32), np.ascontiguousarray(field)
    by_rows(len(surface), lambda a, b: share(a, b, lit, surface, normals, field, out), ROWS)
    return out


class LightTracer:
    """Traces the light on the surfaces of one image, optionally past one more object, the caster."""

    def __init__(
        self,
        layout: Layout,
        geometry: Seen,
        caster: Caster | None = None,
        around: Bounds | None = None,
        coarse: "LightTracer | None" = None,
    ):
        """`caster` is not part of the layout, and `around` is a box around it; its shadow is kept apart.

        `coarse` traces the same on a coarser grid.
        """
        self.layout, self.geometry, self.coarse = layout, geometry, coarse
        self.surface = geometry.surface
        self.height, self.width = self.surface.shape
        self.normals, self.part = geometry.normals(), geometry.part
        glows = np.array([part.glow > 0 for part in layout.parts])
        #: H×W: where light falls.
        self.receives_light: NDArray[np.bool_] = ~glows[self.part]
        solids = [part.solid for part in layout.parts]
        lifts = np.array([lift(solid) for solid in solids], np.float32)
        points = np.stack(geometry.point) + lifts[self.part] * self.normals
        self.places = Places(points, self.normals, self.receives_light)
        self.casts = caster is not None
        self._caster = shapes([] if caster is None else [caster.packed])
        self._around = np.array(_NO_END if around is None else around, np.float32)
        self._shapes = shapes([solid.packed for solid in solids])
        self._boxes = np.array([solid.bounds or _NO_END for solid in solids], np.float32)

    @classmethod
    def of(cls, geometry: Geometry, caster: Caster | None = None, around: Bounds | None = None) -> "LightTracer":
        """Return a tracer that follows light on grids each half as fine, and on finer ones only where it must."""
        height, width = geometry.surface.shape
        coarse = None
        if max(width, height) >= 2 * COARSEST:
            coarse = cls.of(trace(geometry.layout, width // 2, height // 2), caster, around)
        return cls(geometry.layout, geometry, caster, around, coarse)

    def spared(self, follow: Callable[["LightTracer"], Field], bends: Callable[[Field], tuple[Field, Field]]) -> Field:
        """Return C×H×W, as `follow` traces it: enlarged from the coarser grid, and traced where it isn't smooth.

        `bends` returns from C×h×w the h×w light that is to be smooth, and all light there.
        """
        if self.coarse is None:
            return follow(self)
        rough = self.coarse.spared(follow, bends)
        out, beside = enlarged(rough, *bends(rough), self.coarse.surface, self.surface)
        for top in range(0, self.height, BAND):
            anew = beside[top : top + BAND] > 1
            if anew.any():
                above = min(top, BESIDE)
                found = follow(self._band(slice(top - above, top + BAND + BESIDE), beside > 0))
                np.copyto(out[:, top : top + BAND], found[:, above : above + len(anew)], where=anew)
        return out

    def _band(self, rows: slice, lit: NDArray[np.bool_]) -> "LightTracer":
        """Return a tracer of some rows, where light falls on H×W places that are `lit`."""
        some = copy(self)
        some.surface, some.receives_light = self.surface[rows], self.receives_light[rows]
        some.height = len(some.surface)
        some.normals, points = (np.ascontiguousarray(one[:, rows]) for one in (self.normals, self.places.point))
        some.places = Places(points, some.normals, some.receives_light & lit[rows])
        return some

    @property
    def coarsest(self) -> "LightTracer":
        """The tracer on the coarsest grid."""
        return self if self.coarse is None else self.coarse.coarsest

    def light(self, back: Field | None = None) -> tuple[Field, Field, Field]:
        """Return H×W×3 radiance over albedo, H×W occlusion, and `back`, parts×3, computed if None."""
        rig = self.layout.rig
        direct = self.coloured(self.spared(lambda lights: lights.direct(), self._bends))
        back = self.given_back(direct) if back is None else back
        # A ray of the dome sees the open dome (the last column) or a part's reflected light. If the part is near, the
        # ray gets its albedo, for the light reflected between both.
        send = np.zeros((7, len(back) + 1), np.float32)
        send[0, -1] = 1
        send[1:4, :-1] = back.T
        for index, part in enumerate(self.layout.parts):
            send[4:, index] = 0 if part.glow else self.layout.colours[part.slot] * BOUNCE
        sky = (rig.fill * rig.fill_tint).astype(np.float32)
        lit = direct.sum(0)

        def bends(fill: Field) -> tuple[Field, Field]:
            own = (fill[0] * sky.sum() + fill[1:4].sum(0)) / (1 - np.minimum(fill[4:].sum(0) / 3, MOST_NEAR))
            places = (np.arange(new) * old // new for new, old in zip(own.shape, lit.shape, strict=True))
            return own, own + lit[np.ix_(*places)]

        fill = self.spared(lambda lights: lights.dome(send, near=4), bends)
        light = np.empty((self.height, self.width, 3), np.float32)
        glow = np.array([part.glow for part in self.layout.parts], np.float32)[self.part]
        folds = [
            self._folds(n, part.solid) for n, part in enumerate(self.layout.parts) if isinstance(part.solid, Curtain)
        ]

        def work(top: int, bottom: int) -> None:
            its = slice(top, bottom)
            for channel in range(3):
                own = direct[channel, its] + fill[0, its] * sky[channel] + fill[1 + channel, its]
                own /= 1 - np.minimum(fill[4 + channel, its], np.float32(MOST_NEAR))
                for fold in folds:
                    own *= fold[its]
                light[its, :, channel] = np.where(self.receives_light[its], own, glow[its])

        by_rows(self.height, work)
        return light, np.where(self.receives_light, fill[0], np.float32(1)), back

    def coloured(self, direct: Field) -> Field:
        """Return 3×H×W radiance over albedo from the result of `direct`."""
        key: Field = (self.layout.rig.key * self.layout.rig.key_tint).astype(np.float32)[:, None, None] * direct[0]
        return key + direct[1:] if len(direct) > 1 else key

    def _bends(self, direct: Field) -> tuple[Field, Field]:
        key, fill = (np.float32(one) for one in (self.layout.rig.key, self.layout.rig.fill))
        light = direct[0] * key + direct[1:].sum(0) / 3
        return light, light + fill

    def direct(self) -> Field:
        """Return the light of the key light, 1 on a surface at its target that faces it, and RGB of tubes: C×H×W.

        C is 1 without tubes, else 4. With a caster there are as many again, with the caster in the light's way.
        """
        channels = 8 if self.casts else 4
        light = lamps(self.layout, CASTER_SAMPLES if self.casts else KEY_SAMPLES)
        traced = self._traced(
            channels, lambda a, b, out: direct_light(a, b, self.places, light, self._direct_shade, out)
        )
        if not len(light.tube):
            return self.shared(traced[::4])
        traced[::4] = self.shared(traced[::4])
        return traced

    def dome(self, send: Field, kept: int | None = None, count: int = DOME_SAMPLES, near: int | None = None) -> Field:
        """Return C×H×W: the mean light that the rays of the dome bring.

        `send` is C×(parts + 1): the light from each part and, last, from the open dome. The caster blocks the channels
        from `kept` on. Channels from `near` on receive light from nearer than about NEAR, the channels before it the
        rest. `count` is the samples per pixel, nine times as many after sharing.
        """
        samples, channels = cosine_samples(count), len(send)
        bring = Bring(send, self._even, self._key, np.float32(0 if near is None else NEAR))
        kept, near = (channels if some is None else some for some in (kept, near))
        return self.shared(
            self._traced(
                channels,
                lambda a, b, out: dome_light(a, b, self.places, samples, self._dome_shade, bring, kept, near, out),
            )
        )

    def given_back(self, direct: Field) -> Field:
        """Return parts×3: the radiance that each part reflects, from its mean direct light, 3×H×W, and the fill."""
        rig = self.layout.rig
        count = len(self.layout.parts)
        # A quarter of the places gives the mean.
        which = self.part[::2, ::2].ravel()
        pixels = np.bincount(which, minlength=count)
        sums = [np.bincount(which, channel[::2, ::2].ravel(), count) for channel in direct]
        means = np.stack(sums, 1) / np.maximum(pixels, 1)[:, None]
        out = np.zeros((count, 3), np.float32)
        for index, part in enumerate(self.layout.parts):
            albedo = self.layout.colours[part.slot]
            if part.glow:
                out[index] = self.layout.radiance(part) if part.role == "far" else 0
                continue
            mean = means[index] if pixels[index] else rig.key * 0.5 * rig.key_tint
            out[index] = albedo * (mean + 0.7 * rig.fill * rig.fill_tint) * BOUNCE
        return out

    def shared(self, field: Field) -> Field:
        """Return the 3×3 mean of a C×H×W field among neighbours on the same surface that face the same way."""
        return _shared(self.surface, self.normals, self.places.lit, field)

    def _traced(self, channels: int, trace_rows: Callable[[int, int, Field], None]) -> Field:
        out = np.zeros((channels, self.height, self.width), np.float32)
        by_rows(self.height, lambda a, b: trace_rows(a, b, out), ROWS)
        return out

    @cached_property
    def _direct_shade(self) -> Shade:
        """The solids that can be between a surface and a light; walls and floors only bound the dome."""
        things, dunes = [], []
        for index, part in enumerate(self.layout.parts):
            if isinstance(part.solid, Wall | Recess) and self.layout.rig.position[2] < part.solid.z:
                continue  # a lamp behind a set shines past it, whether the wall has an opening or not
            bounded = part.solid.bounds is not None and part.role not in ("far", "tube") and not is_sheet(part.solid)
            bounded = bounded and blocks(part.solid)
            if bounded or (isinstance(part.solid, Wall) and part.solid.opening):
                things.append(index)
            elif part.role == "floor" and isinstance(part.solid, Dunes):
                dunes.append(index)
        return self._shade(things, dunes)

    @cached_property
    def _even(self) -> Field:
        """Return the share of light from each part, and last the open dome, that is equal in all directions."""
        things = [part.role in ("stand", "panel", "prop") for part in self.layout.parts]
        return np.where([*things, False], EVEN, 1).astype(np.float32)

    @cached_property
    def _key(self) -> Field:
        """Return the unit direction to the key light, and the gain of the side that the camera sees: (4,)."""
        rig = self.layout.rig
        way = np.subtract(rig.position, rig.target)
        way /= np.linalg.norm(way)
        # Limited: a backlit object would otherwise act as a lamp on the objects behind it.
        return np.array([*way, min(4.0, 1 / max(1e-3, (0.5 + 0.5 * way[2]) ** 2))], np.float32)

    @cached_property
    def _dome_shade(self) -> Shade:
        """The solids that bound the dome."""
        bounds = [
            index
            for index, part in enumerate(self.layout.parts)
            if not (
                part.role == "tube" or (part.role == "far" and isinstance(part.solid, Panel)) or is_sheet(part.solid)
            )
            and blocks(part.solid)
        ]
        return self._shade(bounds, [])

    def _shade(self, *which: list[int]) -> Shade:
        things, dunes = (np.array(some, np.int64) for some in which)
        return Shade(self._shapes, self._boxes, things, dunes, self._caster, self._around)

    def _folds(self, index: int, curtain: Curtain) -> Field:
        """Return H×W factors that darken cloth in the depth of its folds."""
        out, _ = curtain.relief(self.geometry.point[0])
        depth = np.clip(0.5 - 0.5 * out / np.float32(curtain.reach), 0, 1)
        return np.where(self.part == index, 1 - 0.55 * depth**1.3, 1).astype(np.float32)
