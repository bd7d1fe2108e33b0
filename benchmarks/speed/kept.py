"""Measure how much caches save: a worker's fifth swap against its first, and a product's second scene.

    python benchmarks/speed/kept.py [--size 2048x2048] [--segmenter u2netp]

Loads the installation's networks as a worker does before it takes jobs. Then it swaps the sample product five times to
one scene, each with its own seed. Then it swaps to every scene, without a cache and with the cached cut-out of another
scene's swap.
"""

import statistics

import click
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, Recorder, record_option
from benchmarks.speed.bench import SAMPLE, Bench
from benchmarks.speed.swaps import chosen_scenes, parsed_size
from pipeline.cutout.cache import Kind
from service.catalogue.catalogue import load_catalogue
from service.settings import load_settings
from service.worker.networks import open_for_jobs


class MemoryCache:
    """A cache in memory."""

    def __init__(self) -> None:
        self._entries: dict[tuple[Kind, str], bytes] = {}

    def get(self, kind: Kind, name: str) -> bytes | None:
        """Return an entry, or None."""
        return self._entries.get((kind, name))

    def put(self, kind: Kind, name: str, data: bytes) -> None:
        """Store an entry."""
        self._entries[kind, name] = data


@click.command(help=__doc__)
@click.option("--scene", "given", multiple=True, help="Scene; repeat for several. Default: all of the catalogue.")
@click.option("--size", "sizes", multiple=True, default=("2048x2048",), callback=parsed_size)
@click.option("--segmenter", help="Segmenter to use instead of the setting, for example u2netp.")
@record_option
def main(
    given: tuple[str, ...], sizes: list[tuple[int, int]], segmenter: str | None, recorder: Recorder | None
) -> None:
    """Measure and print the times."""
    settings, (size, *_), photo = load_settings(segmenter=segmenter), sizes, SAMPLE.read_bytes()
    scenes = chosen_scenes(load_catalogue(), given)
    bench = Bench(settings, open_for_jobs(settings))
    first = [bench.run(bench.spec(scenes[0], size, seed))["wall_s"] for seed in range(1, 6)]
    cache = MemoryCache()
    bench.swap(bench.spec(scenes[0], size, seed=0), photo, cache)
    table, pairs = Table("scene", "alone s", "as a second scene s", "times"), list[tuple[float, float]]()
    for scene in scenes:
        spec = bench.spec(scene, size, seed=1)
        alone, second = (bench.run(spec, photo, kept)["wall_s"] for kept in (None, cache))
        pairs.append((alone, second))
        table.add_row(scene, f"{alone:.2f}", f"{second:.2f}", f"{second / alone:.2f}")
    console = Console()
    console.print(table)
    console.print(f"swaps 1 to 5 to {scenes[0]}: {', '.join(f'{one:.2f}' for one in first)} s")
    share = statistics.median(two / one for one, two in pairs)
    console.print(f"a second scene takes {share:.2f} of a first (median)")
    if recorder:
        second = "Time of a product's second scene over that of its first, median over scenes"
        later = "Time of a worker's first swap over its fifth"
        found = (
            Measured("second-scene", second, share, "times", len(pairs)),
            Measured("first-over-fifth", later, first[0] / first[-1], "times"),
        )
        recorder.write("speed", found)


if __name__ == "__main__":
    main()
