"""The network that paints backgrounds: any text-to-image or image-to-image pipeline of diffusers.

One code path for every model: what a pipeline's `__call__` takes decides what it is given. The only file that imports
diffusers.
"""

import hashlib
import inspect
import json
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.device import Device, DtypeName
from pipeline.errors import ModelFailed, OutOfMemory

#: Sides that a network paints are multiples of this: an autoencoder's 8 times two halvings of the UNet.
SIDE_MULTIPLE = 32
#: How far an image-to-image pipeline may leave the sketch, 0 not at all, 1 entirely.
STRENGTH = 0.75
#: A checkpoint's own word on what its answer is good for ("paints") and the longer side it was trained at ("size");
#: absent means a finished picture at whatever size is asked.
CARD_FILE = "card.json"


class DiffusersGenerator:
    """A diffusers pipeline as a `Generator`. One swap at a time: pipelines keep state in their scheduler."""

    def __init__(
        self,
        pipe: Any,
        *,
        steps: int,
        size: int,
        guidance_scale: float,
        version: str,
        paints: Literal["light", "picture"],
    ):
        self._pipe = pipe
        self._takes = frozenset(inspect.signature(pipe.__call__).parameters)
        self._steps = steps
        self._guidance_scale = guidance_scale
        self._lock = threading.Lock()
        #: Longer side in pixels of what is painted.
        self.size = size
        #: Model, class and package, for the report's provenance.
        self.version = version
        #: "light": only its light is trusted, "picture": the painting is used as it is.
        self.paints = paints

    def __call__(
        self,
        *,
        prompt: str,
        negative_prompt: str,
        sketch: NDArray[np.float32],
        seed: int,
        on_step: Callable[[float], None],
    ) -> NDArray[np.float32]:
        """Paint over `sketch` (h×w×3 sRGB in [0, 1]) and return the painting at the same size and range.

        What `on_step` raises comes out unchanged. Raises OutOfMemory and ModelFailed.
        """
        import torch

        stopped: list[BaseException] = []

        def step(pipe: Any, index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            try:
                on_step(min(1.0, (index + 1) / max(1, getattr(pipe, "num_timesteps", self._steps))))
            except BaseException as error:
                stopped.append(error)
                raise
            return tensors

        with self._lock:
            try:
                answer = self._pipe(**self._arguments(prompt, negative_prompt, sketch, seed, step))
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
        return _resize(painted, sketch.shape[1], sketch.shape[0])

    def _arguments(
        self, prompt: str, negative_prompt: str, sketch: NDArray[np.float32], seed: int, step: Callable[..., Any]
    ) -> dict[str, Any]:
        import torch

        height, width = sketch.shape[:2]
        scale = self.size / max(height, width)
        width, height = (max(1, round(side * scale / SIDE_MULTIPLE)) * SIDE_MULTIPLE for side in (width, height))
        steps = self._steps
        if "strength" in self._takes:
            # Image-to-image skips the first steps; ask for so many that `steps` are left.
            steps = math.ceil(steps / STRENGTH)
        image = _resize(sketch, width, height)
        offered: dict[str, Any] = {
            "image": Image.fromarray((image * 255 + 0.5).astype(np.uint8)),
            "strength": STRENGTH,
            "width": width,
            "height": height,
            "image_guidance_scale": 1.0,
            "negative_prompt": negative_prompt,
            "callback_on_step_end": step,
            "num_inference_steps": steps,
            "guidance_scale": self._guidance_scale,
            # On the CPU whatever the device: the same seed then gives the same noise everywhere.
            "generator": torch.Generator("cpu").manual_seed(seed),
            "output_type": "np",
        }
        return {"prompt": prompt} | {name: value for name, value in offered.items() if name in self._takes}


def load_generator(
    model: str | Path,
    *,
    pipeline_class: str | None = None,
    device: Device = "cpu",
    dtype: DtypeName = "float32",
    steps: int = 1,
    size: int = 512,
    guidance_scale: float = 1.0,
) -> DiffusersGenerator:
    """Load a diffusers folder or hub id.

    `pipeline_class` names a class of diffusers; without it the class is what AutoPipelineForText2Image makes of the
    model, or the one its model_index.json names where Auto knows none. A folder is read without any network.
    Raises ValueError for a class that diffusers lacks and OSError where the model isn't there.
    """
    import diffusers
    import torch
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    # Each prompt longer than a text encoder's window would be a line in the log.
    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    folder = Path(model)
    local = folder.is_dir()
    if pipeline_class is not None:
        loader = getattr(diffusers, pipeline_class, None)
        if loader is None or not hasattr(loader, "from_pretrained"):
            raise ValueError(f"diffusers {diffusers.__version__} has no pipeline class {pipeline_class!r}.")
    else:
        loader = diffusers.AutoPipelineForText2Image
    options = {"dtype": getattr(torch, dtype), "local_files_only": local}
    try:
        pipe = loader.from_pretrained(str(model), **options)
    except ValueError as error:
        if pipeline_class is not None or "AutoPipeline" not in str(error):
            raise
        pipe = diffusers.DiffusionPipeline.from_pretrained(str(model), **options)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    version = f"diffusers {diffusers.__version__} {type(pipe).__name__} {folder.name if local else model}"
    if local:
        version += f" sha256:{_digest(folder)[:12]}"
    card = json.loads((folder / CARD_FILE).read_text()) if (folder / CARD_FILE).is_file() else {}
    return DiffusersGenerator(
        pipe,
        steps=steps,
        size=min(size, card.get("size", size)),
        guidance_scale=guidance_scale,
        version=version,
        paints="light" if card.get("paints") == "light" else "picture",
    )


def _digest(folder: Path) -> str:
    """SHA-256 over the weights' names and bytes."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _resize(image: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Resample each channel as float; Pillow widens its filter when it reduces."""
    if image.shape[:2] == (height, width):
        return np.clip(image, 0, 1)
    channels = [
        np.asarray(Image.fromarray(image[..., c]).resize((width, height), Image.Resampling.BICUBIC), np.float32)
        for c in range(3)
    ]
    return np.clip(np.stack(channels, -1), 0, 1)
