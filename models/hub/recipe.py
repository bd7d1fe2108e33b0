"""How a pipeline is run: its figures, and the arguments of its call for the requested images."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.hub.controlnet import depth_picture
from models.hub.latents import Packing
from models.hub.start import noise_schedule, schedule, start_latents
from pipeline.core.networks import Conditions, PaintRequest
from pipeline.light.conditions import lit_drawing

#: Side in pixels if neither the operator, the family nor the pipeline sets it.
SIZE = 512


@dataclass(frozen=True)
class Recipe:
    """How a pipeline is run. A value of None keeps the pipeline's own default."""

    #: Side in pixels of the square whose area is painted.
    size: int
    #: Sides are multiples of this many pixels.
    multiple: int = 32
    steps: int | None = None
    strength: float | None = None
    #: As in `models.hub.start.noise_schedule`; wins over `strength` if a pipeline takes both.
    start_noise: float | None = None
    guidance_scale: float | None = None
    #: The argument that gets the guidance.
    guidance: str = "guidance_scale"
    #: Longest prompt that the model reads, in tokens of the text encoder.
    prompt_tokens: int | None = None
    #: Packing of latents, for a class without a start image, which gets its start in latents, at `start_noise`.
    start_in: Packing | None = None
    #: How strongly a ControlNet steers.
    control_scale: float | None = None

    def painted_size(self, conditions: Conditions) -> tuple[int, int]:
        """Return the width and height in pixels that a pipeline paints."""
        height, width = conditions.sketch.shape[:2]
        return painted_size(width, height, size=self.size, multiple=self.multiple)

    def starts_at_noise(self, pipe: Any) -> bool:
        """Return whether a pipeline starts at `start_noise`."""
        takes = inspect.signature(pipe.__call__).parameters
        given = "strength" if self.start_in is None else "latents"
        return self.start_noise is not None and {"sigmas", given} <= takes.keys()

    def figures(self, pipe: Any) -> str:
        """Return the figures of a run, without those left to the pipeline."""
        noise = self.start_noise if self.starts_at_noise(pipe) else None
        figures = {
            "size": self.size,
            "steps": self.steps,
            "strength": self.strength if noise is None else None,
            "noise": None if noise is None else round(noise, 4),
            "guidance": self.guidance_scale,
        }
        return " ".join(f"{name}={value}" for name, value in figures.items() if value is not None)

    def arguments(self, pipe: Any, requests: Sequence[PaintRequest], step: Callable[..., Any]) -> dict[str, Any]:
        """Return the arguments of a pipeline's call: values for one request, lists for several.

        Only parameters of its `__call__` are passed. `step` is called after each step.
        """
        import torch

        takes = inspect.signature(pipe.__call__).parameters
        width, height = self.painted_size(requests[0].conditions)
        steps, strength, sigmas = self.steps, self.strength, None
        less = 1.0 if requests[0].laid is None else requests[0].laid.noise
        if steps is not None and self.start_noise is not None and self.starts_at_noise(pipe):
            sigmas, strength = noise_schedule(pipe, less * self.start_noise, steps, width, height), 1.0
        elif "strength" in takes and steps is not None:
            asked = less * (takes["strength"].default if strength is None else strength)
            steps, strength = schedule(steps, asked)
        # None keeps the pipeline's default.
        figures = {
            "num_inference_steps": steps,
            "strength": strength,
            "sigmas": sigmas,
            self.guidance: self.guidance_scale,
            "max_sequence_length": self.prompt_tokens,
            "controlnet_conditioning_scale": self.control_scale,
        }
        each: dict[str, Callable[[PaintRequest], Any]] = {
            **{field.name: attrgetter(f"conditions.{field.name}") for field in fields(Conditions)},
            "prompt": lambda one: one.prompt,
            "negative_prompt": lambda one: one.negative_prompt,
            # Always on the CPU: a seed then gives the same noise on every device, alone or in a batch.
            "generator": lambda one: torch.Generator("cpu").manual_seed(one.seed),
            "image": lambda one: _pictures(one, width, height, alone="mask_image" in takes),
            "image_reference": lambda one: _reference(one, width, height),
            "mask_image": lambda one: as_pillow(1 - kept(one, width, height)),
            "control_image": lambda one: as_pillow(_grey(resized(depth_picture(one)[..., None], width, height))),
        }
        offered: dict[str, Any] = {
            "width": width,
            "height": height,
            # FLUX.1 Kontext would otherwise choose one of its own sizes, scaled to an area.
            "max_area": width * height,
            "_auto_resize": False,
            "callback_on_step_end": step,
            "output_type": "np",
            **{name: value for name, value in figures.items() if value is not None},
        }
        for name, of in each.items():
            if name in takes:
                values = [of(one) for one in requests]
                offered[name] = values if len(values) > 1 else values[0]
        if self.start_in is not None and self.start_noise is not None:
            shown, noise = [shown_picture(one, width, height) for one in requests], less * self.start_noise
            starts = [
                start_latents(pipe.vae, self.start_in, picture, noise, one.seed)
                for picture, one in zip(shown, requests, strict=True)
            ]
            offered["latents"] = torch.cat(starts)
        return {name: value for name, value in offered.items() if name in takes}


