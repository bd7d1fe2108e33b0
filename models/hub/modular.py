"""Modular pipelines of diffusers, with the interface of its other pipelines. FLUX 3 Image Klein has no other class."""

from itertools import count
from typing import Any

from diffusers import ModularPipeline
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput

from models.hub.found import Found


class Modular:
    """A modular pipeline that edits pictures, one at a time."""

    def __init__(self, modular: Any):
        self.modular = modular

    def __getattr__(self, name: str) -> Any:
        return getattr(self.modular, name)

    def __call__(
        self, prompt: str, image: Any, width: int, height: int, generator: Any, num_inference_steps: int,
        callback_on_step_end: Any, output_type: str = "np",
    ) -> ImagePipelineOutput:  # fmt: skip
        """Return the pictures. Errors of `callback_on_step_end` are raised."""
        scheduler, steps = self.modular.scheduler, count()
        step = scheduler.step

        def stepped(*arguments: Any, **named: Any) -> Any:
            answer = step(*arguments, **named)
            callback_on_step_end(self, next(steps), arguments[1], {})
            return answer

        given = {"prompt": prompt, "image": image, "width": width, "height": height, "generator": generator}
        scheduler.step = stepped  # the blocks take no callback
        try:
            given |= {"num_inference_steps": num_inference_steps, "output_type": output_type}
            return ImagePipelineOutput(images=self.modular(**given, output="images"))
        finally:
            del scheduler.step


def open_modular(kind: str, found: Found, options: dict[str, Any]) -> Any:
    """Open a found model as the modular pipeline of that class. Raises OSError if a part can't be loaded.

    Its prompt upsampler, a network that rewrites the prompt, is used if the model names one.
    """
    modular = ModularPipeline.from_pretrained(found.name, **found.source)
    loading = {name: value for name, value in options.items() if name in ("dtype", "variant", "local_files_only")}
    specs = {name: modular.get_component_spec(name) for name in modular.components}
    own = [name for name, spec in specs.items() if spec.pretrained_model_name_or_path == found.name]
    networks = dict.fromkeys(("transformer", "vae", "text_encoder", "prompt_upsampler"), True)
    modular.load_components(**loading, revision=dict.fromkeys(own, found.revision), use_safetensors=networks)
    for name in ("transformer", "vae", "text_encoder", "tokenizer"):
        if getattr(modular, name) is None:  # diffusers only logs why
            raise OSError(f"The {name} of {found.name} can't be loaded. Download the model again.")
    if modular.prompt_upsampler is None:
        modular._blocks.sub_blocks.pop("prompt_upsampler")  # `blocks` is a copy
    return type(kind, (Modular,), {})(modular)  # the checks and the family know it by its class
