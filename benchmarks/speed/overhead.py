"""Measure the service itself: the time of a submit, and a swap's overhead outside its stages.

    python benchmarks/speed/overhead.py [PHOTO] [--swaps 5] [--submits 200]

Starts `backdrop up` on the embedded default (SQLite, a directory, Valkey) in a temporary folder and stops it at the
end. Prints a table.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, add_record_option, recorder_of
from benchmarks.speed.running import backdrop_up, upload
from service.settings import load_settings

SPEC = {"scene_type": "podium", "mood": "calm", "dominant_colors": ["#e8c7b8"], "output_preset": "shopify_product"}


def main() -> None:
    """Start the service, measure, and print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("photo", nargs="?", type=Path, help="photo to swap; default: the sample product")
    arguments.add_argument("--swaps", type=int, default=5, help="number of swaps to follow, one at a time")
    arguments.add_argument("--submits", type=int, default=200, help="number of submits of one caller to time")
    add_record_option(arguments)
    options = arguments.parse_args()
    recorder = recorder_of(arguments, options)
    photo = options.photo.read_bytes() if options.photo else (files("service") / "sample" / "bottle.jpg").read_bytes()
    with (
        tempfile.TemporaryDirectory(prefix="backdrop-") as home,
        backdrop_up(load_settings(home=Path(home))) as api,
    ):
        figures = measure(api, photo, swaps=options.swaps, submits=options.submits)
    show(figures)
    if recorder:
        recorder.write("speed", recorded(figures))


def measure(api: httpx.Client, photo: bytes, *, swaps: int, submits: int) -> dict[str, Any]:
    """Return each swap's end-to-end seconds and the sum of its stages, and the seconds of each submit."""
    body = {"source_image_s3_key": upload(api, photo), **SPEC}
    followed = [swap(api, body) for _ in range(swaps + 1)][1:]  # the first one warms up the networks
    # The queue grows during these submits, and the worker is busy with the first ones.
    submitted = [submit(api, body)[1] for _ in range(submits)]
    return {"swaps": followed, "submit_seconds": submitted}


def submit(api: httpx.Client, body: dict[str, Any]) -> tuple[str, float]:
    """Submit, and return the job's id and the seconds until the answer."""
    started = time.perf_counter()
    answer = api.post("/v1/background-swap-with-spec", json=body)
    seconds = time.perf_counter() - started
    answer.raise_for_status()
    return answer.json()["job_id"], seconds


def swap(api: httpx.Client, body: dict[str, Any]) -> dict[str, float]:
    """Return the seconds of one swap from submit to end, by the database's clock, and of its stages."""
    job_id, _ = submit(api, body)
    while (job := api.get(f"/v1/jobs/{job_id}").json())["status"] not in {"SUCCESS", "FAILURE"}:
        time.sleep(0.25)
    if job["error"]:
        sys.exit(f"The swap failed: {job['error']['message']} Use another photo.")
    created, finished = (datetime.fromisoformat(job[name]) for name in ("created_at", "finished_at"))
    stages = sum(job["render"]["report"]["provenance"]["timings"].values())
    return {"end_to_end": (finished - created).total_seconds(), "stages": stages}


def p95(values: list[float]) -> float:
    """Return the 95th percentile, one of the values."""
    return sorted(values)[int(0.95 * (len(values) - 1))]


def recorded(figures: dict[str, Any]) -> Iterator[Measured]:
    """Yield the figures of `measure`."""
    took, swaps = figures["submit_seconds"], figures["swaps"]
    submit_ = "Time of a submit, one caller, worker busy"
    yield Measured("median", f"{submit_}, median", 1000 * statistics.median(took), "ms", len(took))
    yield Measured("p95", f"{submit_}, 95th percentile", 1000 * p95(took), "ms", len(took))
    share = statistics.median(1 - one["stages"] / one["end_to_end"] for one in swaps)
    yield Measured("swap-overhead", "Share of a swap's time outside its stages, median", 100 * share, "%", len(swaps))


def show(figures: dict[str, Any]) -> None:
    """Print the medians."""
    end_to_end = statistics.median(one["end_to_end"] for one in figures["swaps"])
    overhead = statistics.median(one["end_to_end"] - one["stages"] for one in figures["swaps"])
    share = statistics.median(1 - one["stages"] / one["end_to_end"] for one in figures["swaps"])
    submits = figures["submit_seconds"]
    table = Table("figure", "median", "p95")
    table.add_row(
        f"submit, one caller, {len(submits)} times",
        f"{1000 * statistics.median(submits):.1f} ms",
        f"{1000 * p95(submits):.1f} ms",
    )
    table.add_row(f"swap, end to end, {len(figures['swaps'])} times", f"{end_to_end:.2f} s", "")
    table.add_row("overhead outside its stages", f"{overhead:.3f} s ({share:.1%})", "")
    Console().print(table)


if __name__ == "__main__":
    main()
