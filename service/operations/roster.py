"""The roster of workers in the database: which of them live, by their heartbeats, and which must drain.

The queue server has a registry, too (`service.jobs.worker_registry`). Drain requests are in the database, because they
must survive a lost queue server. The sweep sends the messages that a draining worker fetched but did not start again,
or other workers take them within a minute.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dramatiq
import sqlalchemy as sa

from service.database.clock import db_now
from service.database.engine import DATABASE_AWAY, reader
from service.database.tables import jobs, workers
from service.jobs.records import JobStatus

#: Seconds after its last heartbeat for which a worker counts as alive. It sends a heartbeat every ten seconds.
ALIVE = 30.0
#: Seconds after its last heartbeat for which the roster keeps a worker.
_FORGOTTEN = 86_400.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RosterEntry:
    """A worker as an operator sees it."""

    name: str
    #: "host:pid".
    label: str
    about: dict[str, Any]
    started_at: datetime
    seen_at: datetime
    alive: bool
    drain_asked_at: datetime | None
    draining_since: datetime | None
    #: Ids of its running jobs.
    job_ids: tuple[str, ...]

    @property
    def state(self) -> str:
        """Return "gone", "busy", "idle", "asked to drain", "draining" (jobs are left) or "drained"."""
        if not self.alive:
            return "gone"
        if self.draining_since is not None:
            return "draining" if self.job_ids else "drained"
        if self.drain_asked_at is not None:
            return "asked to drain"
        return "busy" if self.job_ids else "idle"


class WorkerRoster:
    """The workers of one database. Lives as long as the process. Thread-safe. Raises SQLAlchemyError."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)

    def beat(self, name: str, label: str, about: dict[str, Any], *, draining: bool) -> bool:
        """Store a worker's heartbeat and whether it drains. Return whether it should drain."""
        since = sa.func.coalesce(workers.c.draining_since, db_now()) if draining else None
        heard = workers.update().where(workers.c.name == name).values(seen_at=db_now(), draining_since=since)
        with self._engine.begin() as connection:
            row = connection.execute(heard.returning(workers.c.drain_asked_at)).first()
            if row is None:
                connection.execute(workers.insert().values(name=name, label=label[:255], about=about))
                connection.execute(workers.delete().where(workers.c.seen_at <= db_now(-_FORGOTTEN)))
        return row is not None and row.drain_asked_at is not None

    def leave(self, name: str) -> None:
        """Remove a worker from the roster."""
        with self._engine.begin() as connection:
            connection.execute(workers.delete().where(workers.c.name == name))

    def all(self) -> list[RosterEntry]:
        """Return the workers of the last day, with their running jobs."""
        alive = (workers.c.seen_at > db_now(-ALIVE)).label("alive")
        carried = sa.select(jobs.c.worker, jobs.c.id).where(jobs.c.status == JobStatus.IN_PROGRESS)
        with self._reader.connect() as connection:
            running = connection.execute(carried.where(jobs.c.lease_until > db_now()).order_by(jobs.c.id)).all()
            rows = connection.execute(sa.select(workers, alive).order_by(workers.c.label)).mappings().all()
        return [
            RosterEntry(
                **{**row, "alive": bool(row["alive"])},
                job_ids=tuple(job.id for job in running if job.worker == row["label"]),
            )
            for row in rows
        ]

    def ask_drain(self, which: str | None, *, drain: bool = True) -> list[str]:
        """Request workers to take no more jobs: one by name or "host:pid", or all for None. Return their labels.

        `drain` False: let them take jobs again.
        """
        asked = sa.func.coalesce(workers.c.drain_asked_at, db_now()) if drain else None
        change = workers.update().values(drain_asked_at=asked).where(workers.c.seen_at > db_now(-ALIVE))
        if which is not None:
            change = change.where(sa.or_(workers.c.name == which, workers.c.label == which))
        with self._engine.begin() as connection:
            return sorted(connection.execute(change.returning(workers.c.label)).scalars())


@dataclass
class Drain:
    """A worker's entry in the roster, and whether the worker takes jobs. For one thread."""

    roster: WorkerRoster
    worker: dramatiq.Worker
    name: str
    label: str
    about: dict[str, Any]
    draining: bool = field(default=False, init=False)

    def beat(self) -> None:
        """Send a heartbeat, and drain or resume as the answer requires. Ignores a database that is away."""
        try:
            asked = self.roster.beat(self.name, self.label, self.about, draining=self.draining)
            if asked == self.draining:
                return
            self._pause(asked)
            self.roster.beat(self.name, self.label, self.about, draining=asked)
        except DATABASE_AWAY as error:
            logger.warning("the worker's heartbeat was not written: %s", error)

    def _pause(self, asked: bool) -> None:
        # Not dramatiq's own `pause`, which waits until every thread has ended its job.
        threads: list[Any] = [*self.worker.consumers.values(), *self.worker.workers]  # typed as plain threads
        for thread in threads:
            thread.pause() if asked else thread.resume()
        self.draining = asked
        logger.info("draining: the worker takes no more jobs" if asked else "the worker takes jobs again")

    def leave(self) -> None:
        """Remove the worker from the roster, unless the database is away."""
        try:
            self.roster.leave(self.name)
        except DATABASE_AWAY as error:
            logger.warning("the worker was not removed from the roster: %s", error)
