"""The database's clock, and times in its columns. Hosts' clocks differ, so times that are compared come from here."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class Timestamp(TypeDecorator[datetime]):
    """A point in time: timezone-aware UTC in Python, timestamptz in PostgreSQL, ISO text in SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert an aware time to UTC. SQLite stores it without a zone."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time as aware UTC. SQLite stores UTC without a zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class db_now(FunctionElement[datetime]):  # noqa: N801  # reads like sa.func.now()
    """The database's current time plus some seconds."""

    type = Timestamp()
    inherit_cache = True

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(sa.literal(float(seconds)))


@compiles(db_now, "postgresql")
def _now_postgresql(element: db_now, compiler: SQLCompiler, **kw: Any) -> str:
    # clock_timestamp, not now(): after waiting for a lock, a transaction needs the time after the wait.
    seconds = compiler.process(element.clauses, **kw)
    return f"(clock_timestamp() + make_interval(secs => {seconds}))"


@compiles(db_now, "sqlite")
def _now_sqlite(element: db_now, compiler: SQLCompiler, **kw: Any) -> str:
    # Six digits after the point, as SQLAlchemy writes them, because SQLite compares times as text.
    seconds = compiler.process(element.clauses, **kw)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {seconds} || ' seconds')"


def ago(seconds: float) -> sa.ScalarSelect[datetime]:
    """Return the database's time minus some seconds, read once in a statement, so that a comparison can use an index.

    The database evaluates `db_now` for each row, and then no index helps.
    """
    return sa.select(db_now(-seconds)).scalar_subquery()