def _pictures(request: PaintRequest, width: int, height: int, *, alone: bool) -> Any:
    """Return a pipeline's input picture; with a reference, a list of both, which an edit model reads as one sample.

    `alone`: it takes no list, as an inpainting class.
    """
    shown, reference = as_pillow(shown_picture(request, width, height)), _reference(request, width, height)
    return shown if alone or reference is None else [shown, reference]


def _reference(request: PaintRequest, width: int, height: int) -> Any:
    """Return the caller's reference, no larger than the painting; None without one."""
    if request.reference is None:
        return None
    reference = Image.fromarray(request.reference)
    reference.thumbnail((width, height))
    return reference


def shown_picture(request: PaintRequest, width: int, height: int) -> NDArray[np.float32]:
    """Return a pipeline's input, height×width×3 sRGB in [0, 1]: the lit drawing, with the product if there is one."""
    picture = lit_drawing(request.conditions) if request.laid is None else request.laid.picture
    return resized(picture, width, height)


def kept(request: PaintRequest, width: int, height: int) -> NDArray[np.float32]:
    """Return the held share of an image, height×width in [0, 1]; 0 everywhere without a product."""
    if request.laid is None:
        return np.zeros((height, width), np.float32)
    return resized(request.laid.keep[..., None], width, height)[..., 0]


def resized(image: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Resample each channel of h×w×C as float and clip to [0, 1]; Pillow widens its filter for reduction."""
    if image.shape[:2] == (height, width):
        return np.clip(image, 0, 1)
    channels = [
        np.asarray(Image.fromarray(image[..., c]).resize((width, height), Image.Resampling.BICUBIC), np.float32)
        for c in range(image.shape[2])
    ]
    return np.clip(np.stack(channels, -1), 0, 1)


def as_pillow(image: NDArray[np.float32]) -> Image.Image:
    """Return an H×W×3 or H×W image in [0, 1] as a Pillow image, 8 bits a channel."""
    return Image.fromarray((image * 255 + 0.5).astype(np.uint8))


def _grey(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return h×w×1 as h×w×3."""
    return np.repeat(image, 3, -1)


def own_size(pipe: Any) -> int:
    """Return the side in pixels of the square that a pipeline of unknown family was made for.

    Pipelines have it as `default_sample_size`, their UNets as `sample_size`, both in cells of the latents.
    """
    config = getattr(getattr(pipe, "unet", None), "config", None)
    cells = getattr(pipe, "default_sample_size", None) or getattr(config, "sample_size", None)
    return SIZE if cells is None else int(np.max(cells)) * int(getattr(pipe, "vae_scale_factor", 1))


def painted_size(width: int, height: int, *, size: int, multiple: int) -> tuple[int, int]:
    """Return width and height in pixels, multiples of `multiple`, with about size² pixels and never more.

    Some pipelines, such as FLUX.2's, limit the pixels of reference images and would crop larger ones. The reference
    would then no longer align with the image.
    """
    scale = size / np.sqrt(width * height)
    sides = [max(1, round(side * scale / multiple)) for side in (width, height)]
    while sides[0] * sides[1] * multiple**2 > size**2 and max(sides) > 1:
        # Shorten the side that was rounded up more, or the longer side if neither was.
        over = [side * multiple / (asked * scale) for side, asked in zip(sides, (width, height), strict=True)]
        index = max((0, 1), key=lambda one: (sides[one] > 1, over[one], sides[one]))
        sides[index] -= 1
    return sides[0] * multiple, sides[1] * multiple
