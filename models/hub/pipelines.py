"""Opens pipelines of diffusers: of the class asked for, with the scheduler of its family, in the memory there is."""

from dataclasses import dataclass
from typing import Any, Literal

from models.device import Device
from models.hub.checks import check_sees_drawing
from models.hub.families import Family
from models.hub.found import Found
from models.hub.prompts import remember_prompts

#: What of a model waits in the host's memory while it is not used: nothing, whole networks, or each layer.
Offload = Literal["none", "model", "sequential"]


@dataclass(frozen=True)
class MemoryChoice:
    """How a pipeline fits into the device's memory. What is saved is paid for in time."""

    offload: Offload = "none"
    #: Whether the autoencoder works tile by tile.
    vae_tiling: bool = False
    #: Variant of the weights' files, "fp16" say, which is then all that is fetched; None: the plain ones.
    variant: str | None = None


def open_pipeline(
    found: Found, pipeline_class: str | None, *, device: Device, precision: str, memory: MemoryChoice
) -> Any:
    """Open what was found as a pipeline on a device, ready to paint from a drawing.

    Weights are read from safetensors alone: the older files are pickles, which run what is in them. Raises ValueError
    for a class that diffusers lacks and a pipeline that would never see its drawing, OSError where files are missing.
    """
    import diffusers
    import torch

    quiet()
    if pipeline_class is not None and not hasattr(getattr(diffusers, pipeline_class, None), "from_pretrained"):
        raise ValueError(f"diffusers {diffusers.__version__} has no pipeline class {pipeline_class!r}.")
    if memory.offload != "none" and device == "cpu":
        raise ValueError(
            "Offloading takes networks to a GPU when they are needed: on a CPU there is nothing to offload."
        )
    family = found.family
    options: dict[str, Any] = {"dtype": getattr(torch, precision), "use_safetensors": True, **found.source}
    options |= {} if memory.variant is None else {"variant": memory.variant}
    base = found.name
    if family and family.checkpoint and found.lone:
        base, options["unet"] = _lone_unet(found, family, options)
    pipe = _from_pretrained(base, pipeline_class or (family.pipeline if family else None), options)
    if family and (family.scheduler or family.spacing):
        kind = getattr(diffusers, family.scheduler) if family.scheduler else type(pipe.scheduler)
        spacing = {"timestep_spacing": family.spacing} if family.spacing else {}
        pipe.scheduler = kind.from_config(pipe.scheduler.config, **spacing)
    pipe.set_progress_bar_config(disable=True)
    check_sees_drawing(pipe, named=pipeline_class is not None)
    _place(pipe, device, memory)
    return remember_prompts(pipe)


def inpainting(pipe: Any, kind: str) -> Any:
    """Return a pipeline of another class of diffusers, by name, with the same networks."""
    import diffusers

    other = getattr(diffusers, kind).from_pipe(pipe)
    other.set_progress_bar_config(disable=True)
    return remember_prompts(other)


def open_autoencoder(kind: str, model: str, source: dict[str, Any], *, device: Device, precision: str) -> Any:
    """Open a model's autoencoder, a class of diffusers by name, and nothing else of it; `source` as Found has it."""
    import diffusers
    import torch

    quiet()
    options: dict[str, Any] = {"torch_dtype": getattr(torch, precision), "use_safetensors": True, **source}
    return getattr(diffusers, kind).from_pretrained(model, subfolder="vae", **options).to(device)


def quiet() -> None:
    """Keep the libraries' progress bars and warnings out of the log."""
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    # Each prompt longer than a text encoder's window would be a line in the log.
    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


def _place(pipe: Any, device: Device, memory: MemoryChoice) -> None:
    if memory.vae_tiling:
        pipe.vae.enable_tiling()
    match memory.offload:
        case "none":
            pipe.to(device)
        case "model":
            pipe.enable_model_cpu_offload(device=device)
        case "sequential":
            pipe.enable_sequential_cpu_offload(device=device)


def _lone_unet(found: Found, family: Family, options: dict[str, Any]) -> tuple[str, Any]:
    """Return the model that the other parts are from and the UNet: of a folder's own file, or of the hub."""
    import diffusers
    from huggingface_hub import hf_hub_download
    from safetensors.torch import load_file

    if found.unet is None:
        file = hf_hub_download(found.name, str(family.checkpoint), revision=found.revision)
        base, weights = str(family.base), load_file(file)
        options.pop("revision", None)  # the other parts are of another model, which has revisions of its own
    else:
        base, weights = found.name, load_file(found.unet)
    config = diffusers.UNet2DConditionModel.load_config(
        base, subfolder="unet", local_files_only=options["local_files_only"]
    )
    unet = diffusers.UNet2DConditionModel.from_config(config)
    unet.load_state_dict(weights)
    return base, unet.to(options["dtype"]).eval()


def _from_pretrained(model: str, pipeline_class: str | None, options: dict[str, Any]) -> Any:
    """Load the pipeline: of the class asked for, else of what diffusers makes of it."""
    import diffusers

    if pipeline_class is not None:
        return getattr(diffusers, pipeline_class).from_pretrained(model, **options)
    try:
        return diffusers.AutoPipelineForImage2Image.from_pretrained(model, **options)
    except ValueError as error:
        if "AutoPipeline" not in str(error):
            raise
        return diffusers.DiffusionPipeline.from_pretrained(model, **options)
