"""Job intake: how a request becomes a job. Request log, debit and job are written in one transaction."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from pipeline.core.order import AS_PRESET, AS_SCENE, RECORDS, UNMOVED, Dressing, Output, PhotoPlace, Placement
from service.accounts.ledger import debit
from service.catalogue.spec_versions import version_of
from service.catalogue.specs import order_of, subject_of
from service.database.clock import ago, db_now
from service.database.commit import CommitUnanswered, in_transaction, was_written
from service.database.engine import reader
from service.database.tables import UNFINISHED, clients, jobs, request_logs, stored_objects
from service.jobs.records import Asked, JobStatus, Kind, Operation, kind_of, may_be_id
from service.jobs.turns import WAITING, new_turn, taken
from service.storage.registry import check_source, knows_photo, use_source
from service.telemetry.correlation import current


class IdempotencyConflict(Exception):
    """Raised when an idempotency key comes again with another request: when it was used, and what differs."""

    def __init__(self, used_at: datetime, differs: str) -> None:
        super().__init__(differs)
        self.used_at, self.differs = used_at, differs


class IdempotencyInFlight(Exception):
    """Raised when the first request with this idempotency key is still being answered."""


class TooManyUnfinishedJobs(Exception):
    """Raised when a client has as many unfinished jobs as it may; nothing was charged."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} unfinished jobs")
        self.limit = limit


class QueueFull(Exception):
    """Raised when as many jobs wait for a worker as may; nothing was charged."""


class AlreadyRetried(Exception):
    """Raised when the failed job was made anew before; nothing was charged."""


