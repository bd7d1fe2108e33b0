"""The share of a scene's first light that the product blocks: each ray is followed once, then past the product."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.spaces import LUMINANCE
from pipeline.core.parallel import THREADS
from pipeline.geometry.ray import Bounds, Field, Triple
from pipeline.geometry.solids import Caster
from pipeline.light.first_light import BLOCK, DOME_SAMPLES, KEY_SAMPLES, LightTracer
from pipeline.scene.layout import Layout
from pipeline.scene.trace import Geometry, trace

#: Channels of the direct light, all of it and what the caster leaves: the key light's power, the tubes' linear RGB.
_KEY, _KEY_REMAINING, _TUBES, _TUBES_REMAINING = 0, 1, slice(2, 5), slice(5, 8)


def blocked_share(layout: Layout, width: int, height: int, caster: Caster, around: Bounds) -> tuple[Geometry, Field]:
    """Return the surfaces of a width×height picture and, H×W, the share of first light that `caster` blocks.

    `around` is a box around the caster. Shares of luminance, 0–1; 0 where it stands in no light's way and on what
    shines itself. No light bounces off the caster, and the parts give back less by what it takes of their direct light.
    """
    geometry = trace(layout, width, height)
    lights = LightTracer(layout, geometry)
    where = np.flatnonzero(lights.receives_light.reshape(-1))
    blocks = np.array_split(where, max(1, where.size // BLOCK))
    tracer = _ShadowTracer(lights, caster, around)

    def whole(compute: Callable[[NDArray[np.intp]], Field], channels: int) -> Field:
        out = np.zeros((geometry.depth.size, channels), np.float32)
        with ThreadPoolExecutor(THREADS) as pool:
            for block, values in zip(blocks, pool.map(compute, blocks), strict=True):
                out[block] = values
        return out.reshape(*geometry.depth.shape, channels)

    direct = whole(tracer.direct, 8)
    rig = layout.rig
    key = [
        lights.shared(direct[..., channel])[..., None] * (rig.key * rig.key_tint) for channel in (_KEY, _KEY_REMAINING)
    ]
    light, remaining = key[0] + direct[..., _TUBES], key[1] + direct[..., _TUBES_REMAINING]
    # Radiance of what a ray of the dome meets; the last is the open dome, which index -1 finds.
    fill = (rig.fill * rig.fill_tint)[None]
    seen, seen_remaining = (
        np.concatenate([lights.given_back(field), fill]) @ LUMINANCE for field in (light, remaining)
    )
    dome = whole(lambda block: tracer.dome(block, seen, seen_remaining), 2)
    light, remaining = (
        field @ LUMINANCE + lights.shared(dome[..., channel]) for channel, field in enumerate((light, remaining))
    )
    share = np.where(lights.receives_light, 1 - remaining / np.maximum(light, 1e-4), 0)
    return geometry, np.clip(share, 0, 1).astype(np.float32)


class _ShadowTracer:
    """Traces all lights' rays past a caster; its answers are pairs: all light, and what the caster leaves of it."""

    def __init__(self, lights: LightTracer, caster: Caster, around: Bounds):
        self.lights, self.caster = lights, caster
        left, low, back, right, top, front = around
        # Rays are first held against the ball around that box.
        self.middle = tuple(np.float32(a + b) / 2 for a, b in ((left, right), (low, top), (back, front)))
        self.square = np.float32((right - left) ** 2 + (top - low) ** 2 + (front - back) ** 2) / 4

    def direct(self, block: NDArray[np.intp]) -> Field:
        """Return n×8: the key light, 2 × 1 as `LightTracer` weighs it; the tubes' light, 2 × RGB, linear."""
        point, normal, pattern = self.lights.at(block)
        out = np.zeros((block.size, 8), np.float32)
        towards = self._towards(point)
        for way, power in self.lights.key_rays(point, normal, pattern):
            out[:, _KEY] += power
            power[self._blocked(point, way, towards, power > 0, 1.0)] = 0
            out[:, _KEY_REMAINING] += power
        out[:, :2] /= KEY_SAMPLES
        for part in self.lights.layout.parts:
            if part.role != "tube":
                continue
            radiance = self.lights.layout.radiance(part)
            both = np.zeros((2, block.size), np.float32)
            for way, power in self.lights.tube_rays(part, point, normal):
                both[0] += power
                power[self._blocked(point, way, towards, power > 1e-4, 0.97)] = 0
                both[1] += power
            out[:, _TUBES] += both[0][:, None] * radiance
            out[:, _TUBES_REMAINING] += both[1][:, None] * radiance
        return out

    def dome(self, block: NDArray[np.intp], seen: Field, remaining: Field) -> Field:
        """Return n×2 luminance that comes from the dome and the parts, which are (parts + 1) `seen` and `remaining`."""
        point, normal, pattern = self.lights.at(block)
        towards = self._towards(point)
        out = np.zeros((block.size, 2), np.float32)
        everywhere = np.ones(block.size, bool)
        for way, nearest, met in self.lights.dome_rays(point, normal, pattern):
            out[:, 0] += seen[met]
            power = remaining[met]
            power[self._blocked(point, way, towards, everywhere, nearest)] = 0
            out[:, 1] += power
        return out / np.float32(DOME_SAMPLES)

    def _towards(self, point: Triple) -> tuple[Field, Field, Field, Field]:
        """Return the ways from places to the ball's middle, and their squared length less the ball's squared radius."""
        x, y, z = (centre - at for centre, at in zip(self.middle, point, strict=True))
        return x, y, z, x * x + y * y + z * z - self.square

    def _blocked(
        self,
        point: Triple,
        way: Triple,
        towards: tuple[Field, Field, Field, Field],
        among: NDArray[np.bool_],
        far: float | Field,
    ) -> NDArray[np.intp]:
        """Return which rays `among` all meet the caster within `far` lengths of their way."""
        x, y, z, beyond = towards
        along = x * way[0] + y * way[1] + z * way[2]
        square = way[0] * way[0] + way[1] * way[1] + way[2] * way[2]
        which = np.flatnonzero(among & ((along > 0) | (beyond < 0)) & (along * along > beyond * square))
        origin, direction = (tuple(axis[which] for axis in ray) for ray in (point, way))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            t, _ = self.caster.meet((origin[0], origin[1], origin[2]), (direction[0], direction[1], direction[2]))
        return which[t < (far if isinstance(far, float) else far[which])]
