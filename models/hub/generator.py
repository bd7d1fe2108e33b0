"""The network that paints backgrounds: our own light network, or any picture pipeline of diffusers.

One code path for every model: what a pipeline's `__call__` takes decides what it is given.
"""

import inspect
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from models.device import DtypeName, give_back_device_memory, meant
from models.hub.controlnet import seeded
from models.hub.families import Family
from models.hub.latents import Hold
from models.hub.recipe import Recipe, kept, resized, shown_picture
from pipeline.core.errors import ModelFailed, OutOfMemory, PaintingWithheld
from pipeline.core.networks import Capabilities, Conditions, Painted, PaintRequest


class DiffusersGenerator:
    """A diffusers pipeline as a `Generator`. One call at a time: pipelines keep state in their scheduler."""

    def __init__(
        self,
        pipe: Any,
        recipe: Recipe,
        *,
        version: str,
        paints: Literal["light", "picture"],
        dtype: DtypeName = "float32",
        family: Family | None = None,
        edits: bool = False,
        batches: bool = False,
        inpaint: Any = None,
    ):
        """Take a pipeline and how to run it. `batches`: several pictures at once come out as they do one by one.

        `edits`: it takes a picture to change. `inpaint` is a pipeline of the same networks that paints round a product,
        where no hold on latents does.
        """
        self._pipe = pipe
        self._recipe = recipe
        self._packing = packing = family.latents if family else None
        #: Class of diffusers that paints, by name.
        self.painting_class = type(pipe).__name__
        #: What it can do. A product is held by an inpainting class, or in latents that start from a picture; an edit
        #: model without such a class is shown it in its picture, and asked to keep it.
        takes_start = "strength" in inspect.signature(pipe.__call__).parameters or recipe.start_in is not None
        self.capabilities = Capabilities(
            paints=paints,
            size=recipe.size,
            holds=edits or inpaint is not None or (takes_start and packing is not None),
            edits=edits,
            reads_hex=family is not None and family.reads_hex,
            batches=batches,
        )
        self._inpaint = inpaint
        self._lock = threading.Lock()
        #: Precision of the weights.
        self.dtype = dtype
        figures = "" if paints == "light" else f" {recipe.figures(pipe)}"
        #: Model, class, package and how it is run, for the report's provenance and for what is cached by it.
        self.version = version + figures

    def weights(self) -> dict[str, int]:
        """Return how many parameters the pipeline's networks have, by torch's name of their precision."""
        parts = [part for part in self._pipe.components.values() if hasattr(part, "parameters")]
        counts = Counter[str]()
        for weight in (weight for part in parts for weight in part.parameters()):
            counts[str(weight.dtype).removeprefix("torch.")] += weight.numel()
        return dict(counts)

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted | BaseException]:
        """Paint what requests that are `alike` ask for, in one call; each answer is as it would be alone.

        The answer to a request is its picture, h×w×3 of its conditions' size (sRGB in [0, 1], or linear light of at
        least 0), or what its `on_step` raised: it has left, and the others go on; or ModelFailed where it is no
        picture, PaintingWithheld where its safety checker let none out. With `laid` the network sees the product, and
        paints round it. Raises OutOfMemory and ModelFailed where the call itself fails.
        """
        left: dict[int, BaseException] = {}
        holds: list[Hold | None] = []

        def step(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            done = min(1.0, (index + 1) / max(1, getattr(pipe, "num_timesteps", self._recipe.steps or 1)))
            for number, request in enumerate(requests):
                if number not in left:
                    try:
                        request.on_step(done)
                    except BaseException as error:  # noqa: BLE001  # it is the answer to this request
                        left[number] = error
            if len(left) == len(requests):
                raise left[0]
            if any(holds):
                tensors["latents"] = _held(holds, pipe, index, timestep, tensors["latents"])
            return tensors

        failure: Exception | None = None
        with self._lock:
            try:
                painted = self._run(requests, step, holds)
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
        self, requests: Sequence[PaintRequest], step: Callable[..., Any], holds: list[Hold | None]
    ) -> list[Painted | None]:
        """Return what the pipeline paints; None where its safety checker withheld a picture, which comes out black.

        `holds` gets what holds each sample's product, for `step`.
        """
        pipe = self._inpaint if self._inpaint is not None and requests[0].laid is not None else self._pipe
        holds[:] = [self._hold(pipe, one) for one in requests]
        with seeded(pipe, requests[0].seed):
            output = pipe(**self._recipe.arguments(pipe, requests, step))
        pictures = [np.asarray(image, np.float32) for image in output.images]
        flags = getattr(output, "nsfw_content_detected", None) or [False] * len(pictures)
        return [None if flag else picture for picture, flag in zip(pictures, flags, strict=True)]

    def _checked(self, painted: Painted | None, conditions: Conditions) -> Painted | ModelFailed:
        """Return a painting at the size of its conditions, or what is wrong with it."""
        if painted is None:
            return PaintingWithheld("The model's own safety checker withheld this background.")
        if painted.ndim != 3 or painted.shape[2] != 3 or not np.isfinite(painted).all():
            return ModelFailed("The network that paints the background gave something that is no picture.")
        if self.capabilities.paints == "picture":
            return resized(painted, conditions.sketch.shape[1], conditions.sketch.shape[0])
        if painted.shape != conditions.sketch.shape or painted.min() < 0:
            return ModelFailed("The network that paints the background gave something that is no light.")
        return painted

    def _hold(self, pipe: Any, request: PaintRequest) -> Hold | None:
        """Return what holds a request's product in its latents; None where none is laid, or the pipeline inpaints."""
        if self._packing is None or request.laid is None or pipe is self._inpaint:
            return None
        width, height = self._recipe.painted_size(request.conditions)
        picture, keep = shown_picture(request, width, height), kept(request, width, height)
        return Hold(pipe.vae, self._packing, picture, keep, request.seed)


def _held(holds: Sequence[Hold | None], pipe: Any, index: int, timestep: Any, latents: Any) -> Any:
    """Return the latents after a step, with each sample's product held."""
    import torch

    samples = latents.split(1)
    return torch.cat(
        [
            sample if hold is None else hold(pipe, index, timestep, sample)
            for hold, sample in zip(holds, samples, strict=True)
        ]
    )
