"""Measure the time of whole swaps against the bare calls of their networks, and their memory.

    python benchmarks/speed/swaps.py [--scene podium] [--size 2048x2048] [--runs 3] [--against EARLIER.json]
    python benchmarks/speed/swaps.py --memory

A run is a whole swap of the sample product with the installation's settings and networks, one after another in this
process. Each run has its own seed, so that no cache of a run helps the next. Bare calls are those of the networks'
runtimes alone, without Backdrop's work before, during and after them. They are repeated one after another after each
swap, because other work slows a network. CPU-seconds are those of the whole process, so swaps run alone.

--memory measures resident memory after each of 20 mixed swaps, and with a photo of 40 megapixels.
"""

import json
import os
import shlex
import statistics
import sys
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
from benchmarks.speed.bench import Bench, peak_mib
from benchmarks.speed.memory import LARGE, PARTS, memory, part_of_memory
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


def recorded_memory(figures: dict[str, Any]) -> Iterator[Measured]:
    """Yield the figures of `memory`."""
    mixed, large = figures["mixed"], figures["large"]
    many, over = len(mixed["after_each_mib"]), "mixed swaps to 2048x2048 in one process"
    yield Measured("mixed-peak", f"Most memory of {many} {over}", mixed["peak_mib"], "MiB", many)
    yield Measured("mixed-end", f"Memory after the last of {many} {over}", mixed["after_each_mib"][-1], "MiB", many)
    photo = f"a swap of a photo of {LARGE} megapixels"
    yield Measured("large-peak", f"Most memory of a process that makes {photo}", large["peak_mib"], "MiB")
    yield Measured("large-cpu", f"CPU time of {photo}, loading included", large["cpu_seconds"], "CPU-s")


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
@click.option(
    "--memory", "of_memory", is_flag=True, help="Measure resident memory, of mixed swaps and with a large photo."
)
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
