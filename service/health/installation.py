"""The installation as one process sees it: database, queue server, store, live processes, and waiting work."""

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
from service.jobs.turns import BEHIND
from service.jobs.worker_registry import WorkerRegistry
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.objects import Bucket, ObjectError

logger = logging.getLogger(__name__)

#: Seconds that PostgreSQL may take to count. Then the check gives up.
_PATIENCE = 5

#: Of live jobs: those of sandboxes may wait for long.
_OLDEST = sa.func.min(jobs.c.created_at).filter(jobs.c.turn < BEHIND)
_LINE = (jobs.c.operation, jobs.c.preview, jobs.c.status)
_UNFINISHED = (
    sa.select(*_LINE, sa.func.count(), sa.func.sum(jobs.c.credits_cost), _OLDEST).where(UNFINISHED).group_by(*_LINE)
)
# A literal value, not a parameter, as in `UNFINISHED`, so that SQLite uses the partial index.
_MESSAGES = (
    sa.select(sa.func.count(), sa.func.min(deliveries.c.created_at), db_now())
    .select_from(deliveries)
    .where(sa.text("state = 'waiting'"))
)
_LEDGER = sa.select(sa.func.coalesce(sa.func.sum(ledger.c.amount), 0)).where(ledger.c.client_id == clients.c.id)
_UNRECONCILED = sa.select(sa.func.count()).where(clients.c.balance != _LEDGER.scalar_subquery())


@dataclass(frozen=True)
class Finding:
    """A part that can't be used or is missing, and a sentence about it."""

    part: str
    detail: str


@dataclass(frozen=True)
class Backlog:
    """The unfinished work in the database."""

    #: Unfinished jobs, by kind and status.
    jobs: dict[tuple[str, str], int]
    #: Seconds since the oldest waiting job of a kind was submitted, for each kind that has one.
    ages: dict[str, float]
    #: Waiting webhook messages, and seconds since the oldest was written.
    messages: int
    oldest_message: float
    #: Credits that the unfinished jobs cost.
    credits: int

    def of(self, status: JobStatus) -> int:
        """Count the jobs with a status."""
        return sum(count for (_, found), count in self.jobs.items() if found == status)

    @property
    def oldest(self) -> float:
        """Seconds since the oldest waiting job was submitted, or 0 if none waits."""
        return max(self.ages.values(), default=0.0)


