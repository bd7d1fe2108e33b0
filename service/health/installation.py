"""The installation as one process sees it: database, queue server, store, who lives, and what waits."""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from service.database.clock import db_now
from service.database.engine import create_engine, reader
from service.database.quarantine import Quarantine
from service.database.schema import SchemaOutdated, schema
from service.database.tables import UNFINISHED, clients, deliveries, jobs, ledger
from service.health.parts import Patient, StoreCheck, Unusable
from service.jobs.queue import JobQueue, QueueUnavailable
from service.jobs.records import JobStatus
from service.jobs.worker_registry import WorkerRegistry
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.objects import Bucket, ObjectError

logger = logging.getLogger(__name__)

#: Seconds that PostgreSQL may take to count; a database that needs longer does not answer.
_PATIENCE = 5

_UNFINISHED = (
    sa.select(jobs.c.status, sa.func.count(), sa.func.sum(jobs.c.credits_cost))
    .where(UNFINISHED)
    .group_by(jobs.c.status)
)
_OLDEST = sa.select(sa.func.min(jobs.c.created_at), db_now()).where(UNFINISHED, jobs.c.status == JobStatus.NOT_STARTED)
# By the value, not a parameter, as `UNFINISHED`: so SQLite finds the partial index.
_MESSAGES = (
    sa.select(sa.func.count(), sa.func.min(deliveries.c.created_at))
    .select_from(deliveries)
    .where(sa.text("state = 'waiting'"))
)
_LEDGER = sa.select(sa.func.coalesce(sa.func.sum(ledger.c.amount), 0)).where(ledger.c.client_id == clients.c.id)
_UNRECONCILED = sa.select(sa.func.count()).where(clients.c.balance != _LEDGER.scalar_subquery())


@dataclass(frozen=True)
class Finding:
    """A part that can't be used, or lacks, and a sentence about it."""

    part: str
    detail: str


@dataclass(frozen=True)
class Backlog:
    """What the database has of unfinished work."""

    #: Jobs by status, those that are not over.
    jobs: dict[str, int]
    #: Seconds since the oldest waiting job was submitted; 0 where none waits.
    oldest: float
    #: Webhooks' messages that wait for their receiver, and seconds since the oldest was written.
    messages: int
    oldest_message: float
    #: What the unfinished jobs were charged.
    credits: int


@dataclass(frozen=True)
class State:
    """What one look found. Of parts that did not answer nothing is known, None, but how long they were asked."""

    #: Of database, queue and store, what can't be used.
    away: tuple[Finding, ...] = ()
    #: Whether the schema is one that this release works with.
    schema_usable: bool | None = None
    backlog: Backlog | None = None
    #: Seconds that the database took for all that it was asked, or until it was given up.
    database_seconds: float | None = None
    #: Messages on the queue that no worker has fetched.
    queued: int | None = None
    #: What each live worker said of itself; `takes_no_jobs`: why it takes none.
    workers: list[dict[str, Any]] | None = None
    #: How many sweeps live.
    sweeps: int | None = None
    #: Why the installation is in quarantine; None: it is not.
    held: str | None = None
    #: Clients whose balance is not the sum of their ledger; None: not asked at this look.
    unreconciled: int | None = None

    @property
    def usable(self) -> list[dict[str, Any]] | None:
        """Return the workers that take jobs: those that live, are not drained, and whose store takes writes."""
        return self.workers and [one for one in self.workers if not one.get("takes_no_jobs")]

    @property
    def lacking(self) -> tuple[Finding, ...]:
        """Return who should live and does not."""
        found = []
        if self.held is not None:
            found.append(Finding("installation", self.held))
        if self.workers is not None and not self.usable:
            idle = ", ".join(f"{one['host']}:{one['pid']} is {one['takes_no_jobs']}" for one in self.workers)
            lives = f"takes jobs ({idle})" if idle else "lives"
            found.append(Finding("worker", f"No worker {lives}: jobs are accepted, and wait."))
        if self.sweeps == 0:
            found.append(Finding("sweep", "No sweep lives: what the queue loses stays, and no webhook is delivered."))
        return tuple(found)

    def health(self, needed: Collection[str]) -> dict[str, Any]:
        """Return what a process is told to be that can't do its part without these parts: status and reasons.

        `status`: "unavailable" where one of them is away, "degraded" where anything else is wrong, "ok".
        """
        missing = [one for one in self.away if one.part in needed]
        degraded = [one for one in (*self.away, *self.lacking) if one not in missing]
        return {
            "status": "unavailable" if missing else "degraded" if degraded else "ok",
            "missing": [vars(one) for one in missing],
            "degraded": [vars(one) for one in degraded],
            "workers": None if self.usable is None else len(self.usable),
            "sweeps": self.sweeps,
            "waiting_jobs": self.backlog and self.backlog.jobs.get(JobStatus.NOT_STARTED, 0),
            "oldest_waiting_seconds": self.backlog and round(self.backlog.oldest, 1),
        }


