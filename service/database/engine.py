"""Database engines, which hide the differences between SQLite and PostgreSQL."""

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteError
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

#: Errors of a database that is unreachable, locked, full, read-only or shutting down, or of a full connection pool.
#: The same statement may work later.
DATABASE_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)

#: Timeouts that detect a vanished server within half a minute (libpq's parameters: seconds, milliseconds).
_POSTGRESQL = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
#: Backdrop's own options in the query of a PostgreSQL URL. Whole numbers.
_OPTIONS = ("pool_size", "max_overflow", "prepare_threshold")
#: Seconds that a transaction on SQLite waits for other threads, and then for other processes.
_LOCK_WAIT = 10
#: SQLSTATEs of a connection that no longer works while another may. The server became a standby or read-only (25006),
#: or it ended an idle (25P03) or long (25P04) transaction. The driver reports these as errors of the program.
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOST = frozenset({"25006", "25P03", "25P04"})


def create_engine(url: str, *, hold: float = 15.0) -> sa.Engine:
    """Return an engine for a `sqlite:///` or `postgresql+psycopg://` URL. Does not connect yet.

    `hold`: seconds after which PostgreSQL ends an idle transaction. Without this limit, a host that freezes or loses
    the network during a transaction could keep its locks for hours.

    The query of a PostgreSQL URL may have three options, which `Settings` adds. `pool_size` is the number of
    connections that are kept, and `max_overflow` the number of additional connections under load. `prepare_threshold`
    is the number of runs after which a statement is prepared. 0 means never. Without it, psycopg prepares after 5 runs,
    and never behind a pooler.
    """
    if not url.startswith("sqlite"):
        parsed = sa.make_url(url)
        options = {name: int(str(parsed.query[name])) for name in _OPTIONS if name in parsed.query}
        threshold = options.pop("prepare_threshold", None)
        parsed = parsed.difference_update_query(_OPTIONS)
        # msgspec decodes the reports of a list three times as fast as json. It refuses NaN, which PostgreSQL's JSON
        # never contains.
        engine = sa.create_engine(
            parsed, pool_pre_ping=True, connect_args=_POSTGRESQL, json_deserializer=msgspec.json.decode, **options
        )
        limit = f"idle_in_transaction_session_timeout = {round(1000 * hold)}"
        sa.event.listen(engine, "connect", partial(_prepare_postgresql, limit, threshold))
        sa.event.listen(engine, "begin", partial(_begin_behind_pooler, limit))
        sa.event.listen(engine, "handle_error", _report_lost_connection)
        return engine
    path = sa.make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # Lists return stored JSON unchanged, so refuse NaN, which is not JSON. PostgreSQL refuses it itself.
    strict = partial(json.dumps, allow_nan=False)
    engine = sa.create_engine(url, connect_args={"timeout": _LOCK_WAIT}, json_serializer=strict)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_in_turn())
    return engine


def _prepare_postgresql(limit: str, prepare_threshold: int | None, connection: Any, record: Any) -> None:
    connection.autocommit = True  # a setting made in a transaction would end with its rollback
    # A pooler answers the connect with its own process id. It gives each transaction another session, without the
    # settings and prepared statements of the previous session.
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


def _report_lost_connection(context: sa.engine.ExceptionContext) -> None:
    """Treat the errors in `_LOST` as a lost connection. The pool drops its connections, and the caller may retry.

    Raises OperationalError, which is one of DATABASE_AWAY. Nothing of the transaction was written.
    """
    error = context.original_exception
    if getattr(error, "sqlstate", None) in _LOST and isinstance(error, Exception):
        context.is_disconnect = True
        raise sa.exc.OperationalError(context.statement, None, error, connection_invalidated=True)


def _prepare_sqlite(connection: SqliteConnection, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    for left in range(50, -1, -1):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except SqliteError:  # of a new file: another connection changes the mode now, and SQLite does not wait for it
            if not left:
                raise
            time.sleep(0.1)
    # FULL: credits survive a power cut. With WAL this costs one fsync a commit.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def reader(engine: sa.Engine) -> sa.Engine:
    """Return a view of the engine for transactions that only read. On SQLite they never wait for a writer.

    On PostgreSQL each statement is a transaction of its own. This saves the round trips of BEGIN and ROLLBACK, and
    READ COMMITTED gives each statement its own snapshot anyway.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(read_only=True)
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _begin_in_turn() -> Callable[[sa.Connection], None]:
    """Return the handler that begins the transactions of one SQLite engine.

    SQLite has no queue for its write lock. Waiting connections poll for it, and one of many can starve until its
    timeout. So the threads of a process queue here first, and only one at a time polls.
    """
    turn = threading.Lock()

    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("read_only"):
            connection.exec_driver_sql("BEGIN")
            return
        mine = turn.acquire(timeout=_LOCK_WAIT)
        try:
            # IMMEDIATE: a transaction that reads first and writes later would fail with SQLITE_BUSY instead of waiting.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            if mine:
                turn.release()

    return begin


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """Return an insert into a table that supports `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
