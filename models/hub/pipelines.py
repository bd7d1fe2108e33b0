"""Opens diffusers pipelines of the requested class, with the family's scheduler, within the available memory."""

import inspect
from dataclasses import dataclass
from typing import Any, Literal

from models.device import Device
from models.hub.controlnet import DepthChoice, open_controlnet
from models.hub.families import Family
from models.hub.found import Found
from models.hub.prompts import remember_prompts, text_encoders

#: The parts of a model that wait in the host's memory while unused: none, its text encoders, whole networks, or each
#: layer.
Offload = Literal["none", "text", "model", "sequential"]


@dataclass(frozen=True)
class MemoryChoice:
    """How a pipeline uses its device's memory. Saving memory costs time; compiling saves time."""

    offload: Offload = "none"
    #: Whether the autoencoder works tile by tile.
    vae_tiling: bool = False
    #: Variant of the weights' files, such as "fp16"; only its files are downloaded. None: the plain files.
    variant: str | None = None
    #: Whether the network's repeated blocks are compiled.
    compiled: bool = False


def open_pipeline(
    found: Found,
    pipeline_class: str | None,
    *,
    device: Device,
    precision: str,
    memory: MemoryChoice,
    depth: DepthChoice | None = None,
) -> Any:
    """Open a found model as a pipeline on a device, ready to paint from a drawing and, with `depth`, from depth.

    Only safetensors weights are read: the older files are pickles, which can run code. Raises OSError if files are
    missing. Raises ValueError for a class that diffusers lacks, a pipeline without an image input, and a ControlNet
    for another model.
    """
    import diffusers
    import torch

    quiet()
    family = found.family
    kind = pipeline_class or (family.pipeline if family else None)
    if kind is not None and not hasattr(getattr(diffusers, kind, None), "from_pretrained"):
        remedy = "Correct the class, or leave it empty." if pipeline_class else "Install a newer diffusers."
        raise ValueError(f"diffusers {diffusers.__version__} has no pipeline class {kind!r}. {remedy}")
    if memory.offload != "none" and device == "cpu":
        raise ValueError(
            f"BACKDROP_OFFLOAD is {memory.offload}, but on a CPU there is nothing to offload. Set it to none."
        )
    modular = kind is not None and "Modular" in kind
    if modular and memory.offload != "none":
        raise ValueError(f"BACKDROP_OFFLOAD is {memory.offload}, but {kind} can't offload. Set it to none.")
    options: dict[str, Any] = {"dtype": getattr(torch, precision), "use_safetensors": True, **found.source}
    options |= {} if memory.variant is None else {"variant": memory.variant}
    base = found.name
    if family and family.checkpoint and found.lone:
        base, options["unet"] = _lone_unet(found, family, options)
    if modular:
        from models.hub.modular import open_modular

        pipe = open_modular(str(kind), found, options)
    else:
        pipe = _from_pretrained(base, kind, options)
    if family and (family.scheduler or family.spacing):
        steps = getattr(diffusers, family.scheduler) if family.scheduler else type(pipe.scheduler)
        spacing = {"timestep_spacing": family.spacing} if family.spacing else {}
        pipe.scheduler = steps.from_config(pipe.scheduler.config, **spacing)
    pipe.set_progress_bar_config(disable=True)
    check_sees_drawing(pipe, named=pipeline_class is not None)
    if depth is not None:
        kind_of, net = open_controlnet(pipe, depth, options)
        pipe = _rebuilt(pipe, kind_of, controlnet=net)
    place(pipe, device, memory)
    if memory.compiled:
        compile_blocks(pipe, memory)
    return remember_prompts(pipe, device if memory.offload == "text" else None)


def check_sees_drawing(pipe: Any, *, named: bool) -> None:
    """Raise ValueError, with the remedy, for a pipeline that would fail at its first image or never see its drawing.

    `named`: the operator named its class, and therefore knows that it paints only from its prompt.
    """
    takes, kind = inspect.signature(pipe.__call__).parameters, type(pipe).__name__
    for name, what in (("mask_image", "the mask of an inpainting model"), ("control_image", "a control image")):
        if name in takes:
            raise ValueError(
                f"{kind} needs {what}, which Backdrop does not provide. Name the base model that it was made from, or"
                " a text-to-image or image-to-image class."
            )
    given, taken = _channels(pipe)
    if taken not in (None, given, 4 * given):
        raise ValueError(
            f"The network of this {kind} takes {taken} channels, but its autoencoder has {given}: the weights are of an"
            " inpainting or edit model. Name the base model that it was made from."
        )
    if "image" not in takes and not named:
        raise ValueError(
            f"{kind} takes no image, so it would paint only from the prompt, and the product's light and shadow would"
            f" not fit. Name an image-to-image class. To paint from the prompt anyway, name {kind} as the class."
        )


