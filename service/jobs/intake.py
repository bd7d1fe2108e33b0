"""Job intake: turns a request into a job. One transaction writes the request log, the debit and the job."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from ulid import ULID

from pipeline.core.order import PhotoPlace, SwapOrder
from service.accounts.ledger import debit
from service.catalogue.spec_versions import version_of
from service.catalogue.specs import order_of, stored_extra_sources, subject_of
from service.database.clock import ago, db_now
from service.database.commit import CommitUnanswered, in_transaction, was_written
from service.database.engine import reader
from service.database.tables import UNFINISHED, clients, extra_sources, jobs, orders, request_logs, stored_objects
from service.jobs.records import Asked, JobStatus, Kind, Operation, kind_of, may_be_id
from service.jobs.turns import WAITING, new_turns, of_peers, taken
from service.storage.registry import SourceExpired, registered, use_source
from service.telemetry.correlation import current


class IdempotencyConflict(Exception):
    """Raised when an idempotency key comes with another request, with its first use and the differences."""

    def __init__(self, used_at: datetime, differs: str) -> None:
        super().__init__(differs)
        self.used_at, self.differs = used_at, differs


class IdempotencyInFlight(Exception):
    """Raised when the first request with this idempotency key is still in progress."""


class TooManyUnfinishedJobs(Exception):
    """Raised when a client has the maximum number of unfinished jobs. Nothing was charged."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} jobs are unfinished, which is the limit.")
        self.limit = limit


class QueueFull(Exception):
    """Raised when the maximum number of jobs waits for a worker. Nothing was charged."""


class QueueShareTaken(Exception):
    """Raised when a client's `waiting` jobs fill its share of the queue. Nothing was charged."""

    def __init__(self, waiting: int, room: int = 0) -> None:
        """`room`: how many jobs at once would fit now."""
        super().__init__(f"{waiting} jobs are waiting, the client's share of the queue.")
        self.waiting, self.room = waiting, room


#: PostgreSQL's lock_not_available: a statement waited longer than `lock_timeout`.
_LOCK_TIMEOUT = "55P03"
#: Jobs whose messages the submit sends itself. The sweep sends the others within seconds.
SENT_AT_ONCE = 64
#: The limits that can refuse a job.
Refusal = TooManyUnfinishedJobs | QueueFull | QueueShareTaken
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class NewJob:
    """An accepted request with all values resolved."""

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
    #: Whether the photo was registered before its bytes were found in the store.
    source_known: bool = False
    #: The version of a spec that is stored again; a newer release may have set it.
    spec_version: int = 1
    query: dict[str, Any] | None = field(default_factory=dict)
    #: Places of its order that its picture is delivered for.
    places: int = 1

    @property
    def kind(self) -> Kind:
        """The kind of work, which workers can choose."""
        return Kind(kind_of(self.operation, self.preview))

    @property
    def asked(self) -> Asked:
        """The request that its idempotency key stands for."""
        return Asked(self.workflow, self.body, self.body_sha256, self.query)


@dataclass(frozen=True)
class Accepted:
    """The answer to a submit. `repeated` if it was given before for the same idempotency key.

    `warnings`: codes of warnings about probably unintended input; empty in a repeated answer.
    """

    request_id: str
    job_id: str
    credits_cost: int
    repeated: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobRequest:
    """A job's request."""

    body: dict[str, Any]
    #: The photo; None once it was deleted.
    source_key: str | None
    #: The product's place in the photo.
    subject: PhotoPlace | None
    #: None for a cut-out.
    order: SwapOrder | None


@dataclass(frozen=True)
class Preflight:
    """The balance and the limits that a new job would meet now. Other jobs may still come first."""

    balance: int
    #: The limits that would refuse the job.
    refused_by: tuple[Refusal, ...]


