"""What a background network gets of a layout, and what its answer changes: light on a grid of the network's size."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.networks import Conditions
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.light.contacts import Exposed
from pipeline.light.first_light import FirstLight, first_light, smoothed
from pipeline.light.relight import tone_mapped
from pipeline.light.sheets import SheetShadows
from pipeline.light.upsample import Upsampling, upsample_within_surfaces
from pipeline.materials.albedo import albedo
from pipeline.scene.layout import Layout
from pipeline.scene.trace import trace

#: Rounds that average a network's change of the light over 3×3 places of one surface of its grid. So the change has no
#: structure finer than its grid. Where a surface is too small, other surfaces have this weight.
SMOOTHED, OTHERS = 4, 0.05
#: Maximum change of a place by a network, in stops.
MAX_STOPS = 2.0
#: Number of a network's cells at the picture's border that see its padding.
PADDED = 4


def conditions(layout: Layout, width: int, height: int) -> Conditions:
    """Return a network's input for a layout, at width×height pixels."""
    first = first_light(layout, width, height)
    geometry = first.geometry
    gloss = np.array([part.gloss for part in layout.parts], np.float32)
    lit = np.array([0.0 if part.glow else 1.0 for part in layout.parts], np.float32)
    part = geometry.part
    return Conditions(
        sketch=linear_to_srgb(geometry.flat()),
        light=first.light,
        occlusion=first.occlusion,
        normals=np.moveaxis(geometry.normals(), 0, -1),
        depth=geometry.depth,
        gloss=gloss[part],
        lit=lit[part],
    )


def lit_conditions(layout: Layout, first: FirstLight, width: int, height: int) -> Conditions:
    """Return the input of a network that paints pictures: the drawing, with finishes, under exposed first light.

    `sketch` × `light` is the picture. Glowing parts and lights out of focus are in the sketch.
    """
    geometry = trace(layout, width, height)
    surface = geometry.surface
    light = Exposed.of(layout, first).small.over(surface)
    sheets = SheetShadows.of(layout, width, height)
    if sheets is not None:
        sheets.over(light, surface, 0)
    flat = albedo(layout, geometry)
    falls = np.array([part.glow == 0 for part in layout.parts])[geometry.part]
    shown = tone_mapped(flat * light)
    return Conditions(
        sketch=linear_to_srgb(np.where(falls[..., None], flat, shown)),
        light=np.where(falls[..., None], shown / np.maximum(flat, 1e-3), 1).astype(np.float32),
        occlusion=upsample_within_surfaces(first.occlusion[..., None], first.geometry.surface, surface)[..., 0],
        normals=np.moveaxis(geometry.normals(), 0, -1),
        depth=geometry.depth,
        gloss=np.array([part.gloss for part in layout.parts], np.float32)[geometry.part],
        lit=falls.astype(np.float32),
    )


def lit_drawing(conditions: Conditions) -> Rgb:
    """Return the sketch under its analytic light, h×w×3 sRGB in [0, 1], as input for an image-to-image pipeline."""
    return linear_to_srgb(srgb_to_linear(conditions.sketch) * conditions.light)


def corrected(layout: Layout, first: FirstLight, given: Conditions, painted: Field) -> FirstLight:
    """Return first light, with the network's change of its input light, made on a smaller grid (h×w×3).

    The change is smooth within each surface, so that it adds nothing finer than that grid.
    """
    height, width = given.depth.shape
    floor = np.float32(0.02)
    stops = np.log2((np.maximum(painted, 0) + floor) / (given.light + floor))
    stops = np.clip(np.where(given.lit[..., None] > 0, stops, 0), -MAX_STOPS, MAX_STOPS).astype(np.float32)
    low = trace(layout, width, height)
    even = smoothed(low, within_padding(stops, low.surface), SMOOTHED)
    change = Upsampling.of(even, low.surface, others=OTHERS)
    return replace(first, light=first.light * np.exp2(change.over(first.geometry.surface)), change=change)


def within_padding(stops: Field, surface: NDArray[np.uint16]) -> Field:
    """Return an h×w×C answer of a network whose PADDED outermost cells take the values of the cells inside them.

    Only cells of the same h×w surface are replaced. A convolution sees zeros beyond the picture, and paints a frame.
    """
    inside = [np.clip(np.arange(size), PADDED, max(PADDED, size - 1 - PADDED)) for size in surface.shape]
    at = np.ix_(*(np.minimum(where, size - 1) for where, size in zip(inside, surface.shape, strict=True)))
    return np.where((surface[at] == surface)[..., None], stops[at], stops)
