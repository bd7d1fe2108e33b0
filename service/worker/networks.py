"""Loads the networks that the settings name."""

from pathlib import Path

from models.loading import load_networks
from pipeline.core.networks import Networks
from service.settings import Settings


def open_networks(settings: Settings) -> Networks:
    """Return both networks, ready. Takes seconds; raises what models.loading raises."""
    return load_networks(
        segmenter=settings.segmenter,
        weights=settings.weights,
        second_segmenter=settings.second_segmenter or None,
        refiner=Path(settings.refiner) if settings.refiner else None,
        generator=settings.generator,
        generator_class=settings.generator_class,
        device=settings.device,
        dtype=settings.dtype,
        steps=settings.steps,
        strength=settings.strength,
        size=settings.generation_size,
        guidance_scale=settings.guidance_scale,
        latent_colour=settings.latent_colour,
    )
