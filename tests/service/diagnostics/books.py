"""A database of every kind of job for the audit's tests to break."""

from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.database.encryption import SecretCipher, new_encryption_key
from service.database.tables import (
    deliveries,
    jobs,
    ledger,
    metadata,
    renders,
    request_logs,
)
from service.diagnostics.audit import Finding, audit
from service.diagnostics.audit_rules import Bounds
from service.jobs.records import NewRender
from service.webhooks.endpoints import Webhooks
from tests.support.shop import Shop, claim_ahead, render

BOUNDS = Bounds(max_attempts=2, encrypted=True)
CIPHER = SecretCipher([new_encryption_key()])


class Books:
    """A database with a job of every kind and without constraints, which can be restored."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.shop = Shop(engine, credits=100)
        self.other = Shop(engine, credits=5)
        Webhooks(engine, CIPHER, allow_private=True).register(self.shop.client.name, "http://127.0.0.1:9/")
        self.waiting, self.running, self.success, self.failure, self.handed_back = (
            self.shop.order(cost=3, idempotency_key=f"k{number}").job_id for number in range(5)
        )
        moves = self.shop.jobs
        claims = {
            job: claim_ahead(engine, moves, job) for job in (self.running, self.success, self.failure, self.handed_back)
        }
        moves.succeed(claims[self.success], render())
        moves.fail(claims[self.failure], "no_subject", "No product stands out.")
        moves.release(claims[self.handed_back], count_attempt=False)
        self.cutout = self.shop.cut_out()
        order, (self.picture,) = self.shop.order_many(1, cost=3)
        self.many = order.order_id
        moves.cancel_waiting(self.many, client_id=self.shop.client.id)
        for name in metadata.tables:
            # A table made from a query has the rows, and none of the constraints.
            self._write(f"CREATE TABLE bare_{name} AS SELECT * FROM {name}")
        for table in reversed(metadata.sorted_tables):
            self._write(f"DROP TABLE {table.name}")
        for name in metadata.tables:
            self._write(
                f"ALTER TABLE bare_{name} RENAME TO {name}", f"CREATE TABLE kept_{name} AS SELECT * FROM {name}"
            )

    def _write(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def put_right(self) -> None:
        for name in metadata.tables:
            self._write(f"DELETE FROM {name}", f"INSERT INTO {name} SELECT * FROM kept_{name}")

    def change(self, table: sa.Table, where: sa.ColumnElement[bool], **values: Any) -> None:
        with self.engine.begin() as connection:
            assert connection.execute(table.update().where(where).values(**values)).rowcount >= 1

    def change_job(self, job_id: str, **values: Any) -> None:
        self.change(jobs, jobs.c.id == job_id, **values)

    def remove(self, table: sa.Table, where: sa.ColumnElement[bool]) -> None:
        with self.engine.begin() as connection:
            assert connection.execute(table.delete().where(where)).rowcount >= 1

    def enter(self, kind: str, amount: int, job_id: str | None, client_id: str = "") -> None:
        entry = {"id": str(ULID()), "kind": kind, "amount": amount, "job_id": job_id}
        with self.engine.begin() as connection:
            connection.execute(ledger.insert().values(client_id=client_id or self.shop.client.id, **entry))

    def deliver(self, job_id: str) -> None:
        made = NewRender(**vars(render()))
        with self.engine.begin() as connection:
            connection.execute(renders.insert().values(job_id=job_id, client_id=self.shop.client.id, **vars(made)))

    def wrong(self, bounds: Bounds = BOUNDS) -> list[Finding]:
        return audit(self.engine, bounds).findings


def message_of(job_id: str) -> sa.ColumnElement[bool]:
    return deliveries.c.job_id == job_id


def debit_of(job_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(ledger.c.job_id == job_id, ledger.c.kind == "debit")


def refund_of(job_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(ledger.c.job_id == job_id, ledger.c.kind == "refund")


def log_of(job_id: str) -> sa.ColumnElement[bool]:
    return request_logs.c.request_id.in_(sa.select(jobs.c.request_id).where(jobs.c.id == job_id))