@dataclass(frozen=True)
class Installation:
    """The parts that are looked at. Lives as long as the process; safe in threads."""

    engine: sa.Engine
    queue: JobQueue
    workers: WorkerRegistry
    sweeps: WorkerRegistry
    buckets: tuple[Bucket, Bucket]
    quarantine: Quarantine | None = None
    _reader: sa.Engine = field(init=False, repr=False)
    _queue: Patient = field(init=False, repr=False)
    _store: Patient = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reader", reader(self.engine))
        object.__setattr__(self, "_queue", Patient("queue server", self._ask_queue))
        object.__setattr__(self, "_store", Patient("object store", StoreCheck(self.buckets)))

    def look(self) -> State:
        """Look at every part, one after another. Never raises; a database that is away takes some seconds.

        Queue server and store are waited for a moment only: no probe may time out for what an API can do without.
        """
        found: dict[str, Any] = {}
        away: list[Finding] = []
        looks: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
            ("database", self._database),
            ("queue", self._queue),
            ("store", self._store),
        )
        for part, look in looks:
            began = time.perf_counter()
            try:
                found |= look()
            except SchemaOutdated as error:
                found["schema_usable"] = False
                away.append(Finding(part, str(error)))
            except sa.exc.SQLAlchemyError as error:
                logger.warning("the database does not answer: %s", error)
                away.append(Finding(part, "The database does not answer."))
            except QueueUnavailable:
                away.append(Finding(part, "The queue server does not answer."))
            except (ObjectError, Unusable) as error:
                away.append(Finding(part, str(error)))
            if part == "database":
                found["database_seconds"] = time.perf_counter() - began
        return State(tuple(away), **found)

    def _database(self) -> dict[str, Any]:
        schema(self._reader).require()
        held = None if self.quarantine is None else self.quarantine.reason()
        return {"schema_usable": True, "backlog": self._backlog(), "held": held}

    def _backlog(self) -> Backlog:
        on_postgresql = self.engine.dialect.name == "postgresql"
        # A reader there has no transaction that the timeout could hold for.
        with (self.engine if on_postgresql else self._reader).connect() as connection:
            if on_postgresql:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{_PATIENCE}s'")
                if connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on":
                    connection.invalidate()  # the next look asks whichever server is the primary then
                    raise Unusable("The database takes no writes (transaction_read_only is on), as a standby does.")
            counted = connection.execute(_UNFINISHED).all()
            oldest, now = connection.execute(_OLDEST).one()
            messages, first = connection.execute(_MESSAGES).one()
        age, lag = (0.0 if since is None else max(0.0, (now - since).total_seconds()) for since in (oldest, first))
        unfinished = {status: int(count) for status, count, _ in counted}
        return Backlog(unfinished, age, int(messages), lag, sum(int(credits) for *_, credits in counted))

    def unreconciled(self) -> int:
        """Count the clients whose balance is not the sum of their ledger; reads all of it. Raises SQLAlchemyError."""
        with self._reader.connect() as connection:
            return int(connection.execute(_UNRECONCILED).scalar_one())

    def _ask_queue(self) -> dict[str, Any]:
        return {
            "queued": self.queue.waiting(),
            "workers": self.workers.workers(),
            "sweeps": len(self.sweeps.workers()),
        }


def open_installation(settings: Settings) -> Installation:
    """Return the settings' installation. Contacts nothing."""
    engine = create_engine(settings.sqlalchemy_url)
    return Installation(
        engine,
        JobQueue(settings.queue_url),
        WorkerRegistry(settings.queue_url),
        WorkerRegistry(settings.queue_url, kind="sweep"),
        open_buckets(settings),
        Quarantine(engine, settings),
    )
