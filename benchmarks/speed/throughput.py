"""Measure the swaps a minute of an installation, and whether its device or its cores limit them.

    python benchmarks/speed/throughput.py [--device-seconds 1.0] [--in-flight 4] [--workers 1 --workers 2 --workers 4]
    python benchmarks/speed/throughput.py --networks [--in-flight 1]

Starts an API, worker processes and a sweep on the embedded default (SQLite, a directory, Valkey). It orders by HTTP so
that twice as many jobs are unfinished as the workers carry, and counts for --seconds after a warm-up. Waits are those
in that queue. Without --networks a stand-in replaces the device: it holds the device lane for --device-seconds a swap,
in four steps, without the interpreter's lock, as a CUDA call does. With --networks the installation's networks run. No
two photos are the same, so each is cut out.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import click
import httpx
import numpy as np
import psutil
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, Recorder, record_option
from benchmarks.robustness.callers import upload
from benchmarks.speed.bench import SAMPLE
from benchmarks.speed.running import UNLIMITED
from service.accounts.clients import Accounts
from service.catalogue.catalogue import load_catalogue
from service.database.engine import create_engine, reader
from service.database.tables import UNFINISHED, jobs, renders
from service.jobs.worker_registry import WorkerRegistry
from service.settings import load_settings
from testkit import installation
from testkit.fleet import Fleet

SCENES = ("podium", "marble_tabletop", "neon", "garden_bokeh")
#: Seconds between two looks at the queue.
LOOK_EVERY = 0.25


@dataclass(frozen=True)
class Load:
    """The installation to run, and its load."""

    workers: int
    seconds: float
    preset: str
    #: None: the default.
    in_flight: int | None
    #: None: the installation's networks.
    device_seconds: float | None


@dataclass(frozen=True)
class Figures:
    """What was measured. Shares are of the counted time."""

    swaps_a_minute: float
    #: Mean over the workers; None without a stand-in.
    device_busy: float | None
    wait_median: float
    wait_p95: float
    #: Seconds of the workers, and of every process of the installation.
    worker_cpu_a_swap: float
    cpu_a_swap: float
    #: Share of the cores' time.
    cores_busy: float
    failed: int


class LoadedInstallation:
    """A running installation and its caller."""

    def __init__(self, made: installation.Installation, fleet: Fleet, load: Load, holds: Path) -> None:
        self._made, self._fleet, self._load, self._holds = made, fleet, load, holds
        self._engine = create_engine(made.settings.sqlalchemy_url)
        self._reader = reader(self._engine)
        address = fleet.api()
        fleet.sweep()
        holding = (str(load.device_seconds), str(holds))
        stand_in = ("testkit.watch", "benchmarks.speed.stand_in", *holding)
        real = ("service.cli.main", "worker")
        for _ in range(load.workers):
            fleet.worker(*(real if load.device_seconds is None else stand_in))
        self.workers = self._ready(address)
        self.carried = sum(worker.get("in_flight", 1) for worker in self.workers)
        key = Accounts(self._engine).add("bench", credits=10**6)[1]
        self._http = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        self._address, self._numbers = address, count()

    def _ready(self, address: str, timeout: float = 300.0) -> list[dict[str, Any]]:
        """Wait for the API and all workers, and return the workers' entries in the registry. Raises TimeoutError."""
        registry, end = WorkerRegistry(self._made.settings.queue_url), time.monotonic() + timeout
        while time.monotonic() < end:
            with suppress(httpx.HTTPError):
                ready = httpx.get(f"{address}/health/ready", timeout=5).status_code == 200
                if ready and len(workers := registry.workers()) == self._load.workers:
                    return workers
            time.sleep(LOOK_EVERY)
        raise TimeoutError(f"The installation was not ready within {timeout:.0f} s. See the logs of its parts.")

    def order(self) -> None:
        """Upload a new photo and order a swap without asked colours, which is painted once."""
        number = next(self._numbers)
        body = {"scene_type": SCENES[number % len(SCENES)], "mood": "calm", "dominant_colors": []}
        headers = {"Authorization": self._http.headers["Authorization"]}
        key = upload(self._http, self._address, headers, photo(number))
        asked = body | {"output_preset": self._load.preset, "source_image_s3_key": key}
        self._http.post("/v1/background-swap-with-spec", json=asked).raise_for_status()

    def keep_busy(self, seconds: float, *, until_ended: int = 0) -> None:
        """Order as jobs are started, for `seconds` and until `until_ended` jobs have ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end or self._count(sa.not_(UNFINISHED)) < until_ended:
            for _ in range(2 * self.carried - self._count(UNFINISHED)):
                self.order()
            time.sleep(LOOK_EVERY)

    def measure(self) -> Figures:
        """Warm up, then count for the load's seconds."""
        self.keep_busy(0, until_ended=self.carried)
        with self._reader.connect() as connection:
            began_at = connection.execute(sa.select(sa.func.max(jobs.c.finished_at))).scalar_one()
        began, cpu = time.monotonic(), self._cpu()
        self.keep_busy(self._load.seconds)
        ended, cpu_after = time.monotonic(), self._cpu()
        with self._reader.connect() as connection:
            over = connection.execute(sa.select(jobs).where(jobs.c.finished_at > began_at)).all()
        good = [row for row in over if row.status == "SUCCESS"]
        waits = [(row.started_at - row.created_at).total_seconds() for row in over if row.started_at] or [0.0]
        spent = {name: cpu_after[name] - cpu[name] for name in cpu}
        lasted, swaps = ended - began, max(1, len(good))
        return Figures(
            swaps_a_minute=60 * len(good) / lasted,
            device_busy=None if self._load.device_seconds is None else self._busy(began, ended),
            wait_median=float(np.median(waits)),
            wait_p95=float(np.percentile(waits, 95)),
            worker_cpu_a_swap=spent["workers"] / swaps,
            cpu_a_swap=sum(spent.values()) / swaps,
            cores_busy=sum(spent.values()) / lasted / len(psutil.Process().cpu_affinity() or [0]),
            failed=len(over) - len(good),
        )

    def write_jobs(self, path: Path) -> None:
        """Write a line of JSON for each finished swap in order of its start, as `backdrop ops export-run` does."""
        with self._reader.connect() as connection:
            made = jobs.c.status == "SUCCESS"
            rows = connection.execute(sa.select(jobs).where(made).order_by(jobs.c.started_at)).all()
            stages = {
                row.job_id: row.report for row in connection.execute(sa.select(renders.c.job_id, renders.c.report))
            }
        with path.open("w", encoding="utf-8") as file:
            for row in rows:
                times = {"submitted": row.created_at, "started": row.started_at, "finished": row.finished_at}
                line = {name: moment.isoformat() for name, moment in times.items()}
                line |= {"stages": stages[row.id]["provenance"]["timings"], "status": row.status}
                file.write(json.dumps(line | {"attempts": row.attempt}) + "\n")

    def _count(self, which: sa.ColumnElement[bool]) -> int:
        with self._reader.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(jobs).where(which)).scalar_one())

    def _busy(self, began: float, ended: float) -> float:
        """Return the share of the time in which the stand-ins held their lanes, mean over the workers."""
        time.sleep(self._load.device_seconds or 0)  # a hold is logged when it ends
        held = 0.0
        for log in self._holds.glob("*.log"):
            for line in log.read_text().splitlines():
                start, end = map(float, line.split())
                held += max(0.0, min(end, ended) - max(start, began))
        return held / (ended - began) / self._load.workers

    def _cpu(self) -> dict[str, float]:
        """Return the CPU-seconds since the start of the workers, and of the other processes."""
        workers = [member.process for member in self._fleet.members if member.name.startswith("worker")]
        others = [member.process for member in self._fleet.members if not member.name.startswith("worker")]
        return {"workers": sum(map(_cpu_of, workers)), "others": sum(map(_cpu_of, others))}

    def close(self) -> None:
        """Close the connections; the servers keep running."""
        self._http.close()
        self._engine.dispose()


