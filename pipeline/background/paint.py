"""Paint the background from a layout and its light by a network.

A network that paints light (the shipped one does) returns corrected light. Its difference from first light is applied
to the sharp drawing at any size. A network that paints pictures starts from the drawing under first light.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.asked import asked_colours, colour_name
from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.errors import ModelFailed
from pipeline.core.networks import Capabilities, Conditions, Generator, Laid, Painted, PaintRequest, painted
from pipeline.core.parallel import together
from pipeline.core.resample import resize
from pipeline.core.spec import Spec
from pipeline.core.types import Rgb, Rgb8
from pipeline.geometry.ray import Field
from pipeline.light.exposure import exposed
from pipeline.light.first_light import FirstLight, conditions, first_light, smoothed
from pipeline.light.relight import picture, tone_mapped
from pipeline.light.sheets import SheetShadows
from pipeline.light.upsample import Upsampling, upsample_within_surfaces
from pipeline.materials.albedo import albedo
from pipeline.scene.layout import Layout
from pipeline.scene.trace import trace

#: Longer side in pixels of the grid on which first light is traced. With a grid of 384, a picture of 2048 would show
#: its steps at the feet and edges of small things.
LIGHT_SIDE = 1024
#: Rounds that average a network's change of the light over 3×3 places of one surface of its grid. So the change has no
#: structure finer than its grid. Where a surface is too small, other surfaces have this weight.
SMOOTHED, OTHERS = 4, 0.05
#: Maximum change of a place by a network, in stops.
MAX_STOPS = 2.0
#: Number of a network's cells at the picture's border that see its padding.
PADDED = 4

#: A generator that reads descriptions with colour names.
PLAIN = Capabilities()
NEGATIVE_PROMPT = "product, bottle, person, hands, text, logo, watermark, clutter, frame, low quality, blurry"
#: The negative prompt where the product is already in the picture.
NEGATIVE_PROMPT_HELD = "second product, person, hands, text, watermark, clutter, frame, low quality, blurry"


@dataclass(frozen=True)
class Unchanged:
    """A generator that returns its input light, and so gives the renderer's own background."""

    capabilities = Capabilities(paints="light", size=128)

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted]:
        """Return the light of each request's conditions, h×w×3 linear."""
        for request in requests:
            request.on_step(1.0)
        return [request.conditions.light for request in requests]


@dataclass(frozen=True)
class Painting:
    """A picture by a network, and its input."""

    #: h×w×3 sRGB in [0, 1], of the network's own size, and the lit drawing without the product.
    picture: Rgb
    drawing: Rgb
    #: The drawing with the product, for a network that holds products; None where none was placed.
    laid: Laid | None

    def at(self, width: int, height: int) -> Rgb:
        """Return H×W×3 sRGB in [0, 1]."""
        return np.clip(resize(self.picture, width, height, Image.Resampling.LANCZOS), 0, 1)


