"""Loads the networks of a process, on the requested device.

On a CPU Backdrop's own networks run as graphs (`models.sessions`): nothing here imports torch before it is needed.
"""

from __future__ import annotations

import inspect
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from models.device import (
    Device,
    DeviceChoice,
    DeviceUnavailable,
    DtypeChoice,
    DtypeName,
    driver_sees_gpu,
    resolve_device,
    resolve_dtype,
)
from models.graphs import LIGHT, GraphGenerator, GraphViewpoint, graph_file
from models.hub.controlnet import CONTROLLED, SETTING, UNSEEDED, DepthChoice
from models.hub.families import Family
from models.hub.found import Found, find, version
from models.hub.generator import DiffusersGenerator
from models.hub.pipelines import MemoryChoice, inpainting, open_pipeline, quiet
from models.hub.recipe import Recipe, own_size
from models.segmenter import RembgSegmenter, load_segmenter
from models.sessions import PLAIN, Runtime, why_not_cuda
from models.weights import DIGESTS
from pipeline.core.lasting import give_back_memory
from pipeline.core.networks import Networks

logger = logging.getLogger(__name__)

#: Class of Backdrop's own network in model_index.json (`models.light`).
LIGHT_CLASS = "LightPipeline"
#: The segmenter and second segmenter whose common mask was measured.
MEASURED = ("u2net", "u2netp")


@dataclass(frozen=True)
class GeneratorChoice:
    """An operator's choice of a generator. None keeps the value of its family, or of its pipeline."""

    #: A diffusers folder, a hub id or `hub id@revision`; a folder is read without network access.
    model: str | Path
    #: Class of diffusers. None: the family's, or the image-to-image class that diffusers knows for the model, or the
    #: class in its model_index.json.
    pipeline_class: str | None = None
    #: Name of its family (`models.hub.families`). None: its config identifies it.
    family: str | None = None
    dtype: DtypeChoice = "auto"
    #: Denoising steps that run, and their share of the schedule, 0–1.
    steps: int | None = None
    strength: float | None = None
    #: Side in pixels of the square whose area is painted.
    size: int | None = None
    guidance_scale: float | None = None
    memory: MemoryChoice = field(default_factory=MemoryChoice)
    #: A ControlNet for the scene's depth; Backdrop's own network uses depth anyway, and takes none.
    depth: DepthChoice | None = None


def load_networks(
    generator: GeneratorChoice,
    *,
    weights: Path,
    segmenter: str,
    second_segmenter: str | None = None,
    viewpoint: Path | None = None,
    device: DeviceChoice = "auto",
    runtime: Runtime = PLAIN,
) -> Networks:
    """Return the networks, their names, versions and where each runs. Takes seconds; raises the errors of its parts.

    With the device `auto`, a network runs on the CPU if its library can't use the GPU. The versions' `device_warning`
    and the log then report this. Raises DeviceUnavailable if CUDA was requested by name.

    `second_segmenter` makes the mask too if both are MEASURED. Another one is the `witness`. `viewpoint` is a folder
    with graph and head of the viewpoint classifier, whose network's weights are in `weights`. `runtime` is as in
    `load_generator`.
    """
    place = resolve_device(device)
    role = _role(segmenter, second_segmenter)
    names = [segmenter] if role is None else [segmenter, str(second_segmenter)]
    # These libraries rarely need the GIL, so the segmenters load in parallel with the generator.
    with ThreadPoolExecutor(1) as pool:
        cutting = [pool.submit(load_segmenter, name, weights=weights, device=place, runtime=runtime) for name in names]
        paint = load_generator(generator, device=place, weights=weights, runtime=runtime)
        cutters = [one.result() for one in cutting]
    give_back_memory()
    versions = {
        "segmenter": cutters[0][1],
        "segmenter_device": cutters[0][0].device,
        "generator": paint.version,
        "generator_device": f"{place} {paint.dtype}",
    }
    if (warning := _device_warning(device, place, cutters[0][0])) is not None:
        logger.warning("%s", warning)
        versions["device_warning"] = warning
    if role is not None:
        versions[role] = cutters[1][1]
    looking = None
    if viewpoint is not None:
        looking = GraphViewpoint(viewpoint, weights, runtime)
        versions["viewpoint"] = looking.version
    return Networks(
        segmenter=cutters[0][0],
        generator=paint,
        versions=versions,
        second_segmenter=cutters[1][0] if role == "second_segmenter" else None,
        witness=cutters[1][0] if role == "witness" else None,
        viewpoint=looking,
    )


def _role(segmenter: str, second: str | None) -> Literal["second_segmenter", "witness"] | None:
    """Return what a second network does: it makes the mask too, only looks for doubtful pieces, or nothing."""
    if second == MEASURED[1]:
        return "second_segmenter" if segmenter == MEASURED[0] else None
    return None if second is None else "witness"


def _device_warning(choice: DeviceChoice, place: Device, segmenter: RembgSegmenter) -> str | None:
    """Return which networks run on the CPU although there is a GPU, and the remedy; None if there are none.

    Raises DeviceUnavailable if CUDA was requested by name.
    """
    if place == "cuda" and segmenter.device == "cpu":
        why = why_not_cuda()
        if choice == "cuda":
            raise DeviceUnavailable(f"BACKDROP_DEVICE is cuda, but {why}. Or set BACKDROP_DEVICE to auto or cpu.")
        return f"The segmenter runs on the CPU: {why}."
    if choice == "auto" and place == "cpu" and driver_sees_gpu():
        import torch

        return (
            f"All networks run on the CPU: torch {torch.__version__} can't use this machine's NVIDIA GPU. Install"
            " torch's CUDA build (PIP_FIND_LINKS may have named a CPU build) and a recent enough driver, or set"
            " BACKDROP_DEVICE=cpu."
        )
    return None


