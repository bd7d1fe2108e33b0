"""How long the studio takes to load and to paint, and the memory that it needs.

    python benchmarks/speed/background.py

The network is loaded cold in this process; every scene of the catalogue is then painted once at the size asked.
"""

import importlib
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from pipeline.background.paint import paint_background
from pipeline.light.first_light import conditions, first_light
from pipeline.light.relight import picture
from pipeline.scene.composition import compose
from service.catalogue.catalogue import load_catalogue
from service.settings import load_settings
from service.worker.local import build_spec


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that `work()` took, and its answer."""
    started = time.perf_counter()
    answer = work()
    return time.perf_counter() - started, answer


def ignore(done: float) -> None:
    """Progress that nobody asked for."""


@click.command()
@click.option("--width", default=2048, show_default=True)
@click.option("--height", default=2048, show_default=True)
@click.option("--mood", default="natural", show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(width: int, height: int, mood: str, seed: int) -> None:
    """Time the parts of a background, scene by scene."""
    importing, loading_room = timed(partial(importlib.import_module, "models.loading"))
    # diffusers imports its pipelines when they are first asked for; that is not the checkpoint's doing.
    more, _ = timed(partial(importlib.import_module, "models.light"))
    loading, generator = timed(partial(loading_room.load_generator, load_settings().generator))
    catalogue = load_catalogue()
    table = Table(title=f"backgrounds of {width} by {height} pixels, seconds", title_justify="left")
    for heading in ("scene", "first light", "conditions", "network", "drawing", "whole"):
        table.add_column(heading, justify="left" if heading == "scene" else "right")
    wholes = []
    for name, scene in catalogue.scenes.items():
        if scene.kind == "white":
            continue
        spec = build_spec(catalogue, scene=name, mood=mood, colours=(), preset="shopify_product", seed=seed)
        spec = replace(spec, preset=replace(spec.preset, size=(width, height)))
        layout = compose(spec, width, height, 0.6)
        scale = 384 / max(width, height)
        light, first = timed(partial(first_light, layout, round(width * scale), round(height * scale)))
        given_s, given = timed(partial(conditions, layout, generator.size, generator.size))
        ask = partial(generator, prompt="", negative_prompt="", conditions=given, seed=1, on_step=ignore)
        network, _ = timed(ask)
        drawing, _ = timed(partial(picture, layout, first, width, height))
        whole, _ = timed(partial(paint_background, spec, layout, width, height, generator, ignore))
        wholes.append(whole)
        table.add_row(name, *(f"{seconds:.2f}" for seconds in (light, given_s, network, drawing, whole)))
    # macOS counts bytes, Linux KiB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    console = Console()
    console.print(table)
    console.print(
        f"imports {importing + more:.2f} s · cold load {loading:.2f} s"
        f" · a background: median {np.median(wholes):.2f} s, worst {max(wholes):.2f} s"
        f" · peak memory {peak:.0f} MiB"
    )


if __name__ == "__main__":
    main()
