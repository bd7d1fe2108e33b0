"""Light on a drawing: upsample traced light to any size, expose it for the requested colours, multiply albedo by it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.core.parallel import by_rows, together
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.kernels.colour.colours import encode_in_place, roll_off
from pipeline.kernels.image.layers import dim
from pipeline.kernels.image.surfaces import repaint
from pipeline.light.contacts import Exposed, Feet
from pipeline.light.first_light import FirstLight
from pipeline.light.lens import Focus, Haze, add_grain, bloom, darken_corners, spill, tube_hue
from pipeline.light.polish import Polished, polish, polished_parts
from pipeline.light.reflection import FloorMirror, floor_mirrors
from pipeline.light.sheets import SheetShadows
from pipeline.materials.albedo import Swatches, albedo
from pipeline.scene.layout import Colour, Layout
from pipeline.scene.trace import FACES, Geometry, trace

#: Linear light up to this value is shown unchanged, so that requested colours stay exact; above, it rolls off to 1.
SHOULDER = 0.8
#: Displayed linear light, sRGB 253, above which the original light cannot be recovered.
NEAR_WHITE = 0.985
#: Share of white in a glowing tube.
WHITE_CORE = np.float32(0.45)


@dataclass(frozen=True)
class Shaded:
    """A layout's image in linear light. `unlit` draws it, `lit` shades it, and `developed` applies the lens."""

    layout: Layout
    geometry: Geometry
    #: H×W×3: albedo with its finish. `lit` multiplies it by exposed light; glowing parts have their own light.
    linear: Field
    #: The mirror images in its polished floors and parts; independent of its colours.
    mirrors: tuple[FloorMirror, ...]
    polished: tuple[Polished, ...]


def picture(layout: Layout, light: FirstLight, width: int, height: int) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: the layout with its finishes under a light of any size, exposed."""
    return developed(lit(unlit(layout, width, height), Exposed.of(layout, light)))


def unlit(
    layout: Layout,
    width: int,
    height: int,
    *,
    swatches: Swatches | None = None,
    geometry: Geometry | None = None,
) -> Shaded:
    """Trace a layout for a width×height image, and look up its finishes: everything independent of colours.

    `swatches` are as in `pipeline.materials.albedo.albedo`. `geometry` is the layout's at this size, if already traced.
    """
    seen = geometry or trace(layout, width, height)
    drawn, mirrors, polished = together(
        lambda: albedo(layout, seen, swatches),
        lambda: floor_mirrors(layout, seen),
        lambda: polished_parts(layout, seen),
    )
    return Shaded(layout, seen, drawn, mirrors, polished)


def lit(unlit: Shaded, light: Exposed, *, colours: tuple[Colour, ...] | None = None) -> Shaded:
    """Multiply albedo by exposed light, in the array of `unlit`, which is invalid afterwards.

    With other `colours`, the same pass does the work of `repainted`.
    """
    layout, geometry, linear = unlit.layout, unlit.geometry, unlit.linear
    painted = layout if colours is None else replace(layout, colours=colours)
    paint = _Paint.over(layout, painted)
    sheets = SheetShadows.of(layout, *linear.shape[1::-1])
    contacts, feet = light.at_contacts(layout, geometry), Feet.of(layout, *linear.shape[1::-1])

    def work(top: int, bottom: int) -> None:
        strip = light.small.strip(geometry.surface, top, bottom)
        if contacts is not None:
            contacts.into(strip, top)
        linear[top:bottom] *= strip
        if feet is not None:
            feet.over(linear[top:bottom], geometry, top)
        if sheets is not None:
            sheets.over(linear[top:bottom], geometry.surface[top:bottom], top)
        paint.on(linear[top:bottom], geometry.surface[top:bottom])

    by_rows(linear.shape[0], work)
    return replace(unlit, layout=painted)


def repainted(scene: Shaded, colours: tuple[Colour, ...]) -> Shaded:
    """Return the same scene under the same light with other albedos."""
    layout = replace(scene.layout, colours=colours)
    linear = scene.linear.copy()
    _Paint.over(scene.layout, layout).on(linear, scene.geometry.surface)
    return replace(scene, layout=layout, linear=linear)


def developed(
    scene: Shaded,
    also: Callable[[int, Rgb], None] | None = None,
    *,
    blocked: Field | None = None,
    on_light: Callable[[int, Field], None] | None = None,
) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: with mirror images, lens effects, smooth edges, bloom and haze, tone-mapped.

    The image uses the scene's own array, whose light is lost. `blocked`, if not None, is the share of light that a
    product blocks, H×W. It ends with the surfaces, so that antialiasing mixes it too. `also(top, strip)` processes each
    strip of rows in place, while it is in the processor's cache; on any thread. `on_light` does the same to its
    tone-mapped light, before encoding and grain.
    """
    layout, geometry, out = scene.layout, scene.geometry, scene.linear
    haze = Haze.of(layout)
    if haze is not None:
        # Between objects and lens: later it would end with the surfaces' pixels, in stairs.
        by_rows(out.shape[0], lambda top, bottom: haze.over(out[top:bottom], geometry, top))
    # Metal first: unpolished, it would be mirrored as a flat patch in the floor.
    polish(layout, geometry, out, scene.polished)
    for floor in scene.mirrors:
        floor.show(geometry, out)
    if blocked is not None:
        # Before the lens, which would spread the blocked light over the edges.
        by_rows(out.shape[0], lambda top, bottom: dim(blocked[top:bottom], out[top:bottom]))
    glow, focus = bloom(layout, geometry), Focus.of(layout, geometry, out)

    def exposed_film(top: int, bottom: int) -> None:
        strip = out[top:bottom]
        if focus is not None:
            focus.over(strip, geometry, top)
        if glow is not None:
            spill(glow, out.shape[0], top, strip)
        darken_corners(layout, len(out), top, strip)
        roll_off(strip.reshape(-1), np.float32(SHOULDER))

    def printed(top: int, bottom: int) -> None:
        strip = out[top:bottom]
        if on_light is not None:
            on_light(top, strip)
        encode_in_place(strip.reshape(-1))
        add_grain(layout, top, strip)
        if also is not None:
            also(top, strip)

    by_rows(out.shape[0], exposed_film)
    # After the lens, or edges of sharp objects would keep the unblurred background. After the shoulder, or light
    # brighter than white would fill pixels that it only partly covers.
    geometry.coverage.smooth(out)
    by_rows(out.shape[0], printed)
    return out


