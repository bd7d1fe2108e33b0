"""`backdrop doctor --generator`: loads a model, paints two shapes, and reports its time, memory and abilities."""

import time
from collections.abc import Iterator

from rich.markup import escape

from models.device import Device, peak_memory, resolve_device
from models.graphs import GraphGenerator
from models.hub.controlnet import DepthChoice, depth_words
from models.hub.found import find
from models.hub.generator import DiffusersGenerator
from models.loading import load_generator
from pipeline.core.networks import Generator
from pipeline.kernels import cache
from service.settings import Settings
from service.worker.kernels import use_kept_kernels
from service.worker.networks import ahead, generator_choice, paint_ahead


def trial(settings: Settings, model: str | None = None) -> Iterator[str]:
    """Load a model, by default the configured one, paint with it, and yield a line for each result.

    Raises the errors of `models.loading.load_generator` and of painting, which a job would get as well.
    """
    choice, device = generator_choice(settings, model), resolve_device(settings.device)
    started = time.perf_counter()
    with peak_memory(device) as taken:
        generator = load_generator(choice, device=device, weights=settings.weights)
    found = find(choice.model, choice.family)
    family = found.family
    yield f"{generator.version} on {device} {generator.dtype}"
    yield f"loaded in {time.perf_counter() - started:.1f} s, {_megabytes(taken)}"
    if family is not None:
        may = "read the licence" if family.may_sell == "see licence" else family.may_sell
        yield (
            f"family {escape(family.name)}; licence: {escape(family.licence)}; selling its pictures: {may};"
            f" figures from {family.source}, {family.checked_on}"
        )
    if found.doubt is not None and generator.capabilities.paints == "picture":
        yield f"[yellow]{escape(found.doubt)}[/]"
    yield from _abilities(generator, choice.depth)
    yield from _paintings(settings, generator, device)


def _abilities(generator: DiffusersGenerator | GraphGenerator, depth: DepthChoice | None) -> Iterator[str]:
    able = generator.capabilities
    if able.paints == "light" or isinstance(generator, GraphGenerator):
        yield "paints light onto Backdrop's own scenes; several jobs at once"
        return
    abilities = {
        "see the product while it paints": able.holds,
        "paint several jobs at once": able.batches,
        "read colours as #rrggbb": able.reads_hex,
    }
    yield "can " + (", ".join(what for what, can in abilities.items() if can) or "only paint from its prompt")
    yield "can't " + (", ".join(what for what, can in abilities.items() if not can) or "none: it has all abilities")
    yield f"depth: {depth_words(generator.painting_class, depth)}"


def _paintings(settings: Settings, generator: Generator, device: Device) -> Iterator[str]:
    use_kept_kernels(settings)
    cache.load_kept()
    for spec, layout, width, height in ahead():
        seconds = []
        for _ in range(2):
            started = time.perf_counter()
            with peak_memory(device) as taken:
                paint_ahead(generator, spec, layout, width, height)
            seconds.append(time.perf_counter() - started)
        took = f"painted in {seconds[0]:.1f} s, again in {seconds[1]:.1f} s, {_megabytes(taken)}"
        yield f"{spec.preset.name}, {width} by {height}: {took}"


def _megabytes(taken: list[int]) -> str:
    return f"{max(0, taken[0]) / 2**20:.0f} MiB at most"
