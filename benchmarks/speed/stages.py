"""How long each stage of a swap takes, and the most memory that one needs: `python benchmarks/speed/stages.py --help`.

Every run is a whole swap by the installation's own settings and networks, one after another in this process.
"""

import json
import os
import platform
import resource
import shlex
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from pipeline.core.networks import Networks
from pipeline.core.spec import Limits, Spec
from pipeline.swap import swap
from service.catalogue.catalogue import load_catalogue
from service.settings import load_settings
from service.worker.local import SpecInvalid, build_spec
from service.worker.networks import open_networks

SAMPLE = Path(__file__).resolve().parents[2] / "service" / "sample" / "bottle.jpg"
PACKAGES = ("numpy", "pillow", "scipy", "pymatting", "rembg", "onnxruntime", "torch", "diffusers")


def run_once(data: bytes, spec: Spec, networks: Networks, limits: Limits) -> dict[str, float]:
    """Swap once and return the seconds of each stage, and of the whole under "total"."""
    started = time.perf_counter()
    render = swap(data, spec, networks, limits=limits, clock=time.perf_counter)
    return {**render.report["provenance"]["timings"], "total": time.perf_counter() - started}


def summarise(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return median and 95th percentile in seconds, and the share of the summed total, for each stage in order."""
    total = sum(run["total"] for run in runs)
    stages = list(dict.fromkeys(stage for run in runs for stage in run))
    summary = {}
    for stage in stages:
        seconds = np.array([run.get(stage, 0.0) for run in runs])
        summary[stage] = {
            "median_s": round(float(np.median(seconds)), 4),
            "p95_s": round(float(np.quantile(seconds, 0.95)), 4),
            "share": round(float(seconds.sum() / total), 4),
        }
    return summary


def peak_mib() -> float:
    """Return the most memory that this process has held resident, MiB (the networks included)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux KiB
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def machine() -> dict[str, Any]:
    """Return what the figures depend on outside the project."""
    names = [
        line.partition(":")[2].strip()
        for line in (Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else "").splitlines()
        if line.startswith("model name")
    ]
    return {
        "system": platform.platform(),
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


@click.command()
@click.argument("photos", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--scene", default="podium", show_default=True)
@click.option("--mood", default="calm", show_default=True)
@click.option("--color", "colours", multiple=True, help="May be given up to six times.")
@click.option("--preset", default="shopify_product", show_default=True)
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1), help="Runs a photo, after the warm-up.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too.")
def main(
    photos: tuple[Path, ...],
    scene: str,
    mood: str,
    colours: tuple[str, ...],
    preset: str,
    runs: int,
    seed: int,
    output: Path | None,
) -> None:
    """Time the stages of swaps of PHOTOS (the sample product where none is given)."""
    settings = load_settings()
    try:
        spec = build_spec(load_catalogue(), scene=scene, mood=mood, colours=colours, preset=preset, seed=seed)
    except SpecInvalid as error:
        raise click.UsageError(str(error)) from error
    started = time.perf_counter()
    networks = open_networks(settings)
    loading = time.perf_counter() - started
    files = [(photo, photo.read_bytes()) for photo in photos or (SAMPLE,)]
    warm_up = run_once(files[0][1], spec, networks, settings.limits)["total"]
    timed = [run_once(data, spec, networks, settings.limits) for _photo, data in files for _ in range(runs)]
    summary = summarise(timed)
    figures = {
        "command": shlex.join(sys.argv),
        "photos": [photo.name for photo, _data in files],
        "runs": len(timed),
        "loading_s": round(loading, 3),
        "warm_up_s": round(warm_up, 3),
        "peak_mib": peak_mib(),
        "stages": summary,
        "networks": dict(networks.versions),
        "machine": machine(),
    }

    table = Table(title=f"{len(timed)} swaps of {len(files)} photo(s), preset {preset}", title_justify="left")
    for heading in ("stage", "median ms", "p95 ms", "share"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage, row in summary.items():
        table.add_row(stage, f"{row['median_s'] * 1e3:.0f}", f"{row['p95_s'] * 1e3:.0f}", f"{row['share']:.1%}")
    console = Console()
    console.print(table)
    console.print(f"networks loaded in {loading:.1f} s, warm-up {warm_up:.1f} s, peak memory {figures['peak_mib']} MiB")
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