def paint_background(
    spec: Spec,
    layout: Layout,
    width: int,
    height: int,
    generator: Generator,
    on_step: Callable[[float], None],
) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: the network's scene without the product and its shadow.

    `on_step` is called with 0–1 as the network proceeds, and may raise. Raises ModelFailed for an answer of the wrong
    size, or with non-finite values.
    """
    if generator.capabilities.paints == "light":
        light = paint_light(spec, layout, width, height, generator, on_step)
        return picture(layout, light, width, height)
    return paint_picture(spec, layout, width, height, generator, on_step).at(width, height)


def paint_light(
    spec: Spec,
    layout: Layout,
    width: int,
    height: int,
    generator: Generator,
    on_step: Callable[[float], None],
) -> FirstLight:
    """Return a layout's first light for a canvas of width×height pixels, after the network's correction.

    Raises the errors of `paint_background`.
    """

    def traced() -> FirstLight:
        return first_light(layout, *light_size(width, height))

    if layout.top_down:
        # Light networks are trained on upright scenes. On ten path-traced flat lays, first light alone had a mean error
        # of 0.0057 in sRGB, and the network's correction 0.0080.
        on_step(1.0)
        return traced()
    able = generator.capabilities
    first, given = together(traced, lambda: conditions(layout, *_of_area(able.size, width, height)))
    request = PaintRequest(prompt(spec, layout, able), NEGATIVE_PROMPT, given, spec.seed, on_step)
    return corrected(layout, first, given, _answer(generator, request))


def paint_picture(
    spec: Spec,
    layout: Layout,
    width: int,
    height: int,
    generator: Generator,
    on_step: Callable[[float], None],
    lay: Callable[[Rgb], Laid | None] | None = None,
    reference: Rgb8 | None = None,
) -> Painting:
    """Let the network paint a layout for a canvas of width×height pixels. Raises the errors of `paint_background`.

    `lay` places the product on the lit drawing, for a network that holds products. `reference` is the caller's, for a
    network that takes one.
    """
    able = generator.capabilities
    first = first_light(layout, *light_size(width, height))
    given = lit_conditions(layout, first, *_of_area(able.size, width, height))
    drawing = lit_drawing(given)
    laid = lay(drawing) if lay is not None and able.holds else None
    request = PaintRequest(
        prompt=prompt(spec, layout, able, held=laid is not None, guided=reference is not None),
        negative_prompt=NEGATIVE_PROMPT if laid is None else NEGATIVE_PROMPT_HELD,
        conditions=given,
        seed=spec.seed,
        on_step=on_step,
        laid=laid,
        reference=reference if able.references else None,
    )
    return Painting(np.clip(_answer(generator, request), 0, 1), drawing, laid)


def _answer(generator: Generator, request: PaintRequest) -> Field:
    answer = np.asarray(painted(generator, request), np.float32)
    if answer.shape != request.conditions.sketch.shape or not np.isfinite(answer).all():
        raise ModelFailed("The background network returned an image of the wrong size or with non-finite values.")
    return answer


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


def lit_conditions(layout: Layout, first: FirstLight, width: int, height: int) -> Conditions:
    """Return the input of a network that paints pictures: the drawing, with finishes, under exposed first light.

    `sketch` × `light` is the picture. Glowing parts and lights out of focus are in the sketch.
    """
    geometry = trace(layout, width, height)
    surface = geometry.surface
    light = upsample_within_surfaces(exposed(layout, first), first.geometry.surface, surface)
    sheets = SheetShadows.of(layout, width, height)
    if sheets is not None:
        sheets.over(light, surface, 0)
    flat = albedo(layout, geometry, finished=True)
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


def prompt(
    spec: Spec,
    layout: Layout,
    able: Capabilities = PLAIN,
    *,
    held: bool = False,
    guided: bool = False,
) -> str:
    """Return the prompt, most important words first, because CLIP reads 77 tokens and drops the rest.

    For an edit model it is an instruction about its input picture, for any other model a description. Asked
    colours are in it by name or as #rrggbb. CLIP splits #e8c7b8 into seven tokens that mean no colour. `held`: the
    product is in the picture, so the prompt describes the whole picture. It leaves out the product itself, which the
    model might repaint. `guided`: an edit model gets a reference as its second picture.
    """
    place = spec.scene.prompt
    if able.edits and held:
        words = [f"Put the product on {place}, keep it unchanged: its shape, size, place, colours and label"]
        words += ["turn the draft around it into a photograph, keep its layout, light and shadow, add nothing else"]
    elif able.edits:
        words = [f"Turn this flat draft into a photograph of {place}, nothing standing on the surface"]
        words += ["keep its layout, its colours, its light and where things stand"]
    elif held:
        words = [f"product photograph of one product in {place}", "nothing else is added"]
    else:
        words = [f"empty background of {place}", "nothing standing on the surface, product photography backdrop"]
    if guided and able.references:
        words.append("take style, materials and mood from the second picture, copy none of its objects")
    asked = asked_colours(spec)
    if asked.by_caller:
        code = " {0}" if able.reads_hex else ""
        words.append("colours " + ", ".join(dict.fromkeys(colour_name(one) + code.format(one) for one in asked.hex)))
    words += [spec.mood.prompt, f"light from the {'left' if layout.light_side < 0 else 'right'}"]
    words += [spec.style_words] if spec.style_words else []
    words += [f"{spec.mood.name} mood", f"{layout.kind} scene"]
    return ", ".join(words)


def light_size(width: int, height: int) -> tuple[int, int]:
    """Return the width and height in pixels of the grid on which a picture's first light is traced."""
    scale = min(1.0, LIGHT_SIDE / max(width, height))
    return max(16, round(width * scale)), max(16, round(height * scale))


def _of_area(side: int, width: int, height: int) -> tuple[int, int]:
    """Return a size of about side² pixels, so that a network sees wide and tall pictures at a familiar size."""
    scale = side / np.sqrt(width * height)
    return max(16, round(width * scale)), max(16, round(height * scale))
