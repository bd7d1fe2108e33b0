"""Jobs: the one table that decides what has happened. Every move of a job and of its credits is here.

    NOT_STARTED ──claim──▶ IN_PROGRESS ──succeed──▶ SUCCESS
         │                   │   ▲  │
         │                   └───┘  └──fail, sweep──▶ FAILURE + refund
         │           claim again (lease over)            ▲
         └───────────── sweep (nobody came) ─────────────┘

A claim is a lease with a fencing token: whoever lost it can neither finish nor refund. Times are the database's.
`service.orders` makes them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.database import reader
from service.ledger import refund
from service.tables import db_now, jobs, ledger, renders


class JobStatus(StrEnum):
    """Where a job stands."""

    NOT_STARTED = "NOT_STARTED"  #: Charged; waits for a worker.
    IN_PROGRESS = "IN_PROGRESS"  #: A worker holds it, or held it and died.
    SUCCESS = "SUCCESS"  #: Rendered; the credits are kept.
    FAILURE = "FAILURE"  #: Over without a render; the credits are back.


class LeaseLost(Exception):
    """Raised when another attempt, or the sweep, has taken the job over."""


@dataclass(frozen=True)
class Claim:
    """The right to run one attempt of a job, until the lease is over."""

    job_id: str
    client_id: str
    token: str
    attempt: int
    spec: dict[str, Any]
    source_key: str


@dataclass(frozen=True)
class NewRender:
    """What a successful attempt stored."""

    public_id: str
    key: str
    output_preset: str
    width: int
    height: int
    format: str
    content_type: str
    bytes: int
    sha256: str
    seed: int
    warnings: list[str]
    report: dict[str, Any]


@dataclass(frozen=True)
class Render(NewRender):
    """A render as it is kept."""

    job_id: str
    source_key: str


@dataclass(frozen=True)
class Job:
    """A job as its client sees it."""

    id: str
    request_id: str
    status: JobStatus
    stage: str | None
    progress: float
    attempt: int
    credits_cost: int
    credits_refunded: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error_code: str | None
    error_message: str | None


_UNFINISHED = jobs.c.status.in_([JobStatus.NOT_STARTED, JobStatus.IN_PROGRESS])
_LEASE_OVER = sa.and_(jobs.c.status == JobStatus.IN_PROGRESS, jobs.c.lease_until <= db_now())


class Jobs:
    """The jobs of one database. Lives as long as the process; safe in threads."""

    def __init__(self, engine: sa.Engine, *, lease: float, max_attempts: int) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._lease = lease
        self._max_attempts = max_attempts

    # The caller's side

    def get(self, job_id: str, *, client_id: str) -> tuple[Job, Render | None] | None:
        """Return the client's job with its render; None when there is none of that id, or it is another client's."""
        refunded = (
            sa.select(sa.func.coalesce(sa.func.sum(ledger.c.amount), 0))
            .where(ledger.c.job_id == jobs.c.id, ledger.c.kind == "refund")
            .scalar_subquery()
        )
        query = sa.select(jobs, refunded.label("refunded")).where(jobs.c.id == job_id, jobs.c.client_id == client_id)
        if not _may_be_id(job_id):
            return None
        with self._reader.connect() as connection:
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            job = Job(
                id=row["id"],
                request_id=row["request_id"],
                status=JobStatus(row["status"]),
                stage=row["stage"],
                progress=row["progress"],
                attempt=row["attempt"],
                credits_cost=row["credits_cost"],
                credits_refunded=row["refunded"],
                created_at=row["created_at"],
                started_at=row["started_at"],
                finished_at=row["finished_at"],
                error_code=row["error_code"],
                error_message=row["error_message"],
            )
            return job, _render(connection, renders.c.job_id == job_id)

    def render(self, public_id: str, *, client_id: str) -> Render | None:
        """Return the client's render; None when there is none of that id, or it is another client's."""
        if not _may_be_id(public_id):
            return None
        with self._reader.connect() as connection:
            return _render(connection, renders.c.public_id == public_id, renders.c.client_id == client_id)

    # The worker's side

    def claim(self, job_id: str) -> Claim | None:
        """Start an attempt; None when the job is over, runs elsewhere, or has used up its attempts."""
        token = str(ULID())
        with self._engine.begin() as connection:
            row = connection.execute(
                jobs.update()
                .where(
                    jobs.c.id == job_id,
                    jobs.c.attempt < self._max_attempts,
                    sa.or_(jobs.c.status == JobStatus.NOT_STARTED, _LEASE_OVER),
                )
                .values(
                    status=JobStatus.IN_PROGRESS,
                    attempt=jobs.c.attempt + 1,
                    lease_token=token,
                    lease_until=db_now(self._lease),
                    started_at=sa.func.coalesce(jobs.c.started_at, db_now()),
                    stage=None,
                    progress=0.0,
                )
                .returning(jobs.c.client_id, jobs.c.attempt, jobs.c.spec, jobs.c.source_key)
            ).first()
        if row is None:
            return None
        return Claim(job_id, row.client_id, token, row.attempt, row.spec, row.source_key)

    def keep(self, claim: Claim, *, stage: str | None = None, progress: float | None = None) -> None:
        """Renew the lease, and say how far the job is. Raises LeaseLost."""
        values: dict[str, Any] = {"lease_until": db_now(self._lease)}
        if stage is not None:
            values |= {"stage": stage, "progress": progress}
        with self._engine.begin() as connection:
            self._fenced(connection, claim, values)

    def hand_back(self, claim: Claim, *, after: float = 0.0, uncounted: bool = False) -> None:
        """End the attempt without a result; the sweep sends the job again after that many seconds.

        `uncounted`: the attempt was not the job's fault (the worker was told to stop). Raises LeaseLost.
        """
        attempt = jobs.c.attempt - 1 if uncounted else jobs.c.attempt
        values = {
            "lease_until": db_now(after),
            "lease_token": None,
            "sent_at": None,
            "stage": None,
            "attempt": attempt,
        }
        with self._engine.begin() as connection:
            self._fenced(connection, claim, values)

    def succeed(self, claim: Claim, render: NewRender) -> None:
        """Store the render and end the job, in one transaction. Raises LeaseLost."""
        with self._engine.begin() as connection:
            values = {"status": JobStatus.SUCCESS, "progress": 1.0, "stage": None}
            self._fenced(connection, claim, values | _OVER)
            connection.execute(renders.insert().values(job_id=claim.job_id, client_id=claim.client_id, **vars(render)))

    def fail(self, claim: Claim, code: str, message: str) -> None:
        """End the job without a render and refund it, in one transaction. Raises LeaseLost."""
        with self._engine.begin() as connection:
            self._fenced(connection, claim, _failed(code, message))
            refund(connection, claim.job_id)

    def attempts_left(self, claim: Claim) -> bool:
        """Tell whether the job may be started once more."""
        return claim.attempt < self._max_attempts

    @staticmethod
    def _fenced(connection: sa.Connection, claim: Claim, values: dict[str, Any]) -> None:
        moved = connection.execute(
            jobs.update()
            .where(
                jobs.c.id == claim.job_id,
                jobs.c.lease_token == claim.token,
                jobs.c.status == JobStatus.IN_PROGRESS,
            )
            .values(**values)
        )
        if moved.rowcount != 1:
            raise LeaseLost

    # The sweep's side

    def unsent(self, job_id: str) -> None:
        """Remember that the job's message did not go out."""
        with self._engine.begin() as connection:
            connection.execute(
                jobs.update().where(jobs.c.id == job_id, jobs.c.status == JobStatus.NOT_STARTED).values(sent_at=None)
            )

    def waiting(self) -> int:
        """Count the jobs whose message should be on the queue or in a worker's hands."""
        query = sa.select(sa.func.count()).where(_UNFINISHED, jobs.c.sent_at.is_not(None))
        with self._reader.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def take_unsent(self, *, queue_lost: bool, resend_after: float) -> list[str]:
        """Mark as sent, and return, the jobs that need a message: never sent, or given up by their worker.

        `queue_lost`: also those sent `resend_after` seconds ago that nobody has started.
        """
        due = [jobs.c.sent_at.is_(None), sa.and_(_LEASE_OVER, jobs.c.sent_at <= jobs.c.lease_until)]
        if queue_lost:
            due.append(jobs.c.sent_at <= db_now(-resend_after))
        startable = sa.or_(jobs.c.status == JobStatus.NOT_STARTED, _LEASE_OVER)
        with self._engine.begin() as connection:
            ids = connection.execute(
                jobs.update()
                .where(startable, jobs.c.attempt < self._max_attempts, sa.or_(*due))
                .values(sent_at=db_now())
                .returning(jobs.c.id)
            ).scalars()
            return sorted(ids)

    def settle_lost(self, *, max_wait: float) -> list[str]:
        """Fail and refund the jobs that killed every worker, and those that nobody started in `max_wait` seconds."""
        crashed = sa.and_(_LEASE_OVER, jobs.c.attempt >= self._max_attempts)
        waited = sa.and_(jobs.c.status == JobStatus.NOT_STARTED, jobs.c.created_at <= db_now(-max_wait))
        reasons = [
            (crashed, "worker_lost", "The workers that ran this job died. The credits are back; try again."),
            (waited, "queue_timeout", "No worker was free in time. The credits are back; try again later."),
        ]
        settled: list[str] = []
        with self._engine.begin() as connection:
            for condition, code, message in reasons:
                ids = list(
                    connection.execute(
                        jobs.update().where(condition).values(_failed(code, message)).returning(jobs.c.id)
                    ).scalars()
                )
                for job_id in ids:
                    refund(connection, job_id)
                settled += ids
        return settled


#: What is true of every job that is over.
_OVER: dict[str, Any] = {"finished_at": db_now(), "lease_token": None, "lease_until": None}


def _failed(code: str, message: str) -> dict[str, Any]:
    return {
        "status": JobStatus.FAILURE,
        "stage": None,
        "error_code": code,
        "error_message": message,
    } | _OVER


def _may_be_id(text: str) -> bool:
    """Tell whether the databases may be asked for it: PostgreSQL takes no NUL, SQLite no half of a character."""
    return text.isascii() and text.isalnum()


def _render(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Render | None:
    query = sa.select(renders, jobs.c.source_key).join(jobs, jobs.c.id == renders.c.job_id).where(*where)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Render(**{name: row[name] for name in Render.__dataclass_fields__})
