"""Jobs and their transitions. This table decides what has happened, and all changes of a job and its credits are here.

    NOT_STARTED ──claim──▶ IN_PROGRESS ──succeed──▶ SUCCESS
         │                   │   ▲  │
         │                   └───┘  └──fail, cancel, sweep──▶ FAILURE + refund
         │           claim again (lease over)                    ▲
         └──────────── cancel, sweep (no worker came) ───────────┘

A claim is a lease with a fencing token: a worker that lost it can neither finish nor refund the job. Times are the
database's. `service.jobs.intake` creates jobs, and `service.jobs.turns` orders their starts. The end of a job writes a
message into the client's outbox (`write_message`), except for previews and pictures of an order. The end of an order's
last job writes the order's message (`end_orders`).
"""

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.accounts.ledger import refund
from service.accounts.rate_limit import count_refused
from service.catalogue.spec_versions import SPEC_VERSION
from service.database.clock import ago, db_now
from service.database.engine import reader
from service.database.tables import UNFINISHED, cutouts, jobs, renders, stored_objects
from service.jobs import turns
from service.jobs.listing import JOBS, RENDERS, job_of, render_of
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
from service.storage.registry import needs
from service.telemetry.correlation import current
from service.telemetry.metrics import JobMetrics
from service.webhooks.order_end import end_orders
from service.webhooks.outbox import write_message

#: Maximum number of jobs in one statement.
_PAGE = 500
#: Maximum number of jobs that one transaction ends. It locks clients' rows for about 2 ms a job, and submits wait.
ENDED_AT_ONCE = 100
#: SQLSTATE of a deadlock and of a serialization failure. Nothing was written, and a repeat may succeed.
_COLLISIONS = ("40P01", "40001")
_CLAIM_TRIES = 3
#: Seconds between a worker's checks for jobs that only a newer release can run.
_LOOK_PAST_EVERY = 10.0
# The code as a literal: the page of error codes is made from these calls. An order counts it (`order_end.CANCELLED`).
_CANCELLED = Failure("cancelled", "You cancelled this job. Any credits were refunded.")
_PHOTO_DELETED = Failure("source_deleted", "The photo of this job was deleted. Any credits were refunded.")
#: The columns that a claim copies from its job.
_CLAIMED = (
    *("client_id", "attempt", "spec", "source_key", "preview", "spec_version"),
    *("request_id", "caller_request_id", "traceparent"),
)
_LEASE_OVER = sa.and_(jobs.c.status == JobStatus.IN_PROGRESS, jobs.c.lease_until <= db_now())
_STARTABLE = sa.or_(jobs.c.status == JobStatus.NOT_STARTED, _LEASE_OVER)


