"""Engines: what differs between SQLite and PostgreSQL is settled here."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

import msgspec
import sqlalchemy as sa

#: What a statement raises when the database is away, locked, full, shutting down or has no connection free: the same
#: statement may work later.
DATABASE_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)

#: A server that left without a word is noticed within half a minute (libpq's parameters: seconds, milliseconds).
_POSTGRESQL = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
#: Seconds that a transaction on SQLite waits for its turn in this process, and then for those of others.
_LOCK_WAIT = 10


def create_engine(url: str, *, hold: float = 15.0) -> sa.Engine:
    """Return an engine for a `sqlite:///` or `postgresql+psycopg://` URL. Connects to nothing yet.

    `hold`: seconds for which PostgreSQL lets a transaction do nothing. A host that froze or left the network in the
    middle of one would keep its locks, and a sweep that wants one of them, for hours.
    """
    if not url.startswith("sqlite"):
        # msgspec takes a third of the time that json does, for the reports of a list. It refuses NaN, which PostgreSQL
        # keeps none of.
        engine = sa.create_engine(
            url, pool_pre_ping=True, connect_args=_POSTGRESQL, json_deserializer=msgspec.json.decode
        )
        sa.event.listen(engine, "connect", partial(_prepare_postgresql, hold))
        sa.event.listen(engine, "handle_error", _tell_of_lost_locks)
        return engine
    path = sa.make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": _LOCK_WAIT})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_in_turn())
    return engine


def _prepare_postgresql(hold: float, connection: Any, _record: Any) -> None:
    connection.autocommit = True  # a setting made in a transaction goes with its rollback
    connection.execute(f"SET idle_in_transaction_session_timeout = {round(1000 * hold)}")
    connection.autocommit = False


def _tell_of_lost_locks(context: sa.engine.ExceptionContext) -> None:
    """Tell of a transaction that was ended because it did nothing as of any lost connection: PostgreSQL does not.

    Raises OperationalError, which is among DATABASE_AWAY.
    """
    error = context.original_exception
    if getattr(error, "sqlstate", None) == "25P03" and isinstance(error, Exception):
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
