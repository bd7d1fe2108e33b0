"""The plan of a fleet: its simulation against what is exact, and what it reads, says and draws."""

import json
import math
import random
import statistics
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.capacity import arrivals, bottlenecks, main, read_run, replayed
from benchmarks.simulation import Plan, Work, quantile, simulate


def erlang_c_wait(rate: float, mean: float, workers: int) -> float:
    """The mean wait, exact for Poisson's arrivals and exponential times."""
    load = rate * mean
    waiting = load**workers / math.factorial(workers) * workers / (workers - load)
    chance = waiting / (sum(load**number / math.factorial(number) for number in range(workers)) + waiting)
    return chance / (workers / mean - rate)


def exponential(rate: float, mean: float, count: int) -> list[tuple[float, Work]]:
    draw, at, jobs = random.Random(5), 0.0, []
    for _ in range(count):
        at += draw.expovariate(rate)
        jobs.append((at, Work(draw.expovariate(1 / mean), 0.0)))
    return jobs


@pytest.mark.parametrize(("workers", "in_flight"), [(4, 1), (2, 2)])
def test_waits_are_those_of_queueing_theory(workers: int, in_flight: int) -> None:
    plan = Plan(low=workers, high=workers, in_flight=in_flight)

    outcome = simulate(plan, exponential(0.4, 7.0, 12_000))

    assert statistics.fmean(outcome.waits()) == pytest.approx(erlang_c_wait(0.4, 7.0, 4), rel=0.1)


def test_a_batch_takes_those_that_wait_for_the_device() -> None:
    jobs = [(0.0, Work(1.0, 4.0)) for _ in range(8)]

    alone = simulate(Plan(in_flight=8), jobs)
    together = simulate(Plan(in_flight=8, batch_size=8, batch_share=0.25), jobs)

    assert max(alone.times()) == pytest.approx(1 + 8 * 4)
    # The first goes by itself, as it finds the device free.
    assert max(together.times()) == pytest.approx(1 + 4 + 4 * (1 + 6 * 0.25))


def test_what_a_spot_node_loses_is_made_elsewhere() -> None:
    plan = Plan(low=3, high=3, spot_life=200.0, cold_start=30.0)

    outcome = simulate(plan, [(10.0 * number, Work(20.0, 0.0)) for number in range(300)])

    assert outcome.lost > 0
    assert len(outcome.jobs) == 300


def test_an_autoscaler_follows_the_load_and_costs_less_than_its_most() -> None:
    busy = [(2.0 * number, Work(10.0, 0.0)) for number in range(300)]
    plan = Plan(low=0, high=8, waiting_weight=10 / 60, cold_start=45.0)

    outcome = simulate(plan, busy, seconds=3600.0)

    assert outcome.left == 0
    assert 4 < outcome.peak <= 8
    assert 3000.0 < outcome.worker_seconds < 8 * 1700.0
    # Nobody was there for the first.
    assert outcome.waits()[0] >= 45.0


def test_an_autoscaler_orders_no_fleet_for_one_cold_start_and_sends_no_crowd_away_again() -> None:
    jobs = exponential(5.0, 1.0, 12_000)
    plan = Plan(low=1, high=16, jobs_per_worker=0.9, waiting_weight=1 / 60)
    # As it was: what waits counts whole, several jobs for a worker that carries one, and all may go at once.
    whole = replace(plan, jobs_per_worker=4.0, waiting_weight=1.0, down_share=1.0, up=16)

    before, after = (simulate(one, jobs, seconds=2400.0) for one in (whole, plan))

    assert before.worker_seconds > 1.8 * 7 * 2400, "seven would do"
    assert after.worker_seconds < 0.85 * before.worker_seconds
    assert after.lost < 0.3 * before.lost


def written(path: Path, jobs: list[tuple[float, float, float]]) -> Path:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = []
    for moments in jobs:
        told = dict(
            zip(("submitted", "started", "finished"), (start + timedelta(seconds=s) for s in moments), strict=True)
        )
        line = {name: moment.isoformat() for name, moment in told.items()}
        lines.append(
            json.dumps(line | {"stages": {"decode": 0.5, "background": 2.0}, "status": "SUCCESS", "attempts": 1})
        )
    path.write_text("\n".join([*lines, json.dumps({"status": "FAILURE"})]) + "\n")
    return path


def test_a_run_is_read_and_replayed_as_it_was(tmp_path: Path) -> None:
    # Two at once: a third waits for the first's end.
    path = written(tmp_path / "run.jsonl", [(0, 0, 8), (1, 1, 12), (2, 8, 13), (3, 12, 20)])

    run = read_run(path, ["background"])

    assert run.work[0] == Work(6.0, 2.0)
    assert run.waits == [0, 0, 6, 9]
    assert replayed(run, 2, 1).waits() == pytest.approx(run.waits)
    assert replayed(run, 1, 2).waits() == pytest.approx(run.waits)
    jobs = arrivals(run, 4.0, 500.0, rhythm="run")
    assert len(jobs) == pytest.approx(2000, abs=10)


def test_a_line_that_is_no_job_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"submitted": "today"}\n')
    with pytest.raises(ValueError, match="line 1"):
        read_run(path)


def test_a_plan_is_told_and_drawn(tmp_path: Path) -> None:
    run = written(tmp_path / "run.jsonl", [(0, 0, 8), (9, 9, 17), (18, 18, 27)])
    chart = tmp_path / "chart.png"

    told = CliRunner().invoke(
        main, [str(run), "--rate", "30", "--p95", "20", "--hours", "0.3", "--chart", str(chart)], catch_exceptions=False
    )

    assert told.exit_code == 0
    assert "fixed" in told.output
    assert "submits at one API" in told.output
    with Image.open(chart) as picture:
        assert picture.getcolors(100_000) is not None


def test_what_is_nearest_to_its_limit_is_named_first() -> None:
    assert bottlenecks(10_000 / 60, {"claims": 195.0, "submits": 50.0})[0][0] == "submits"
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2.0
