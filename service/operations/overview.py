"""The jobs of all clients for an operator: waiting, running, slow, failed or stuck. Also exports finished swaps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from service.database.clock import db_now
from service.database.engine import reader
from service.database.tables import clients, jobs, renders
from service.jobs import turns
from service.jobs.records import JobStatus

#: Rows that one query of an export reads.
_PAGE = 1000


class Look(StrEnum):
    """Which jobs to show, and in which order."""

    WAITING = "waiting"  #: Not started, in the order in which they will start.
    RUNNING = "running"  #: Running on a worker, longest first.
    SLOWEST = "slowest"  #: Finished, longest time from start to end first.
    FAILED = "failed"  #: Failed, latest first.
    STUCK = "stuck"  #: Unfinished for too long, or lost by a worker that died. Oldest first.


@dataclass(frozen=True)
class JobLine:
    """A job as an operator sees it."""

    id: str
    client: str
    status: str
    operation: str
    preview: bool
    preset: str | None
    #: Pixels of the delivered picture. None: there is none.
    width: int | None
    height: int | None
    stage: str | None
    #: Seconds by stage of the latest attempt, in order. None: no worker of this release ran it.
    stages: dict[str, float] | None
    attempt: int
    #: "host:pid" of the latest attempt.
    worker: str | None
    error_code: str | None
    error_message: str | None
    reference: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    #: The database's time of this reading.
    now: datetime

    @property
    def waited(self) -> float:
        """Seconds from the submit to the first attempt, or until now."""
        return ((self.started_at or self.finished_at or self.now) - self.created_at).total_seconds()

    @property
    def ran(self) -> float | None:
        """Seconds from the first attempt's start to the end, or until now. None: it was not started."""
        return None if self.started_at is None else ((self.finished_at or self.now) - self.started_at).total_seconds()


_LINES = (
    sa.select(
        *(jobs.c[name] for name in ("id", "status", "operation", "preview", "stage", "stages", "attempt", "worker")),
        *(jobs.c[name] for name in ("error_code", "error_message", "reference")),
        *(jobs.c[name] for name in ("created_at", "started_at", "finished_at")),
        jobs.c.spec["output_preset"].as_string().label("preset"),
        clients.c.name.label("client"),
        renders.c.width,
        renders.c.height,
        db_now().label("now"),
    )
    .join_from(jobs, clients, clients.c.id == jobs.c.client_id)
    .join(renders, renders.c.job_id == jobs.c.id, isouter=True)
)
_OVER = jobs.c.finished_at.is_not(None)


class Overview:
    """The jobs of one database, for operators. Lives as long as the process. Thread-safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._reader = reader(engine)

    def look(
        self,
        look: Look,
        *,
        limit: int,
        client: str | None = None,
        code: str | None = None,
        since: float | None = None,
        stuck_after: float = 600.0,
    ) -> list[JobLine]:
        """Return at most `limit` jobs. `since`: only those submitted within this many seconds. Raises SQLAlchemyError.

        `stuck_after`: seconds that an unfinished job may wait or run.
        """
        query = self._narrowed(look, stuck_after).limit(limit)
        if client is not None:
            query = query.where(clients.c.name == client)
        if code is not None:
            query = query.where(jobs.c.error_code == code)
        if since is not None:
            query = query.where(jobs.c.created_at >= db_now(-since))
        with self._reader.connect() as connection:
            return [JobLine(**row) for row in connection.execute(query).mappings()]

    def _narrowed(self, look: Look, stuck_after: float) -> sa.Select[Any]:
        waits, runs = (jobs.c.status == status for status in (JobStatus.NOT_STARTED, JobStatus.IN_PROGRESS))
        match look:
            case Look.WAITING:
                return _LINES.where(turns.WAITING).order_by(*turns.ORDER)
            case Look.RUNNING:
                return _LINES.where(turns.IN_ORDER, runs).order_by(jobs.c.started_at)
            case Look.FAILED:
                return _LINES.where(jobs.c.status == JobStatus.FAILURE).order_by(jobs.c.finished_at.desc())
            case Look.SLOWEST:
                return _LINES.where(_OVER, jobs.c.started_at.is_not(None)).order_by(self._took().desc())
            case Look.STUCK:
                old = sa.or_(
                    sa.and_(waits, jobs.c.created_at <= db_now(-stuck_after)),
                    sa.and_(runs, sa.or_(jobs.c.lease_until <= db_now(), jobs.c.started_at <= db_now(-stuck_after))),
                )
                return _LINES.where(turns.IN_ORDER, old).order_by(jobs.c.created_at)

    def _took(self) -> sa.ColumnElement[Any]:
        if self._reader.dialect.name == "sqlite":
            return sa.func.julianday(jobs.c.finished_at) - sa.func.julianday(jobs.c.started_at)
        return jobs.c.finished_at - jobs.c.started_at

    def export(self, *, since: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield finished jobs in the order of their submits, in the format of `benchmarks/capacity.py`.

        Keys: "submitted", "started" (null: never) and "finished" as ISO 8601 in UTC. "stages" has the seconds by stage
        of the latest attempt. Also "status", "attempts", "worker", "preset", "width", "height". Includes previews and
        cut-outs. A cut-out's preset is null. Raises SQLAlchemyError.
        """
        query = _LINES.where(_OVER).order_by(jobs.c.id).limit(_PAGE)
        if since is not None:
            query = query.where(jobs.c.created_at >= db_now(-since))
        after = ""
        while True:
            with self._reader.connect() as connection:
                page = [JobLine(**row) for row in connection.execute(query.where(jobs.c.id > after)).mappings()]
            yield from (_exported(line) for line in page)
            if len(page) < _PAGE:
                return
            after = page[-1].id


def _exported(line: JobLine) -> dict[str, Any]:
    return {
        "submitted": line.created_at.isoformat(),
        "started": line.started_at and line.started_at.isoformat(),
        "finished": line.finished_at and line.finished_at.isoformat(),
        "stages": line.stages or {},
        "status": line.status,
        "attempts": line.attempt,
        "worker": line.worker,
        "preset": line.preset,
        "width": line.width,
        "height": line.height,
    }
