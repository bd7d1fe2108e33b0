"""Measure a variant of an order that shares its background: its time over that of a first picture of its photo.

    python benchmarks/speed/shared.py [--scene podium] [--size 2048x2048] [--repeat 5]

Each round swaps the sample product in a new order. The first picture has empty caches. The second is the same place in
another format, as an order makes it: the cut-out is cached and the background is shared. A third and a fourth are the
same for a pinned background. The rounds alternate in one process, so that load on the machine meets both alike.
"""

import statistics
import time
from dataclasses import replace

import click
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, Recorder, record_option
from benchmarks.speed.bench import SAMPLE, Bench
from benchmarks.speed.kept import MemoryCache
from benchmarks.speed.swaps import chosen_scenes, parsed_size
from pipeline.background.shared import SharedBackgrounds
from pipeline.core.order import Output
from pipeline.core.spec import Spec
from pipeline.swap import swap
from service.catalogue.catalogue import load_catalogue
from service.settings import load_settings
from service.worker.networks import open_for_jobs


@click.command(help=__doc__)
@click.option("--scene", "given", multiple=True, default=("podium", "marble_tabletop"), help="Scene; repeat for more.")
@click.option("--size", "sizes", multiple=True, default=("2048x2048",), callback=parsed_size)
@click.option("--repeat", default=5, help="Rounds for each scene.")
@record_option
def main(given: tuple[str, ...], sizes: list[tuple[int, int]], repeat: int, recorder: Recorder | None) -> None:
    """Measure and print the times."""
    settings, (size, *_), photo = load_settings(), sizes, SAMPLE.read_bytes()
    networks = open_for_jobs(settings)
    bench = Bench(settings, networks)
    limits, clock = settings.limits, time.perf_counter

    def pair(spec: Spec) -> tuple[float, float]:
        cache, shared, took = MemoryCache(), SharedBackgrounds(), list[float]()
        for one in (spec, replace(spec, output=Output(format="webp"))):
            began = clock()
            made = swap(photo, one, networks, limits=limits, clock=clock, cache=cache, shared=shared)
            took.append(clock() - began)
        assert made.report.provenance.background == "cached"
        return took[0], took[1]

    table, shares = Table("scene", "background", "first s", "variant s", "times"), dict[str, list[float]]()
    scenes = chosen_scenes(load_catalogue(), given)
    bench.run(bench.spec(scenes[0], size, 0))  # warms up
    for scene in scenes:
        for kind in ("free", "pinned"):
            specs = [replace(bench.spec(scene, size, seed), pinned=kind == "pinned") for seed in range(repeat)]
            pairs = [pair(spec) for spec in specs]
            shares.setdefault(kind, []).extend(two / one for one, two in pairs)
            first, variant = (statistics.median(times) for times in zip(*pairs, strict=True))
            table.add_row(scene, kind, f"{first:.2f}", f"{variant:.2f}", f"{variant / first:.2f}")
    console, rows = Console(), list[Measured]()
    console.print(table)
    for kind, found in shares.items():
        share = statistics.median(found)
        console.print(f"a variant that shares its {kind} background takes {share:.2f} of a first picture (median)")
        words = f"Time of a variant that shares its {kind} background over that of a first picture"
        rows.append(Measured(f"shared-{kind}", words, share, "times", len(found), bar="at most 0.35"))
    if recorder:
        recorder.write("speed", rows)


if __name__ == "__main__":
    main()