def _cpu_of(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


def photo(number: int) -> bytes:
    """Return the sample product with a comment in its file, so that no cached cut-out fits it."""
    data, comment = SAMPLE.read_bytes(), f"photo {number}".encode()
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


def run(load: Load, written: Path | None = None) -> tuple[Figures, int]:
    """Run one installation, and return its figures and the number of jobs that its workers carry together.

    `written`: file for its jobs, for `benchmarks/capacity.py`.
    """
    settings: dict[str, Any] = dict(UNLIMITED)
    if load.in_flight is not None:
        settings["jobs_in_flight"] = load.in_flight
    with tempfile.TemporaryDirectory(prefix="backdrop-") as folder:
        home, holds = Path(folder) / "home", Path(folder) / "holds"
        holds.mkdir()
        home.mkdir()
        own = load_settings()
        kept = {name: getattr(own, name) for name in ("weights", "kernels", "segmenter", "second_segmenter", "device")}
        with installation.embedded(home, **settings | kept) as made, Fleet(made.settings, home / "logs") as fleet:
            loaded = LoadedInstallation(made, fleet, load, holds)
            try:
                return loaded.measure(), loaded.carried
            finally:
                if written is not None:
                    loaded.write_jobs(written)
                loaded.close()


def recorded(figures: Figures, load: Load, in_flight: int) -> Iterator[Measured]:
    """Yield the figures of one load. Names begin with workers × jobs in flight of each."""
    name = f"{load.workers}x{in_flight}"
    device = "the installation's networks" if load.device_seconds is None else f"a device of {load.device_seconds:g} s"
    place = f"{load.workers} workers with {in_flight} jobs in flight each, {device}, {load.preset}"
    yield Measured(f"{name}-swaps", f"Swaps a minute, {place}", figures.swaps_a_minute, "swaps/min")
    yield Measured(f"{name}-cpu", f"CPU time of a swap, {place}", figures.worker_cpu_a_swap, "CPU-s")
    yield Measured(f"{name}-failed", f"Failed jobs, {place}", figures.failed, "jobs", bar="at most 0")


def limit_of(figures: Figures) -> str:
    """Return "the device", "the cores" or "neither", whichever limits the swaps."""
    if figures.device_busy is not None and figures.device_busy >= 0.9:
        return "the device"
    # Neither: too few jobs in flight, or other programs use the cores.
    return "the cores" if figures.cores_busy >= 0.85 else "neither"


@click.command(help=__doc__)
@click.option(
    "--device-seconds", default=1.0, show_default=True, help="Seconds that the stand-in device takes for a swap."
)
@click.option("--networks", is_flag=True, help="Run the installation's networks instead of the stand-in.")
@click.option(
    "--in-flight",
    "in_flights",
    multiple=True,
    type=click.IntRange(1, 32),
    help="Jobs in flight of each worker; repeat for several runs.",
)
@click.option(
    "--workers", multiple=True, default=(1,), show_default=True, type=click.IntRange(1), help="Workers; repeat."
)
@click.option("--seconds", default=120.0, show_default=True, help="Seconds to count each run, after its warm-up.")
@click.option("--jobs", "folder", type=click.Path(path_type=Path), help="Folder for each run's jobs, for capacity.py.")
@click.option("--preset", help="Default: shopify_product, 2048x2048; with --networks instagram_portrait, 1080x1350.")
@record_option
def main(
    device_seconds: float,
    networks: bool,
    in_flights: tuple[int, ...],
    workers: tuple[int, ...],
    seconds: float,
    folder: Path | None,
    preset: str | None,
    recorder: Recorder | None,
) -> None:
    """Measure each load and print a table."""
    console, first, found = Console(width=130), 0.0, list[Measured]()
    preset = preset or ("instagram_portrait" if networks else "shopify_product")
    if preset not in (catalogue := load_catalogue()).presets:
        raise click.BadParameter(
            f"Unknown preset: {preset}. Use {', '.join(catalogue.presets)}.", param_hint="--preset"
        )
    columns = ("workers", "in flight", "swaps/min", "times", "device", "wait: median", "p95")
    table = Table(*columns, "CPU s/swap: worker", "all", "cores", "limit", "failed")
    for many in workers:
        for in_flight in in_flights or (None,):
            load = Load(many, seconds, preset, in_flight, None if networks else device_seconds)
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            figures, carried = run(load, folder and folder / f"{many}x{in_flight or 'default'}.jsonl")
            first = first or figures.swaps_a_minute
            table.add_row(
                str(many),
                str(carried // many),
                f"{figures.swaps_a_minute:.1f}",
                f"{figures.swaps_a_minute / first:.2f}" if first else "",
                "" if figures.device_busy is None else f"{figures.device_busy:.0%}",
                f"{figures.wait_median:.1f} s",
                f"{figures.wait_p95:.1f} s",
                f"{figures.worker_cpu_a_swap:.2f}",
                f"{figures.cpu_a_swap:.2f}",
                f"{figures.cores_busy:.0%}",
                limit_of(figures),
                str(figures.failed),
            )
            click.echo(f"{load}: {figures}", err=True)
            found += recorded(figures, load, carried // many)
    console.print(table)
    if recorder:
        recorder.write("speed", found)


if __name__ == "__main__":
    sys.exit(main())
