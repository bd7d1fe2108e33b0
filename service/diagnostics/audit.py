"""The audit: searches the database for violations of `audit_rules.sql`, with the limits of an installation."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import sqlalchemy as sa

from service.database.clock import Timestamp, db_now
from service.database.encryption import PREFIX, SECRET_COLUMNS
from service.database.engine import reader
from service.database.tables import clients, deliveries, jobs, ledger, renders
from service.jobs.records import JobStatus
from service.webhooks.outbox import DeliveryState

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
#: A rule that holds only where the settings have a key.
_ENCRYPTED = "secret_is_encrypted"


@dataclass(frozen=True)
class Bounds:
    """The limits of the installation. Durations are seconds."""

    #: The most attempts at a job.
    max_attempts: int
    #: A success older than this may have lost its render to expiry. None: renders are kept for ever.
    renders_kept: float | None = None
    #: A preview older than this may have lost its render.
    previews_kept: float = 3600.0
    #: Whether the settings have a key that encrypts secrets, so that none may be plain text.
    encrypted: bool = False


@cache
def queries() -> tuple[str, dict[str, str]]:
    """Return the SQL that all queries share, and the query of each rule, which finds its violations."""
    text = (files("service.diagnostics") / "audit_rules.sql").read_text(encoding="utf-8")
    shared, *parts = re.split(r"^-- rule: (\w+)\n", text, flags=re.MULTILINE)
    plain = (
        f"SELECT CAST({next(iter(column.table.primary_key))} AS VARCHAR(26)) AS client_id,"  # noqa: S608  # no input
        f" '{column}' AS \"column\" FROM {column.table} WHERE substr({column}, 1, {len(PREFIX)}) <> '{PREFIX}'"
        for column in SECRET_COLUMNS
    )
    return shared, {**dict(zip(parts[::2], parts[1::2], strict=True)), _ENCRYPTED: "\nUNION ALL\n".join(plain)}


class Rules:
    """The rules of one database, as of its time. For one transaction. Raises SQLAlchemyError."""

    def __init__(self, connection: sa.Connection, bounds: Bounds) -> None:
        now = connection.execute(sa.select(db_now())).scalar_one()
        renders_until = _NEVER if bounds.renders_kept is None else now - timedelta(seconds=bounds.renders_kept)
        self._connection = connection
        self._limits: tuple[sa.BindParameter[Any], ...] = (
            sa.bindparam("max_attempts", bounds.max_attempts),
            sa.bindparam("renders_until", renders_until, Timestamp),
            sa.bindparam("previews_until", now - timedelta(seconds=bounds.previews_kept), Timestamp),
        )
        self._shared, found = queries()
        self._queries = {name: query for name, query in found.items() if name != _ENCRYPTED or bounds.encrypted}

    def broken(self) -> list[str]:
        """Return the names of the broken rules, by one query for all of them."""
        some = (f"SELECT '{name}' AS rule WHERE EXISTS (\n{query}\n)" for name, query in self._queries.items())
        return [row["rule"] for row in self._run("\nUNION ALL\n".join(some))]

    def violations(self, rule: str) -> Sequence[sa.RowMapping]:
        """Return the ids of the rows that break a rule, with the wrong values."""
        return self._run(self._queries[rule])

    def _run(self, query: str) -> Sequence[sa.RowMapping]:
        return self._connection.execute(sa.text(self._shared + query).bindparams(*self._limits)).mappings().all()


@cache
def counts() -> sa.Select[Any]:
    """Return one query with a column for each count."""
    return sa.select(*(query.scalar_subquery().label(name) for name, query in _counted()))


def _counted() -> Iterator[tuple[str, sa.Select[Any]]]:
    for table in (clients, jobs):
        yield table.name, sa.select(sa.func.count()).select_from(table)
    for status in JobStatus:
        yield f"jobs {status}", sa.select(sa.func.count()).where(jobs.c.status == status)
    yield "renders", sa.select(sa.func.count()).select_from(renders)
    for state in DeliveryState:
        yield f"messages {state}", sa.select(sa.func.count()).where(deliveries.c.state == state)
    for kind, sign in (("grant", 1), ("debit", -1), ("refund", 1)):
        amount = sign * sa.func.coalesce(sa.func.sum(ledger.c.amount), 0)
        yield f"credits {kind}ed", sa.select(sa.cast(amount, sa.BigInteger)).where(ledger.c.kind == kind)
    plain = sa.text(f"(SELECT count(*) FROM ({queries()[1][_ENCRYPTED]}) AS plain)")  # noqa: S608  # no input
    yield "secrets in the clear", sa.select(plain)
    balances = sa.func.coalesce(sa.func.sum(clients.c.balance), 0)
    yield "credits in balances", sa.select(sa.cast(balances, sa.BigInteger))


@dataclass(frozen=True)
class Finding:
    """One violation of a rule."""

    #: Name of the rule.
    rule: str
    #: The ids of the rows, and the wrong values.
    found: dict[str, Any]


@dataclass(frozen=True)
class Audit:
    """The findings and counts of one audit."""

    findings: list[Finding]
    counts: dict[str, int]


def audit(engine: sa.Engine, bounds: Bounds) -> Audit:
    """Audit the whole database in one snapshot, while the service writes to it.

    Raises SQLAlchemyError.
    """
    engine = reader(engine)
    if engine.dialect.name == "postgresql":
        # A transaction of SQLite reads one snapshot. By default, PostgreSQL uses one for each query.
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as connection:
        rules = Rules(connection, bounds)
        findings = [
            Finding(rule, {name: value for name, value in row.items() if value is not None})
            for rule in rules.broken()
            for row in rules.violations(rule)
        ]
        return Audit(findings, dict(connection.execute(counts()).mappings().one()))
