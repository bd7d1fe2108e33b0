"""Plan a fleet: how many workers a load needs, what they cost, and which other limit is reached first.

    backdrop ops export-run > run.jsonl
    python benchmarks/capacity.py run.jsonl --rate 40 --p95 60 --price 0.8
    python benchmarks/capacity.py run.jsonl --replay --workers 2 --in-flight 1

A run has a line of JSON for each job, with `submitted`, `started`, `finished` (ISO 8601) and `stages`, seconds by name.
`benchmarks/speed/throughput.py --jobs FOLDER` writes the same. Each simulated job takes the times of a random job of
the run. Jobs arrive at --rate as a Poisson process, or in the run's rhythm (--rhythm run). Larger and larger fixed
fleets are simulated until --p95 is met, then autoscaled fleets, with --spot-life on spot nodes.

--replay simulates the run's own jobs, in their order and with their own times, and compares the waits.

Limits of API and database are measured jobs a second; the one that is reached first is named. They are conservative:
each was measured alone, on two shared cores.
"""

import json
import math
import random
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, Recorder, record_option
from benchmarks.simulation import Outcome, Plan, Work, quantile, simulate

#: Jobs a second on two shared cores: figures `submit-rate-production-median` (the rate that one API kept up with, so
#: its limit is higher) and `claims-postgresql-together` (by eight workers at once).
LIMITS = {"submits at one API": 50.0, "claims and ends in PostgreSQL": 195.0}
#: Most workers of a simulated fleet.
MOST = 4096


@dataclass(frozen=True)
class Run:
    """A run's jobs: seconds of submits since the first one, each job's work, and seconds of waiting."""

    submitted: list[float]
    work: list[Work]
    waits: list[float]

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return (len(self.submitted) - 1) / max(1e-9, self.submitted[-1])


@dataclass(frozen=True)
class Point:
    """A fleet: mean and peak workers, cost an hour, seconds of waits, and `p95` from submit to end (inf: it grows)."""

    name: str
    workers: float
    peak: int
    cost: float
    wait: float
    wait_p95: float
    p95: float
    cold_starts: int
    lost: int


def read_run(path: Path, device_stages: Sequence[str] = ()) -> Run:
    """Return the run of a file. Raises ValueError with the line. `device_stages`: stages for one job at a time.

    Jobs that failed or had several attempts are left out, because their times are not typical.
    """
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            job: dict[str, Any] = json.loads(line)
            if job.get("status", "SUCCESS") != "SUCCESS" or job.get("attempts", 1) > 1:
                continue
            moments = [datetime.fromisoformat(job[name]) for name in ("submitted", "started", "finished")]
            stages = job["stages"]
            device = float(sum(stages.get(name, 0.0) for name in device_stages))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path}, line {number} is not a job: {error!r}. Use `backdrop ops export-run`."
            ) from error
        submitted, started, finished = (moment.timestamp() for moment in moments)
        found.append((submitted, started, Work(max(0.0, finished - started - device), device)))
    if len(found) < 2:
        raise ValueError(f"{path} has {len(found)} successful jobs. Use a run with at least two.")
    found.sort(key=lambda one: one[0])
    first = found[0][0]
    return Run(
        [submitted - first for submitted, _, _ in found],
        [work for _, _, work in found],
        [started - submitted for submitted, started, _ in found],
    )


def replayed(run: Run, workers: int, in_flight: int) -> Outcome:
    """Return the outcome of the run's jobs in a simulated fleet, with their real submits and whole times."""
    whole = [Work(work.seconds, 0.0) for work in run.work]
    plan = Plan(low=workers, high=workers, in_flight=in_flight)
    return simulate(plan, list(zip(run.submitted, whole, strict=True)))


def arrivals(run: Run, rate: float, seconds: float, *, rhythm: str, seed: int = 1) -> list[tuple[float, Work]]:
    """Return jobs for `seconds` at `rate` a second, each with the times of a random job of the run.

    `rhythm`: "poisson", or "run" for the run's gaps between submits, scaled to the rate.
    """
    draw, at, jobs = random.Random(seed), 0.0, list[tuple[float, Work]]()
    gaps = [later - sooner for sooner, later in zip(run.submitted, run.submitted[1:], strict=False)]
    stretch = run.rate / rate
    while True:
        at += draw.expovariate(rate) if rhythm == "poisson" else stretch * gaps[len(jobs) % len(gaps)]
        if at >= seconds:
            return jobs
        jobs.append((at, draw.choice(run.work)))


