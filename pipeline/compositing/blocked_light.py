"""The share of a scene's first light that the product blocks: each ray is followed once, then past the product."""

import numpy as np

from pipeline.colour.spaces import LUMINANCE
from pipeline.geometry.ray import Bounds, Field
from pipeline.geometry.solids import Caster
from pipeline.light.first_light import LightTracer
from pipeline.scene.layout import Layout
from pipeline.scene.trace import Geometry, trace

#: Samples of the dome a pixel: where few of them meet the product, on panels right behind it, fewer show as cells.
DOME_SAMPLES = 36


def blocked_share(layout: Layout, width: int, height: int, caster: Caster, around: Bounds) -> tuple[Geometry, Field]:
    """Return the surfaces of a width×height picture and, H×W, the share of first light that `caster` blocks.

    `around` is a box around the caster. Shares of luminance, 0–1; 0 where it stands in no light's way and on what
    shines itself. No light bounces off the caster, and the parts give back less by what it takes of their direct light.
    """
    geometry = trace(layout, width, height)
    lights = LightTracer(layout, geometry, caster, around)
    direct = lights.direct()
    # Luminance of what a ray of the dome meets, with all light and with what the caster leaves; last, the open dome.
    fill = (layout.rig.fill * layout.rig.fill_tint)[None]
    send = np.stack([np.concatenate([lights.given_back(field), fill]) @ LUMINANCE for field in direct])
    dome = lights.shared(lights.dome(send.astype(np.float32), kept=1, count=DOME_SAMPLES))
    light, remaining = direct @ LUMINANCE + dome
    share = np.where(lights.receives_light, 1 - remaining / np.maximum(light, 1e-4), 0)
    # Once more: enlarged, the steps between places that share their samples would show as cells.
    share = lights.shared(np.clip(share, 0, 1).astype(np.float32)[None])[0]
    return geometry, share
