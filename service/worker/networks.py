"""Loads the networks that the settings name, and the kernels beside them."""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.device import keep_memory_together
from models.hub.pipelines import MemoryChoice
from models.loading import load_networks
from pipeline.core.networks import Networks
from pipeline.kernels import cache
from service.settings import Settings
from service.worker.kernels import compile_kernels, use_kept_kernels, warm_up

logger = logging.getLogger(__name__)

#: Seconds after which a thread hands Python's lock on to one that waits. Python's own 5 ms are longer than most of what
#: the threads of one swap compute without it, so that they waited for one another.
SWITCH_INTERVAL = 0.0005


def open_networks(settings: Settings) -> Networks:
    """Return the networks, ready, and load the kernels that are kept. Raises what models.loading raises."""
    keep_memory_together()
    sys.setswitchinterval(SWITCH_INTERVAL)
    use_kept_kernels(settings)
    with ThreadPoolExecutor(1) as pool:
        kernels = pool.submit(cache.load_kept)
        networks = _load(settings)
        kernels.result()
    return networks


def open_for_jobs(settings: Settings) -> Networks:
    """Return the networks as `open_networks` does, once no job will have to compile a kernel or be the first."""
    networks = open_networks(settings)
    if compile_kernels(settings, logger.info):
        logger.info("the kernels are compiled")
    warm_up(networks)
    return networks


def _load(settings: Settings) -> Networks:
    return load_networks(
        segmenter=settings.segmenter,
        weights=settings.weights,
        second_segmenter=settings.second_segmenter or None,
        refiner=Path(settings.refiner) if settings.refiner else None,
        viewpoint=Path(settings.viewpoint) if settings.viewpoint else None,
        generator=settings.generator,
        generator_class=settings.generator_class,
        device=settings.device,
        dtype=settings.dtype,
        steps=settings.steps,
        strength=settings.strength,
        size=settings.generation_size,
        guidance_scale=settings.guidance_scale,
        latent_colour=settings.latent_colour,
        memory=MemoryChoice(settings.offload, settings.vae_tiling, settings.generator_variant),
    )
