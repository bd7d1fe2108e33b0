"""Loads the networks of a process, on the device that was asked for. The only file that loads diffusers pipelines.

On a CPU those that ship need onnxruntime alone (`models.graphs`): nothing here imports torch before it is needed.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from models.device import (
    Device,
    DeviceChoice,
    DtypeChoice,
    DtypeName,
    give_back_memory,
    resolve_device,
    resolve_dtype,
)
from models.families import Family, family_of
from models.generator import DiffusersGenerator
from models.graphs import LIGHT, REFINER, GraphGenerator, GraphRefiner, GraphViewpoint, graph_file, weights_digest
from models.segmenter import load_segmenter
from pipeline.core.networks import Networks, Refiner

#: Class in model_index.json of our own network (`models.light`).
LIGHT_CLASS = "LightPipeline"
#: The segmenter whose masks the shipped refiner learned to correct; finer networks' masks need none.
REFINED_SEGMENTER = "u2netp"
#: The segmenter that gets a second one beside it: what the ensemble trusts was measured on u2net with u2netp.
SECONDED_SEGMENTER = "u2net"
#: Folder of colour maps (`models.latent_colour`) beside the other weights.
COLOUR_MAPS = "colour"
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
    latent_colour: bool = False,
    refiner: Path | None = None,
    second_segmenter: str | None = None,
    viewpoint: Path | None = None,
) -> Networks:
    """Return the networks, their names, versions and where each runs. Takes seconds; raises what its parts raise.

    `refiner` is a folder with the weights of `models.refiner`, used for the segmenter that it learned on alone;
    `second_segmenter` is used with the one that it was measured with alone. `viewpoint` is a folder with graph and head
    of the viewpoint classifier, whose network's weights are in `weights`.
    `weights` is also where colour maps are looked for (`COLOUR_MAPS`); `latent_colour` is as in `load_generator`.
    """
    place = resolve_device(device)
    seconded = second_segmenter is not None and segmenter == SECONDED_SEGMENTER
    names = [segmenter, str(second_segmenter)] if seconded else [segmenter]
    # Read and prepared by onnxruntime, which needs none of the interpreter, while the generator is loaded here.
    with ThreadPoolExecutor(1) as pool:
        cutting = [pool.submit(load_segmenter, name, weights=weights, device=place) for name in names]
        paint = load_generator(
            generator,
            pipeline_class=generator_class,
            device=place,
            dtype=dtype,
            steps=steps,
            strength=strength,
            size=size,
            guidance_scale=guidance_scale,
            latent_colour=latent_colour,
            weights=weights,
        )
        cutters = [one.result() for one in cutting]
    give_back_memory()
    versions = {
        "segmenter": cutters[0][1],
        # onnxruntime runs on CUDA or on the CPU; load_segmenter has made sure that it did not fall back in silence.
        "segmenter_device": "cuda" if place == "cuda" else "cpu",
        "generator": paint.version,
        "generator_device": f"{place} {paint.dtype}",
    }
    sharpen = None
    if refiner is not None and segmenter == REFINED_SEGMENTER:
        sharpen = _opened_refiner(refiner, place)
        versions["refiner"] = f"{refiner.parent.name}/{refiner.name} sha256:{weights_digest(refiner)[:12]}"
    second = None
    if seconded:
        second, versions["second_segmenter"] = cutters[1]
    looking = None
    if viewpoint is not None:
        looking = GraphViewpoint(viewpoint, weights)
        versions["viewpoint"] = looking.version
    return Networks(
        segmenter=cutters[0][0],
        generator=paint,
        versions=versions,
        refiner=sharpen,
        second_segmenter=second,
        viewpoint=looking,
    )


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
    latent_colour: bool = False,
    weights: Path | None = None,
) -> DiffusersGenerator | GraphGenerator:
    """Open a diffusers folder or hub id; a folder is read without any network.

    A `LightPipeline` with a graph of its weights runs in onnxruntime where nothing is asked for that only torch does:
    another device than the CPU, another precision than float32, more than one step, a class of diffusers.
    What is None is the family's own (`models.families`), or the pipeline's where the model is of no known family.
    `pipeline_class` names a class of diffusers; without it the class is the family's, or the image-to-image one that
    diffusers knows for the model, or the one that its model_index.json names.
    With `latent_colour` a model of a known family has its colours moved while it paints (`models.latent_shift`), by the
    map in `weights`/colour or one made at the first painting; nothing is known of how others pack their latents. Off
    unless asked for: it was not tried with a hub model's weights.
    Raises ValueError for a class that diffusers lacks and OSError where the model isn't there.
    """
    found = _found(model)
    precision = _precision(found, dtype, device)
    if found.class_name == LIGHT_CLASS and found.local and pipeline_class is None and steps in (None, 1):
        graph = graph_file(Path(found.name), LIGHT)
        if (device, precision) == ("cpu", "float32") and graph.is_file():
            return GraphGenerator(graph, size=size, version=_version("onnxruntime", LIGHT_CLASS, found))

    import diffusers
    import torch

    _quiet()
    if pipeline_class is not None and not hasattr(getattr(diffusers, pipeline_class, None), "from_pretrained"):
        raise ValueError(f"diffusers {diffusers.__version__} has no pipeline class {pipeline_class!r}.")
    family = found.family
    options: dict[str, Any] = {"dtype": getattr(torch, precision), "local_files_only": found.local}
    base = found.name
    if family and family.checkpoint and found.lone:
        base, options["unet"] = _lone_unet(found.name, found.unet, family, options)
    chosen = pipeline_class or (family.pipeline if family else None)
    pipe = _from_pretrained(base, chosen, found.class_name, options)
    if family and (family.scheduler or family.spacing):
        kind = getattr(diffusers, family.scheduler) if family.scheduler else type(pipe.scheduler)
        spacing = {"timestep_spacing": family.spacing} if family.spacing else {}
        pipe.scheduler = kind.from_config(pipe.scheduler.config, **spacing)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    light = found.class_name == LIGHT_CLASS
    return DiffusersGenerator(
        pipe,
        # Only classes that are known to: of any other, nobody knows what it makes of a list.
        batches=light or (family is not None and family.batches and type(pipe).__name__ == family.pipeline),
        size=size or (family.size if family else _own_size(pipe, found.class_name)),
        version=_version("diffusers", type(pipe).__name__, found),
        dtype=precision,
        paints="light" if light else "picture",
        steps=steps if steps is not None or family is None else family.steps,
        strength=strength if strength is not None or family is None else family.strength,
        guidance_scale=guidance_scale if guidance_scale is not None or family is None else family.guidance_scale,
        multiple=family.multiple if family else 32,
        prompt=family.prompt if family and family.image == "reference" else "{prompt}",
        prompt_tokens=family.prompt_tokens if family else None,
        packing=family.latents if family else None,
        latent_colour=latent_colour,
        colour_maps=weights / COLOUR_MAPS if weights else None,
    )


def _opened_refiner(folder: Path, device: Device) -> Refiner:
    """Return the refiner of a folder: on a CPU its graph, if it has one. Raises OSError where nothing is there."""
    graph = graph_file(folder, REFINER)
    if device == "cpu" and graph.is_file():
        return GraphRefiner(graph)
    from models.refiner import load_refiner

    return load_refiner(folder, device=device)


def load_autoencoder(model: str | Path, *, device: Device = "cpu", dtype: DtypeChoice = "auto") -> Any:
    """Return the autoencoder that `load_generator` would paint with, in the same precision, and nothing else of it.

    Raises ValueError for a model that has none and OSError where the model isn't there.
    """
    import diffusers
    import torch

    _quiet()
    found = _found(model)
    base = str(found.family.base) if found.family and found.lone and found.unet is None else found.name
    kind = _index(base, found.local).get("vae", (None, None))[1]
    if kind is None:
        raise ValueError(f"{found.name} has no autoencoder.")
    options = {"torch_dtype": getattr(torch, _precision(found, dtype, device)), "local_files_only": found.local}
    return getattr(diffusers, kind).from_pretrained(base, subfolder="vae", **options).to(device)


@dataclass(frozen=True)
class _Found:
    """What is at a folder or a hub id."""

    name: str
    #: Whether it is a folder.
    local: bool
    #: Class in its model_index.json, or its family's where there is none.
    class_name: str
    family: Family | None
    #: File of a UNet that lies beside the pipeline and takes the place of its own.
    unet: Path | None
    #: Whether such a UNet is there, or the hub id holds nothing else.
    lone: bool


def _found(model: str | Path) -> _Found:
    """Look at a model without loading it. Raises OSError where there is none."""
    folder = Path(model)
    local = folder.is_dir()
    unet = next(iter(sorted(folder.glob("*_unet.safetensors"))), None) if local else None
    try:
        named = str(_index(str(model), local)["_class_name"])
    except OSError:
        # A UNet that comes alone has no model_index.json; only its hub id says what it is.
        family = None if local else family_of(None, str(model))
        if family is None:
            raise
        return _Found(str(model), local, family.pipeline, family, None, lone=True)
    family = family_of(named, str(model) if unet is None else unet.name)
    return _Found(str(model), local, named, family, unet, lone=unet is not None)


def _index(model: str, local: bool) -> dict[str, Any]:
    """Return the model's model_index.json. Raises OSError where there is none."""
    if local:
        return dict(json.loads((Path(model) / "model_index.json").read_text()))
    import diffusers

    return dict(diffusers.DiffusionPipeline.load_config(model))


def _precision(found: _Found, dtype: DtypeChoice, device: Device) -> DtypeName:
    if found.family and dtype == "auto" and device != "cpu":
        return found.family.dtype
    return resolve_dtype(dtype, device)


def _version(package: str, class_name: str, found: _Found) -> str:
    """Return package, class and model, and for a folder the digest of its weights."""
    folder = Path(found.name)
    version = (
        f"{package} {import_module(package).__version__} {class_name} {folder.name if found.local else found.name}"
    )
    return version + (f" sha256:{weights_digest(folder)[:12]}" if found.local else "")


def _quiet() -> None:
    """Keep the libraries' progress bars and warnings out of the log."""
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    # Each prompt longer than a text encoder's window would be a line in the log.
    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


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
