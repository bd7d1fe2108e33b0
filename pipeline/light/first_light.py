"""First light: what a layout's lights do to its surfaces, traced before a network has a say.

Radiance over albedo, linear: the key light's soft shadows through the window or the leaves, the tubes' glow, the
dome's fill with its occlusion, and one bounce off what occludes. Each pixel takes its own few samples of a pattern that
repeats every 3×3 pixels (interleaved sampling: Keller and Heidrich, EGWR 2001); a 3×3 mean among pixels of one surface
then shares them, so that there is neither grain nor the steps of few samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.spaces import linear_to_srgb
from pipeline.core.networks import Conditions
from pipeline.core.parallel import by_rows
from pipeline.geometry.heightfields import Curtain, Dunes
from pipeline.geometry.packing import shapes
from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Bounds, Field, Triple
from pipeline.geometry.sampling import cosine_samples
from pipeline.geometry.solids import Caster
from pipeline.geometry.walls import Wall
from pipeline.kernels.tracing import lights
from pipeline.kernels.tracing.dome import Bring, dome_light
from pipeline.kernels.tracing.interleaved import share
from pipeline.kernels.tracing.lights import Shade, direct_light
from pipeline.light.emitters import lamps
from pipeline.light.sheets import is_sheet
from pipeline.light.upsample import Upsampling
from pipeline.scene.layout import Layout
from pipeline.scene.trace import Geometry, trace

#: Samples a pixel of the key light, of one past a caster, whose grid is coarser, and of the dome; nine times as many
#: after sharing. On path-traced layouts 14 are no nearer to the truth than 9.
KEY_SAMPLES, CASTER_SAMPLES = 9, 14
DOME_SAMPLES = 9
#: How much of the light that falls on them the parts in the dome's way give back, beyond their own direct light.
BOUNCE = 0.85
#: Share of what a thing gives back that comes the same in all ways. The rest comes from the side that the key light
#: falls on: the shadow beside a plinth sees its dark side, not its bright top.
EVEN = 0.7
#: What is nearer than about this, canvas heights, is in the same light as the place that sees it: where two things
#: touch, neither is lit by what the other gives back elsewhere. At most MOST_NEAR of a place's light comes back.
NEAR, MOST_NEAR = 0.0075, 0.9
#: The box of what has no end.
_NO_END = (-np.inf,) * 3 + (np.inf,) * 3
#: Rows of one strip: of a small picture, so that both threads have some.
ROWS = 8


@dataclass(frozen=True)
class FirstLight:
    """Light on the surfaces of a `Geometry`."""

    geometry: Geometry
    #: H×W×3 linear, radiance over albedo.
    light: Field
    #: H×W, the share of the dome that is seen, 0–1.
    occlusion: Field
    #: parts×3: the radiance that each part gives back.
    back: Field
    #: Stops by which a network changed the light, on its own grid; None where it is as it was traced.
    change: Upsampling | None = None


class Seen(Protocol):
    """Places on a layout's surfaces, H×W of them, as a `Geometry` has them."""

    @property
    def surface(self) -> NDArray[np.uint16]:
        """H×W, as a `Geometry`'s."""

    @property
    def part(self) -> NDArray[np.uint16]:
        """H×W part indices."""

    @property
    def point(self) -> Triple:
        """World places, three times H×W."""

    def normals(self) -> Field:
        """Return unit normals, 3×H×W float32."""


def first_light(layout: Layout, width: int, height: int) -> FirstLight:
    """Trace the light of a layout at width×height pixels; some 0.2 s at 1024 on two cores."""
    geometry = trace(layout, width, height)
    return FirstLight(geometry, *LightTracer(layout, geometry).light())


def conditions(layout: Layout, width: int, height: int) -> Conditions:
    """Return what a network is given of a layout, at width×height pixels."""
    first = first_light(layout, width, height)
    geometry = first.geometry
    albedo = np.stack([layout.colours[part.slot] for part in layout.parts]).astype(np.float32)
    gloss = np.array([part.gloss for part in layout.parts], np.float32)
    lit = np.array([0.0 if part.glow else 1.0 for part in layout.parts], np.float32)
    part = geometry.part
    return Conditions(
        sketch=linear_to_srgb(albedo[part]),
        light=first.light,
        occlusion=first.occlusion,
        normals=np.moveaxis(geometry.normals(), 0, -1),
        depth=geometry.depth,
        gloss=gloss[part],
        lit=lit[part],
    )


