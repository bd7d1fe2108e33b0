"""Paint the background from a layout and its light by a network.

A network that paints light (the shipped one does) returns corrected light. Its difference from first light is applied
to the sharp drawing at any size. A network that paints pictures starts from the drawing under first light.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.colour.asked import asked_colours, colour_name
from pipeline.core.errors import ModelFailed
from pipeline.core.networks import Capabilities, Generator, Laid, Painted, PaintRequest, painted
from pipeline.core.parallel import together
from pipeline.core.resample import resize
from pipeline.core.spec import Spec
from pipeline.core.types import Rgb, Rgb8
from pipeline.geometry.ray import Field
from pipeline.light.conditions import conditions, corrected, lit_conditions, lit_drawing
from pipeline.light.first_light import FirstLight, first_light
from pipeline.light.relight import picture
from pipeline.scene.layout import Layout

#: Longer side in pixels of the grid on which first light is traced. With a grid of 384, a picture of 2048 would show
#: its steps at the feet and edges of small things.
LIGHT_SIDE = 1024

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
