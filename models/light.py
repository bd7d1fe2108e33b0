"""Backdrop's own network: it corrects the analytic light to a path tracer's, in one step.

A rectified flow (Liu et al., arXiv:2209.03003) without noise. It starts at the logarithm of the analytic light and ends
at that of the true light; the network predicts the velocity between both.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler, ImagePipelineOutput, UNet2DModel
from numpy.typing import NDArray

from models.graphs import FOLD, multiple_of
from pipeline.scene.layout import FOCAL

#: Added to linear light before the logarithm, so that darkness stays finite.
EPS = 0.02
#: Largest correction of the light, as a natural logarithm: three stops.
LIMIT = 3 * math.log(2)
#: Conditions with three channels, then those with one.
TRIPLES, SINGLES = ("sketch", "light", "normals"), ("depth", "occlusion", "gloss", "lit")


#: One field of `Conditions`, or the fields of several scenes of one size.
Planes = NDArray[np.float32] | Sequence[NDArray[np.float32]]


def planes(conditions: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the network's input for a scene, B×13×H×W, from the fields of `Conditions` as B×C×H×W tensors."""
    sketch = conditions["sketch"]
    # IEC 61966-2-1, as in `pipeline.colour.spaces`.
    albedo = torch.where(sketch <= 0.04045, sketch / 12.92, ((sketch.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    nearness = FOCAL / conditions["depth"].clamp(min=0.1)
    singles = [conditions[name] for name in SINGLES[1:]]
    return torch.cat([log_light(conditions["light"]), albedo, conditions["normals"], nearness, *singles], 1)


def log_light(light: torch.Tensor) -> torch.Tensor:
    """Return the natural logarithm of linear light, finite in the dark."""
    return torch.log(light.clamp(min=0) + EPS)


def velocity(unet: Any, latents: torch.Tensor, scene: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
    """Return first light minus true light, both as logarithms, B×3×H×W, as the network predicts it from `latents`.

    `scene` is the result of `planes`; `timestep` is 1000 at the first light and 0 at the true light, of shape () or
    (B,).
    """
    folded = torch.nn.functional.pixel_unshuffle(torch.cat([latents, scene], 1), FOLD)
    return torch.nn.functional.pixel_shuffle(unet(folded.to(unet.dtype), timestep).sample, FOLD).float()


def relit(first: torch.Tensor, correction: torch.Tensor) -> torch.Tensor:
    """Return linear light, at least 0, from the first light and its correction: log true light minus log first light.

    The correction is clipped at three stops either way. Where it is 0, the first light stays exact to the last bit.
    """
    return (first + (first + EPS) * torch.expm1(correction.clamp(-LIMIT, LIMIT))).clamp(min=0)


class LightPipeline(DiffusionPipeline):  # type: ignore[misc]  # diffusers ships no types
    """Conditions in, linear light out, to be multiplied onto the albedo."""

    model_cpu_offload_seq = "unet"
    _callback_tensor_inputs = ("latents",)

    def __init__(self, unet: UNet2DModel, scheduler: FlowMatchEulerDiscreteScheduler):
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.num_timesteps = 1

    @property
    def size(self) -> int:
        """Longer side in pixels of the network's training images."""
        return int(self.unet.config.sample_size)

    @property
    def multiple(self) -> int:
        """Both sides are padded to multiples of this many pixels."""
        return multiple_of(self.unet.config.block_out_channels)

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch's types are not read here
    def __call__(
        self,
        *,
        sketch: Planes,
        light: Planes,
        occlusion: Planes,
        normals: Planes,
        depth: Planes,
        gloss: Planes,
        lit: Planes,
        num_inference_steps: int = 1,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        callback_on_step_end: Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
        output_type: str = "np",
    ) -> ImagePipelineOutput:
        """Return an H×W×3 float32 image of linear light, at least 0, for the fields of `Conditions` of any one size.

        For several scenes of one size, each field is a list. The result then has an image for each scene, the same as
        alone except for rounding.

        Each channel stays within three stops of the given light, and equals it where nothing is lit. The result is
        deterministic: `generator` exists because every pipeline takes one, and is not used. Errors of
        `callback_on_step_end` are raised. Raises ValueError for another `output_type` or tensor name, and for
        conditions of different sizes. Raises FloatingPointError if the network returns NaN.
        """
        if output_type != "np" or set(callback_on_step_end_tensor_inputs) - set(self._callback_tensor_inputs):
            raise ValueError(
                f"LightPipeline supports only output_type 'np' and the tensors {self._callback_tensor_inputs}."
            )
        fields = {"sketch": sketch, "light": light, "normals": normals}
        fields |= {"depth": depth, "occlusion": occlusion, "gloss": gloss, "lit": lit}
        device = self._execution_device  # read once, since diffusers asks every module of every part for it
        scene, first, shone = self._padded(fields, device)
        start = log_light(first)
        latents = start
        self.scheduler.set_timesteps(num_inference_steps, device=device)
        self.num_timesteps = len(self.scheduler.timesteps)
        with self.progress_bar(total=self.num_timesteps) as bar:
            for index, timestep in enumerate(self.scheduler.timesteps):
                step = velocity(self.unet, latents, scene, timestep)
                latents = self.scheduler.step(step, timestep, latents).prev_sample
                if callback_on_step_end is not None:
                    answer = callback_on_step_end(self, index, timestep, {"latents": latents})
                    latents = answer.get("latents", latents)
                bar.update()
        correction = (latents - start) * shone
        if bool(torch.isnan(correction).any()):
            raise FloatingPointError("The light network returned NaN.")
        height, width = (sketch if isinstance(sketch, np.ndarray) else sketch[0]).shape[:2]
        images = relit(first, correction)[:, :, :height, :width].permute(0, 2, 3, 1).cpu().numpy()
        return ImagePipelineOutput(images=[np.ascontiguousarray(image, np.float32) for image in images])

    def _padded(
        self, fields: Mapping[str, Planes], device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the planes, the first light and where light falls, all padded at the right and bottom edges."""
        scenes = {name: [value] if isinstance(value, np.ndarray) else value for name, value in fields.items()}
        height, width = scenes["sketch"][0].shape[:2]
        down, right = -height % self.multiple, -width % self.multiple
        tensors = {}
        for name, values in scenes.items():
            channels = 3 if name in TRIPLES else 1
            for value in values:
                if value.shape != ((height, width, 3) if channels == 3 else (height, width)):
                    raise ValueError(f"{name} has shape {value.shape}, but the sketch is {height} by {width}.")
            stacked = np.stack(values).astype(np.float32, copy=False)
            tensor = torch.from_numpy(stacked).reshape(len(values), height, width, channels)
            tensor = tensor.permute(0, 3, 1, 2).to(device)
            tensors[name] = torch.nn.functional.pad(tensor, (0, right, 0, down), mode="replicate")
        return planes(tensors), tensors["light"].clamp(min=0), tensors["lit"]
