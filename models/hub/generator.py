"""The network that paints backgrounds: Backdrop's light network, or any image pipeline of diffusers.

There is one code path for every model: the parameters of a pipeline's `__call__` decide what it gets.
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
        """Take a pipeline and its recipe. `batches`: several images in one call equal single ones.

        `edits`: it takes an image to change. `inpaint` is a pipeline of the same networks that paints around a product,
        for families without a hold on the latents.
        """
        self._pipe = pipe
        self._recipe = recipe
        self._packing = packing = family.latents if family else None
        #: Name of the diffusers class that paints.
        self.painting_class = type(pipe).__name__
        #: Its abilities. A product is held by an inpainting class, or in latents that start from an image. An edit
        #: model without such a class sees the product in its image, and its prompt asks the model to keep it.
        takes_start = "strength" in inspect.signature(pipe.__call__).parameters or recipe.start_in is not None
        self.capabilities = Capabilities(
            paints=paints,
            size=recipe.size,
            holds=edits or inpaint is not None or (takes_start and packing is not None),
            edits=edits,
            references=edits and family is not None and family.references,
            reads_hex=family is not None and family.reads_hex,
            batches=batches,
        )
        self._inpaint = inpaint
        self._lock = threading.Lock()
        #: Precision of the weights.
        self.dtype = dtype
        figures = "" if paints == "light" else f" {recipe.figures(pipe)}"
        #: Model, class, package and figures, for the report's provenance and for caches.
        self.version = version + figures

    def weights(self) -> dict[str, int]:
        """Return the numbers of the networks' parameters, by torch's name of their precision."""
        parts = [part for part in self._pipe.components.values() if hasattr(part, "parameters")]
        counts = Counter[str]()
        for weight in (weight for part in parts for weight in part.parameters()):
            counts[str(weight.dtype).removeprefix("torch.")] += weight.numel()
        return dict(counts)

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted | BaseException]:
        """Paint requests that are `alike` in one call; each answer is the same as it would be alone.

        An answer is an image, h×w×3 at the size of its conditions: sRGB in [0, 1], or linear light of at least 0.
        Instead, it may be an error:

        - the error of its `on_step`, which withdraws the request, while the others go on;
        - PaintingWithheld, if the model's safety checker withheld the image;
        - ModelFailed, for an invalid image.

        With `laid` the network sees the product, and paints around it. Raises OutOfMemory and ModelFailed if the call
        itself fails.
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
            except Exception as error:  # noqa: BLE001  # diffusers passes on all errors of its parts
                if len(left) < len(requests):
                    failure = meant(error)
        # Raised here, where nothing refers to the call's tensors any more.
        if failure is not None:
            if isinstance(failure, OutOfMemory):
                give_back_device_memory()
            raise failure
        if len(left) == len(requests):
            return [left[number] for number in range(len(requests))]
        if len(painted) != len(requests):
            raise ModelFailed(
                f"The background network returned {len(painted)} of {len(requests)} images. Retry the job."
            )
        return [
            left[number] if number in left else self._checked(picture, request.conditions)
            for number, (picture, request) in enumerate(zip(painted, requests, strict=True))
        ]

    def _run(
        self, requests: Sequence[PaintRequest], step: Callable[..., Any], holds: list[Hold | None]
    ) -> list[Painted | None]:
        """Return the pipeline's images; None for an image that its safety checker withheld, which would be black.

        `holds` gets the hold of each sample's product, for `step`.
        """
        pipe = self._inpaint if self._inpaint is not None and requests[0].laid is not None else self._pipe
        holds[:] = [self._hold(pipe, one) for one in requests]
        with seeded(pipe, requests[0].seed):
            output = pipe(**self._recipe.arguments(pipe, requests, step))
        pictures = [np.asarray(image, np.float32) for image in output.images]
        flags = getattr(output, "nsfw_content_detected", None) or [False] * len(pictures)
        return [None if flag else picture for picture, flag in zip(pictures, flags, strict=True)]

    def _checked(self, painted: Painted | None, conditions: Conditions) -> Painted | ModelFailed:
        """Return a painting at the size of its conditions, or the error of an invalid painting."""
        if painted is None:
            return PaintingWithheld("The model's own safety checker withheld this background. Try another seed.")
        if painted.ndim != 3 or painted.shape[2] != 3 or not np.isfinite(painted).all():
            return ModelFailed(
                "The background network returned an image of the wrong shape, or with non-finite values. Retry the job."
            )
        if self.capabilities.paints == "picture":
            return resized(painted, conditions.sketch.shape[1], conditions.sketch.shape[0])
        if painted.shape != conditions.sketch.shape or painted.min() < 0:
            return ModelFailed("The background network returned light of the wrong size, or below 0. Retry the job.")
        return painted

    def _hold(self, pipe: Any, request: PaintRequest) -> Hold | None:
        """Return the hold of a request's product in its latents; None without one, or if the pipeline inpaints."""
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