class JobIntake:
    """Creates jobs in the database. Thread-safe; one instance serves the whole process.

    `key_ttl`: seconds for which an idempotency key is remembered. `unfinished_limit`: maximum number of
    unfinished jobs per client. `queue_limit`: maximum number of waiting jobs of a kind, over all clients. 0 means no
    limit. A client may use as much of the queue as is still free: one client alone gets a half, each of n clients an
    (n+1)th. So there is room for another client (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on
    Networking 6(2), 1998).
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
        QueueShareTaken, QueueFull; then nothing was written, and the idempotency key is still unused. Raises
        OutcomeUnknown if the commit may have succeeded.
        """
        key = new.idempotency_key

        def create() -> Accepted:
            (job_id,) = self.write([new], log_values(new) | {"idempotency_key": key})
            return Accepted(new.request_id, job_id, new.credits_cost)

        return self.once(key, create, partial(self.first_answer, new.client_id, key, new.asked))

    @staticmethod
    def once(key: str | None, create: Callable[[], Answer], first_answer: Callable[[], Answer | None]) -> Answer:
        """Return what `create` returns, or the first answer if another request with the key comes at the same time.

        Raises IdempotencyInFlight, and what both raise.
        """
        try:
            return create()
        except sa.exc.IntegrityError:
            # Two requests with the same key came at once, and the other was first.
            if key is None:
                raise
            # Without a first answer, the old key has expired in between, and a second try succeeds.
            return first_answer() or create()
        except sa.exc.OperationalError as error:
            if key and getattr(error.orig, "sqlstate", None) == _LOCK_TIMEOUT:
                raise IdempotencyInFlight from error
            raise

    def registered(self, keys: Collection[str]) -> dict[str, bool]:
        """Return those of the uploads that are registered, each with whether it is neither expired nor deleted."""
        with self._reader.connect() as connection:
            return registered(connection, keys)

    def preflight(
        self, client_id: str, source_key: str | None, kind: Kind = Kind.SWAP, *, coming: int = 1
    ) -> Preflight:
        """Return the balance and limits for new jobs, of the photo if given; write nothing. Raises SourceExpired."""
        with self._reader.connect() as connection:
            if source_key is not None and not registered(connection, [source_key]).get(source_key, True):
                raise SourceExpired(source_key)
            balance = connection.execute(sa.select(clients.c.balance).where(clients.c.id == client_id)).scalar_one()
            return Preflight(balance, tuple(self.refusals(connection, client_id, kind, coming=coming)))

    def refusals(self, connection: sa.Connection, client_id: str, kind: Kind, *, coming: int) -> list[Refusal]:
        """Return the limits that would refuse `coming` more jobs of the client."""
        found: list[Refusal] = []
        for check in (partial(self._check_queue, kind=kind), self._check_unfinished):
            try:
                check(connection, client_id, coming=coming)
            except (TooManyUnfinishedJobs, QueueFull, QueueShareTaken) as refusal:
                found.append(refusal)
        return found

    def write(self, new: Sequence[NewJob], log: Mapping[str, Any], order: Mapping[str, Any] | None = None) -> list[str]:
        """Write a request's log and its jobs of one kind, in one transaction. Return the jobs' ids.

        The jobs of an `order` have logs of their own. Its first SENT_AT_ONCE jobs count as sent. Raises as `create`.
        """
        client_id, kind = log["client_id"], new[0].kind
        # Sorted, as the jobs of a client start in the order of their ids, and lists show them so.
        job_ids = sorted(str(ULID()) for _ in new)
        rows = [job_values(job, job_id) for job, job_id in zip(new, job_ids, strict=True)]
        extra = [
            {"job_id": job_id, "key": key}
            for job, job_id in zip(new, job_ids, strict=True)
            for key in sorted(set(stored_extra_sources(job.spec)))
        ]
        sources = {one["key"]: True for one in extra}
        sources |= {job.source_key: job.source_known for job in new}
        try:
            with in_transaction(self._engine) as connection:
                # The log first: a repeated request finds its key here, before any limit can refuse it.
                self._log(connection, log)
                # The photo before the client, as everywhere (`service.database.tables`); several in key order.
                for key, known in sorted(sources.items()):
                    use_source(connection, client_id, key, known=known)
                if order is not None:
                    connection.execute(orders.insert().values(**order))
                    connection.execute(request_logs.insert(), [log_values(job) for job in new])
                    rows = [row | {"order_id": order["id"]} for row in rows]
                version = max(row["spec_version"] for row in rows)
                turns = new_turns(connection, client_id, kind, version, count=len(new))
                rows = [row | {"turn": turn} for row, turn in zip(rows, turns, strict=True)]
                refusals = self.refusals(connection, client_id, kind, coming=len(new))
                # Messages are sent next. If that fails, the sweep notices that the queue is too short.
                connection.execute(jobs.insert().values(sent_at=db_now()), rows[:SENT_AT_ONCE])
                if rows[SENT_AT_ONCE:]:
                    connection.execute(jobs.insert(), rows[SENT_AT_ONCE:])
                if extra:
                    connection.execute(extra_sources.insert(), extra)
                debit(connection, client_id, {row["id"]: row["credits_cost"] for row in rows})
                if refusals:
                    raise refusals[0]
        except CommitUnanswered as unanswered:
            # Without the key, as another request may have used it since.
            if not was_written(self._engine, request_logs.insert().values(**{**log, "idempotency_key": None})):
                raise unanswered.__cause__ or unanswered from None
        return job_ids

    def _log(self, connection: sa.Connection, log: Mapping[str, Any]) -> None:
        """Write a request's log, with its key if it has one. Raises IntegrityError if the key is taken."""
        written = request_logs.insert().values(**log)
        if log["idempotency_key"] is None:
            connection.execute(written)
            return
        on_postgresql = connection.dialect.name == "postgresql"
        if on_postgresql:
            # If the first request hangs in its transaction, answer "in flight" instead of waiting.
            connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
        # Not only in the sweep, so that an expired key is free even if no sweep runs. Of two requests that free a key,
        # the second waits for the first and then finds its log.
        connection.execute(
            request_logs.update()
            .where(
                request_logs.c.client_id == log["client_id"],
                request_logs.c.idempotency_key == log["idempotency_key"],
                request_logs.c.created_at <= db_now(-self._key_ttl),
            )
            .values(idempotency_key=None)
        )
        connection.execute(written)
        if on_postgresql:
            # From here on, a wait is for a busy client and not for the key.
            connection.exec_driver_sql("SET LOCAL lock_timeout TO DEFAULT")

    def _check_queue(self, connection: sa.Connection, client_id: str, kind: Kind, *, coming: int) -> None:
        """Raise QueueFull if too many jobs of the kind wait, or QueueShareTaken if too many are the client's.

        Live clients and sandboxes are counted apart, so that sandboxes don't fill the queue of live clients.

        `coming` jobs are added to the counts. The client's own count is exact, as in `_check_unfinished`. Concurrent
        requests of several clients may exceed the limit by their number.
        """
        if not (limit := self._queue_limit):
            return
        wait = sa.and_(WAITING, taken([kind]), of_peers(client_id))
        waiting = _count(connection, wait, limit=limit + 1) + coming
        if waiting > limit:
            raise QueueFull
        free = limit + 1 - waiting
        if waiting > free:
            own = _count(connection, sa.and_(wait, jobs.c.client_id == client_id), limit=limit)
            if own + coming > free:
                raise QueueShareTaken(min(own, free) + coming - 1, max(0, (free + coming - own) // 2))

    def _check_unfinished(self, connection: sa.Connection, client_id: str, *, coming: int) -> None:
        """Raise TooManyUnfinishedJobs if the client has too many jobs, with `coming` jobs added.

        The count is exact: `new_turns` has locked the client's row, so jobs of one client are created one at a time.
        """
        limit = self._unfinished_limit
        own = sa.and_(UNFINISHED, jobs.c.client_id == client_id)
        if limit and _count(connection, own, limit=limit + 1) + coming > limit:
            raise TooManyUnfinishedJobs(limit)

    def first_answer(self, client_id: str, idempotency_key: str | None, asked: Asked) -> Accepted | None:
        """Return the first answer to this key; None for a new or expired key. Raises IdempotencyConflict."""
        row = self.logged(client_id, idempotency_key, asked, jobs.c.id, jobs.c.credits_cost)
        return None if row is None else Accepted(row.request_id, row.id, row.credits_cost, repeated=True)

    def logged(self, client_id: str, idempotency_key: str | None, asked: Asked, *columns: Any) -> Any:
        """Return the log of a key that has not expired, with columns of the table of what its request made.

        None if there is no such log, or no key. Raises IdempotencyConflict.
        """
        if idempotency_key is None:
            return None
        made = columns[0].table
        # Outer, as a log of an order of many pictures has no job, and that of a job no order.
        joined = request_logs.outerjoin(made, made.c.request_id == request_logs.c.request_id)
        query = (
            sa.select(request_logs, *columns)
            .select_from(joined)
            .where(
                request_logs.c.client_id == client_id,
                request_logs.c.idempotency_key == idempotency_key,
                request_logs.c.created_at > db_now(-self._key_ttl),
            )
        )
        with self._reader.connect() as connection:
            row = connection.execute(query).first()
        if row is not None:
            differs = asked.differs_from(Asked(row.workflow, row.body, row.body_sha256, row.query))
            if differs is not None:
                raise IdempotencyConflict(row.created_at, differs)
        return row

    def request_of(self, job_id: str, *, client_id: str) -> JobRequest | None:
        """Return the request of the client's job; None if the client has no job with this id."""
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
            return JobRequest(row.body, row.key, subject_of(row.spec), None)
        order = replace(order_of(row.spec), preview=row.preview)
        # The job's own colours: a brand may have given them, and may have other colours by now.
        body = row.body | {"dominant_colors": list(order.colors)}
        return JobRequest(body, row.key, order.subject, order)

    def free_old_keys(self, *, limit: int = 1000) -> int:
        """Free at most `limit` expired idempotency keys, and return how many; their logs stay."""
        old = (
            sa.select(request_logs.c.request_id)
            .where(request_logs.c.idempotency_key.is_not(None), request_logs.c.created_at <= ago(self._key_ttl))
            .order_by(request_logs.c.created_at)
            .limit(limit)
            .with_for_update(skip_locked=True)  # another sweep frees the locked ones
        )
        with self._engine.begin() as connection:
            # Not one statement: PostgreSQL may run a locking subquery again for each row, and so pass the limit.
            ids = connection.execute(old).scalars().all()
            connection.execute(
                request_logs.update().where(request_logs.c.request_id.in_(ids)).values(idempotency_key=None)
            )
            return len(ids)


def log_values(new: NewJob) -> dict[str, Any]:
    """Return the log of a job's request, without an idempotency key."""
    return {"request_id": new.request_id, "client_id": new.client_id, "pilot_brand": new.pilot_brand, **vars(new.asked)}


def job_values(new: NewJob, job_id: str) -> dict[str, Any]:
    """Return the row of a new job, without its turn and the time of its message."""
    correlation = current()
    return {
        "id": job_id,
        "request_id": new.request_id,
        "client_id": new.client_id,
        "spec": new.spec,
        "spec_version": max(new.spec_version, version_of(new.spec)),
        "source_key": new.source_key,
        "reference": new.reference,
        "operation": new.operation,
        "preview": new.preview,
        "traceparent": correlation.traceparent,
        "caller_request_id": correlation.request_id if correlation.callers_own else None,
        "places": new.places,
        "credits_cost": new.credits_cost,
        "status": JobStatus.NOT_STARTED,
        "progress": 0.0,
        "attempt": 0,
    }


def _count(connection: sa.Connection, which: sa.ColumnElement[bool], *, limit: int) -> int:
    """Count these jobs up to `limit`, so that the cost does not grow with the queue."""
    found = sa.select(jobs.c.id).where(which).limit(limit).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())
