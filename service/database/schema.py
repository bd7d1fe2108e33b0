"""Migrations to the newest schema, and checks whether a database's schema is current, older or newer."""

import ast
import functools
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from service.database.engine import create_engine
from service.database.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic is imported only by functions that migrate. It takes a fifth of a second, and every process checks the schema.

logger = logging.getLogger(__name__)

_MIGRATIONS = Path(__file__).parent / "migrations"


#: Seconds that a migration waits for a lock, and between two tries. Statements behind it in the queue wait as long.
_LOCK_WAIT, _PAUSE = 1.0, 2.0
_LOCK_NOT_AVAILABLE = "55P03"


class SchemaLocked(RuntimeError):
    """Raised if a table stays locked for too long for a migration."""


class SchemaOutdated(RuntimeError):
    """Raised if the database has no schema, or an older one than this release needs."""


@dataclass(frozen=True)
class Schema:
    """The schema version of a database (None: it has no schema), and the version that this release needs."""

    found: str | None
    needed: str

    @property
    def usable(self) -> bool:
        """Return whether this release can work with it.

        A later version belongs to a newer release. Migrations only add what an older release may ignore.
        """
        return self.found is not None and self.found >= self.needed

    def require(self) -> None:
        """Raise SchemaOutdated if it is not usable. The message has no path, because /health/ready shows it."""
        if self.found is None:
            raise SchemaOutdated("The database has no schema. Run `backdrop migrate`.")
        if not self.usable:
            raise SchemaOutdated(
                f"The schema version is {self.found}, but this release needs {self.needed}. Run `backdrop migrate`."
            )


@dataclass(frozen=True)
class Applied:
    """A migration that was applied: its version and purpose."""

    version: str
    about: str


def alembic_config(connection: sa.Connection) -> "Config":
    """Return Alembic's configuration for a migration over a connection, which the caller closes."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: sa.Engine, *, patience: float = 300.0) -> list[Applied]:
    """Bring the database to the newest schema and return the applied migrations in order. Safe in several processes.

    Waits one second for a lock, so that other statements do not queue for longer, and tries again for `patience`
    seconds. Raises SchemaLocked, or SchemaOutdated for a schema older than the previous release's. Both change nothing.
    """
    end = time.monotonic() + patience
    while True:
        try:
            return _migrate(engine)
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            if time.monotonic() > end:
                raise SchemaLocked(
                    f"A table stayed locked for {patience:.0f} s, so nothing was changed. Find the long transaction in"
                    " pg_stat_activity, wait for it or end it, and run `backdrop migrate` again."
                ) from error
        logger.warning("a table is locked. The migration tries again in %.0f s", _PAUSE)
        time.sleep(_PAUSE)


def _migrate(engine: sa.Engine) -> list[Applied]:
    """Migrate in one transaction. Create the newest schema, or add the missing parts."""
    from alembic import command

    known = _known()
    newest = max(known)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Two parts that start together must not both create the tables.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7233150)")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_WAIT:g}s'")
        before = _version(connection)
        if before is None:
            metadata.create_all(connection, checkfirst=False)
            command.stamp(alembic_config(connection), "head")
            return [Applied(newest, "The whole schema of this release.")]
        if before not in known and before < newest:
            raise SchemaOutdated(
                f"The schema version is {before}, but this release upgrades from {min(known)} or later. Run"
                " `backdrop migrate` of the previous release first."
            )
        command.upgrade(alembic_config(connection), "head")
    return [Applied(version, about) for version, about in known.items() if version > before]


def schema(engine: sa.Engine) -> Schema:
    """Return the schema of the database. Raises SQLAlchemyError if the database is unreachable."""
    with engine.connect() as connection:
        found = _version(connection)
    return Schema(found, max(_known()))


def open_database(url: str) -> sa.Engine:
    """Return an engine on a database that this release can work with. Never creates a SQLite file.

    Raises SchemaOutdated, which names the database and the remedy, and SQLAlchemyError if the database does not answer.
    """
    parsed = sa.make_url(url)
    embedded = Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
    command = f"backdrop migrate --home {embedded.parent}" if embedded else "backdrop migrate"
    place = embedded or parsed.render_as_string(hide_password=True)
    found = None
    if embedded is None or embedded.is_file():
        engine = create_engine(url)
        found = schema(engine)
        if found.usable:
            return engine
        engine.dispose()
    if found is None or found.found is None:
        raise SchemaOutdated(
            f"There is no Backdrop database at {place}. If your service uses another --home, BACKDROP_HOME or"
            f" BACKDROP_DATABASE_URL, use the same here. To create a new database, run `{command}`."
        )
    raise SchemaOutdated(
        f"The schema version of {place} is {found.found}, but this release needs {found.needed}. Run `{command}`."
    )


def require_schema(url: str) -> None:
    """Raise SchemaOutdated as `open_database` does. If the database does not answer, only log a warning."""
    try:
        open_database(url).dispose()
    except sa.exc.SQLAlchemyError as error:
        logger.warning("the database does not answer, so its schema version is unknown: %s", error)


def _version(connection: sa.Connection) -> str | None:
    """Return the schema version from Alembic's table, or None if there is no schema."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


@functools.cache
def _known() -> dict[str, str]:
    """Return the versions that this release knows, oldest first, with the first paragraph of each file's docstring."""
    files = sorted((_MIGRATIONS / "versions").glob("v*.py"))
    docs = {file.stem[1:5]: ast.get_docstring(ast.parse(file.read_bytes())) or "" for file in files}
    return {version: doc.partition("\n\n")[0] for version, doc in docs.items()}