@dataclass(frozen=True)
class State:
    """The result of one check. Fields of a part that did not answer are None, except for the time it took."""

    #: Parts that can't be used, out of database, queue and store.
    away: tuple[Finding, ...] = ()
    #: Whether this release can work with the schema.
    schema_usable: bool | None = None
    backlog: Backlog | None = None
    #: Seconds that the database took for all queries, or until the check gave up.
    database_seconds: float | None = None
    #: Messages on the queue, by kind, that no worker has fetched.
    queued: dict[Kind, int] | None = None
    #: The latest report of each live worker. `takes_no_jobs`: why it takes none.
    workers: list[dict[str, Any]] | None = None
    #: The workers that did not start because they can't mark pictures, with the reason.
    unmarked: list[dict[str, Any]] | None = None
    #: Number of live sweeps.
    sweeps: int | None = None
    #: Why the installation is in quarantine, or None.
    held: str | None = None
    #: Clients whose balance differs from the sum of their ledger. None: not checked this time.
    unreconciled: int | None = None
    #: Kinds of work that the API accepts.
    kinds: tuple[Kind, ...] = tuple(Kind)

    @property
    def usable(self) -> list[dict[str, Any]] | None:
        """Return the workers that take jobs: they live, are not drained, and their store accepts writes."""
        return self.workers and [one for one in self.workers if not one.get("takes_no_jobs")]

    def takers(self, kind: Kind) -> int | None:
        """Count the usable workers that take a kind of work. A worker of the previous release takes every kind."""
        return None if self.usable is None else sum(kind in one.get("takes", Kind) for one in self.usable)

    @property
    def lacking(self) -> tuple[Finding, ...]:
        """Return the workers and sweeps that are missing."""
        found = []
        if self.held is not None:
            found.append(Finding("installation", self.held))
        if self.workers is not None and not self.usable:
            idle = ", ".join(f"{one['host']}:{one['pid']} is {one['takes_no_jobs']}" for one in self.workers)
            lives = f"takes jobs ({idle})" if idle else "is running"
            found.append(Finding("worker", f"No worker {lives}. The API accepts jobs, but they wait."))
        elif left := [QUEUES[kind] for kind in self.kinds if self.takers(kind) == 0]:
            found.append(
                Finding("worker", f"No worker takes {' or '.join(left)}. The API accepts them, but they wait.")
            )
        for one in self.unmarked or ():
            found.append(Finding("worker", f"The worker on {one['host']} can't mark pictures: {one['why']}"))
        if self.sweeps == 0:
            found.append(Finding("sweep", "No sweep is running. Lost messages stay lost, and webhooks are not sent."))
        return tuple(found)

    def health(self, needed: Collection[str]) -> dict[str, Any]:
        """Return the health of a process that needs these parts: status and reasons.

        `status`: "unavailable" if one of the needed parts is away, "degraded" for any other problem, or "ok".
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
    """The parts to check. Lives as long as the process. Thread-safe."""

    engine: sa.Engine
    queue: JobQueue
    workers: WorkerRegistry
    sweeps: WorkerRegistry
    unmarked: WorkerRegistry
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
        """Check every part in turn. Never raises. If the database is away, this takes some seconds.

        Waits only a moment for queue server and store, because a probe must not time out over parts that an API can do
        without.
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
        # The reader has no transaction there, and SET LOCAL needs one.
        with (self.engine if on_postgresql else self._reader).connect() as connection:
            if on_postgresql:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{_PATIENCE}s'")
                if connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on":
                    connection.invalidate()  # the next check connects again, to the server that is then the primary
                    raise Unusable("The database accepts no writes (transaction_read_only is on), like a standby.")
            counted = connection.execute(_UNFINISHED).all()
            messages, first, now = connection.execute(_MESSAGES).one()
        unfinished, ages, charged = dict[tuple[str, str], int](), dict[str, float](), 0
        for operation, preview, status, count, credits, oldest in counted:
            kind, charged = kind_of(operation, preview), charged + int(credits)
            unfinished[kind, status] = int(count)
            if status == JobStatus.NOT_STARTED and oldest is not None:
                ages[kind] = max(0.0, (now - oldest).total_seconds())
        lag = 0.0 if first is None else max(0.0, (now - first).total_seconds())
        return Backlog(unfinished, ages, int(messages), lag, charged)

    def unreconciled(self) -> int:
        """Count the clients whose balance differs from the sum of their whole ledger. Raises SQLAlchemyError."""
        with self._reader.connect() as connection:
            return int(connection.execute(_UNRECONCILED).scalar_one())

    def _ask_queue(self) -> dict[str, Any]:
        return {
            "queued": self.queue.waiting(),
            "workers": self.workers.workers(),
            "unmarked": self.unmarked.workers(),
            "sweeps": len(self.sweeps.workers()),
        }


def open_installation(settings: Settings) -> Installation:
    """Return the settings' installation. Does not connect yet."""
    engine = create_engine(settings.sqlalchemy_url)
    return Installation(
        engine,
        JobQueue(settings.queue_url),
        WorkerRegistry(settings.queue_url),
        WorkerRegistry(settings.queue_url, kind="sweep"),
        WorkerRegistry(settings.queue_url, kind="unmarked"),
        open_buckets(settings),
        Quarantine(engine, settings),
        tuple(kind for kind in Kind if settings.previews or kind != Kind.PREVIEW),
    )
