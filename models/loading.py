"""Loads both networks of a process, on the device that was asked for. The only file that loads diffusers pipelines."""

import hashlib
import json
from pathlib import Path
from typing import Any

from models.device import Device, DeviceChoice, DtypeChoice, resolve_device, resolve_dtype
from models.families import Family, family_of
from models.generator import DiffusersGenerator
from models.segmenter import load_segmenter
from pipeline.networks import Networks

#: Class in model_index.json of our own network (`models.light`).
LIGHT_CLASS = "LightPipeline"
#: Longer side in pixels where neither the operator, the family nor the pipeline says one.
SIZE = 512


def load_networks(
    *,
    segmenter: str,
    weights: Path,
    generator: str,
    generator_class: str | None,
    device: DeviceChoice,
    dtype: DtypeChoice,
    steps: int | None = None,
    size: int | None = None,
    guidance_scale: float | None = None,
    strength: float | None = None,
) -> Networks:
    """Return the networks, their names, versions and where each runs. Takes seconds; raises what its parts raise."""
    place = resolve_device(device)
    cut, cut_version = load_segmenter(segmenter, weights=weights, device=place)
    paint = load_generator(
        generator,
        pipeline_class=generator_class,
        device=place,
        dtype=dtype,
        steps=steps,
        strength=strength,
        size=size,
        guidance_scale=guidance_scale,
    )
    versions = {
        "segmenter": cut_version,
        # onnxruntime runs on CUDA or on the CPU; load_segmenter has made sure that it did not fall back in silence.
        "segmenter_device": "cuda" if place == "cuda" else "cpu",
        "generator": paint.version,
        "generator_device": f"{place} {paint.dtype}",
    }
    return Networks(segmenter=cut, generator=paint, versions=versions)


def load_generator(
    model: str | Path,
    *,
    pipeline_class: str | None = None,
    device: Device = "cpu",
    dtype: DtypeChoice = "auto",
    steps: int | None = None,
    strength: float | None = None,
    size: int | None = None,
    guidance_scale: float | None = None,
) -> DiffusersGenerator:
    """Open a diffusers folder or hub id; a folder is read without any network.

    What is None is the family's own (`models.families`), or the pipeline's where the model is of no known family.
    `pipeline_class` names a class of diffusers; without it the class is the family's, or the image-to-image one that
    diffusers knows for the model, or the one that its model_index.json names.
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
    if pipeline_class is not None and not hasattr(getattr(diffusers, pipeline_class, None), "from_pretrained"):
        raise ValueError(f"diffusers {diffusers.__version__} has no pipeline class {pipeline_class!r}.")
    folder = Path(model)
    local = folder.is_dir()
    unet = next(iter(sorted(folder.glob("*_unet.safetensors"))), None) if local else None
    lone = unet is not None
    try:
        named = _class_name(model, local)
        family = family_of(named, str(model) if unet is None else unet.name)
    except OSError:
        # A UNet that comes alone has no model_index.json; only its hub id says what it is.
        family = None if local else family_of(None, str(model))
        if family is None:
            raise
        named, lone = family.pipeline, True
    precision = family.dtype if family and dtype == "auto" and device != "cpu" else resolve_dtype(dtype, device)
    options: dict[str, Any] = {"dtype": getattr(torch, precision), "local_files_only": local}
    base = str(model)
    if family and family.checkpoint and lone:
        base, options["unet"] = _lone_unet(str(model), unet, family, options)
    pipe = _from_pretrained(base, pipeline_class or (family.pipeline if family else None), named, options)
    if family and (family.scheduler or family.spacing):
        kind = getattr(diffusers, family.scheduler) if family.scheduler else type(pipe.scheduler)
        spacing = {"timestep_spacing": family.spacing} if family.spacing else {}
        pipe.scheduler = kind.from_config(pipe.scheduler.config, **spacing)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    version = f"diffusers {diffusers.__version__} {type(pipe).__name__} {folder.name if local else model}"
    if local:
        version += f" sha256:{_digest(folder)[:12]}"
    return DiffusersGenerator(
        pipe,
        size=size or (family.size if family else _own_size(pipe, named)),
        version=version,
        dtype=precision,
        paints="light" if named == LIGHT_CLASS else "picture",
        steps=steps if steps is not None or family is None else family.steps,
        strength=strength if strength is not None or family is None else family.strength,
        guidance_scale=guidance_scale if guidance_scale is not None or family is None else family.guidance_scale,
        multiple=family.multiple if family else 32,
        prompt=family.prompt if family and family.image == "reference" else "{prompt}",
        prompt_tokens=family.prompt_tokens if family else None,
    )


def _class_name(model: str | Path, local: bool) -> str:
    """Return the class that the model's model_index.json names. Raises OSError where there is none."""
    import diffusers

    if local:
        return str(json.loads((Path(model) / "model_index.json").read_text())["_class_name"])
    return str(diffusers.DiffusionPipeline.load_config(str(model))["_class_name"])


def _lone_unet(model: str, file: Path | None, family: Family, options: dict[str, Any]) -> tuple[str, Any]:
    """Return the model that the other parts are from and the UNet: of a folder's own file, or of the hub."""
    import diffusers
    from huggingface_hub import hf_hub_download
    from safetensors.torch import load_file

    if file is None:
        base, weights = str(family.base), load_file(hf_hub_download(model, str(family.checkpoint)))
    else:
        base, weights = model, load_file(file)
    config = diffusers.UNet2DConditionModel.load_config(
        base, subfolder="unet", local_files_only=options["local_files_only"]
    )
    unet = diffusers.UNet2DConditionModel.from_config(config)
    unet.load_state_dict(weights)
    return base, unet.to(options["dtype"]).eval()


def _from_pretrained(model: str, pipeline_class: str | None, named: str, options: dict[str, Any]) -> Any:
    """Load the pipeline: of the class asked for, else of our own, else of what diffusers makes of it."""
    import diffusers

    if pipeline_class is not None:
        return getattr(diffusers, pipeline_class).from_pretrained(model, **options)
    if named == LIGHT_CLASS:
        from models.light import LightPipeline

        return LightPipeline.from_pretrained(model, **options)
    try:
        return diffusers.AutoPipelineForImage2Image.from_pretrained(model, **options)
    except ValueError as error:
        if "AutoPipeline" not in str(error):
            raise
        return diffusers.DiffusionPipeline.from_pretrained(model, **options)


def _own_size(pipe: Any, named: str) -> int:
    """Return the longer side in pixels that a pipeline of no known family was made for."""
    own = getattr(pipe, "size", None)
    if own is None and named == LIGHT_CLASS:
        # Our UNet works on pixels, so its sample size is one of pixels.
        own = pipe.unet.config.sample_size
    return SIZE if own is None else int(max(own)) if isinstance(own, list | tuple) else int(own)


def _digest(folder: Path) -> str:
    """SHA-256 over the weights' names and bytes."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
