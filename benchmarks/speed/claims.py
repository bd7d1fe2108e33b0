"""Measure claims of jobs from a long queue of many clients: `python benchmarks/speed/claims.py [--jobs 10000]`.

On SQLite and on PostgreSQL, both on this machine's disk, it fills a queue. Then it measures submits into the queue, the
query for the places of 50 jobs, and claims by one worker and by several at once. Each time includes the commit. Claimed
jobs fail at once, so that as many jobs run as there are workers. The last column counts claims together with their
ends. A median is followed by its multiple of the bare database: of the driver's statements and commits in the same
runs.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from ulid import ULID

from benchmarks.figures import Measured, add_record_option, recorder_of
from service.accounts.clients import Accounts
from service.database.clock import db_now
from service.database.engine import create_engine
from service.database.schema import migrate
from service.database.tables import clients, jobs, request_logs
from service.jobs.intake import JobIntake, NewJob
from service.jobs.states import JobStates
from service.jobs.transitions import Jobs
from service.jobs.turns import ROUND
from service.settings import Settings
from tests.support.storm import servers


def main() -> None:
    """Measure both databases, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--jobs", type=int, default=10_000)
    arguments.add_argument("--clients", type=int, default=1_000)
    arguments.add_argument("--workers", type=int, default=8)
    arguments.add_argument(
        "--claims", type=int, default=2_000, help="claims by one worker, and the same number by all at once"
    )
    add_record_option(arguments)
    options = arguments.parse_args()
    recorder = recorder_of(arguments, options)
    several = f"by {options.workers}, ended too"
    table = Table(
        "database",
        "submit: ms, times bare",
        "look: ms, times bare",
        "a claim: ms, times bare",
        "claims a second",
        several,
    )
    with tempfile.TemporaryDirectory(prefix="backdrop-") as folder:
        sqlite = _measured(f"sqlite:///{folder}/claims.db", options)
    with servers.public_folder() as public, servers.postgresql(public) as server:
        postgresql = _measured(servers.make_database(server.url, "claims"), options)
    for name, found in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
        table.add_row(name, *found.cells)
    Console().print(table)
    if recorder:
        recorder.write("speed", [*sqlite.recorded("SQLite", options), *postgresql.recorded("PostgreSQL", options)])


@dataclass(frozen=True)
class Found:
    """One database: median seconds of a submit, a query for places and a claim, with multiples of the bare database."""

    submit: tuple[float, float]
    look: tuple[float, float]
    claim: tuple[float, float]
    #: Claims a second of one worker, and claims with their ends a second of several.
    claims: float
    together: float

    @property
    def cells(self) -> list[str]:
        """The table's cells."""
        timed = [f"{1000 * seconds:.1f}, {times:.2f}" for seconds, times in (self.submit, self.look, self.claim)]
        return [*timed, f"{self.claims:.0f}", f"{self.together:.0f}"]

    def recorded(self, database: str, options: argparse.Namespace) -> Iterator[Measured]:
        """Yield the figures."""
        name, queue = database.lower(), f"{options.jobs:,} waiting jobs of {options.clients:,} clients"
        claim, submit = self.claim[0], self.submit[0]
        yield Measured(f"{name}-claim", f"Time of a claim from {queue}, {database}, median", 1000 * claim, "ms")
        yield Measured(f"{name}-submit", f"Time of a submit into {queue}, {database}, median", 1000 * submit, "ms")
        together = f"Claims and ends of jobs, {options.workers} workers at once, {database}"
        yield Measured(f"{name}-together", together, self.together, "jobs/s")


def _measured(url: str, options: argparse.Namespace) -> Found:
    engine = create_engine(Settings(home=Path(), database_url=url).sqlalchemy_url)
    migrate(engine)
    _fill(engine, options.jobs, options.clients)
    client, _ = Accounts(engine).add("one more", credits=1000)
    intake, states = JobIntake(engine, queue_limit=10**6, unfinished_limit=10**6), JobStates(engine)
    accepted = []

    def submit() -> None:
        new = NewJob(str(ULID()), client.id, "w", {}, "", {"seed": 1}, "x.jpg", credits_cost=1)
        accepted.append(intake.create(new).job_id)

    bare = BareDatabase(engine)
    submits = bare.compared([_seconds(submit) for _ in range(100)])
    looks = bare.compared([_seconds(lambda: states.of(accepted[:50])) for _ in range(50)])
    alone = _claims(engine, options.claims, bare)
    claimed = bare.compared(alone)
    each = options.claims // options.workers

    threads = [threading.Thread(target=_claims, args=(engine, each)) for _ in range(options.workers)]

    def all_at_once() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    together = _seconds(all_at_once)
    engine.dispose()
    return Found(submits, looks, claimed, len(alone) / sum(alone), each * options.workers / together)


class BareDatabase:
    """Seconds of the driver's calls in one thread: statements, commits and rollbacks."""

    def __init__(self, engine: sa.Engine) -> None:
        self.seconds = 0.0
        dialect: Any = engine.dialect
        for name in ("do_execute", "do_executemany", "do_execute_no_params", "do_begin", "do_commit", "do_rollback"):
            setattr(dialect, name, self._timed(getattr(dialect, name)))

    def _timed(self, call: Callable[..., object]) -> Callable[..., object]:
        def timed(*arguments: Any, **named: Any) -> object:
            start = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - start

        return timed

    def compared(self, times: list[float]) -> tuple[float, float]:
        """Return the median of times since the last call, and their sum as a multiple of the driver's seconds."""
        found = statistics.median(times), sum(times) / self.seconds
        self.seconds = 0.0
        return found


def _claims(engine: sa.Engine, many: int, bare: BareDatabase | None = None) -> list[float]:
    """Claim and end `many` jobs as one worker, and return the seconds of each claim. `bare` leaves out the ends."""
    moves, times = Jobs(engine, lease=3600, max_attempts=3), []
    for _ in range(many):
        start = time.perf_counter()
        claim = moves.claim()
        times.append(time.perf_counter() - start)
        counted = bare.seconds if bare else 0.0
        assert claim is not None, "The queue is too short. Raise --jobs."
        moves.fail(claim, "internal_error", "")
        if bare:
            bare.seconds = counted
    return times


def _seconds(deed: Callable[[], object]) -> float:
    start = time.perf_counter()
    deed()
    return time.perf_counter() - start


def _fill(engine: sa.Engine, many: int, by: int) -> None:
    """Insert jobs of the clients in turn, as submits would."""
    names = [f"{number:026d}" for number in range(many)]
    spec = {"seed": 1, "records": "x" * 3000}
    common = {"source_key": "x.jpg", "credits_cost": 1, "status": "NOT_STARTED", "progress": 0.0, "attempt": 0}
    with engine.begin() as connection:
        connection.execute(
            clients.insert(), [{"id": name, "name": f"client {name}", "balance": 0} for name in names[:by]]
        )
        log = {"workflow": "w", "body": {}, "body_sha256": ""}
        whose = [names[number % by] for number in range(many)]
        connection.execute(
            request_logs.insert(),
            [log | {"request_id": name, "client_id": owner} for name, owner in zip(names, whose, strict=True)],
        )
        rows = [
            common
            | {"id": name, "request_id": name, "client_id": whose[number], "spec": spec}
            | {"turn": (1 + number // by) * ROUND}
            for number, name in enumerate(names)
        ]
        connection.execute(jobs.insert(), rows)
        connection.execute(jobs.update().values(sent_at=db_now()))


if __name__ == "__main__":
    main()
