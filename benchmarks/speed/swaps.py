"""Measure the time of whole swaps against the bare calls of their networks, and their memory.

    python benchmarks/speed/swaps.py [--scene podium] [--size 2048x2048] [--runs 3] [--against EARLIER.json]
    python benchmarks/speed/swaps.py --threads 2
    python benchmarks/speed/swaps.py --memory

A run is a whole swap of the sample product with the installation's settings and networks, one after another in this
process. Each run has its own seed, so that no cache of a run helps the next. Bare calls are those of the networks'
runtimes alone, without Backdrop's work before, during and after them. They are repeated one after another after each
swap, because other work slows a network. CPU-seconds are those of the whole process, so swaps run alone.

--threads swaps in several threads at once with recorded networks, and compares their bytes with those of one thread:
once as a worker runs swaps, once with each swap kept to one thread. --memory measures resident memory after each of 20
mixed swaps, a photo of 40 megapixels, and the memory that one swap newly takes: touched pages of blocks of 256 KiB and
more, without the networks.
"""

import json
import os
import shlex
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, Recorder, machine, record_option
from benchmarks.speed.bare import BareNetworks
from benchmarks.speed.bench import Bench, peak_mib
from benchmarks.speed.memory import LARGE, PARTS, memory, part_of_memory
from pipeline.core import parallel
from pipeline.core.spec import Spec
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.settings import load_settings
from service.worker.networks import open_for_jobs, open_networks

PACKAGES = ("numpy", "numba", "pillow", "scipy", "openvino", "onnxruntime", "torch", "diffusers")