class QueueShareTaken(Exception):
    """Raised when a client's waiting jobs fill its share of the queue, `waiting` of them; nothing was charged."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} waiting jobs")
        self.waiting = waiting


#: PostgreSQL's lock_not_available: a statement waited longer than `lock_timeout`.
_LOCK_TIMEOUT = "55P03"
#: What refuses a job for being too much.
Refusal = TooManyUnfinishedJobs | QueueFull | QueueShareTaken


@dataclass(frozen=True)
class NewJob:
    """One accepted request, everything resolved."""

    request_id: str
    client_id: str
    workflow: str
    body: dict[str, Any]
    body_sha256: str
    spec: dict[str, Any]
    source_key: str
    credits_cost: int
    pilot_brand: str | None = None
    idempotency_key: str | None = None
    reference: str | None = None
    operation: Operation = Operation.SWAP
    preview: bool = False
    #: The failed job that an operator has made anew as this one.
    retry_of: str | None = None
    #: Whether the photo was registered before its bytes were found in the store.
    source_known: bool = False
    #: Of a spec that is stored again: its own, which a newer release may have given it.
    spec_version: int = 1
    query: dict[str, Any] | None = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """What workers may be given apart."""
        return Kind(kind_of(self.operation, self.preview))

    @property
    def asked(self) -> Asked:
        """What its idempotency key stands for."""
        return Asked(self.workflow, self.body, self.body_sha256, self.query)


@dataclass(frozen=True)
class Accepted:
    """The answer to a submit. `repeated`: it was given before, for the same idempotency key.

    `warnings`: codes of what may not have been meant; none of a repeated answer.
    """

    request_id: str
    job_id: str
    credits_cost: int
    repeated: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobRequest:
    """What a job was made of."""

    body: dict[str, Any]
    #: None: of a cut-out, which has none.
    seed: int | None
    #: The photo; None: it is kept no longer.
    source_key: str | None
    preview: bool
    placement: Placement = UNMOVED
    output: Output = AS_PRESET
    dressing: Dressing = AS_SCENE
    #: Where in the photo the product is.
    subject: PhotoPlace | None = None


@dataclass(frozen=True)
class Preflight:
    """The check before a submit: what a new job would meet at this moment; another one may come first."""

    balance: int
    #: The limits that refuse it.
    refused_by: tuple[Refusal, ...]


class JobIntake:
    """Creates the jobs of one database. Lives as long as the process; safe in threads.

    `key_ttl`: how long an idempotency key is remembered, in seconds. `unfinished_limit`: jobs of one client that may
    be unfinished at once; `queue_limit`: jobs of a kind of all clients that may wait; 0: any number. Of the queue a
    client may have as much as is free: one alone a half, each of n an n+1th, so that there is room for another
    (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        key_ttl: float = 30 * 86_400.0,
        unfinished_limit: int = 0,
        queue_limit: int = 0,
    ) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._key_ttl = key_ttl
        self._unfinished_limit = unfinished_limit
        self._queue_limit = queue_limit

    def create(self, new: NewJob) -> Accepted:
        """Create the job: log the request, debit the client and write the row, in one transaction.

        Raises InsufficientCredits, SourceExpired, IdempotencyConflict, IdempotencyInFlight, TooManyUnfinishedJobs,
        QueueShareTaken, QueueFull; then nothing was written, and the idempotency key is as free as before. Raises
        OutcomeUnknown when it can't be told.
        """
        try:
            return self._create(new)
        except sa.exc.IntegrityError:
            # The same key came in twice at once and the other one won.
            key = new.idempotency_key
            if key is None:
                raise
            # No first answer: the key that was in the way has run out since, and a second try finds it free.
            return self.first_answer(new.client_id, key, new.asked) or self._create(new)
        except sa.exc.OperationalError as error:
            if new.idempotency_key and getattr(error.orig, "sqlstate", None) == _LOCK_TIMEOUT:
                raise IdempotencyInFlight from error
            raise

    def knows_photo(self, key: str) -> bool:
        """Tell whether that photo is registered, be it marked as expired or deleted."""
        with self._reader.connect() as connection:
            return knows_photo(connection, key)

    def preflight(self, client_id: str, source_key: str, kind: Kind = Kind.SWAP) -> Preflight:
        """Return what a new job for that photo would meet; nothing is written, nor waited for. Raises SourceExpired."""
        refused_by: list[Refusal] = []
        with self._reader.connect() as connection:
            check_source(connection, source_key)
            balance = connection.execute(sa.select(clients.c.balance).where(clients.c.id == client_id)).scalar_one()
            for check in (partial(self._check_queue, kind=kind), self._check_unfinished):
                try:
                    check(connection, client_id, coming=1)
                except (TooManyUnfinishedJobs, QueueFull, QueueShareTaken) as refusal:
                    refused_by.append(refusal)
        return Preflight(balance, tuple(refused_by))

    def _create(self, new: NewJob) -> Accepted:
        accepted = Accepted(new.request_id, str(ULID()), new.credits_cost)
        log = request_logs.insert().values(
            request_id=new.request_id,
            client_id=new.client_id,
            workflow=new.workflow,
            body=new.body,
            body_sha256=new.body_sha256,
            query=new.query,
            pilot_brand=new.pilot_brand,
            idempotency_key=new.idempotency_key,
        )
        try:
            with in_transaction(self._engine) as connection:
                # The log first: the repeat of a request meets its key here, and is refused by no limit.
                self._log(connection, new, log)
                # The photo before the client (`service.database.tables`).
                use_source(connection, new.client_id, new.source_key, known=new.source_known)
                self._make_job(connection, new, accepted)
                debit(connection, new.client_id, new.credits_cost, accepted.job_id)
                self._check_queue(connection, new.client_id, new.kind)
                self._check_unfinished(connection, new.client_id)
        except CommitUnanswered as unanswered:
            # Without the key: another request with the same one may have come since.
            if not was_written(self._engine, log.values(idempotency_key=None)):
                raise unanswered.__cause__ or unanswered from None
        return accepted

    def _log(self, connection: sa.Connection, new: NewJob, log: sa.Insert) -> None:
        if new.idempotency_key is None:
            connection.execute(log)
            return
        on_postgresql = connection.dialect.name == "postgresql"
        if on_postgresql:
            # Behind a first request that hangs in its transaction, answer "in flight" rather than wait.
            connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
        # Here, and not only in the sweep: a key is free when its time is over, whether or not a sweep has run. Of two
        # requests that free the same one, the second waits for the first, and then meets the first one's log.
        connection.execute(
            request_logs.update()
            .where(
                request_logs.c.client_id == new.client_id,
                request_logs.c.idempotency_key == new.idempotency_key,
                request_logs.c.created_at <= db_now(-self._key_ttl),
            )
            .values(idempotency_key=None)
        )
        connection.execute(log)
        if on_postgresql:
            # What is waited for from here on is a busy client, not the key.
            connection.exec_driver_sql("SET LOCAL lock_timeout TO DEFAULT")

    def _check_queue(self, connection: sa.Connection, client_id: str, kind: Kind, *, coming: int = 0) -> None:
        """Raise QueueFull when too many jobs of the kind wait, QueueShareTaken when too many of them are the client's.

        `coming` are counted in. The client's own are exact, as those of `_check_unfinished`. Requests of several
        clients that come at once may pass the limit by as many as they are.
        """
        if not (limit := self._queue_limit):
            return
        wait = sa.and_(WAITING, taken([kind]))
        waiting = _count(connection, wait, limit=limit + 1) + coming
        if waiting > limit:
            raise QueueFull
        free = limit + 1 - waiting
        if waiting > free:
            own = _count(connection, sa.and_(wait, jobs.c.client_id == client_id), limit=free + 1) + coming
            if own > free:
                raise QueueShareTaken(own - 1)

    def _check_unfinished(self, connection: sa.Connection, client_id: str, *, coming: int = 0) -> None:
        """Raise TooManyUnfinishedJobs when the client has too many jobs, `coming` counted in.

        Exact, because the job's turn before it locked the client's row: a client's jobs are counted one after another.
        """
        limit = self._unfinished_limit
        own = sa.and_(UNFINISHED, jobs.c.client_id == client_id)
        if limit and _count(connection, own, limit=limit + 1) + coming > limit:
            raise TooManyUnfinishedJobs(limit)

    @staticmethod
    def _make_job(connection: sa.Connection, new: NewJob, accepted: Accepted) -> None:
        told = current()
        version = max(new.spec_version, version_of(new.spec))
        turn = new_turn(connection, new.client_id, new.kind, version)
        if new.retry_of is not None:
            # Asked here, with the client's row held: the index would wait for whoever claims the first retry.
            again = sa.select(jobs.c.id).where(jobs.c.retry_of == new.retry_of)
            if connection.execute(again).first() is not None:
                raise AlreadyRetried(new.retry_of)
        connection.execute(
            jobs.insert().values(
                id=accepted.job_id,
                request_id=accepted.request_id,
                client_id=new.client_id,
                spec=new.spec,
                spec_version=version,
                source_key=new.source_key,
                reference=new.reference,
                operation=new.operation,
                preview=new.preview,
                traceparent=told.traceparent,
                caller_request_id=told.request_id if told.callers_own else None,
                retry_of=new.retry_of,
                credits_cost=new.credits_cost,
                status=JobStatus.NOT_STARTED,
                progress=0.0,
                attempt=0,
                # Its message goes out next. If it does not, the sweep finds the queue too short.
                sent_at=db_now(),
                turn=turn,
            )
        )

    def first_answer(self, client_id: str, idempotency_key: str, asked: Asked) -> Accepted | None:
        """Return what was answered to this key before; None for a new or old key. Raises IdempotencyConflict."""
        query = (
            sa.select(request_logs, jobs.c.id, jobs.c.credits_cost)
            .join(jobs, jobs.c.request_id == request_logs.c.request_id)
            .where(
                request_logs.c.client_id == client_id,
                request_logs.c.idempotency_key == idempotency_key,
                request_logs.c.created_at > db_now(-self._key_ttl),
            )
        )
        with self._reader.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        differs = asked.differs_from(Asked(row.workflow, row.body, row.body_sha256, row.query))
        if differs is not None:
            raise IdempotencyConflict(row.created_at, differs)
        return Accepted(row.request_id, row.id, row.credits_cost, repeated=True)

    def request_of(self, job_id: str, *, client_id: str) -> JobRequest | None:
        """Return what the client's job was made of; None when there is none of that id, or it is another client's."""
        if not may_be_id(job_id):
            return None
        kept = sa.and_(
            stored_objects.c.bucket == "sources",
            stored_objects.c.key == jobs.c.source_key,
            stored_objects.c.doomed_at.is_(None),
        )
        query = (
            sa.select(request_logs.c.body, jobs.c.spec, jobs.c.operation, jobs.c.preview, stored_objects.c.key)
            .join_from(jobs, request_logs, request_logs.c.request_id == jobs.c.request_id)
            .join(stored_objects, kept, isouter=True)
            .where(jobs.c.id == job_id, jobs.c.client_id == client_id)
        )
        with self._reader.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.operation == Operation.CUTOUT:
            return JobRequest(row.body, None, row.key, preview=False, subject=subject_of(row.spec))
        order = order_of(row.spec)
        # The colours as the job has them: a brand may have given them, and have others by now.
        body = row.body | {"dominant_colors": list(order.colors)}
        records = {name: getattr(order, name) for name in RECORDS}
        return JobRequest(body, order.seed, row.key, row.preview, **records, subject=order.subject)

    def free_old_keys(self, *, limit: int = 1000) -> int:
        """Free the idempotency keys whose time is over, at most so many, and return how many; their logs stay."""
        old = (
            sa.select(request_logs.c.request_id)
            .where(request_logs.c.idempotency_key.is_not(None), request_logs.c.created_at <= ago(self._key_ttl))
            .order_by(request_logs.c.created_at)
            .limit(limit)
            .with_for_update(skip_locked=True)  # what another sweep frees is left to it
        )
        with self._engine.begin() as connection:
            freed = connection.execute(
                request_logs.update().where(request_logs.c.request_id.in_(old)).values(idempotency_key=None)
            )
            return freed.rowcount


def _count(connection: sa.Connection, which: sa.ColumnElement[bool], *, limit: int) -> int:
    """Count these jobs, and stop at so many: a limit costs no more than itself, however long the queue is."""
    found = sa.select(jobs.c.id).where(which).limit(limit).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())
