"""The ledger: how credits move. Each function works inside the transaction that changes what the credits are for."""

import sqlalchemy as sa
from ulid import ULID

from service.database.tables import clients, jobs, ledger


class InsufficientCredits(Exception):
    """Raised when the balance does not cover the cost, both in credits; nothing was charged."""

    def __init__(self, balance: int, cost: int) -> None:
        super().__init__(f"{balance} of {cost} credits")
        self.balance, self.cost = balance, cost


def grant(connection: sa.Connection, client_id: str, credits: int) -> None:
    """Add bought credits to a client."""
    _move(connection, client_id, "grant", credits, None)


def debit(connection: sa.Connection, client_id: str, credits: int, job_id: str) -> None:
    """Charge a client for a job. Raises InsufficientCredits; the caller's transaction must then end unwritten.

    What costs nothing moves nothing, and has no line.
    """
    if credits:
        _move(connection, client_id, "debit", -credits, job_id)


def refund(connection: sa.Connection, job_id: str) -> None:
    """Give a job's credits back. A second refund of the same job breaks the unique index, and the transaction."""
    job = connection.execute(sa.select(jobs.c.client_id, jobs.c.credits_cost).where(jobs.c.id == job_id)).one()
    if job.credits_cost:
        _move(connection, job.client_id, "refund", job.credits_cost, job_id)


def refunded() -> sa.ScalarSelect[int]:
    """Return, as an expression, the credits that were given back for the job of the statement around it."""
    return (
        sa.select(sa.func.coalesce(sa.func.sum(ledger.c.amount), 0))
        .where(ledger.c.job_id == jobs.c.id, ledger.c.kind == "refund")
        .scalar_subquery()
    )


def _move(connection: sa.Connection, client_id: str, kind: str, amount: int, job_id: str | None) -> None:
    moved = connection.execute(
        clients.update()
        .where(clients.c.id == client_id, clients.c.balance + amount >= 0)
        .values(balance=clients.c.balance + amount)
    )
    if moved.rowcount != 1:
        balance = connection.execute(sa.select(clients.c.balance).where(clients.c.id == client_id)).scalar_one()
        raise InsufficientCredits(balance, -amount)
    connection.execute(
        ledger.insert().values(id=str(ULID()), client_id=client_id, kind=kind, amount=amount, job_id=job_id)
    )
