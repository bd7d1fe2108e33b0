"""The ledger of credits. Each function runs inside the transaction of the change that the credits are for."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.database.tables import clients, jobs, ledger


class InsufficientCredits(Exception):
    """Raised when the balance does not cover the cost, both in credits. Nothing was charged."""

    def __init__(self, balance: int, cost: int) -> None:
        super().__init__(f"{balance} of {cost} credits")
        self.balance, self.cost = balance, cost


def grant(connection: sa.Connection, client_id: str, credits: int, operation_id: str | None = None) -> None:
    """Add credits to a client's balance. A second grant with the same id violates the unique index."""
    _move(connection, client_id, "grant", {None: credits}, operation_id)


def debit(connection: sa.Connection, client_id: str, costs: Mapping[str, int]) -> None:
    """Charge a client for jobs, by id, all or none. Raises InsufficientCredits; the caller must then roll back.

    Each job has an entry, unless its cost is 0.
    """
    if amounts := {job_id: -cost for job_id, cost in costs.items() if cost}:
        _move(connection, client_id, "debit", amounts)


def refund(connection: sa.Connection, client_id: str, costs: Mapping[str, int]) -> None:
    """Refund the credits of a client's jobs, by id. A second refund of a job violates the unique index.

    That fails the transaction. A job whose cost is 0 has no entry.
    """
    if amounts := {job_id: cost for job_id, cost in costs.items() if cost}:
        _move(connection, client_id, "refund", amounts)


def refunded() -> sa.ScalarSelect[int]:
    """Return an SQL expression for the refunded credits of the job in the enclosing statement."""
    return (
        sa.select(sa.func.coalesce(sa.func.sum(ledger.c.amount), 0))
        .where(ledger.c.job_id == jobs.c.id, ledger.c.kind == "refund")
        .scalar_subquery()
    )


def _move(
    connection: sa.Connection, client_id: str, kind: str, amounts: Mapping[Any, int], operation_id: str | None = None
) -> None:
    """Change a balance by the amounts, with an entry for each by its job."""
    amount = sum(amounts.values())
    moved = connection.execute(
        clients.update()
        .where(clients.c.id == client_id, clients.c.balance + amount >= 0)
        .values(balance=clients.c.balance + amount)
    )
    if moved.rowcount != 1:
        balance = connection.execute(sa.select(clients.c.balance).where(clients.c.id == client_id)).scalar_one()
        raise InsufficientCredits(balance, -amount)
    entry = {"client_id": client_id, "kind": kind, "operation_id": operation_id}
    rows = [entry | {"id": str(ULID()), "amount": one, "job_id": job_id} for job_id, one in amounts.items()]
    connection.execute(ledger.insert(), rows)