def load_generator(
    choice: GeneratorChoice, *, device: Device = "cpu", weights: Path | None = None, runtime: Runtime = PLAIN
) -> DiffusersGenerator | GraphGenerator:
    """Open the chosen generator.

    A `LightPipeline` with a graph of its weights runs by `runtime`, unless the choice needs torch. It needs torch for a
    device other than the CPU, a precision other than float32, more than one step, or a class of diffusers. `runtime`
    can also demand torch. Digests of weights' folders are stored in `DIGESTS` below `weights`, or below `runtime.kept`.
    Raises OSError if the model isn't there. Raises ValueError for a class that diffusers lacks, an unknown family, a
    pipeline that would never see its drawing, and choices that can't be combined.
    """
    found, depth = find(choice.model, choice.family), choice.depth
    precision = _precision(found, choice.dtype, device)
    if found.class_name == LIGHT_CLASS and choice.pipeline_class is None:
        return _light(found, choice, device=device, precision=precision, runtime=runtime)
    pipe = open_pipeline(
        found, choice.pipeline_class, device=device, precision=precision, memory=choice.memory, depth=depth
    )
    family = found.family
    painting = None if family is None else family.pipeline if depth is None else CONTROLLED[family.pipeline][0]
    own = type(pipe).__name__ == painting
    kind = family.inpaints if family is not None and own else None
    recipe = _recipe(family, pipe, choice)
    digests = [folder / DIGESTS for folder in (*([weights] if weights else ()), *runtime.kept)]
    return DiffusersGenerator(
        pipe,
        recipe if depth is None else _under_control(recipe, pipe, family, depth, choice.strength),
        # Only known classes: others may treat a list differently.
        batches=family is not None and family.batches and own and type(pipe).__name__ not in UNSEEDED,
        inpaint=inpainting(pipe, kind, device=device, memory=choice.memory) if kind else None,
        version=f"{_diffusers()} {version(type(pipe).__name__, found, digests)}"
        + ("" if depth is None else f" {depth.version(digests)}")
        + (" compiled" if choice.memory.compiled else ""),
        dtype=precision,
        paints="picture",
        family=family,
        edits=family is not None and own and family.image == "reference",
    )


def _recipe(family: Family | None, pipe: Any, choice: GeneratorChoice) -> Recipe:
    """Return how a pipeline is run: by the operator's figures, or its family's, or its own."""
    if family is None:
        size = choice.size or own_size(pipe)
        return Recipe(size, 32, choice.steps, choice.strength, guidance_scale=choice.guidance_scale)
    return Recipe(
        size=choice.size or family.size,
        multiple=family.multiple,
        steps=family.steps if choice.steps is None else choice.steps,
        strength=family.strength if choice.strength is None else choice.strength,
        # An operator's strength is a share of the pipeline's own grid.
        start_noise=family.start_noise if choice.strength is None else None,
        guidance_scale=family.guidance_scale if choice.guidance_scale is None else choice.guidance_scale,
        guidance=family.guidance,
        prompt_tokens=family.prompt_tokens,
    )


def _under_control(
    recipe: Recipe, pipe: Any, family: Family | None, depth: DepthChoice, strength: float | None
) -> Recipe:
    """Return a recipe for a pipeline with a ControlNet: a class without a start image gets its start in latents.

    An operator's strength is then the noise of that start. Raises ValueError if the packing of latents is unknown.
    """
    recipe = replace(recipe, control_scale=depth.scale)
    if "strength" in inspect.signature(pipe.__call__).parameters:
        return recipe
    if family is None:
        raise ValueError(
            f"{SETTING} is set, but {type(pipe).__name__} takes no start image, and this model's family is unknown."
            f" Leave {SETTING} empty, or set BACKDROP_GENERATOR_FAMILY."
        )
    return replace(recipe, start_in=family.latents, start_noise=family.start_noise if strength is None else strength)


def _light(
    found: Found, choice: GeneratorChoice, *, device: Device, precision: DtypeName, runtime: Runtime
) -> DiffusersGenerator | GraphGenerator:
    """Open Backdrop's own network: as a graph if the choice allows it, else as a pipeline."""
    plain = choice.steps in (None, 1) and (device, precision) == ("cpu", "float32") and runtime.choice != "torch"
    if found.local and plain and (graph := graph_file(Path(found.name), LIGHT)).is_file():
        return GraphGenerator(graph, size=choice.size, version=version(LIGHT_CLASS, found), runtime=runtime)
    import torch

    from models.light import LightPipeline

    quiet()
    pipe = LightPipeline.from_pretrained(found.name, dtype=getattr(torch, precision), **found.source)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    return DiffusersGenerator(
        pipe,
        # Its UNet works on pixels, so its sample size is in pixels.
        Recipe(choice.size or int(pipe.unet.config.sample_size), steps=choice.steps),
        batches=True,
        version=f"{_diffusers()} {version(LIGHT_CLASS, found)}",
        dtype=precision,
        paints="light",
    )


def _diffusers() -> str:
    import diffusers

    return f"diffusers {diffusers.__version__}"


def _precision(found: Found, dtype: DtypeChoice, device: Device) -> DtypeName:
    if found.family and dtype == "auto" and device != "cpu":
        return found.family.dtype
    return resolve_dtype(dtype, device)