def smoothed(geometry: Geometry, values: Field, times: int) -> Field:
    """Return H×W×C values averaged `times` times over 3×3 places of the same surface that face the same way."""
    normals, field = geometry.normals(), np.moveaxis(values, -1, 0)
    for _ in range(times):
        field = _shared(geometry, normals, field)
    return np.ascontiguousarray(np.moveaxis(field, 0, -1))


def _shared(places: Seen, normals: Field, field: Field) -> Field:
    out, field = np.empty(field.shape, np.float32), np.ascontiguousarray(field)
    by_rows(len(places.surface), lambda a, b: share(a, b, places.surface, normals, field, out), ROWS)
    return out


class LightTracer:
    """Traces what falls on the surfaces of one picture, past one more thing perhaps."""

    def __init__(self, layout: Layout, geometry: Seen, caster: Caster | None = None, around: Bounds | None = None):
        """`caster` is no part of the layout, and `around` a box around it; its shadow is told apart."""
        self.layout, self.geometry = layout, geometry
        self.height, self.width = geometry.surface.shape
        self.normals, self.part = geometry.normals(), geometry.part
        glows = np.array([part.glow > 0 for part in layout.parts])
        #: H×W: where light falls.
        self.receives_light: NDArray[np.bool_] = ~glows[self.part]
        self.places = lights.Places(np.stack(geometry.point), self.normals, self.receives_light)
        self.casts = caster is not None
        self._caster = shapes([] if caster is None else [caster.packed])
        self._around = np.array(_NO_END if around is None else around, np.float32)
        solids = [part.solid for part in layout.parts]
        self._shapes = shapes([solid.packed for solid in solids])
        self._boxes = np.array([solid.bounds or _NO_END for solid in solids], np.float32)

    def light(self, back: Field | None = None) -> tuple[Field, Field, Field]:
        """Return H×W×3 radiance over albedo, H×W occlusion, and parts×3 that each part gives `back`, if not given."""
        rig = self.layout.rig
        direct = self.direct()
        back = self.given_back(direct) if back is None else back
        # What a ray of the dome brings: it sees the open dome, the last, or what a part gives back; or if that is
        # near its albedo, for the light to go to and fro.
        send = np.zeros((7, len(back) + 1), np.float32)
        send[0, -1] = 1
        send[1:4, :-1] = back.T
        for index, part in enumerate(self.layout.parts):
            send[4:, index] = 0 if part.glow else self.layout.colours[part.slot] * BOUNCE
        fill = np.moveaxis(self.shared(self.dome(send, near=4)), 0, -1)
        light = direct + fill[..., :1] * (rig.fill * rig.fill_tint) + fill[..., 1:4]
        light /= 1 - np.minimum(fill[..., 4:], MOST_NEAR)
        for index, part in enumerate(self.layout.parts):
            if isinstance(part.solid, Curtain):
                light *= self._folds(index, part.solid)[..., None]
        glow = np.array([part.glow for part in self.layout.parts], np.float32)[self.part]
        light = np.where(self.receives_light[..., None], light, glow[..., None])
        return light.astype(np.float32), np.where(self.receives_light, fill[..., 0], 1).astype(np.float32), back

    def direct(self) -> Field:
        """Return H×W×3 radiance over albedo that comes from the key light and the tubes; with a caster 2×H×W×3.

        The second is what it leaves.
        """
        rig = self.layout.rig
        channels = 8 if self.casts else 4
        light = lamps(self.layout, CASTER_SAMPLES if self.casts else KEY_SAMPLES)
        traced = self._traced(
            channels, lambda a, b, out: direct_light(a, b, self.places, light, self._direct_shade, out)
        )
        key = self.shared(traced[::4])[..., None] * (rig.key * rig.key_tint)
        tubes = np.stack([np.moveaxis(traced[at + 1 : at + 4], 0, -1) for at in range(0, channels, 4)])
        both = np.asarray(key + tubes, np.float32)
        return both if self.casts else both[0]

    def dome(self, send: Field, kept: int | None = None, count: int = DOME_SAMPLES, near: int | None = None) -> Field:
        """Return C×H×W: the mean of what the rays of the dome bring.

        `send` are C×(parts + 1): what comes from each part and, last, from the open dome. Of the channels from `kept`
        on, nothing comes past the caster. Those from `near` on have what comes from nearer than about NEAR, and those
        before it the rest. `count` are the samples a pixel, nine times as many after sharing.
        """
        samples, channels = cosine_samples(count), len(send)
        bring = Bring(send, self._even, self._key, np.float32(0 if near is None else NEAR))
        kept, near = (channels if some is None else some for some in (kept, near))
        return self._traced(
            channels,
            lambda a, b, out: dome_light(a, b, self.places, samples, self._dome_shade, bring, kept, near, out),
        )

    def given_back(self, direct: Field) -> Field:
        """Return parts×3: the radiance that each part sends on, from its mean direct light, H×W×3, and the fill."""
        rig = self.layout.rig
        count = len(self.layout.parts)
        which = self.part.ravel()
        pixels = np.bincount(which, minlength=count)
        sums = [np.bincount(which, direct[..., channel].ravel(), count) for channel in range(3)]
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
        return _shared(self.geometry, self.normals, field)

    def _traced(self, channels: int, trace_rows: Callable[[int, int, Field], None]) -> Field:
        out = np.zeros((channels, self.height, self.width), np.float32)
        by_rows(self.height, lambda a, b: trace_rows(a, b, out), ROWS)
        return out

    @cached_property
    def _direct_shade(self) -> Shade:
        """What can stand between a surface and a light; walls and floors only bound the dome."""
        things, dunes = [], []
        for index, part in enumerate(self.layout.parts):
            bounded = part.solid.bounds is not None and part.role not in ("far", "tube") and not is_sheet(part.solid)
            if bounded or (isinstance(part.solid, Wall) and part.solid.opening):
                things.append(index)
            elif part.role == "floor" and isinstance(part.solid, Dunes):
                dunes.append(index)
        return self._shade(things, dunes)

    @cached_property
    def _even(self) -> Field:
        """Return the share of what each part, and last the open dome, sends that comes the same in all ways."""
        things = [part.role in ("stand", "panel", "prop") for part in self.layout.parts]
        return np.where([*things, False], EVEN, 1).astype(np.float32)

    @cached_property
    def _key(self) -> Field:
        """Return the unit way to the key light, and the gain of what is seen by the camera: (4,)."""
        rig = self.layout.rig
        way = np.subtract(rig.position, rig.target)
        way /= np.linalg.norm(way)
        # A thing with its light behind it would be a lamp to what is behind it.
        return np.array([*way, min(4.0, 1 / max(1e-3, (0.5 + 0.5 * way[2]) ** 2))], np.float32)

    @cached_property
    def _dome_shade(self) -> Shade:
        """What bounds the dome."""
        bounds = [
            index
            for index, part in enumerate(self.layout.parts)
            if not (
                part.role == "tube" or (part.role == "far" and isinstance(part.solid, Panel)) or is_sheet(part.solid)
            )
        ]
        return self._shade(bounds, [])

    def _shade(self, *which: list[int]) -> Shade:
        things, dunes = (np.array(some, np.int64) for some in which)
        return Shade(self._shapes, self._boxes, things, dunes, self._caster, self._around)

    def _folds(self, index: int, curtain: Curtain) -> Field:
        """Return H×W: cloth is dark in the depth of its folds."""
        out, _ = curtain.relief(self.geometry.point[0])
        depth = np.clip(0.5 - 0.5 * out / np.float32(curtain.reach), 0, 1)
        return np.where(self.part == index, 1 - 0.55 * depth**1.3, 1).astype(np.float32)
