"""Loads the networks and kernels that the settings name."""

import gc
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.device import keep_algebra_to_its_caller, keep_memory_together, take_memory_ahead
from models.hub.controlnet import DepthChoice
from models.hub.pipelines import MemoryChoice
from models.loading import GeneratorChoice, load_networks
from models.sessions import Runtime
from pipeline.background.paint import paint_picture
from pipeline.core.networks import Generator, Laid, Networks
from pipeline.core.spec import Spec
from pipeline.core.types import Rgb
from pipeline.kernels import cache
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout
from service.catalogue.catalogue import load_catalogue
from service.settings import Settings
from service.worker.kernels import compile_kernels, use_kept_kernels, warm_up

logger = logging.getLogger(__name__)

#: Seconds after which a thread hands Python's lock to a waiting thread. Python's default, 5 ms, is longer than most
#: computations without the lock, so that the threads of a swap waited for each other.
SWITCH_INTERVAL = 0.0005
#: Presets for which a hub model paints in advance: a square and a tall canvas. The compiled code fits all canvases.
SHAPES = ("instagram_square", "instagram_portrait")


def open_networks(settings: Settings) -> Networks:
    """Return the networks, ready for use, and load the compiled kernels. Raises the errors of models.loading."""
    keep_memory_together()
    keep_algebra_to_its_caller()
    sys.setswitchinterval(SWITCH_INTERVAL)
    use_kept_kernels(settings)
    with ThreadPoolExecutor(1) as pool:
        kernels = pool.submit(cache.load_kept)
        networks = _load(settings)
        kernels.result()
    return networks


def open_for_jobs(settings: Settings) -> Networks:
    """Return the networks as `open_networks` does, after all work that would slow down the first jobs."""
    networks = open_networks(settings)
    if compile_kernels(settings, logger.info):
        logger.info("the kernels are compiled")
    if not all(networks.versions.get(f"{one}_device", "cpu").startswith("cpu") for one in ("segmenter", "generator")):
        warm_up(networks)  # on a CPU the first swap takes no longer than the second
    take_memory_ahead()
    # Exclude the loaded objects. A full garbage collection over them would take 0.08 s in one of the first jobs.
    gc.freeze()
    if networks.generator.capabilities.paints == "picture" and paints_ahead(settings, networks):
        for spec, layout, width, height in ahead():
            paint_ahead(networks.generator, spec, layout, width, height)
            logger.info("painted in advance, %d by %d", width, height)
    return networks


def paints_ahead(settings: Settings, networks: Networks) -> bool:
    """Return whether a hub model paints before the first job: by the setting, or by default on CUDA only.

    On a CPU it may take minutes, and saves the first job little.
    """
    if settings.warm_up is not None:
        return settings.warm_up
    return networks.versions.get("generator_device", "").startswith("cuda")


def ahead() -> Iterator[tuple[Spec, Layout, int, int]]:
    """Yield the paintings to make in advance: a spec, its layout, and the canvas's width and height in pixels."""
    catalogue = load_catalogue()
    for name in SHAPES:
        preset = catalogue.preset(name)
        assert preset.size is not None  # the presets in SHAPES have a size
        spec = Spec(catalogue.scene("podium"), catalogue.mood("calm"), (), preset, 1)
        yield spec, compose(spec, *preset.size, 0.6), *preset.size


def paint_ahead(generator: Generator, spec: Spec, layout: Layout, width: int, height: int) -> None:
    """Let a hub model paint once as it does around a product, before the first job. Raises painting's errors."""

    def lay(drawing: Rgb) -> Laid | None:
        return Laid(drawing, np.zeros(drawing.shape[:2], np.float32)) if generator.capabilities.holds else None

    paint_picture(spec, layout, width, height, generator, lambda done: None, lay=lay)


def generator_choice(settings: Settings, model: str | None = None) -> GeneratorChoice:
    """Return the generator of the settings, or another `model` with the settings' options."""
    return GeneratorChoice(
        model or settings.generator,
        pipeline_class=settings.generator_class,
        family=settings.generator_family,
        dtype=settings.dtype,
        steps=settings.steps,
        strength=settings.strength,
        size=settings.generation_size,
        guidance_scale=settings.guidance_scale,
        memory=MemoryChoice(settings.offload, settings.vae_tiling, settings.generator_variant, settings.compile),
        depth=DepthChoice(settings.controlnet, settings.control_scale) if settings.controlnet else None,
    )


def compile_graphs(settings: Settings) -> None:
    """Compile the graphs of the cut-out networks and the light network for this processor, and keep them.

    Does nothing if they exist or run in onnxruntime. Raises the errors of loading them.
    """
    if runtime(settings).library == "openvino":
        # A hub model has no graph.
        of_hub = ("generator", "generator_class", "generator_family", "controlnet", "steps", "offload")
        own = {name: Settings.model_fields[name].default for name in of_hub}
        _load(settings.model_copy(update={"device": "cpu"} | own))


def runtime(settings: Settings) -> Runtime:
    """Return the library that runs the networks' graphs on a CPU."""
    return Runtime(settings.cpu_runtime, (settings.kernels, settings.own_kernels))


def _load(settings: Settings) -> Networks:
    networks = load_networks(
        generator_choice(settings),
        weights=settings.weights,
        segmenter=settings.segmenter,
        second_segmenter=settings.second_segmenter or None,
        viewpoint=Path(settings.viewpoint) if settings.viewpoint else None,
        device=settings.device,
        runtime=runtime(settings),
    )
    falls_back = settings.generator_fallback == "own"
    return replace(networks, paintings=settings.generator_paintings, falls_back=falls_back)
