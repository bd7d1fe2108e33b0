"""Loads both networks of a process, on the device that was asked for."""

from pathlib import Path

from models.device import DeviceChoice, DtypeChoice, resolve_device, resolve_dtype
from models.generator import load_generator
from models.segmenter import load_segmenter
from pipeline.networks import Networks


def load_networks(
    *,
    segmenter: str,
    weights: Path,
    generator: str,
    generator_class: str | None,
    device: DeviceChoice,
    dtype: DtypeChoice,
    steps: int,
    size: int,
    guidance_scale: float,
) -> Networks:
    """Return the networks, their names, versions and where each runs. Takes seconds; raises what its parts raise."""
    place = resolve_device(device)
    precision = resolve_dtype(dtype, place)
    cut, cut_version = load_segmenter(segmenter, weights=weights, device=place)
    paint = load_generator(
        generator,
        pipeline_class=generator_class,
        device=place,
        dtype=precision,
        steps=steps,
        size=size,
        guidance_scale=guidance_scale,
    )
    versions = {
        "segmenter": cut_version,
        # onnxruntime runs on CUDA or on the CPU; load_segmenter has made sure that it did not fall back in silence.
        "segmenter_device": "cuda" if place == "cuda" else "cpu",
        "generator": paint.version,
        "generator_device": f"{place} {precision}",
    }
    return Networks(segmenter=cut, generator=paint, versions=versions)