def _channels(pipe: Any) -> tuple[int, int | None]:
    """Return the channels of the autoencoder's latents, and those of the network's input; None if unknown.

    Packed 2×2, as in FLUX, latents have four times as many.
    """
    from diffusers.pipelines import auto_pipeline

    # Classes for other tasks may add channels, which they fill themselves.
    plain = {kind for mapping in _mappings(auto_pipeline) for kind in mapping.values()}
    network = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    latent = getattr(getattr(getattr(pipe, "vae", None), "config", None), "latent_channels", None)
    taken = getattr(getattr(network, "config", None), "in_channels", None)
    if type(pipe) not in plain or latent is None or taken is None:
        return 0, None
    return int(latent), int(taken)


def _mappings(auto_pipeline: Any) -> list[dict[str, type]]:
    return [auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING, auto_pipeline.AUTO_TEXT2IMAGE_PIPELINES_MAPPING]


def inpainting(pipe: Any, kind: str, *, device: Device, memory: MemoryChoice) -> Any:
    """Return a pipeline of another diffusers class, by name, that shares the same networks."""
    return remember_prompts(_rebuilt(pipe, kind), device if memory.offload == "text" else None)


def quiet() -> None:
    """Keep the libraries' progress bars and warnings out of the log."""
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    # Each prompt longer than a text encoder's window would be a line in the log.
    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


def _rebuilt(pipe: Any, kind: str, **further: Any) -> Any:
    """Return a pipeline of another diffusers class, by name, with the same networks and the `further` ones.

    Not by `from_pipe`, which would cast the shared networks to float32.
    """
    import diffusers

    takes = inspect.signature(getattr(diffusers, kind).__init__).parameters
    parts = {name: part for name, part in {**pipe.config, **pipe.components}.items() if name in takes}
    other = getattr(diffusers, kind)(**parts, **further)
    other.set_progress_bar_config(disable=True)
    return other


def place(pipe: Any, device: str, memory: MemoryChoice) -> None:
    """Move to a torch device, by name, the networks of a pipeline that stay on it."""
    if memory.vae_tiling:
        pipe.vae.enable_tiling()
    match memory.offload:
        case "none":
            pipe.to(device)
        case "text":
            waiting = text_encoders(pipe)
            for name, part in pipe.components.items():
                if hasattr(part, "parameters") and name not in waiting:
                    part.to(device)
        case "model":
            pipe.enable_model_cpu_offload(device=device)
        case "sequential":
            pipe.enable_sequential_cpu_offload(device=device)


def compile_blocks(pipe: Any, memory: MemoryChoice, backend: str = "inductor") -> None:
    """Make torch compile the network's repeated blocks at their first run, as one graph for any size.

    Compiling the whole network would take minutes, for each size again. `backend` is torch's name of a compiler. Raises
    ValueError for a network without such blocks and for a network whose layers are offloaded one by one.
    """
    network = getattr(pipe, "unet", None) or pipe.transformer
    if memory.offload == "sequential":
        raise ValueError("BACKDROP_COMPILE can't be used with BACKDROP_OFFLOAD=sequential. Switch one of them off.")
    if not getattr(network, "_repeated_blocks", None):
        raise ValueError(
            f"BACKDROP_COMPILE is set, but {type(network).__name__} names no blocks to compile. Switch it off."
        )
    network.compile_repeated_blocks(dynamic=True, backend=backend)


def _lone_unet(found: Found, family: Family, options: dict[str, Any]) -> tuple[str, Any]:
    """Return the model with the other parts, and the UNet, from a folder's own file or from the hub."""
    import diffusers
    from huggingface_hub import hf_hub_download
    from safetensors.torch import load_file

    if found.unet is None:
        file = hf_hub_download(found.name, str(family.checkpoint), revision=found.revision)
        base, weights = str(family.base), load_file(file)
        options.pop("revision", None)  # the other parts come from another model, with its own revisions
    else:
        base, weights = found.name, load_file(found.unet)
    config = diffusers.UNet2DConditionModel.load_config(
        base, subfolder="unet", local_files_only=options["local_files_only"]
    )
    unet = diffusers.UNet2DConditionModel.from_config(config)
    unet.load_state_dict(weights)
    return base, unet.to(options["dtype"]).eval()


def _from_pretrained(model: str, pipeline_class: str | None, options: dict[str, Any]) -> Any:
    """Load the pipeline as the requested class, or else as the class that diffusers finds for it."""
    import diffusers

    if pipeline_class is not None:
        return getattr(diffusers, pipeline_class).from_pretrained(model, **options)
    try:
        return diffusers.AutoPipelineForImage2Image.from_pretrained(model, **options)
    except ValueError as error:
        if "AutoPipeline" not in str(error):
            raise
        return diffusers.DiffusionPipeline.from_pretrained(model, **options)