def point(name: str, plan: Plan, jobs: Sequence[tuple[float, Work]], seconds: float, price: float) -> Point:
    """Return the simulated fleet's cost an hour and the times of its jobs."""
    outcome = simulate(plan, jobs, seconds=seconds)
    times = outcome.times()
    # A growing queue has no p95.
    p95 = math.inf if outcome.left > 0.05 * len(jobs) else quantile(times, 0.95)
    waits = outcome.waits() or [math.inf]
    return Point(
        name=name,
        workers=outcome.worker_seconds / seconds,
        peak=outcome.peak,
        cost=price * outcome.worker_seconds / seconds,
        wait=statistics.fmean(waits),
        wait_p95=quantile(waits, 0.95),
        p95=p95,
        cold_starts=outcome.cold_starts,
        lost=outcome.lost,
    )


def device_seconds(run: Run, plan: Plan) -> float:
    """Return the seconds of a worker for a job when workers are never idle, limited by device or slots."""
    mean = statistics.fmean(work.seconds for work in run.work) / plan.in_flight
    lane = statistics.fmean(work.device for work in run.work)
    return max(mean, lane * (1 + (plan.batch_size - 1) * plan.batch_share) / plan.batch_size)


def fixed(run: Run, plan: Plan, rate: float, p95: float, seconds: float, price: float, rhythm: str) -> list[Point]:
    """Return fixed fleets, from the smallest that keeps up to the first that meets the p95, and one more."""
    jobs, found = arrivals(run, rate, seconds, rhythm=rhythm), list[Point]()
    fewest = max(1, math.ceil(rate * device_seconds(run, plan)))
    step = max(1, fewest // 20)
    while fewest <= MOST and not (len(found) > 1 and found[-2].p95 <= p95):
        fleet = replace(plan, low=fewest, high=fewest)
        found.append(point(f"{fewest} fixed", fleet, jobs, seconds, price))
        fewest += step
    return found


def bottlenecks(rate: float, limits: dict[str, float]) -> list[tuple[str, float]]:
    """Return the share of each limit that `rate` jobs a second use, the largest first."""
    return sorted(((name, rate / limit) for name, limit in limits.items()), key=lambda one: -one[1])


def compare(run: Run, workers: int, in_flight: int) -> Table:
    """Return a table of the run's waits and the simulated ones."""
    simulated = replayed(run, workers, in_flight).waits()
    table = Table("wait", "run", "simulated", "off")
    pairs = (
        ("mean", statistics.fmean(run.waits), statistics.fmean(simulated)),
        ("p95", quantile(run.waits, 0.95), quantile(simulated, 0.95)),
    )
    for name, real, made in pairs:
        table.add_row(name, f"{real:.2f} s", f"{made:.2f} s", f"{made / real - 1:+.1%}" if real else "")
    return table


def recorded_replay(run: Run, workers: int, in_flight: int) -> Iterator[Measured]:
    """Yield the figures of `compare`: how far the simulated waits are from the run's."""
    simulated = replayed(run, workers, in_flight).waits()
    for name, real, made in (
        ("mean", statistics.fmean(run.waits), statistics.fmean(simulated)),
        ("p95", quantile(run.waits, 0.95), quantile(simulated, 0.95)),
    ):
        if real == 0:  # a run without waits has no change
            continue
        what = f"Simulated wait of a run with {workers} workers, {name}, change against the run"
        yield Measured(name, what, 100 * (made / real - 1), "%", len(run.waits))


def recorded(points: Sequence[Point], enough: int, rate: float) -> Iterator[Measured]:
    """Yield the figures of a plan for `rate` jobs a minute: the fixed fleet, and the last autoscaled one."""
    load, scaled = f"{rate:,.0f} jobs a minute", points[-1]
    yield Measured("fixed-workers", f"Workers without an autoscaler that keep up with {load}", enough, "workers")
    fleet = f"the autoscaled fleet ({scaled.name}) at {load}"
    yield Measured("scaled-workers", f"Mean workers of {fleet}", scaled.workers, "workers")
    yield Measured("scaled-handed-back", f"Attempts that the workers of {fleet} hand back", scaled.lost, "attempts")
    yield Measured("scaled-p95", f"Time from submit to end in {fleet}, 95th percentile", scaled.p95, "s")


@click.command(help=__doc__)
@click.argument("path", metavar="RUN", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Jobs a minute; default: the run's rate.")
@click.option("--p95", default=60.0, show_default=True, help="Bar in seconds from submit to end, 95th percentile.")
@click.option("--hours", default=2.0, show_default=True, help="Simulated hours.")
@click.option("--price", default=1.0, show_default=True, help="Price of a worker for an hour.")
@click.option("--in-flight", default=1, show_default=True, type=click.IntRange(1, 32))
@click.option(
    "--device-stage", "device_stages", multiple=True, help="Stage that runs on the device; repeat for several."
)
@click.option("--batch-size", default=1, show_default=True, type=click.IntRange(1, 32))
@click.option(
    "--batch-share",
    default=1.0,
    show_default=True,
    help="Time of each further picture of a batch, as a share of the first one's.",
)
@click.option("--cold-start", default=60.0, show_default=True, help="Seconds until a new worker's first job.")
@click.option(
    "--spot-life", default=0.0, show_default=True, help="Mean life of a spot node in hours; 0: no spot nodes."
)
@click.option(
    "--busy",
    multiple=True,
    default=(0.7, 0.8, 0.9),
    show_default=True,
    help="Target share of busy workers for the autoscaler; repeat.",
)
@click.option(
    "--drain", default=60.0, show_default=True, help="Seconds in which the autoscaler wants to clear a backlog."
)
@click.option("--cooldown", default=600.0, show_default=True)
@click.option("--rhythm", type=click.Choice(["poisson", "run"]), default="poisson", show_default=True)
@click.option(
    "--limit", "limits", multiple=True, type=(str, float), help="Name of a further limit, and its jobs a second."
)
@click.option("--apis", default=1, show_default=True, type=click.IntRange(1), help="Number of API processes.")
@click.option("--replay", is_flag=True, help="Compare the run's waits with simulated ones.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1), help="Workers of the run, for --replay."
)
@record_option
def main(path: Path, recorder: Recorder | None, **given: Any) -> None:
    """Plan or replay, and print the tables."""
    try:
        run = read_run(path, given["device_stages"])
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    console = Console(width=120)
    if given["replay"]:
        console.print(compare(run, given["workers"], given["in_flight"]))
        if recorder:
            recorder.write("capacity", recorded_replay(run, given["workers"], given["in_flight"]))
        return
    rate, seconds, price = (given["rate"] or 60 * run.rate) / 60, 3600 * given["hours"], given["price"]
    names = ("in_flight", "batch_size", "batch_share", "cold_start", "cooldown")
    plan = Plan(**{name: given[name] for name in names}, spot_life=3600 * given["spot_life"])
    points = fixed(run, plan, rate, given["p95"], seconds, price, given["rhythm"])
    enough = max(1, round(next((one for one in points if one.p95 <= given["p95"]), points[-1]).workers))
    jobs = arrivals(run, rate, seconds, rhythm=given["rhythm"])
    weight = statistics.fmean(work.seconds for work in run.work) / given["drain"]
    for busy in given["busy"]:
        for low in (0, 1):
            signal = {"jobs_per_worker": busy * plan.in_flight, "waiting_weight": weight}
            scaled = replace(plan, low=low, high=2 * enough, **signal)
            points.append(point(f"{low} to {2 * enough}, {busy:.0%} busy", scaled, jobs, seconds, price))
    console.print(f"autoscaling.waitingWeight: {weight:.3g}; jobsPerWorker: a share of {plan.in_flight}")
    table = Table(
        "fleet", "workers", "peak", "cost/h", "wait: mean", "p95", "submit to end: p95", "cold starts", "lost"
    )
    for one in points:
        figures = (f"{one.workers:.1f}", str(one.peak), f"{one.cost:.2f}", f"{one.wait:.1f} s", f"{one.wait_p95:.1f} s")
        p95 = "grows" if math.isinf(one.p95) else f"{one.p95:.1f} s"
        table.add_row(one.name, *figures, p95, str(one.cold_starts), str(one.lost))
    console.print(f"{60 * rate:.1f} jobs a minute, {statistics.fmean(one.seconds for one in run.work):.2f} s each")
    console.print(table)
    known = {name: limit * (given["apis"] if "API" in name else 1) for name, limit in LIMITS.items()}
    for name, busy in bottlenecks(rate, known | dict(given["limits"])):
        console.print(
            f"{name}: {busy:.0%} of the measured limit{'' if busy < 1 else ', so it is reached before the workers'}"
        )
    if recorder:
        recorder.write("capacity", recorded(points, enough, 60 * rate))


if __name__ == "__main__":
    sys.exit(main())
