"""A whole installation for tests: its servers, a fleet of real processes, and a client that orders from it."""

import itertools
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
from redis import Redis
from ulid import ULID

from pipeline.core.order import SwapOrder
from service.accounts.clients import Accounts, Client
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import stored_spec
from service.database.engine import create_engine
from service.diagnostics.audit import Bounds, Finding, audit
from service.diagnostics.object_audit import audit_objects
from service.jobs.intake import Accepted, JobIntake, NewJob
from service.jobs.queue import Dispatcher, JobQueue
from service.jobs.records import Job, Kind, Render
from service.jobs.transitions import Jobs
from service.jobs.worker_registry import WorkerRegistry
from service.storage.buckets import open_buckets
from testkit import installation
from testkit.fleet import Fleet, Member
from testkit.photos import HELD, Deed, with_deed
from testkit.polling import until
from tests.support.shop import end_lease

#: Short timings, so that waiting for them does not take long.
QUICK: dict[str, Any] = {
    # Long enough for a worker on a busy machine, which would lose its jobs otherwise.
    "lease": 12.0,
    "sweep_every": 1.0,
    "resend_after": 3.0,
    "time_limit": 120.0,
    "max_attempts": 2,
    "stop_grace": 120.0,
    # One queue takes fewer threads and connections than three.
    "worker_takes": "swaps",
    # One job per process, so that a process identifies its job.
    "jobs_in_flight": 1,
}


class Installation:
    """A running installation."""

    def __init__(self, made: installation.Installation, fleet: Fleet) -> None:
        self.made, self.settings, self.fleet = made, made.settings, fleet
        self.engine = create_engine(self.settings.sqlalchemy_url)
        self.intake = JobIntake(self.engine)
        self.jobs = Jobs(self.engine, lease=self.settings.lease, max_attempts=self.settings.max_attempts)
        self.sources, self.renders = open_buckets(self.settings)
        self.job_queue = JobQueue(self.settings.queue_url)
        self.worker_registry = WorkerRegistry(self.settings.queue_url)
        self.queue: Any = Redis.from_url(self.settings.queue_url)
        self.client: Client = Accounts(self.engine).add(f"installation-{ULID()}", credits=1000)[0]
        self._numbers = itertools.count()

    def order(self, photo: bytes, *, enqueue: bool = True) -> Accepted:
        """Order a cut-out as a submit does: store the photo, commit the job, and send its message."""
        key = f"uploads/{self.client.id}/{next(self._numbers)}.png"
        self.sources.put(key, photo, "image/png")
        spec = stored_spec(load_catalogue(), SwapOrder("white", "calm", "transparent_cutout", seed=1))
        accepted = self.intake.create(
            NewJob(str(ULID()), self.client.id, "background-swap-with-spec", {}, "", spec, key, credits_cost=1)
        )
        if enqueue:
            Dispatcher(self.jobs, self.job_queue).send([accepted.job_id], Kind.SWAP)
        return accepted

    def look(self, accepted: Accepted) -> tuple[Job, Render | None]:
        found = self.jobs.get(accepted.job_id, client_id=self.client.id)
        assert found is not None
        return found

    def job(self, accepted: Accepted) -> Job:
        return self.look(accepted)[0]

    def ended(self, accepted: Accepted, timeout: float = 300.0) -> Job:
        job: Job = until(lambda: (job := self.job(accepted)).finished_at and job, timeout)
        return job

    def outcome(self, accepted: Accepted, timeout: float = 300.0) -> tuple[str, str | None]:
        job = self.ended(accepted, timeout)
        return job.status, job.error_code

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep jobs of Deed.HELD photos under way until the end of the block."""
        file = self.settings.home / HELD
        file.touch()
        try:
            yield
        finally:
            file.unlink()

    def end_lease(self, *orders: Accepted) -> None:
        """Let the remaining leases of jobs expire, once their workers can no longer renew them."""
        for accepted in orders:
            end_lease(self.engine, accepted.job_id)

    def under_way(self, accepted: Accepted, stage: str = "segment") -> None:
        until(lambda: self.job(accepted).stage == stage)

    def occupied(self) -> tuple[Accepted, psutil.Process]:
        """Order a job that a `held` installation does not end; return it with the process of its worker."""
        accepted = self.order(with_deed(Deed.HELD))
        self.under_way(accepted)
        return accepted, process_of(self.taken_by(accepted))

    def signal_stop(self, process: psutil.Process) -> None:
        """Signal a worker to stop, and wait until it logs that: otherwise its job might end first."""
        log = self.fleet.log(next(worker.name for worker in self.workers if worker.process == process))
        before = log.read_text().count("stopping: ")
        process.send_signal(signal.SIGTERM)
        until(lambda: log.read_text().count("stopping: ") > before)

    def taken_by(self, accepted: Accepted) -> Member:
        """Return the worker whose log has the last start of the job."""
        said = f"job {accepted.job_id}: attempt {self.job(accepted).attempt}"
        return next(one for one in self.workers if said in self.fleet.log(one.name).read_text())

    @property
    def workers(self) -> list[Member]:
        return [member for member in self.fleet.members if member.name.startswith("worker")]

    def all_ready(self) -> None:
        """Wait until every worker has a process that takes jobs."""

        def announced() -> bool:
            there = {worker["pid"] for worker in self.worker_registry.workers()}
            processes = [worker.process for worker in self.workers]
            return all(process is not None and process.pid in there for process in processes)

        until(announced)

    def wrong(self) -> list[Finding]:
        """Return the findings of the audit of rows and objects."""
        findings = audit(self.engine, Bounds(max_attempts=self.settings.max_attempts)).findings
        return findings + audit_objects(self.engine, self.renders).findings

    def close(self) -> None:
        self.queue.close()
        self.engine.dispose()


def process_of(member: Member) -> psutil.Process:
    process = until(lambda: member.process)
    assert isinstance(process, psutil.Process)
    return process


def clock_off_by(seconds: int) -> dict[str, str]:
    """Return the environment of a process on a host whose clock is off. Empty where the library is missing."""
    found = find_spec("libfaketime")  # found, not imported: importing it would change this process
    library = next(Path(str(found.origin)).parent.rglob("libfaketime.so.1"), None) if found else None
    if library is None or not seconds:
        return {}
    # Only the time of day: a process's waits do not depend on it.
    return {"LD_PRELOAD": str(library), "FAKETIME": f"{seconds:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@contextmanager
def running_installation(
    kind: str, home: Path, *, clocks: Sequence[int] = (0,), **settings: Any
) -> Iterator[Installation]:
    """Run an "embedded" or "production" installation with a sweep and a worker for each clock.

    A clock is by how many seconds the worker's clock is off. The sweep's is off as the first worker's.
    """
    install = {"embedded": installation.embedded, "production": installation.production}[kind]
    with install(home, **QUICK | settings) as made, Fleet(made.settings, home / "logs") as fleet:
        fleet.sweep(**clock_off_by(clocks[0]))
        for seconds in clocks:
            fleet.worker(**clock_off_by(seconds))
        running = Installation(made, fleet)
        try:
            yield running
        finally:
            running.close()
