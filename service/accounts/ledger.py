"""The ledger of credits. Each function runs inside the transaction of the change that the credits are for."""

from collections.abc import Mapping

import sqlalchemy as sa
from ulid import ULID

from service.database.tables import clients, jobs, ledger


class InsufficientCredits(Exception):
    """Raised when the balance does not cover the cost, both in credits. Nothing was charged."""

    def __init__(self, balance: int, cost: int) -> None:
        super().__init__(f"{balance} of {cost} credits")
        self.balance, self.cost = balance, cost


def grant(connection: sa.Connection, client_id: str, credits: int) -> None:
    """Add credits to a client's balance."""
    _move(connection, client_id, "grant", credits, None)


def debit(connection: sa.Connection, client_id: str, credits: int, job_id: str) -> None:
    """Charge a client for a job. Raises InsufficientCredits; the caller must then roll back its transaction.

    A cost of 0 makes no entry.
    """
    if credits:
        _move(connection, client_id, "debit", -credits, job_id)


def debit_all(connection: sa.Connection, client_id: str, costs: Mapping[str, int]) -> None:
    """Charge a client for several jobs, by id, all or none: one entry a job. Raises InsufficientCredits, as `debit`."""
    rows = [_row(client_id, "debit", -cost, job_id) for job_id, cost in costs.items() if cost]
    if rows:
        _add(connection, client_id, -sum(costs.values()))
        connection.execute(ledger.insert(), rows)


def refund(connection: sa.Connection, job_id: str) -> None:
    """Refund a job's credits. A second refund of the job violates the unique index and fails the transaction."""
    job = connection.execute(sa.select(jobs.c.client_id, jobs.c.credits_cost).where(jobs.c.id == job_id)).one()
    if job.credits_cost:
        _move(connection, job.client_id, "refund", job.credits_cost, job_id)


def refunded() -> sa.ScalarSelect[int]:
    """Return an SQL expression for the refunded credits of the job in the enclosing statement."""
    return (
        sa.select(sa.func.coalesce(sa.func.sum(ledger.c.amount), 0))
        .where(ledger.c.job_id == jobs.c.id, ledger.c.kind == "refund")
        .scalar_subquery()
    )


def _move(connection: sa.Connection, client_id: str, kind: str, amount: int, job_id: str | None) -> None:
    _add(connection, client_id, amount)
    connection.execute(ledger.insert().values(**_row(client_id, kind, amount, job_id)))


def _add(connection: sa.Connection, client_id: str, amount: int) -> None:
    moved = connection.execute(
        clients.update()
        .where(clients.c.id == client_id, clients.c.balance + amount >= 0)
        .values(balance=clients.c.balance + amount)
    )
    if moved.rowcount != 1:
        balance = connection.execute(sa.select(clients.c.balance).where(clients.c.id == client_id)).scalar_one()
        raise InsufficientCredits(balance, -amount)


def _row(client_id: str, kind: str, amount: int, job_id: str | None) -> dict[str, object]:
    return {"id": str(ULID()), "client_id": client_id, "kind": kind, "amount": amount, "job_id": job_id}
