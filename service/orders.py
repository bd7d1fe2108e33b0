"""Orders: how a request becomes a job. Request log, debit and job are written in one transaction."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.database import reader
from service.doubt import CommitInDoubt, in_transaction, was_written
from service.jobs import JobStatus
from service.ledger import debit
from service.tables import db_now, jobs, request_logs


class IdempotencyConflict(Exception):
    """Raised when an idempotency key comes again with another body."""


class IdempotencyInFlight(Exception):
    """Raised when the first request with this idempotency key is still being answered."""


@dataclass(frozen=True)
class Order:
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


@dataclass(frozen=True)
class Accepted:
    """The answer to a submit. `repeated`: it was given before, for the same idempotency key."""

    request_id: str
    job_id: str
    credits_cost: int
    repeated: bool = False


class Orders:
    """Takes orders into one database. Lives as long as the process; safe in threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)

    def accept(self, order: Order) -> Accepted:
        """Log the request, debit the client and make the job, in one transaction.

        Raises InsufficientCredits, IdempotencyConflict, IdempotencyInFlight; then nothing was written. Raises
        OutcomeUnknown when it can't be told.
        """
        try:
            return self._accept(order)
        except sa.exc.IntegrityError:
            # The same key came in twice at once and the other one won.
            key = order.idempotency_key
            if key and (first := self.first_answer(order.client_id, key, order.body_sha256)):
                return first
            raise
        except sa.exc.OperationalError as error:
            if order.idempotency_key and "lock timeout" in str(error):
                raise IdempotencyInFlight from error
            raise

    def _accept(self, order: Order) -> Accepted:
        accepted = Accepted(order.request_id, str(ULID()), order.credits_cost)
        log = request_logs.insert().values(
            request_id=accepted.request_id,
            client_id=order.client_id,
            workflow=order.workflow,
            body=order.body,
            body_sha256=order.body_sha256,
            pilot_brand=order.pilot_brand,
            idempotency_key=order.idempotency_key,
        )
        try:
            with in_transaction(self._engine) as connection:
                if order.idempotency_key and connection.dialect.name == "postgresql":
                    # Behind a first request that hangs in its transaction, answer "in flight" rather than wait.
                    connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
                connection.execute(log)
                self._make_job(connection, order, accepted)
                debit(connection, order.client_id, order.credits_cost, accepted.job_id)
        except CommitInDoubt as doubt:
            # Without the key: another request with the same one may have come since.
            if not was_written(self._engine, log.values(idempotency_key=None)):
                raise doubt.__cause__ or doubt from None
        return accepted

    @staticmethod
    def _make_job(connection: sa.Connection, order: Order, accepted: Accepted) -> None:
        connection.execute(
            jobs.insert().values(
                id=accepted.job_id,
                request_id=accepted.request_id,
                client_id=order.client_id,
                spec=order.spec,
                source_key=order.source_key,
                credits_cost=order.credits_cost,
                status=JobStatus.NOT_STARTED,
                progress=0.0,
                attempt=0,
                # Its message goes out next. If it does not, the sweep finds the queue too short.
                sent_at=db_now(),
            )
        )

    def first_answer(self, client_id: str, idempotency_key: str, body_sha256: str) -> Accepted | None:
        """Return what was answered to this key before; None for a new key. Raises IdempotencyConflict."""
        query = (
            sa.select(request_logs.c.request_id, request_logs.c.body_sha256, jobs.c.id, jobs.c.credits_cost)
            .join(jobs, jobs.c.request_id == request_logs.c.request_id)
            .where(
                request_logs.c.client_id == client_id,
                request_logs.c.idempotency_key == idempotency_key,
            )
        )
        with self._reader.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.body_sha256 != body_sha256:
            raise IdempotencyConflict
        return Accepted(row.request_id, row.id, row.credits_cost, repeated=True)
