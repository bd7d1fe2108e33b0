"""Jobs: the one table that decides what has happened. Every move of a job and of its credits is here.

    NOT_STARTED ──claim──▶ IN_PROGRESS ──succeed──▶ SUCCESS
         │                   │   ▲  │
         │                   └───┘  └──fail, cancel, sweep──▶ FAILURE + refund
         │           claim again (lease over)                    ▲
         └──────────── cancel, sweep (nobody came) ──────────────┘

A claim is a lease with a fencing token: whoever lost it can neither finish nor refund. Times are the database's.
`service.jobs.intake` makes them, `service.jobs.turns` has the order in which they are started. Wherever a job ends, its
client's message goes into the outbox (`write_message`), but for a preview's.
"""

import time
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.accounts.ledger import refund
from service.catalogue.spec_versions import SPEC_VERSION
from service.database.clock import ago, db_now
from service.database.engine import reader
from service.database.tables import UNFINISHED, cutouts, jobs, renders, stored_objects
from service.jobs import turns
from service.jobs.records import (
    Claim,
    Failure,
    Job,
    JobFinished,
    JobStatus,
    Kind,
    LeaseLost,
    NewCutout,
    NewRender,
    Operation,
    Render,
    kind_of,
    may_be_id,
)
from service.jobs.rows import JOBS, RENDERS, job_of, render_of
from service.telemetry.correlation import current
from service.telemetry.metrics import JobMetrics
from service.webhooks.outbox import write_message

#: How many jobs one statement names.
_PAGE = 500
#: How many jobs one transaction ends: it holds their clients' rows for about 2 ms a job, and their submits wait.
ENDED_AT_ONCE = 100
#: SQLSTATE of a deadlock and of a serialization failure: nothing was written, and a repeat may work at once.
_COLLISIONS = ("40P01", "40001")
_CLAIM_TRIES = 3
#: Seconds between two looks of a worker for jobs that only a newer release can do.
_LOOK_PAST_EVERY = 10.0
_PHOTO_DELETED = Failure("source_deleted", "Its photo was deleted. The credits are back.")
#: What a claim repeats of its job's row.
_CLAIMED = (
    *("client_id", "attempt", "spec", "source_key", "preview", "spec_version"),
    *("request_id", "caller_request_id", "traceparent"),
)
_LEASE_OVER = sa.and_(jobs.c.status == JobStatus.IN_PROGRESS, jobs.c.lease_until <= db_now())
_STARTABLE = sa.or_(jobs.c.status == JobStatus.NOT_STARTED, _LEASE_OVER)