def median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of each value over the runs."""
    first = runs[0]
    row = {name: statistics.median(run[name] for run in runs) for name in first if name != "stages"}
    row["stages"] = {name: statistics.median(run["stages"][name] for run in runs) for name in first["stages"]}
    return row


def since_start() -> float:
    """Return the seconds since this process started."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return time.time() - psutil.Process().create_time()
    # psutil rounds to the second of the boot. Field 22 counts clock ticks since the boot (proc(5)).
    ticks = int(stat.read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def measure(bench: Bench, scenes: list[str], sizes: list[tuple[int, int]], runs: int, rows: dict[str, Any]) -> None:
    """Fill `rows`, "scene WxH" to its medians. Each run visits all scenes, so that the machine's drift affects all."""
    measured: dict[str, list[dict[str, Any]]] = {}
    for size in sizes:
        bench.swap(bench.spec(scenes[0], size, seed=0))
    for seed in range(1, runs + 1):
        for size in sizes:
            for scene in scenes:
                key = f"{scene} {size[0]}x{size[1]}"
                run = bench.run(bench.spec(scene, size, seed))
                measured.setdefault(key, []).append(run)
                rows[key] = median(measured[key])
                click.echo(f"{seed}/{runs}  {key}  {run['wall_s']:.2f} s", err=True)


def show(rows: dict[str, Any], earlier: dict[str, Any], console: Console) -> None:
    """Print the medians, the change of wall time and CPU time outside the networks, and the time of each stage."""
    table = Table("swap", "wall s", "networks s", "ratio", "CPU outside s", "CPU s", *(("change",) * bool(earlier)))
    table.columns[0].no_wrap = True
    for key, row in rows.items():
        cells = [f"{row[name]:.2f}" for name in ("wall_s", "networks_s", "ratio", "outside_cpu_s", "cpu_s")]
        if before := earlier.get(key):
            names = {"wall": "wall_s", "CPU outside": "outside_cpu_s"}
            cells.append(", ".join(f"{what} {row[name] / before[name] - 1:+.0%}" for what, name in names.items()))
        table.add_row(key, *cells)
    console.print(table)
    for size in dict.fromkeys(key.split()[-1] for key in rows):
        stages = Table(f"stage, {size}", "median s", "share", "worst s", "in")
        of_size = {key.split()[0]: row for key, row in rows.items() if key.endswith(size)}
        whole = statistics.median(row["wall_s"] for row in of_size.values())
        for stage in next(iter(of_size.values()))["stages"]:
            seconds = {scene: row["stages"][stage] for scene, row in of_size.items()}
            middle, worst = statistics.median(seconds.values()), max(seconds, key=seconds.__getitem__)
            stages.add_row(stage, f"{middle:.3f}", f"{middle / whole:.0%}", f"{seconds[worst]:.3f}", worst)
        console.print(stages)
        ratios, outside = (
            [row[name] for key, row in rows.items() if key.endswith(size)] for name in ("ratio", "outside_cpu_s")
        )
        console.print(
            f"{size}: wall median {whole:.2f} s · ratio median {statistics.median(ratios):.2f}, worst {max(ratios):.2f}"
            f" · CPU outside median {statistics.median(outside):.2f} s, worst {max(outside):.2f} s"
        )


def recorded(rows: dict[str, Any], peak: float) -> Iterator[Measured]:
    """Yield the figures of `measure`; names begin with the size where there are several."""
    sizes = list(dict.fromkeys(key.split()[-1] for key in rows))
    for size in sizes:
        of_size = [row for key, row in rows.items() if key.endswith(size)]
        before, count = f"{size}-" if len(sizes) > 1 else "", len(of_size)
        only = next(key for key in rows if key.endswith(size)).split()[0]
        swap, over = f"a whole swap to {size}", only if count == 1 else f"median over {count} scenes"

        def middle(name: str, rows: list[dict[str, Any]] = of_size) -> float:
            return float(statistics.median(row[name] for row in rows))

        yield Measured(f"{before}wall", f"Time of {swap}, {over}", middle("wall_s"), "s", count)
        yield Measured(f"{before}cpu", f"CPU time of {swap}, {over}", middle("cpu_s"), "CPU-s", count)
        outside = f"CPU time of {swap} outside its networks"
        yield Measured(f"{before}outside-cpu", f"{outside}, {over}", middle("outside_cpu_s"), "CPU-s", count)
        worst = max(row["outside_cpu_s"] for row in of_size)
        yield Measured(f"{before}outside-cpu-worst", f"{outside}, worst scene", worst, "CPU-s", count)
        ratio = f"Time of {swap} over the bare calls of its networks"
        yield Measured(f"{before}ratio", f"{ratio}, {over}", middle("ratio"), "times", count)
        yield Measured(
            f"{before}ratio-worst", f"{ratio}, worst scene", max(row["ratio"] for row in of_size), "times", count
        )
    made = f"to {' and '.join(sizes)}"
    yield Measured("memory", f"Most resident memory of a process that makes swaps {made}", peak, "MiB", len(rows))


def recorded_threads(figures: dict[str, Any]) -> Iterator[Measured]:
    """Yield the figures of `in_threads`."""
    at_once = f"Speed of {figures['threads']} threads that swap at once over one, networks recorded"
    for name, key, how in (
        ("as-worker", "as_ever", "as a worker runs them"),
        ("one-each", "a_thread_a_swap", "each swap in one thread"),
    ):
        yield Measured(name, f"{at_once}, {how}", figures[key]["times_as_fast"], "times", figures["swaps"])


def recorded_memory(figures: dict[str, Any]) -> Iterator[Measured]:
    """Yield the figures of `memory`."""
    mixed, large = figures["mixed"], figures["large"]
    many, over = len(mixed["after_each_mib"]), "mixed swaps to 2048x2048 in one process"
    yield Measured("mixed-peak", f"Most memory of {many} {over}", mixed["peak_mib"], "MiB", many)
    yield Measured("mixed-end", f"Memory after the last of {many} {over}", mixed["after_each_mib"][-1], "MiB", many)
    photo = f"a swap of a photo of {LARGE} megapixels"
    yield Measured("large-peak", f"Most memory of a process that makes {photo}", large["peak_mib"], "MiB")
    yield Measured("large-cpu", f"CPU time of {photo}, loading included", large["cpu_seconds"], "CPU-s")
    made = figures["allocations"]
    new = f"Memory that one swap to 2048x2048 ({made['scene']}) newly takes, without the networks"
    yield Measured(f"allocations-{made['scene'].replace('_', '-')}", new, made["mib"], "MiB")


def in_threads(bench: Bench, scenes: list[str], size: tuple[int, int], count: int) -> dict[str, Any]:
    """Return the speed of `count` threads that swap at once over one thread, networks left out.

    Measured twice: as a worker runs swaps, where a swap uses two cores when it can, and with each swap kept to one
    thread. Recorded answers replace the networks' calls. Raises AssertionError where a file differs from that of one
    thread.
    """
    specs = [bench.spec(scene, size, seed=1) for scene in scenes]
    figures: dict[str, Any] = {"threads": count, "swaps": count * len(specs)}
    with BareNetworks().watched() as bare:
        alone = [bench.swap(spec).data for spec in specs]
        with bare.replayed():
            figures["as_ever"] = _beside_one(bench, specs, alone, count)
            of_a_swap, parallel.THREADS = parallel.THREADS, 1
            try:
                figures["a_thread_a_swap"] = _beside_one(bench, specs, alone, count)
            finally:
                parallel.THREADS = of_a_swap
    return figures | {"same_bytes": True}


def _beside_one(bench: Bench, specs: list[Spec], alone: list[bytes], count: int) -> dict[str, float]:
    """Return times and busy cores of swaps in one thread, and in `count` threads at once."""
    started, cpu_started = time.perf_counter(), time.process_time()
    for _ in range(count):
        again = [bench.swap(spec).data for spec in specs]
    one_s, one_cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    assert again == alone, "A repeated swap gave other bytes."
    made: list[list[bytes]] = [[] for _ in range(count)]

    def work(number: int) -> None:
        # Each thread starts at another scene, so that different scenes run together.
        turned = specs[number:] + specs[:number]
        made[number] = [bench.swap(spec).data for spec in turned]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    started, cpu_started = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together_s, together_cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    for number, files in enumerate(made):
        assert files == alone[number:] + alone[:number], "Threads at once gave other bytes than one thread."
    return {
        "one_s": one_s,
        "together_s": together_s,
        "times_as_fast": one_s / together_s,
        "cores_one": one_cpu_s / one_s,
        "cores_together": together_cpu_s / together_s,
    }


def parsed_size(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return widths and heights of "2048x2048"."""
    try:
        return [(int(width), int(height)) for width, height in (size.split("x") for size in given)]
    except ValueError as error:
        raise click.BadParameter(
            f"Expected WIDTHxHEIGHT, got {', '.join(given)}. Use 1080x1350, for example."
        ) from error


def chosen_scenes(catalogue: Catalogue, given: tuple[str, ...]) -> list[str]:
    """Return the given scenes, or all of the catalogue. Raises BadParameter."""
    if unknown := sorted(set(given) - set(catalogue.scenes)):
        raise click.BadParameter(
            f"Unknown scenes: {', '.join(unknown)}. `backdrop catalog` lists all scenes.", param_hint="--scene"
        )
    return list(given or catalogue.scenes)


@click.command(help=__doc__)
@click.option("--scene", "given", multiple=True, help="Scene; repeat for several. Default: all of the catalogue.")
@click.option("--size", "sizes", multiple=True, default=("2048x2048", "1080x1350"), callback=parsed_size)
@click.option(
    "--runs", default=3, show_default=True, type=click.IntRange(1), help="Runs of each swap, after a warm-up."
)
@click.option("--segmenter", help="Segmenter to use instead of the setting, for example u2netp.")
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON of an earlier run to compare with.",
)
@click.option("--threads", type=click.IntRange(2), help="Compare swaps in this many threads at once with one thread.")
@click.option("--memory", "of_memory", is_flag=True, help="Measure resident memory, a large photo, and allocations.")
@click.option("--part", type=click.Choice(PARTS), hidden=True)
@click.option(
    "--json",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the figures into this file as well.",
)
@record_option
def main(
    given: tuple[str, ...],
    sizes: list[tuple[int, int]],
    runs: int,
    segmenter: str | None,
    against: Path | None,
    threads: int | None,
    of_memory: bool,
    part: str | None,
    output: Path | None,
    recorder: Recorder | None,
) -> None:
    """Measure, print and write the figures."""
    settings, console = load_settings(segmenter=segmenter), Console()
    scenes = chosen_scenes(load_catalogue(), given)
    figures: dict[str, Any] = {
        "command": shlex.join(sys.argv),
        "day": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "packages": {name: version(name) for name in PACKAGES if find_spec(name.replace("pillow", "PIL"))},
    }
    if of_memory:
        figures["memory"] = memory(Path(__file__), settings, scenes, console.print)
        found = recorded_memory(figures["memory"])
    else:
        bench = Bench(settings, open_networks(settings) if part is None else open_for_jobs(settings))
        ready, ready_cpu = since_start(), time.process_time()
        if part is not None:
            click.echo(json.dumps(part_of_memory(bench, part, scenes)))
            return
        figures |= {"networks": dict(bench.networks.versions), "ready_s": ready, "ready_cpu_s": ready_cpu}
        if threads is not None:
            figures["threads"] = in_threads(bench, scenes, sizes[0], threads)
            console.print(figures["threads"])
            found = recorded_threads(figures["threads"])
        else:
            earlier = json.loads(against.read_text())["rows"] if against else {}
            rows = figures["rows"] = {}
            try:
                measure(bench, scenes, sizes, runs, rows)
            finally:  # Ctrl-C keeps finished rows
                if rows:
                    show(rows, earlier, console)
            figures["peak_mib"] = peak_mib()
            found = recorded(rows, figures["peak_mib"])
        console.print(f"ready after {ready:.1f} s ({ready_cpu:.1f} CPU s) · peak memory {peak_mib()} MiB")
    if recorder:
        recorder.write("speed", found)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
