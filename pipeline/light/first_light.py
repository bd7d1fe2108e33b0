"""First light: what a layout's lights do to its surfaces, traced in NumPy before a network has a say.

Radiance over albedo, linear: the key light's soft shadows through the window or the leaves, the tubes' glow, the
dome's fill with its occlusion, and one bounce off what occludes. Each pixel takes its own few samples of a pattern that
repeats every 3×3 pixels (interleaved sampling: Keller and Heidrich, EGWR 2001); a 3×3 mean among pixels of one surface
then shares them, so that there is neither grain nor the steps of few samples.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.spaces import linear_to_srgb
from pipeline.core.networks import Conditions
from pipeline.core.parallel import THREADS
from pipeline.geometry.heightfields import Curtain
from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field, Triple
from pipeline.geometry.sampling import cosine_samples, frame, square_samples, square_to, unit
from pipeline.geometry.solids import Caster
from pipeline.geometry.walls import Wall
from pipeline.light.emitters import gobo_mask, gobo_transmission, tube_points
from pipeline.scene.layout import Layout, Part
from pipeline.scene.trace import Geometry, trace

#: Samples a pixel of the key light and of the dome; nine times as many after sharing.
KEY_SAMPLES = 14
DOME_SAMPLES = 14
#: How much of the light that falls on them the parts in the dome's way give back, beyond their own direct light.
BOUNCE = 0.85
#: Places whose rays are followed together: their arrays stay in the cache.
BLOCK = 12000


@dataclass(frozen=True)
class FirstLight:
    """Light on the surfaces of a `Geometry`."""

    geometry: Geometry
    #: H×W×3 linear, radiance over albedo.
    light: Field
    #: H×W, the share of the dome that is seen, 0–1.
    occlusion: Field


def first_light(layout: Layout, width: int, height: int) -> FirstLight:
    """Trace the light of a layout at width×height pixels; some 0.1 s at 128, 1 s at 384 on two cores."""
    geometry = trace(layout, width, height)
    tracer = LightTracer(layout, geometry)
    light, occlusion = tracer.light()
    return FirstLight(geometry, light, occlusion)


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
        normals=np.stack(geometry.normals(layout), -1),
        depth=geometry.depth,
        gloss=gloss[part],
        lit=lit[part],
    )


class LightTracer:
    """The surfaces of one picture and what falls on them, as flat arrays in the order of 3×3 patterns."""

    def __init__(self, layout: Layout, geometry: Geometry):
        self.layout, self.geometry = layout, geometry
        self.height, self.width = geometry.depth.shape
        self.normals = geometry.normals(layout)
        self.part = geometry.part
        rows, columns = np.mgrid[: self.height, : self.width]
        self.pattern = ((rows % 3) * 3 + columns % 3).astype(np.uint8)
        # What can stand between a surface and a light; walls and floors only bound the dome.
        self.things: list[Caster] = [
            part.solid for part in layout.parts if part.solid.bounds is not None and part.role not in ("far", "tube")
        ]
        self.things += [part.solid for part in layout.parts if isinstance(part.solid, Wall) and part.solid.opening]

    @cached_property
    def receives_light(self) -> NDArray[np.bool_]:
        """H×W: where light falls."""
        glows = np.array([part.glow > 0 for part in self.layout.parts])
        return np.asarray(~glows[self.part])

    def light(self) -> tuple[Field, Field]:
        """Return H×W×3 radiance over albedo and H×W occlusion."""
        rig = self.layout.rig
        where = np.flatnonzero(self.receives_light.reshape(-1))
        blocks = np.array_split(where, max(1, where.size // BLOCK))
        key = np.zeros(self.part.size, np.float32)
        tubes = np.zeros((self.part.size, 3), np.float32)
        with ThreadPoolExecutor(THREADS) as pool:
            for block, (one, three) in zip(blocks, pool.map(self._direct, blocks), strict=True):
                key[block], tubes[block] = one, three
        shape = (self.height, self.width)
        direct = self.shared(key.reshape(shape))[..., None] * (rig.key * rig.key_tint) + tubes.reshape(*shape, 3)
        back = self.given_back(direct)
        dome = np.zeros((self.part.size, 4), np.float32)
        with ThreadPoolExecutor(THREADS) as pool:
            for block, four in zip(blocks, pool.map(lambda block: self._dome(block, back), blocks), strict=True):
                dome[block] = four
        fill = np.stack([self.shared(dome[:, channel].reshape(shape)) for channel in range(4)], -1)
        light = direct + fill[..., :1] * (rig.fill * rig.fill_tint) + fill[..., 1:]
        for index, part in enumerate(self.layout.parts):
            if isinstance(part.solid, Curtain):
                light *= self._folds(index, part.solid)[..., None]
        glow = np.array([part.glow for part in self.layout.parts], np.float32)[self.part]
        light = np.where(self.receives_light[..., None], light, glow[..., None])
        return light.astype(np.float32), np.where(self.receives_light, fill[..., 0], 1).astype(np.float32)

    def at(self, block: NDArray[np.intp]) -> tuple[Triple, Triple, NDArray[np.uint8]]:
        """Return places a little off their surfaces, normals and patterns of a block of pixels."""
        normal = tuple(axis.reshape(-1)[block] for axis in self.normals)
        point = tuple(
            axis.reshape(-1)[block] + np.float32(2e-3) * n for axis, n in zip(self.geometry.point, normal, strict=True)
        )
        pattern = self.pattern.reshape(-1)[block]
        return (point[0], point[1], point[2]), (normal[0], normal[1], normal[2]), pattern

    def _direct(self, block: NDArray[np.intp]) -> tuple[Field, Field]:
        point, normal, pattern = self.at(block)
        return self._key(point, normal, pattern), self._tubes(point, normal)

    def _key(self, point: Triple, normal: Triple, pattern: NDArray[np.uint8]) -> Field:
        """The key light on each place: 1 on a surface at the target that faces it."""
        total = np.zeros(point[0].shape, np.float32)
        for _, power in self.key_rays(point, normal, pattern):
            total += power
        return total / np.float32(KEY_SAMPLES)

    def key_rays(self, point: Triple, normal: Triple, pattern: NDArray[np.uint8]) -> Iterator[tuple[Triple, Field]]:
        """Give, for each of KEY_SAMPLES, the ways to the key light, one length long, and what comes along them.

        What comes is the caller's to change.
        """
        rig = self.layout.rig
        centre, target = np.asarray(rig.position, np.float32), np.asarray(rig.target, np.float32)
        axis = centre - target
        reach = float(np.linalg.norm(axis))
        axis = axis / np.float32(reach)
        u, v = square_to(axis)
        samples = square_samples(KEY_SAMPLES)
        mask = None if rig.gobo is None else gobo_mask(rig.gobo)
        for index in range(KEY_SAMPLES):
            offset = samples[pattern, index] * np.float32(2 * rig.half)
            way = [centre[k] + offset[:, 0] * u[k] + offset[:, 1] * v[k] - point[k] for k in range(3)]
            square = way[0] ** 2 + way[1] ** 2 + way[2] ** 2
            length = np.sqrt(square)
            facing = (way[0] * normal[0] + way[1] * normal[1] + way[2] * normal[2]) / length
            leaving = (way[0] * axis[0] + way[1] * axis[1] + way[2] * axis[2]) / length
            power = np.maximum(facing, 0) * np.maximum(leaving, 0) * np.float32(reach * reach) / square
            free = power > 0
            if rig.gobo is not None and mask is not None:
                power = power * gobo_transmission(rig.gobo, mask, centre, point, (way[0], way[1], way[2]))
            power[self._blocked(point, (way[0], way[1], way[2]), 1.0, free)] = 0
            yield (way[0], way[1], way[2]), power

    def _blocked(self, point: Triple, way: Triple, far: float, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return where something is met within `far` lengths of `way`; looked at only where `among`."""
        out = np.zeros(point[0].shape, bool)
        which = np.flatnonzero(among)
        o = tuple(axis[which] for axis in point)
        d = tuple(axis[which] for axis in way)
        met = np.zeros(which.size, bool)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for solid in self.things:
                t, _ = solid.meet((o[0], o[1], o[2]), (d[0], d[1], d[2]))
                met |= t < far
            for part in self.layout.parts:
                if part.role == "floor" and hasattr(part.solid, "ridges"):
                    t, _ = part.solid.meet((o[0], o[1] + np.float32(0.004), o[2]), unit((d[0], d[1], d[2])))
                    met |= t < 6
        out[which[met]] = True
        return out

    def _tubes(self, point: Triple, normal: Triple) -> Field:
        """Light of glowing tubes: isotropic points along them, each of radiance × width × length."""
        total = np.zeros((point[0].size, 3), np.float32)
        for part in self.layout.parts:
            if part.role != "tube":
                continue
            power = np.zeros(point[0].shape, np.float32)
            for _, one in self.tube_rays(part, point, normal):
                power += one
            total += power[:, None] * self.layout.radiance(part)
        return total

    def tube_rays(self, part: Part, point: Triple, normal: Triple) -> Iterator[tuple[Triple, Field]]:
        """Give, for each point of a tube, the ways to it and what comes along them, over the tube's radiance.

        What comes is the caller's to change.
        """
        places, weight = tube_points(part)
        for place in places:
            way = (place[0] - point[0], place[1] - point[1], place[2] - point[2])
            square = way[0] ** 2 + way[1] ** 2 + way[2] ** 2 + np.float32(1e-4)
            facing = (way[0] * normal[0] + way[1] * normal[1] + way[2] * normal[2]) / np.sqrt(square)
            one = np.maximum(facing, 0) / square * np.float32(weight / np.pi)
            one[self._blocked(point, way, 0.97, one > 1e-4)] = 0
            yield way, one

    def given_back(self, direct: Field) -> Field:
        """Return parts×3: the radiance that each part sends on, from its mean direct light and the fill."""
        rig = self.layout.rig
        out = np.zeros((len(self.layout.parts), 3), np.float32)
        for index, part in enumerate(self.layout.parts):
            albedo = self.layout.colours[part.slot]
            if part.glow:
                out[index] = self.layout.radiance(part) if part.role == "far" else 0
                continue
            seen = self.part == index
            mean = direct[seen].mean(0) if seen.any() else rig.key * 0.5 * rig.key_tint
            out[index] = albedo * (mean + 0.7 * rig.fill * rig.fill_tint) * BOUNCE
        return out

    def _dome(self, block: NDArray[np.intp], back: Field) -> Field:
        """Return n×4: the share of the dome that is seen, and the radiance of what is met instead."""
        point, normal, pattern = self.at(block)
        out = np.zeros((block.size, 4), np.float32)
        for _, _, met in self.dome_rays(point, normal, pattern):
            free = met < 0
            out[:, 0] += free
            out[:, 1:] += np.where(free[:, None], 0, back[met])
        return out / np.float32(DOME_SAMPLES)

    def dome_rays(
        self, point: Triple, normal: Triple, pattern: NDArray[np.uint8]
    ) -> Iterator[tuple[Triple, Field, NDArray[np.int64]]]:
        """Give, for each of DOME_SAMPLES, unit ways, how far they go and the part they meet; inf and -1 for none."""
        tangent, other = frame(normal)
        samples = cosine_samples(DOME_SAMPLES)
        index = np.arange(len(self.layout.parts))
        for sample in range(DOME_SAMPLES):
            local = samples[pattern, sample]
            way = tuple(local[:, 0] * tangent[k] + local[:, 1] * other[k] + local[:, 2] * normal[k] for k in range(3))
            nearest = np.full(pattern.size, np.inf, np.float32)
            met = np.full(pattern.size, -1)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                for i in index:
                    part = self.layout.parts[i]
                    if part.role == "tube" or (part.role == "far" and isinstance(part.solid, Panel)):
                        continue
                    t, _ = part.solid.meet(point, (way[0], way[1], way[2]))
                    closer = t < nearest
                    nearest = np.where(closer, t, nearest)
                    met = np.where(closer, i, met)
            yield (way[0], way[1], way[2]), nearest, met

    def _folds(self, index: int, curtain: Curtain) -> Field:
        """Return H×W: cloth is dark in the depth of its folds."""
        out, _ = curtain.relief(self.geometry.point[0])
        depth = np.clip(0.5 - 0.5 * out / np.float32(curtain.reach), 0, 1)
        return np.where(self.part == index, 1 - 0.55 * depth**1.3, 1).astype(np.float32)

    def shared(self, field: Field) -> Field:
        """Return the 3×3 mean among neighbours on the same surface that face the same way."""
        pad = np.pad(field, 1, mode="edge")
        surface = np.pad(self.geometry.surface, 1, mode="edge")
        normals = [np.pad(axis, 1, mode="edge") for axis in self.normals]
        total, count = np.zeros_like(field), np.zeros_like(field)
        h, w = field.shape
        for dy in range(3):
            for dx in range(3):
                at = (slice(dy, dy + h), slice(dx, dx + w))
                alike = sum(axis[at] * own for axis, own in zip(normals, self.normals, strict=True))
                same = (surface[at] == self.geometry.surface) & (alike > 0.8)
                total += np.where(same, pad[at], 0)
                count += same
        return np.asarray(total / np.maximum(count, 1), np.float32)
