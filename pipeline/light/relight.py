"""Light laid on a drawing: from the small grid it was traced on to any size, exposed so that the asked colours show.

Sketch × light.
"""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.colour.spaces import LUMINANCE, linear_to_srgb
from pipeline.core.parallel import by_strips
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.light.bloom import bloom, haze, tube_hue
from pipeline.light.first_light import FirstLight
from pipeline.light.reflection import mirror
from pipeline.light.upsample import upsample_within_surfaces
from pipeline.materials.albedo import albedo, smoothed
from pipeline.materials.bokeh import lights
from pipeline.materials.swatches import Swatches
from pipeline.scene.layout import Colour, Layout
from pipeline.scene.trace import Geometry, trace

#: Linear light up to here is shown as it is, so that asked colours stay exact; what is brighter is rolled off to 1.
SHOULDER = 0.8
#: A surface's exposure is moved by at most this factor to show its colour.
MAX_GAIN = 4.0
#: Share of the light's own colour that its exposure takes out; the rest stays as the mood's warmth.
NEUTRAL = 0.85
#: Share of white in a glowing tube.
WHITE_CORE = np.float32(0.45)


@dataclass(frozen=True)
class Shaded:
    """A layout under its light, as a lens would take it: what `developed` makes a picture of."""

    layout: Layout
    geometry: Geometry
    #: H×W×3 linear: albedo with its finish × exposed light.
    linear: Field


def picture(layout: Layout, light: FirstLight, width: int, height: int, *, by_colour: bool = True) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: the layout with its finishes under a light of any size, `exposed` so."""
    return developed(shade(layout, light, width, height, by_colour=by_colour))


def shade(
    layout: Layout,
    light: FirstLight,
    width: int,
    height: int,
    *,
    by_colour: bool = True,
    swatches: Swatches | None = None,
) -> Shaded:
    """Shade a layout: return a width×height picture's albedo × light, linear.

    `by_colour` is as in `exposed`, `swatches` as in `pipeline.materials.albedo.albedo`.
    """
    geometry = trace(layout, width, height)
    linear = albedo(layout, geometry, finished=True, swatches=swatches)
    linear *= upsample_within_surfaces(
        exposed(layout, light, by_colour=by_colour), light.geometry.surface, geometry.surface
    )
    return Shaded(layout, geometry, linear)


def repainted(scene: Shaded, colours: tuple[Colour, ...]) -> Shaded:
    """Return the same scene under the same light with other albedos; lights out of focus are drawn anew."""
    layout = replace(scene.layout, colours=colours)
    pairs = zip(colours, scene.layout.colours, strict=True)
    ratios = np.stack([np.maximum(new, 1e-4) / np.maximum(old, 1e-4) for new, old in pairs]).astype(np.float32)
    slots = np.array([part.slot for part in layout.parts])[scene.geometry.part]
    linear = scene.linear * ratios[slots]
    if layout.kind == "bokeh":
        far = np.array([part.role == "far" for part in layout.parts])[scene.geometry.part]
        linear[far] = lights(layout, *far.shape[::-1])[far]
    return Shaded(layout, scene.geometry, linear)


def developed(scene: Shaded) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: with tubes, mirror images, smooth edges, bloom and haze, tone-mapped."""
    layout, geometry, out = scene.layout, scene.geometry, scene.linear.copy()
    for index, part in enumerate(layout.parts):
        if part.role == "tube":
            hue = tube_hue(layout, part.slot)
            out[geometry.part == index] = WHITE_CORE + (1 - WHITE_CORE) * hue
    mirror(layout, geometry, out)
    out = smoothed(layout, geometry, out)
    bloom(layout, geometry, out)
    haze(layout, geometry, out)
    by_strips(lambda strip: linear_to_srgb(tone_mapped(strip)), out)
    return out


def tone_mapped(linear: Field) -> Field:
    """Return linear light rolled off above SHOULDER to at most 1: the usual exponential shoulder."""
    room = np.float32(1 - SHOULDER)
    over = np.maximum(linear - np.float32(SHOULDER), 0)
    return np.where(linear > SHOULDER, SHOULDER + room * (1 - np.exp(-over / room)), np.maximum(linear, 0)).astype(
        np.float32
    )


def exposed(layout: Layout, light: FirstLight, *, by_colour: bool = True) -> Field:
    """Return h×w×3 light so scaled, colour by colour, that the lit part of what has it shows that colour itself.

    The lit part: what is brighter than half way between the colour's darkest and brightest twentieth. Real light moves
    colours: path-traced scenes with the asked albedo miss them by a mean ΔE00 of 11.5. Without `by_colour` the light
    stays as it is but for one gain, which shows the median of all lit places at 1.
    """
    out = light.light.copy()
    part = light.geometry.part
    slots = np.array([thing.slot for thing in layout.parts])
    receives_light = np.array([thing.glow == 0 for thing in layout.parts])
    if not by_colour:
        where = receives_light[part]
        level = float(np.median(out[where] @ LUMINANCE)) if where.any() else 1.0
        out[where] *= np.float32(np.clip(1 / max(level, 1e-4), 1 / MAX_GAIN, MAX_GAIN))
        return out
    for slot in np.unique(slots):
        where = (slots[part] == slot) & receives_light[part]
        if where.sum() < 4:
            continue
        found = light.light[where]
        bright = found @ LUMINANCE
        low, high = np.quantile(bright, (0.05, 0.95))
        reference = np.median(found[bright >= low + 0.5 * (high - low)], axis=0)
        level = float(reference @ LUMINANCE)
        neutral = NEUTRAL * (0.3 if layout.kind == "neon" else 1.0)
        colour = level * (reference / max(level, 1e-6)) ** neutral
        out[where] *= np.clip(1 / np.maximum(colour, 1e-4), 1 / MAX_GAIN, MAX_GAIN)
    return out