def tone_mapped(linear: Field) -> Field:
    """Return linear light rolled off above SHOULDER to at most 1: the usual exponential shoulder."""
    out = np.array(linear, np.float32)
    roll_off(out.reshape(-1), np.float32(SHOULDER))
    return out


def before_tone(shown: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the linear light that `tone_mapped` maps to `shown` (any shape, linear); exact up to NEAR_WHITE."""
    room = 1 - SHOULDER
    over = np.maximum(np.minimum(shown, NEAR_WHITE) - SHOULDER, 0)
    return np.asarray(np.minimum(shown, SHOULDER) - room * np.log1p(-over / room))


@dataclass(frozen=True)
class _Paint:
    """The change of a scene's light, by surface, that gives it other colours; ×3 each."""

    factors: Field
    #: The light of glowing tubes, independent of the light that falls on them.
    own: Field

    @classmethod
    def over(cls, old: Layout, new: Layout) -> "_Paint":
        factors, own = np.ones((len(new.parts), 3), np.float32), np.zeros((len(new.parts), 3), np.float32)
        for index, part in enumerate(new.parts):
            if part.role == "tube":
                factors[index], own[index] = 0, WHITE_CORE + (1 - WHITE_CORE) * tube_hue(new, part.slot)
            else:
                before, after = old.colours[part.slot], new.colours[part.slot]
                factors[index] = np.maximum(after, 1e-4) / np.maximum(before, 1e-4)
        return cls(np.repeat(factors, FACES, axis=0), np.repeat(own, FACES, axis=0))

    def on(self, linear: Field, surface: NDArray[np.uint16]) -> None:
        """Paint n×W×3 linear light of n×W surfaces, in place."""
        if (self.factors != 1).any():
            repaint(surface, self.factors, self.own, linear)