class Jobs:
    """The jobs in the database. Thread-safe; one instance serves the whole process."""

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
        refused_seconds: float = 0.0,
    ) -> None:
        """`refused_seconds`: how long a refused picture counts (`service.accounts.rate_limit`); 0: not counted."""
        self._metrics = metrics or JobMetrics()
        self._engine = engine
        self._reader = reader(engine)
        self._lease = lease
        self._max_attempts = max_attempts
        # Jobs above this version are for workers of a newer release, so claims skip them.
        self._spec_version = spec_version
        self._takes = turns.taken(takes)
        self._refused_seconds = refused_seconds
        self._look_past = 0.0
        # Where callers reach the API, for the render's address in messages.
        self._public_url = public_url or ""

    # The caller's side

    def get(self, job_id: str, *, client_id: str) -> tuple[Job, Render | None] | None:
        """Return the client's job with its render; None if the client has no job with this id."""
        if not may_be_id(job_id):
            return None
        query = JOBS.where(jobs.c.id == job_id, jobs.c.client_id == client_id)
        with self._reader.connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else job_of(row)

    def render(self, public_id: str, *, client_id: str) -> Render | None:
        """Return the client's render; None if the client has no render with this id."""
        if not may_be_id(public_id):
            return None
        query = RENDERS.where(renders.c.public_id == public_id, renders.c.client_id == client_id)
        with self._reader.connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else render_of(row)

    def review(self, public_id: str, looks_right: bool | None, *, client_id: str) -> Render | None:
        """Keep what a client says about its render, and return what `render` returns."""
        if may_be_id(public_id):
            own = sa.and_(renders.c.public_id == public_id, renders.c.client_id == client_id)
            kept = sa.and_(own, renders.c.deleted_at.is_(None))
            with self._engine.begin() as connection:
                connection.execute(renders.update().where(kept).values(looks_right=looks_right))
        return self.render(public_id, client_id=client_id)

    def spec_of_render(self, public_id: str, *, client_id: str) -> tuple[dict[str, Any], int] | None:
        """Return the stored spec of a client's render and its version; None if the client has no such render."""
        if not may_be_id(public_id):
            return None
        query = sa.select(jobs.c.spec, jobs.c.spec_version).join(renders, renders.c.job_id == jobs.c.id)
        query = query.where(renders.c.public_id == public_id, renders.c.client_id == client_id)
        with self._reader.connect() as connection:
            row = connection.execute(query.where(renders.c.deleted_at.is_(None))).first()
        return None if row is None else (row.spec, row.spec_version)

    def cancel(self, job_id: str, *, client_id: str) -> tuple[Job, Render | None] | None:
        """End and refund the client's unfinished job in one transaction; return what `get` returns.

        A worker that runs it notices at its next step. Raises JobFinished.
        """
        if not may_be_id(job_id):
            return None
        own = sa.and_(jobs.c.id == job_id, jobs.c.client_id == client_id)
        ended = self._end(own, _CANCELLED)
        found = self.get(job_id, client_id=client_id)
        if found is not None and not ended:
            raise JobFinished(found[0].status)
        return found

    def cancel_waiting(self, order_id: str, *, client_id: str) -> None:
        """End and refund the jobs of the client's order that no worker has begun.

        Each transaction ends at most ENDED_AT_ONCE of them, so that submits don't wait for long.
        """
        own = sa.and_(jobs.c.order_id == order_id, jobs.c.client_id == client_id)
        waiting = sa.select(jobs.c.id).where(own, jobs.c.status == JobStatus.NOT_STARTED)
        while True:
            with self._engine.begin() as connection:
                locked = waiting.order_by(jobs.c.id).limit(ENDED_AT_ONCE).with_for_update()
                ids = connection.execute(locked).scalars().all()
                ended = self._end_within(connection, jobs.c.id.in_(ids), _CANCELLED) if ids else ()
            self._count(ended, _CANCELLED)
            if len(ids) < ENDED_AT_ONCE:
                return

    def end_without_photo(self, connection: sa.Connection, source_key: str) -> list[str]:
        """End and refund unfinished jobs of a photo in the transaction that deletes it; return their ids.

        Ends at most ENDED_AT_ONCE jobs. The photo must be marked as deleted already, so that no new job can use it.
        """
        return self._end_some(connection, needs(source_key), _PHOTO_DELETED)

    def end_before(self, connection: sa.Connection, client_id: str, before: datetime) -> int:
        """Cancel and refund at most ENDED_AT_ONCE unfinished jobs of a client's from before a time; return how many."""
        old = sa.and_(UNFINISHED, jobs.c.client_id == client_id, jobs.c.created_at <= before)
        return len(self._end_some(connection, old, _CANCELLED))

    def _end_some(self, connection: sa.Connection, which: sa.ColumnElement[bool], failure: Failure) -> list[str]:
        locked = sa.select(jobs.c.id).where(which).order_by(jobs.c.id).limit(ENDED_AT_ONCE).with_for_update()
        ids = connection.execute(locked).scalars().all()
        ended = self._end_within(connection, jobs.c.id.in_(ids), failure) if ids else ()
        self._count(ended, failure)
        return sorted(job.id for job in ended)

    # The worker's side

    def claim(self, worker: str | None = None, *, message: Kind | None = None, sandboxes: bool = True) -> Claim | None:
        """Start an attempt of the job whose turn it is; None if no job can start now.

        `worker`: "host:pid". `message`: the kind of work that woke it; the started job may be of another kind.
        `sandboxes` False: start no sandbox's job.
        """
        for _ in range(_CLAIM_TRIES - 1):
            try:
                return self._claim(worker, message, sandboxes)
            except sa.exc.OperationalError as error:
                if getattr(error.orig, "sqlstate", None) not in _COLLISIONS:
                    raise
        return self._claim(worker, message, sandboxes)

    def _claim(self, worker: str | None, message: Kind | None, sandboxes: bool) -> Claim | None:
        token = str(ULID())
        # Jobs that another worker is claiming are skipped, not waited for.
        first = (
            sa.select(jobs.c.id)
            .where(self._takes, _STARTABLE, jobs.c.attempt < self._max_attempts)
            .where(jobs.c.spec_version <= self._spec_version, jobs.c.turn < turns.BEHIND * (1 + sandboxes))
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
                # With statistics from before a burst, PostgreSQL would sort the whole queue instead of using the index.
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
        """Mark the last waiting job of the message's kind as unsent, because its message has started another job."""
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
        """Renew the lease and store the progress. Raises LeaseLost."""
        values: dict[str, Any] = {"lease_until": db_now(self._lease)}
        if stage is not None:
            values |= {"stage": stage, "progress": progress, "stages": claim.stages}
        with self._engine.begin() as connection:
            self._fenced(connection, claim, values)

    def renew_leases(self, claims: Sequence[Claim]) -> set[str]:
        """Renew several leases in one statement, and return the tokens of the lost ones."""
        tokens = [claim.token for claim in claims]
        held = sa.and_(
            jobs.c.id.in_([claim.job_id for claim in claims]),
            jobs.c.lease_token.in_(tokens),
            jobs.c.status == JobStatus.IN_PROGRESS,
        )
        # Locked in order of id, as everywhere, to avoid deadlocks.
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
        """Count the attempt, or don't count it as long as it has not begun. Raises LeaseLost."""
        with self._engine.begin() as connection:
            self._fenced(connection, claim, {"attempt": claim.attempt - (not counts)})

    def release(self, claim: Claim, *, after: float = 0.0, count_attempt: bool = True) -> None:
        """End the attempt without a result. The sweep sends the job again after `after` seconds.

        `count_attempt` False: the attempt did not fail because of the job, for example when the worker stops. Raises
        LeaseLost.
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
        """Store the render or the cut-out and end the job, in one transaction. Raises LeaseLost."""
        if not self._end(_held(claim), made, claim):
            raise LeaseLost

    def fail(self, claim: Claim, code: str, message: str, preview: NewRender | None = None) -> None:
        """End the job without a result and refund it, in one transaction. Raises LeaseLost.

        `preview`: of a picture that misses its limits, stored with the end.
        """
        if not self._end(_held(claim), Failure(code, message, preview), claim):
            raise LeaseLost

    def attempts_left(self, claim: Claim) -> bool:
        """Return whether the job may be attempted again."""
        return claim.attempt < self._max_attempts

    @staticmethod
    def _fenced(connection: sa.Connection, claim: Claim, values: dict[str, Any]) -> None:
        if connection.execute(jobs.update().where(_held(claim)).values(**values)).rowcount != 1:
            raise LeaseLost

    # The sweep's side

    def mark_unsent(self, job_id: str) -> None:
        """Mark the job as unsent, because sending its message failed."""
        with self._engine.begin() as connection:
            connection.execute(jobs.update().where(jobs.c.id == job_id, UNFINISHED).values(sent_at=None))

    def claim_unsent(self, kind: Kind, *, waiting: int, resend_after: float) -> list[str]:
        """Return the jobs of a kind that need a message, marked as sent: unsent, given up, or with a lost message.

        `waiting`: the number of messages on the kind's queue. Each of them can start any job of the kind, so the
        difference to the number of sent jobs is the number of lost messages. The jobs sent longest ago get new
        messages, if that was at least `resend_after` seconds ago; younger messages may still be on their way.
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
                # Another sweep may have taken some of them in between.
                still = sa.select(jobs.c.id).where(these, needed, sa.or_(given_up, old)).order_by(jobs.c.id)
                locked = connection.execute(still.with_for_update()).scalars().all()
                connection.execute(jobs.update().where(jobs.c.id.in_(locked)).values(sent_at=db_now()))
                taken += locked
        return sorted(taken)

    def fail_abandoned(self, *, max_wait: float) -> list[str]:
        """Fail and refund jobs whose workers all died, jobs that waited `max_wait` seconds for a worker, and jobs of a
        photo whose deletion was interrupted.
        """
        gone = sa.select(stored_objects.c.key).where(
            stored_objects.c.bucket == "sources", stored_objects.c.doomed_at.is_not(None)
        )
        crashed = sa.and_(_LEASE_OVER, jobs.c.attempt >= self._max_attempts)
        waited = sa.and_(jobs.c.status == JobStatus.NOT_STARTED, jobs.c.created_at <= ago(max_wait))
        reasons = [
            (crashed, Failure("worker_lost", "The workers of this job died. Any credits were refunded. Try again.")),
            (waited, Failure("queue_timeout", "No worker was free in time. Any credits were refunded. Try later.")),
            (jobs.c.source_key.in_(gone), _PHOTO_DELETED),
        ]
        failed: list[str] = []
        for which, failure in reasons:
            # Jobs that another transaction has locked are claimed or ended by it, or come up in the next sweep.
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
        """End the matching unfinished job in its own transaction; return whether there was one."""
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
        """End the matching unfinished jobs, each with its result or its refund, and its message.

        Jobs end only here, so a second end finds nothing to do. `claim`: the attempt that ends the job; its seconds by
        stage and its missed limits are stored, and its span becomes the parent of the webhook's.
        """
        how: dict[str, Any]
        if isinstance(outcome, Failure):
            how = {"status": JobStatus.FAILURE, "error_code": outcome.code, "error_message": outcome.message}
        else:
            how = {"status": JobStatus.SUCCESS, "progress": 1.0}
        if claim is not None:
            how |= {"stages": claim.stages, "traceparent": current().traceparent or claim.traceparent}
            how |= {"tries": len(claim.missed), "missed": claim.missed} if claim.missed else {}
        over = {"stage": None, "lease_token": None, "lease_until": None, "finished_at": db_now()}
        ended = connection.execute(
            jobs.update()
            .where(UNFINISHED, which)
            .values(**how, **over)
            .returning(
                *(jobs.c[name] for name in ("id", "client_id", "started_at", "preview", "credits_cost")),
                *(jobs.c[name] for name in ("operation", "created_at", "finished_at", "spec_version", "order_id")),
            )
        ).all()
        # Jobs before clients, as in a claim, to avoid deadlocks. Jobs for older workers move up even past a job that
        # those workers skip.
        unstarted = (job for job in ended if not job.started_at)
        lines = {(job.client_id, kind_of(job.operation, job.preview), job.spec_version) for job in unstarted}
        for client_id, kind, version in sorted(lines):
            turns.move_up(connection, client_id, kind, version)
        if claim is not None and claim.missed and ended:
            pictures = len(claim.missed)
            turns.charge_more(connection, claim.client_id, claim.kind, claim.spec_version, pictures - 1)
            free = pictures if isinstance(outcome, Failure) else -1
            count_refused(connection, claim.client_id, free * self._refused_seconds)
        made = outcome.preview if isinstance(outcome, Failure) else outcome
        if isinstance(outcome, Failure):
            costs: defaultdict[str, dict[str, int]] = defaultdict(dict)
            for job in ended:
                costs[job.client_id][job.id] = job.credits_cost
            # Clients in one order, so that two sweeps that refund the same clients can't deadlock.
            for client_id in sorted(costs):
                refund(connection, client_id, costs[client_id])
        for job in sorted(ended, key=lambda job: (job.client_id, job.id)):
            if made is not None:
                table = renders if isinstance(made, NewRender) else cutouts
                connection.execute(table.insert().values(job_id=job.id, client_id=job.client_id, **vars(made)))
            # A caller waits for a preview itself; webhooks report pictures, cut-outs and whole orders.
            if not job.preview and job.order_id is None:
                write_message(connection, job.id, public_url=self._public_url)
        end_orders(connection, {job.order_id for job in ended if job.order_id}, public_url=self._public_url)
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
