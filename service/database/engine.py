"""Engines: what differs between SQLite and PostgreSQL is settled here."""

import json
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

#: What a statement raises when the database is away, locked, full, read-only, shutting down or has no connection free:
#: the same statement may work later.
DATABASE_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)

#: A server that left without a word is noticed within half a minute (libpq's parameters: seconds, milliseconds).
_POSTGRESQL = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
#: What a PostgreSQL URL's query may say of ours, whole numbers.
_OPTIONS = ("pool_size", "max_overflow", "prepare_threshold")
#: Seconds that a transaction on SQLite waits for its turn in this process, and then for those of others.
_LOCK_WAIT = 10
#: What PostgreSQL says over a connection that serves no more, while another one may: the server became a standby, or
#: takes no writes (25006); it ended a transaction that did nothing (25P03), or took too long (25P04). The driver calls
#: these errors of the program. https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOST = frozenset({"25006", "25P03", "25P04"})


def create_engine(url: str, *, hold: float = 15.0) -> sa.Engine:
    """Return an engine for a `sqlite:///` or `postgresql+psycopg://` URL. Connects to nothing yet.

    `hold`: seconds for which PostgreSQL lets a transaction do nothing. A host that froze or left the network in the
    middle of one would keep its locks, and a sweep that wants one of them, for hours.

    A PostgreSQL URL may have `pool_size`, `max_overflow` and `prepare_threshold` in its query, as `Settings` puts them
    there: connections that are kept, those that come on top under load, and after how many runs a statement is prepared
    (0: never; left out: after psycopg's five, and never behind a pooler).
    """
    if not url.startswith("sqlite"):
        parsed = sa.make_url(url)
        options = {name: int(str(parsed.query[name])) for name in _OPTIONS if name in parsed.query}
        threshold = options.pop("prepare_threshold", None)
        parsed = parsed.difference_update_query(_OPTIONS)
        # msgspec takes a third of the time that json does, for the reports of a list. It refuses NaN, which PostgreSQL
        # keeps none of.
        engine = sa.create_engine(
            parsed, pool_pre_ping=True, connect_args=_POSTGRESQL, json_deserializer=msgspec.json.decode, **options
        )
        limit = f"idle_in_transaction_session_timeout = {round(1000 * hold)}"
        sa.event.listen(engine, "connect", partial(_prepare_postgresql, limit, threshold))
        sa.event.listen(engine, "begin", partial(_begin_behind_pooler, limit))
        sa.event.listen(engine, "handle_error", _tell_of_lost_service)
        return engine
    path = sa.make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # Lists answer what is stored to the letter: NaN, which is no JSON, is refused here as PostgreSQL refuses it.
    strict = partial(json.dumps, allow_nan=False)
    engine = sa.create_engine(url, connect_args={"timeout": _LOCK_WAIT}, json_serializer=strict)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_in_turn())
    return engine


def _prepare_postgresql(limit: str, prepare_threshold: int | None, connection: Any, record: Any) -> None:
    connection.autocommit = True  # a setting made in a transaction goes with its rollback
    # A pooler answers with a process id of its own when it is connected to. It gives each transaction another session:
    # what is set in one, or prepared, is missing in the next.
    (process,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    pooled = record.info["pooled"] = process != connection.info.backend_pid
    if not pooled:
        connection.execute(f"SET {limit}")
    connection.autocommit = False
    if pooled or prepare_threshold is not None:
        connection.prepare_threshold = prepare_threshold or None


def _begin_behind_pooler(limit: str, connection: sa.Connection) -> None:
    if connection.info.get("pooled"):
        connection.exec_driver_sql(f"SET LOCAL {limit}")


def _tell_of_lost_service(context: sa.engine.ExceptionContext) -> None:
    """Treat what `_LOST` names as a lost connection: it goes, with all that the pool has, and the caller may retry.

    Raises OperationalError, which is among DATABASE_AWAY. Nothing of the transaction was written.
    """
    error = context.original_exception
    if getattr(error, "sqlstate", None) in _LOST and isinstance(error, Exception):
        context.is_disconnect = True
        raise sa.exc.OperationalError(context.statement, None, error, connection_invalidated=True)


def _prepare_sqlite(connection: SqliteConnection, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    connection.execute("PRAGMA journal_mode=WAL")
    # FULL: credits survive a power cut; with WAL it costs one fsync a commit.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def reader(engine: sa.Engine) -> sa.Engine:
    """Return a view of the engine for transactions that only read: on SQLite they never wait for a writer.

    On PostgreSQL each statement is one of its own, as READ COMMITTED gives each a snapshot of its own anyway: BEGIN and
    ROLLBACK would be two more round trips.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(read_only=True)
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _begin_in_turn() -> Callable[[sa.Connection], None]:
    """Return what begins the transactions of one SQLite engine.

    SQLite keeps no queue for its write lock: who waits for it looks again now and then, and of many who do, one can
    starve until its time is up. So the threads of a process queue here first, and one at a time looks.
    """
    turn = threading.Lock()

    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("read_only"):
            connection.exec_driver_sql("BEGIN")
            return
        mine = turn.acquire(timeout=_LOCK_WAIT)
        try:
            # IMMEDIATE: what reads first and writes later would otherwise fail with SQLITE_BUSY, not wait.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            if mine:
                turn.release()

    return begin


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """Return an insert into a table that takes `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
