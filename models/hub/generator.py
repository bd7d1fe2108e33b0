"""The network that paints backgrounds: our own light network, or any picture pipeline of diffusers.

One code path for every model: what a pipeline's `__call__` takes decides what it is given.
"""

import inspect
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.device import DtypeName, give_back_device_memory, meant
from models.hub.latent_colour import ColourMap, colour_map
from models.hub.latent_shift import LatentShift, Packing
from models.hub.request import PaintRequest, Picture
from models.hub.sizes import painted_size
from models.hub.start import noise_schedule, schedule, start_picture
from pipeline.core.errors import ModelFailed, OutOfMemory
from pipeline.core.networks import Conditions

#: Further seeds that are tried where a model's own safety checker withholds a picture.
FURTHER_SEEDS = 2
_WITHHELD = (
    "The model's own safety checker withheld this background, with each of the seeds that were tried. Another scene or"
    " other words may pass; an operator can load the model without its checker, where its licence lets them."
)


class DiffusersGenerator:
    """A diffusers pipeline as a `Generator`. One call at a time: pipelines keep state in their scheduler.

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
        start_noise: float | None = None,
        guidance_scale: float | None = None,
        multiple: int = 32,
        prompt: str = "{prompt}",
        prompt_tokens: int | None = None,
        reads_hex: bool = False,
        packing: Packing | None = None,
        latent_colour: bool = False,
        colour_maps: Path | None = None,
        batches: bool = False,
    ):
        """Take a pipeline and how to run it. `batches`: several pictures at once come out as they do one by one.

        `start_noise` is as in `models.hub.start.noise_schedule`, and wins over `strength` where a pipeline takes both.
        `packing` is how it packs latents, None where that is not known. `colour_maps` is a folder of colour maps, as
        `scripts.calibrate_colour` writes them; what isn't there is calibrated when it is first needed.
        """
        self._pipe = pipe
        self._takes = inspect.signature(pipe.__call__).parameters
        self._steps = steps
        self._strength = strength
        self._start_noise = start_noise if {"sigmas", "strength"} <= self._takes.keys() else None
        self._guidance_scale = guidance_scale
        self._multiple = multiple
        self._prompt = prompt
        self._packing = packing
        self._colour_maps = colour_maps
        self._colours: ColourMap | None = None
        self._batches = batches
        self._lock = threading.Lock()
        #: Whether the latents' colours are shifted where that is known to work.
        self.latent_colour = latent_colour
        #: Side in pixels of the square whose area is painted.
        self.size = size
        #: Whether colours in a prompt are to be written as #rrggbb.
        self.reads_hex = reads_hex
        #: Longest prompt that is read, in tokens of the text encoder; None where nothing is known of it.
        self.prompt_tokens = prompt_tokens
        #: Model, class, package and how it is run, for the report's provenance and for what is cached by it.
        self.version = version if paints == "light" else f"{version} {self._figures()}"
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
        picture, region by region (`models.hub.latent_shift`). The first time this may calibrate the autoencoder, which
        takes seconds. What `on_step` raises comes out unchanged. Raises OutOfMemory and ModelFailed.
        """
        (answer,) = self.paint(
            [PaintRequest(prompt, negative_prompt, conditions, seed, on_step, shift_colour=shift_colour)]
        )
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def batch_key(self, request: PaintRequest) -> Hashable | None:
        """Return what is equal for requests that may be painted in one call; None where each is painted alone."""
        if not self._batches:
            return None
        painted = self._painted_size(request.conditions)
        return painted, request.conditions.sketch.shape, request.shift_colour and self.shifts_colour

    def paint(self, requests: Sequence[PaintRequest]) -> list[Picture | BaseException]:
        """Paint what several requests of one `batch_key` ask for, in one call; each answer is as it would be alone.

        The answer to a request is its picture, or what its `on_step` raised: it has left, and the others go on; or
        ModelFailed where it is no picture. Raises OutOfMemory and ModelFailed where the call itself fails.
        """
        left: dict[int, BaseException] = {}
        shifts: list[LatentShift | None] = []

        def step(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            done = min(1.0, (index + 1) / max(1, getattr(pipe, "num_timesteps", self._steps or 1)))
            for number, request in enumerate(requests):
                if number not in left:
                    try:
                        request.on_step(done)
                    except BaseException as error:  # noqa: BLE001  # it is the answer to this request
                        left[number] = error
            if len(left) == len(requests):
                raise left[0]
            if any(shifts):
                tensors["latents"] = _shifted(shifts, pipe, index, timestep, tensors["latents"])
            return tensors

        failure: Exception | None = None
        with self._lock:
            try:
                painted = self._run(list(requests), step, shifts)
            except Exception as error:  # noqa: BLE001  # diffusers lets through whatever its parts raise
                if len(left) < len(requests):
                    failure = meant(error)
        # Out here, where nothing refers to the call's tensors any more.
        if failure is not None:
            if isinstance(failure, OutOfMemory):
                give_back_device_memory()
            raise failure
        if len(left) == len(requests):
            return [left[number] for number in range(len(requests))]
        if len(painted) != len(requests):
            raise ModelFailed(
                f"The network that paints the background gave {len(painted)} of {len(requests)} pictures."
            )
        return [
            left[number] if number in left else self._checked(picture, request.conditions)
            for number, (picture, request) in enumerate(zip(painted, requests, strict=True))
        ]

    def _run(
        self, requests: list[PaintRequest], step: Callable[..., Any], shifts: list[LatentShift | None]
    ) -> list[Picture | None]:
        """Return what the pipeline paints; None where its safety checker withheld a picture with every seed.

        A picture that is withheld comes out black, and is painted again, all of the batch with it, from seeds that
        follow from the request's. `shifts` gets those of each run, for `step`.
        """
        painted: list[Picture | None] = []
        for further in range(1 + FURTHER_SEEDS):
            seeded = [replace(one, seed=_further_seed(one.seed, further)) for one in requests]
            shifts[:] = [self._shift(one.conditions) if self._shifts(one) else None for one in seeded]
            output = self._pipe(**self._arguments(seeded, step))
            pictures = [np.asarray(image, np.float32) for image in output.images]
            flags = getattr(output, "nsfw_content_detected", None) or [False] * len(pictures)
            shown = [None if flag else picture for picture, flag in zip(pictures, flags, strict=True)]
            painted = [old if old is not None else new for old, new in zip(painted or shown, shown, strict=True)]
            if all(picture is not None for picture in painted):
                break
        return painted

    def _checked(self, painted: Picture | None, conditions: Conditions) -> Picture | ModelFailed:
        """Return a painting at the size of its conditions, or what is wrong with it."""
        if painted is None:
            return ModelFailed(_WITHHELD)
        if painted.ndim != 3 or painted.shape[2] != 3 or not np.isfinite(painted).all():
            return ModelFailed("The network that paints the background gave something that is no picture.")
        if self.paints == "picture":
            return _resize(painted, conditions.sketch.shape[1], conditions.sketch.shape[0])
        if painted.shape != conditions.sketch.shape or painted.min() < 0:
            return ModelFailed("The network that paints the background gave something that is no light.")
        return painted

    def _arguments(self, requests: Sequence[PaintRequest], step: Callable[..., Any]) -> dict[str, Any]:
        """Return what the pipeline is called with: of one request its values, of several lists of them."""
        import torch

        width, height = self._painted_size(requests[0].conditions)
        steps, strength, sigmas = self._steps, self._strength, None
        if steps is not None and self._start_noise is not None:
            sigmas = noise_schedule(self._pipe, self._start_noise, steps, width, height)
            strength = 1.0
        elif "strength" in self._takes and steps is not None:
            steps, strength = schedule(steps, self._takes["strength"].default if strength is None else strength)
        # None where no figure is known: the pipeline's default stands.
        figures = {
            "num_inference_steps": steps,
            "strength": strength,
            "sigmas": sigmas,
            "guidance_scale": self._guidance_scale,
            "max_sequence_length": self.prompt_tokens,
        }
        each: dict[str, Callable[[PaintRequest], Any]] = {
            **{field.name: partial(_condition, field.name) for field in fields(Conditions)},
            "prompt": lambda one: self._prompt.format(prompt=one.prompt),
            "negative_prompt": lambda one: one.negative_prompt,
            # On the CPU whatever the device: the same seed then gives the same noise everywhere, alone or not.
            "generator": lambda one: torch.Generator("cpu").manual_seed(one.seed),
            "image": lambda one: _pillow(_resize(start_picture(one.conditions), width, height)),
        }
        offered: dict[str, Any] = {
            "width": width,
            "height": height,
            # FLUX.1 Kontext would take the nearest of sizes of its own, and fit those to an area.
            "max_area": width * height,
            "_auto_resize": False,
            "callback_on_step_end": step,
            "output_type": "np",
            **{name: value for name, value in figures.items() if value is not None},
        }
        for name, of in each.items():
            if name in self._takes:
                values = [of(one) for one in requests]
                offered[name] = values if len(values) > 1 else values[0]
        return {name: value for name, value in offered.items() if name in self._takes}

    def _painted_size(self, conditions: Conditions) -> tuple[int, int]:
        """Return width and height in pixels that the pipeline is asked for."""
        height, width = conditions.sketch.shape[:2]
        return painted_size(width, height, size=self.size, multiple=self._multiple)

    def _figures(self) -> str:
        """Return how the pipeline is run, as far as it is not left to the pipeline."""
        noise = self._start_noise
        figures = {
            "size": self.size,
            "steps": self._steps,
            "strength": self._strength if noise is None else None,
            "noise": None if noise is None else round(noise, 4),
            "guidance": self._guidance_scale,
            "latent_colour": 1 if self.latent_colour else None,
        }
        return " ".join(f"{name}={value}" for name, value in figures.items() if value is not None)

    def _shifts(self, request: PaintRequest) -> bool:
        return request.shift_colour and self.shifts_colour

    def _shift(self, conditions: Conditions) -> LatentShift:
        if self._packing is None:
            raise ValueError("It is not known how this pipeline packs its latents.")
        if self._colours is None:
            self._colours = colour_map(self._pipe.vae, self._colour_maps)
        picture = _resize(start_picture(conditions), *self._painted_size(conditions))
        return LatentShift(self._colours, self._packing, self._pipe.vae, picture)


def _shifted(shifts: Sequence[LatentShift | None], pipe: Any, index: int, timestep: Any, latents: Any) -> Any:
    """Return the latents after a step, each sample's shifted by its own shift."""
    import torch

    samples = zip(shifts, latents.split(1), strict=True)
    return torch.cat([one if shift is None else shift(pipe, index, timestep, one) for shift, one in samples])


def _condition(name: str, request: PaintRequest) -> Any:
    return getattr(request.conditions, name)


def _pillow(image: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray((image * 255 + 0.5).astype(np.uint8))


def _further_seed(seed: int, number: int) -> int:
    """Return the request's seed, or the `number`-th that follows from it."""
    return seed if number == 0 else int(np.random.default_rng([seed, number, 7]).integers(2**32))


def _resize(image: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Resample each channel as float and clip to [0, 1]; Pillow widens its filter when it reduces."""
    if image.shape[:2] == (height, width):
        return np.clip(image, 0, 1)
    channels = [
        np.asarray(Image.fromarray(image[..., c]).resize((width, height), Image.Resampling.BICUBIC), np.float32)
        for c in range(3)
    ]
    return np.clip(np.stack(channels, -1), 0, 1)
