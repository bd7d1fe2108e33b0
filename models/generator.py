"""The network that paints backgrounds: our own light network, or any picture pipeline of diffusers.

One code path for every model: what a pipeline's `__call__` takes decides what it is given.
"""

import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.device import DtypeName
from models.latent_colour import ColourMap, colour_map
from models.latent_shift import LatentShift, Packing
from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.errors import ModelFailed, OutOfMemory
from pipeline.core.networks import Conditions


class DiffusersGenerator:
    """A diffusers pipeline as a `Generator`. One swap at a time: pipelines keep state in their scheduler.

    What is None is left to the pipeline's own default.
    """

    def __init__(
        self,
        pipe: Any,
        *,
        size: int,
        version: str,
        paints: Literal["light", "picture"],
        dtype: DtypeName = "float32",
        steps: int | None = None,
        strength: float | None = None,
        guidance_scale: float | None = None,
        multiple: int = 32,
        prompt: str = "{prompt}",
        prompt_tokens: int | None = None,
        packing: Packing | None = None,
        latent_colour: bool = False,
        colour_maps: Path | None = None,
    ):
        """Take a pipeline and how to run it.

        `packing` is how it packs latents, None where that is not known. `colour_maps` is a folder of colour maps, as
        `scripts.calibrate_colour` writes them; what isn't there is calibrated when it is first needed.
        """
        self._pipe = pipe
        self._takes = inspect.signature(pipe.__call__).parameters
        self._steps = steps
        self._strength = strength
        self._guidance_scale = guidance_scale
        self._multiple = multiple
        self._prompt = prompt
        self._packing = packing
        self._colour_maps = colour_maps
        self._colours: ColourMap | None = None
        self._lock = threading.Lock()
        #: Whether the latents' colours are shifted where that is known to work.
        self.latent_colour = latent_colour
        #: Longer side in pixels of what is painted.
        self.size = size
        #: Longest prompt that is read, in tokens of the text encoder; None where nothing is known of it.
        self.prompt_tokens = prompt_tokens
        #: Model, class and package, for the report's provenance.
        self.version = version
        #: Precision of the weights.
        self.dtype = dtype
        #: "light": linear light, to be multiplied onto the albedo; "picture": the painting is used as it is.
        self.paints = paints

    @property
    def shifts_colour(self) -> bool:
        """Whether `shift_colour` means anything to it: a picture's latents, packed in a way that is known."""
        return self.latent_colour and self.paints == "picture" and self._packing is not None

    def __call__(
        self,
        *,
        prompt: str,
        negative_prompt: str,
        conditions: Conditions,
        seed: int,
        on_step: Callable[[float], None],
        shift_colour: bool = True,
    ) -> NDArray[np.float32]:
        """Paint what the conditions describe, h×w×3 of their size: sRGB in [0, 1], or linear light of at least 0.

        With `shift_colour`, and where it `shifts_colour`, colours are moved once on the way towards those of the start
        picture, region by region (`models.latent_shift`). The first time this may calibrate the autoencoder, which
        takes seconds. What `on_step` raises comes out unchanged. Raises OutOfMemory and ModelFailed.
        """
        import torch

        stopped: list[BaseException] = []
        shift: LatentShift | None = None

        def step(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            try:
                on_step(min(1.0, (index + 1) / max(1, getattr(pipe, "num_timesteps", self._steps or 1))))
            except BaseException as error:
                stopped.append(error)
                raise
            if shift is not None:
                tensors["latents"] = shift(pipe, index, timestep, tensors["latents"])
            return tensors

        with self._lock:
            try:
                if shift_colour and self.shifts_colour:
                    shift = self._shift(conditions)
                answer = self._pipe(**self._arguments(prompt, negative_prompt, conditions, seed, step))
                painted = np.asarray(answer.images[0], np.float32)
            except (MemoryError, torch.OutOfMemoryError) as error:
                raise OutOfMemory("The device has too little memory to paint this background.") from error
            except Exception as error:  # diffusers lets through whatever its parts raise
                if stopped:
                    raise
                if "alloc" in str(error) or "out of memory" in str(error).lower():
                    raise OutOfMemory("The device has too little memory to paint this background.") from error
                raise ModelFailed(f"The network that paints the background failed: {error}") from error
        if painted.ndim != 3 or painted.shape[2] != 3 or not np.isfinite(painted).all():
            raise ModelFailed("The network that paints the background gave something that is no picture.")
        if self.paints == "picture":
            return _resize(painted, conditions.sketch.shape[1], conditions.sketch.shape[0])
        if painted.shape != conditions.sketch.shape or painted.min() < 0:
            raise ModelFailed("The network that paints the background gave something that is no light.")
        return painted

    def _arguments(
        self, prompt: str, negative_prompt: str, conditions: Conditions, seed: int, step: Callable[..., Any]
    ) -> dict[str, Any]:
        import torch

        width, height = self._painted_size(conditions)
        steps, strength = self._steps, self._strength
        if "strength" in self._takes and steps is not None:
            steps, strength = schedule(steps, self._takes["strength"].default if strength is None else strength)
        # None where no figure is known: the pipeline's default stands.
        figures = {
            "num_inference_steps": steps,
            "strength": strength,
            "guidance_scale": self._guidance_scale,
            "max_sequence_length": self.prompt_tokens,
        }
        offered: dict[str, Any] = {
            **vars(conditions),
            "prompt": self._prompt.format(prompt=prompt),
            "negative_prompt": negative_prompt,
            "width": width,
            "height": height,
            "callback_on_step_end": step,
            # On the CPU whatever the device: the same seed then gives the same noise everywhere.
            "generator": torch.Generator("cpu").manual_seed(seed),
            "output_type": "np",
            **{name: value for name, value in figures.items() if value is not None},
        }
        if "image" in self._takes:
            image = _resize(start_picture(conditions), width, height)
            offered["image"] = Image.fromarray((image * 255 + 0.5).astype(np.uint8))
        return {name: value for name, value in offered.items() if name in self._takes}

    def _painted_size(self, conditions: Conditions) -> tuple[int, int]:
        """Return width and height in pixels that the pipeline is asked for."""
        height, width = conditions.sketch.shape[:2]
        scale = self.size / max(height, width)
        width, height = (max(1, round(side * scale / self._multiple)) * self._multiple for side in (width, height))
        return width, height

    def _shift(self, conditions: Conditions) -> LatentShift:
        if self._packing is None:
            raise ValueError("It is not known how this pipeline packs its latents.")
        if self._colours is None:
            self._colours = colour_map(self._pipe.vae, self._colour_maps)
        picture = _resize(start_picture(conditions), *self._painted_size(conditions))
        return LatentShift(self._colours, self._packing, self._pipe.vae, picture)


def start_picture(conditions: Conditions) -> NDArray[np.float32]:
    """Return the sketch under its analytic light, h×w×3 sRGB in [0, 1]: what an image-to-image pipeline starts from."""
    return linear_to_srgb(srgb_to_linear(conditions.sketch) * conditions.light)


def schedule(steps: int, strength: float) -> tuple[int, float]:
    """Return the steps to ask for and the strength, nearest to `strength`, that make exactly `steps` of them run.

    Image-to-image pipelines skip the first (1 - strength) of what is asked; some round it up and some down, so the
    product of the two has to be whole.
    """
    asked = max(steps, round(steps / strength))
    # Whole to the last bit, or a pipeline rounds to another step; a few quotients are not.
    while asked * (steps / asked) != steps:
        asked += 1
    return asked, steps / asked


def _resize(image: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Resample each channel as float and clip to [0, 1]; Pillow widens its filter when it reduces."""
    if image.shape[:2] == (height, width):
        return np.clip(image, 0, 1)
    channels = [
        np.asarray(Image.fromarray(image[..., c]).resize((width, height), Image.Resampling.BICUBIC), np.float32)
        for c in range(3)
    ]
    return np.clip(np.stack(channels, -1), 0, 1)
