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
from service.jobs.queue import QUEUES, JobQueue, QueueUnavailable
from service.jobs.records import JobStatus, Kind, kind_of
from service.jobs.worker_registry import WorkerRegistry
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.objects import Bucket, ObjectError

logger = logging.getLogger(__name__)

#: Seconds that PostgreSQL may take to count; a database that needs longer does not answer.
_PATIENCE = 5

_LINE = (jobs.c.operation, jobs.c.preview, jobs.c.status)
_UNFINISHED = (
    sa.select(*_LINE, sa.func.count(), sa.func.sum(jobs.c.credits_cost), sa.func.min(jobs.c.created_at))
    .where(UNFINISHED)
    .group_by(*_LINE)
)
# By the value, not a parameter, as `UNFINISHED`: so SQLite finds the partial index.
_MESSAGES = (
    sa.select(sa.func.count(), sa.func.min(deliveries.c.created_at), db_now())
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

    #: Jobs by kind and status, those that are not over.
    jobs: dict[tuple[str, str], int]
    #: Seconds since the oldest waiting job of each kind was submitted, of those that wait.
    ages: dict[str, float]
    #: Webhooks' messages that wait for their receiver, and seconds since the oldest was written.
    messages: int
    oldest_message: float
    #: What the unfinished jobs were charged.
    credits: int

    def of(self, status: JobStatus) -> int:
        """Count the jobs of a status."""
        return sum(count for (_, found), count in self.jobs.items() if found == status)

    @property
    def oldest(self) -> float:
        """Seconds since the oldest waiting job was submitted; 0 where none waits."""
        return max(self.ages.values(), default=0.0)


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
    #: Messages on the queue of each kind that no worker has fetched.
    queued: dict[Kind, int] | None = None
    #: What each live worker said of itself; `takes_no_jobs`: why it takes none.
    workers: list[dict[str, Any]] | None = None
    #: How many sweeps live.
    sweeps: int | None = None
    #: Why the installation is in quarantine; None: it is not.
    held: str | None = None
    #: Clients whose balance is not the sum of their ledger; None: not asked at this look.
    unreconciled: int | None = None
    #: The kinds of work that the API accepts.
    kinds: tuple[Kind, ...] = tuple(Kind)

    @property
    def usable(self) -> list[dict[str, Any]] | None:
        """Return the workers that take jobs: those that live, are not drained, and whose store takes writes."""
        return self.workers and [one for one in self.workers if not one.get("takes_no_jobs")]

    def takers(self, kind: Kind) -> int | None:
        """Count the usable workers that take a kind of work; one of the release before takes every kind."""
        return None if self.usable is None else sum(kind in one.get("takes", Kind) for one in self.usable)

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
        elif left := [QUEUES[kind] for kind in self.kinds if self.takers(kind) == 0]:
            found.append(Finding("worker", f"No worker takes {' or '.join(left)}: they are accepted, and wait."))
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
            "waiting_jobs": self.backlog and self.backlog.of(JobStatus.NOT_STARTED),
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
    kinds: tuple[Kind, ...] = tuple(Kind)
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
        return State(tuple(away), kinds=self.kinds, **found)

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
            messages, first, now = connection.execute(_MESSAGES).one()
        unfinished, ages, charged = dict[tuple[str, str], int](), dict[str, float](), 0
        for operation, preview, status, count, credits, oldest in counted:
            kind, charged = kind_of(operation, preview), charged + int(credits)
            unfinished[kind, status] = int(count)
            if status == JobStatus.NOT_STARTED:
                ages[kind] = max(0.0, (now - oldest).total_seconds())
        lag = 0.0 if first is None else max(0.0, (now - first).total_seconds())
        return Backlog(unfinished, ages, int(messages), lag, charged)

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
        tuple(kind for kind in Kind if settings.previews or kind != Kind.PREVIEW),
    )