class Jobs:
    """The jobs of one database. Lives as long as the process; safe in threads."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        lease: float,
        max_attempts: int,
        public_url: str | None = None,
        metrics: JobMetrics | None = None,
        spec_version: int = SPEC_VERSION,
        takes: Collection[str] = tuple(Kind),
    ) -> None:
        self._metrics = metrics or JobMetrics()
        self._engine = engine
        self._reader = reader(engine)
        self._lease = lease
        self._max_attempts = max_attempts
        # Jobs above it are for workers of a newer release, and claims look past them.
        self._spec_version = spec_version
        self._takes = turns.taken(takes)
        self._look_past = 0.0
        # Where callers reach the API, for what is told of a render.
        self._public_url = public_url or ""

    # The caller's side

    def get(self, job_id: str, *, client_id: str) -> tuple[Job, Render | None] | None:
        """Return the client's job with its render; None when there is none of that id, or it is another client's."""
        if not may_be_id(job_id):
            return None
        query = JOBS.where(jobs.c.id == job_id, jobs.c.client_id == client_id)
        with self._reader.connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else job_of(row)

    def render(self, public_id: str, *, client_id: str) -> Render | None:
        """Return the client's render; None when there is none of that id, or it is another client's."""
        if not may_be_id(public_id):
            return None
        query = RENDERS.where(renders.c.public_id == public_id, renders.c.client_id == client_id)
        with self._reader.connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else render_of(row)

    def cancel(self, job_id: str, *, client_id: str) -> tuple[Job, Render | None] | None:
        """End the client's unfinished job without a render and refund it, in one transaction; answers as `get` does.

        A worker that runs it notices at its next step. Raises JobFinished.
        """
        if not may_be_id(job_id):
            return None
        own = sa.and_(jobs.c.id == job_id, jobs.c.client_id == client_id)
        ended = self._end(own, Failure("cancelled", "The client cancelled it. The credits are back."))
        found = self.get(job_id, client_id=client_id)
        if found is not None and not ended:
            raise JobFinished(found[0].status)
        return found

    def end_without_photo(self, connection: sa.Connection, source_key: str) -> list[str]:
        """End unfinished jobs of a photo in the transaction that deletes it, and refund them; return their ids.

        At most ENDED_AT_ONCE of them. The photo is marked as deleted already, so that no job can come after these.
        """
        its = sa.select(jobs.c.id).where(UNFINISHED, jobs.c.source_key == source_key)
        locked = its.order_by(jobs.c.id).limit(ENDED_AT_ONCE).with_for_update()
        ids = connection.execute(locked).scalars().all()
        ended = self._end_within(connection, jobs.c.id.in_(ids), _PHOTO_DELETED) if ids else ()
        self._count(ended, _PHOTO_DELETED)
        return sorted(job.id for job in ended)

    # The worker's side

    def claim(self, worker: str | None = None, *, message: Kind | None = None) -> Claim | None:
        """Start an attempt of the job whose turn it is; None when no job can be started now.

        `worker`: "host:pid". `message`: the kind of work that woke it; what is started may be of another one.
        """
        for _ in range(_CLAIM_TRIES - 1):
            try:
                return self._claim(worker, message)
            except sa.exc.OperationalError as error:
                if getattr(error.orig, "sqlstate", None) not in _COLLISIONS:
                    raise
        return self._claim(worker, message)

    def _claim(self, worker: str | None, message: Kind | None) -> Claim | None:
        token = str(ULID())
        # A job that another worker takes at this moment is passed over, not waited for.
        first = (
            sa.select(jobs.c.id)
            .where(self._takes, _STARTABLE, jobs.c.attempt < self._max_attempts)
            .where(jobs.c.spec_version <= self._spec_version)
            .order_by(*turns.ORDER)
            .limit(1)
            .with_for_update(skip_locked=True)
            .correlate(None)
        )
        with self._engine.begin() as connection:
            if time.monotonic() >= self._look_past:
                self._look_past = time.monotonic() + _LOOK_PAST_EVERY
                turns.move_up_past(connection, self._spec_version)
            if connection.dialect.name == "postgresql":
                # By statistics from before a burst it would sort the whole queue for each claim, not go by the index.
                connection.exec_driver_sql("SET LOCAL enable_sort = off")
            row = connection.execute(
                jobs.update()
                .where(jobs.c.id == first.scalar_subquery())
                .values(
                    status=JobStatus.IN_PROGRESS,
                    attempt=jobs.c.attempt + 1,
                    lease_token=token,
                    lease_until=db_now(self._lease),
                    started_at=sa.func.coalesce(jobs.c.started_at, db_now()),
                    stage=None,
                    progress=0.0,
                    worker=worker,
                    stages=sa.null(),
                )
                .returning(
                    *(jobs.c[name] for name in (*_CLAIMED, "id", "operation", "sent_at", "turn")),
                    *(jobs.c[name] for name in ("created_at", "started_at")),
                )
            ).first()
            if row is None:
                return None
            kind = kind_of(row.operation, row.preview)
            if row.sent_at is None or kind != (message or kind):
                self._owe_message(connection, message)
            passed_over = row.spec_version > 1
            turns.charge(connection, row.client_id, kind, row.turn, self._spec_version, passed_over=passed_over)
        return Claim(
            job_id=row.id,
            token=token,
            operation=Operation(row.operation),
            waited=(row.started_at - row.created_at).total_seconds() if row.attempt == 1 else None,
            **{name: getattr(row, name) for name in _CLAIMED},
        )

    @staticmethod
    def _owe_message(connection: sa.Connection, kind: Kind | None) -> None:
        """Mark the last waiting job of the message's kind as unsent: the message that started another one was its."""
        last = (
            sa.select(jobs.c.id)
            .where(turns.taken([kind] if kind else list(Kind)))
            .where(jobs.c.status == JobStatus.NOT_STARTED, jobs.c.sent_at.is_not(None))
            .order_by(*(column.desc() for column in turns.ORDER))
            .limit(1)
            .with_for_update(skip_locked=True)
            .correlate(None)
        )
        connection.execute(jobs.update().where(jobs.c.id == last.scalar_subquery()).values(sent_at=None))

    def renew_lease(self, claim: Claim, *, stage: str | None = None, progress: float | None = None) -> None:
        """Renew the lease, and say how far the job is. Raises LeaseLost."""
        values: dict[str, Any] = {"lease_until": db_now(self._lease)}
        if stage is not None:
            values |= {"stage": stage, "progress": progress, "stages": claim.stages}
        with self._engine.begin() as connection:
            self._fenced(connection, claim, values)

    def renew_leases(self, claims: Sequence[Claim]) -> set[str]:
        """Renew several leases in one statement, and return the tokens of those that are lost."""
        tokens = [claim.token for claim in claims]
        held = sa.and_(
            jobs.c.id.in_([claim.job_id for claim in claims]),
            jobs.c.lease_token.in_(tokens),
            jobs.c.status == JobStatus.IN_PROGRESS,
        )
        # In one order: whoever else locks several of them must not wait crosswise.
        ordered = sa.select(jobs.c.id).where(held).order_by(jobs.c.id).with_for_update().correlate(None)
        with self._engine.begin() as connection:
            renewed = connection.execute(
                jobs.update()
                .where(jobs.c.id.in_(ordered), held)
                .values(lease_until=db_now(self._lease))
                .returning(jobs.c.lease_token)
            ).scalars()
            return set(tokens).difference(renewed)

    def count_attempt(self, claim: Claim, counts: bool) -> None:
        """Count the attempt, as a claim does, or not as long as it has not begun. Raises LeaseLost."""
        with self._engine.begin() as connection:
            self._fenced(connection, claim, {"attempt": claim.attempt - (not counts)})

    def release(self, claim: Claim, *, after: float = 0.0, count_attempt: bool = True) -> None:
        """Release the claim: end the attempt without a result; the sweep sends the job again after that many seconds.

        `count_attempt` False: the attempt was not the job's fault (the worker was told to stop). Raises LeaseLost.
        """
        attempt = jobs.c.attempt if count_attempt else jobs.c.attempt - 1
        values = {
            "lease_until": db_now(after),
            "lease_token": None,
            "sent_at": None,
            "stage": None,
            "attempt": attempt,
            "stages": claim.stages,
        }
        with self._engine.begin() as connection:
            self._fenced(connection, claim, values)

    def succeed(self, claim: Claim, made: NewRender | NewCutout) -> None:
        """Store the render, or the cut-out, and end the job, in one transaction. Raises LeaseLost."""
        if not self._end(_held(claim), made, claim):
            raise LeaseLost

    def fail(self, claim: Claim, code: str, message: str) -> None:
        """End the job without a render and refund it, in one transaction. Raises LeaseLost."""
        if not self._end(_held(claim), Failure(code, message), claim):
            raise LeaseLost

    def attempts_left(self, claim: Claim) -> bool:
        """Tell whether the job may be started once more."""
        return claim.attempt < self._max_attempts

    @staticmethod
    def _fenced(connection: sa.Connection, claim: Claim, values: dict[str, Any]) -> None:
        if connection.execute(jobs.update().where(_held(claim)).values(**values)).rowcount != 1:
            raise LeaseLost

    # The sweep's side

    def mark_unsent(self, job_id: str) -> None:
        """Mark the job as unsent: its message did not go out."""
        with self._engine.begin() as connection:
            connection.execute(jobs.update().where(jobs.c.id == job_id, UNFINISHED).values(sent_at=None))

    def claim_unsent(self, kind: Kind, *, waiting: int, resend_after: float) -> list[str]:
        """Claim, for the caller to send, the jobs of a kind that need a message: unsent, given up, or lost.

        `waiting`: how many messages wait on the kind's queue. Any of them starts any job of it, so as many are lost as
        the jobs that were sent are more than they. Those sent longest ago are sent again, if that was `resend_after`
        seconds ago: others' messages may be on their way.
        """
        given_up = sa.or_(jobs.c.sent_at.is_(None), sa.and_(_LEASE_OVER, jobs.c.sent_at <= jobs.c.lease_until))
        old = jobs.c.sent_at <= db_now(-resend_after)
        needed = sa.and_(UNFINISHED, _STARTABLE, jobs.c.attempt < self._max_attempts, turns.taken([kind]))
        sent = sa.select(sa.func.count()).where(needed, sa.not_(given_up))
        by_age = sa.select(jobs.c.id).where(needed, sa.not_(given_up), old).order_by(jobs.c.sent_at, jobs.c.id)
        with self._reader.connect() as connection:
            ids = list(connection.execute(sa.select(jobs.c.id).where(needed, given_up)).scalars())
            lost = max(0, connection.execute(sent).scalar_one() - waiting)
            ids += connection.execute(by_age.limit(lost)).scalars()
        taken: list[str] = []
        for start in range(0, len(ids), _PAGE):
            with self._engine.begin() as connection:
                these = jobs.c.id.in_(ids[start : start + _PAGE])
                # Another sweep may have taken some of them since.
                still = sa.select(jobs.c.id).where(these, needed, sa.or_(given_up, old)).order_by(jobs.c.id)
                locked = connection.execute(still.with_for_update()).scalars().all()
                connection.execute(jobs.update().where(jobs.c.id.in_(locked)).values(sent_at=db_now()))
                taken += locked
        return sorted(taken)

    def fail_abandoned(self, *, max_wait: float) -> list[str]:
        """Fail and refund the jobs that killed every worker, those that nobody started in `max_wait` seconds, and those
        of a photo whose deletion was cut off before it ended them.
        """
        gone = sa.select(stored_objects.c.key).where(
            stored_objects.c.bucket == "sources", stored_objects.c.doomed_at.is_not(None)
        )
        crashed = sa.and_(_LEASE_OVER, jobs.c.attempt >= self._max_attempts)
        waited = sa.and_(jobs.c.status == JobStatus.NOT_STARTED, jobs.c.created_at <= ago(max_wait))
        reasons = [
            (crashed, Failure("worker_lost", "The workers that ran this job died. The credits are back; try again.")),
            (waited, Failure("queue_timeout", "No worker was free in time. The credits are back; try again later.")),
            (jobs.c.source_key.in_(gone), _PHOTO_DELETED),
        ]
        failed: list[str] = []
        for which, failure in reasons:
            # A job that another transaction holds is claimed or ended by it, or is there at the next look.
            some = sa.select(jobs.c.id).where(UNFINISHED, which).limit(ENDED_AT_ONCE)
            more = True
            while more:
                with self._engine.begin() as connection:
                    ids = connection.execute(some.with_for_update(of=jobs, skip_locked=True)).scalars().all()
                    ended = self._end_within(connection, jobs.c.id.in_(ids), failure) if ids else ()
                self._count(ended, failure)
                failed += sorted(job.id for job in ended)
                more = len(ids) == ENDED_AT_ONCE
        return failed

    def _end(
        self, which: sa.ColumnElement[bool], outcome: NewRender | NewCutout | Failure, claim: Claim | None = None
    ) -> bool:
        """End the job that fits, if it is not over, in a transaction of its own; tell whether there was one."""
        with self._engine.begin() as connection:
            ended = self._end_within(connection, which, outcome, claim)
        self._count(ended, outcome)
        return bool(ended)

    def _end_within(
        self,
        connection: sa.Connection,
        which: sa.ColumnElement[bool],
        outcome: NewRender | NewCutout | Failure,
        claim: Claim | None = None,
    ) -> Sequence[sa.Row[Any]]:
        """End the jobs that fit and are not over, each with what it made or its refund, and its message.

        The one place where a job ends: a second end finds nothing to do. `claim`: of the attempt that ends it,
        whose seconds by stage are written, and its span, which the webhook's hangs under.
        """
        how: dict[str, Any]
        if isinstance(outcome, Failure):
            how = {"status": JobStatus.FAILURE, "error_code": outcome.code, "error_message": outcome.message}
        else:
            how = {"status": JobStatus.SUCCESS, "progress": 1.0}
        if claim is not None:
            how |= {"stages": claim.stages, "traceparent": current().traceparent or claim.traceparent}
        over = {"stage": None, "lease_token": None, "lease_until": None, "finished_at": db_now()}
        ended = connection.execute(
            jobs.update()
            .where(UNFINISHED, which)
            .values(**how, **over)
            .returning(
                *(jobs.c[name] for name in ("id", "client_id", "started_at", "preview", "credits_cost")),
                *(jobs.c[name] for name in ("operation", "created_at", "finished_at", "spec_version")),
            )
        ).all()
        # Jobs before clients, as a claim does it: nobody waits crosswise. What an older worker can do moves up even
        # where a job that it passes over waits before it.
        unstarted = (job for job in ended if not job.started_at)
        lines = {(job.client_id, kind_of(job.operation, job.preview), job.spec_version) for job in unstarted}
        for client_id, kind, version in sorted(lines):
            turns.move_up(connection, client_id, kind, version)
        # Client by client in one order: two sweeps that refund the same clients must not wait for each other crosswise.
        for job in sorted(ended, key=lambda job: (job.client_id, job.id)):
            if isinstance(outcome, Failure):
                refund(connection, job.id)
            else:
                made = renders if isinstance(outcome, NewRender) else cutouts
                connection.execute(made.insert().values(job_id=job.id, client_id=job.client_id, **vars(outcome)))
            # Whoever looks at a preview waits for it; a receiver of webhooks waits for pictures.
            if not job.preview:
                write_message(connection, job.id, public_url=self._public_url)
        return ended

    def _count(self, ended: Sequence[sa.Row[Any]], outcome: NewRender | NewCutout | Failure) -> None:
        for job in ended:
            kind = kind_of(job.operation, job.preview)
            if isinstance(outcome, Failure):
                self._metrics.finished(kind, JobStatus.FAILURE, outcome.code)
                self._metrics.refunded(job.credits_cost)
            else:
                self._metrics.finished(kind, JobStatus.SUCCESS, "")
                self._metrics.took(kind, (job.finished_at - job.created_at).total_seconds())


def _held(claim: Claim) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.id == claim.job_id, jobs.c.lease_token == claim.token, jobs.c.status == JobStatus.IN_PROGRESS)
