"""Migrations: the schema is brought to its newest version, or found to be there, old, or newer than this release."""

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

# Alembic is imported by what migrates: it takes a fifth of a second, and every process looks at the schema.

logger = logging.getLogger(__name__)

_MIGRATIONS = Path(__file__).parent / "migrations"


#: Seconds that a migration waits for a lock, and between two tries. Who comes after it waits as long.
_LOCK_WAIT, _PAUSE = 1.0, 2.0
_LOCK_NOT_AVAILABLE = "55P03"


class SchemaLocked(RuntimeError):
    """Raised where others hold a table too long for a migration."""


class SchemaOutdated(RuntimeError):
    """Raised where the database has no schema, or an older one than this release reads and writes."""


@dataclass(frozen=True)
class Schema:
    """The schema's version that a database has, None: it has none, and the one that this release was written for."""

    found: str | None
    needed: str

    @property
    def usable(self) -> bool:
        """Tell whether this release can work with it.

        A later version is a newer release's, and migrations only add what an older release may ignore.
        """
        return self.found is not None and self.found >= self.needed

    def require(self) -> None:
        """Raise SchemaOutdated where it is not usable. Names no path: the answer of /health/ready shows it."""
        if self.found is None:
            raise SchemaOutdated("The database has no schema. Run `backdrop migrate`.")
        if not self.usable:
            raise SchemaOutdated(
                f"The schema is not current: it is {self.found}, and this release needs {self.needed}."
                " Run `backdrop migrate`."
            )


@dataclass(frozen=True)
class Applied:
    """A migration that was applied: its version, and what it is for."""

    version: str
    about: str


def alembic_config(connection: sa.Connection) -> "Config":
    """Return what Alembic needs to migrate over a connection, which stays the caller's."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: sa.Engine, *, patience: float = 300.0) -> list[Applied]:
    """Bring the database to the newest schema and return what was applied, in its order. Safe in several processes.

    A lock on a table that others use is waited for a second, while they queue behind it, and tried again for
    `patience` seconds. Raises SchemaLocked, and SchemaOutdated for one that is older than the release before; then
    nothing is changed.
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
                    f"A table could not be locked in {patience:.0f} s, and nothing was changed. A long transaction uses"
                    " it: find it in pg_stat_activity, wait for it or end it, and run `backdrop migrate` again."
                ) from error
        logger.warning("a table is in use; the migration lets others pass and tries again in %.0f s", _PAUSE)
        time.sleep(_PAUSE)


def _migrate(engine: sa.Engine) -> list[Applied]:
    """Migrate in one transaction: make the newest schema where there is none, and else what it lacks."""
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
                f"The schema is {before}, and this release upgrades from {min(known)} on: run `backdrop migrate` of the"
                " release before it first."
            )
        command.upgrade(alembic_config(connection), "head")
    return [Applied(version, about) for version, about in known.items() if version > before]


def schema(engine: sa.Engine) -> Schema:
    """Return which schema the database has. Raises SQLAlchemyError where it is unreachable."""
    with engine.connect() as connection:
        found = _version(connection)
    return Schema(found, max(_known()))


def open_database(url: str) -> sa.Engine:
    """Return an engine on a database that this release can work with; a SQLite file that is not there is not made.

    Raises SchemaOutdated, which names the database and what to do, and SQLAlchemyError where it does not answer.
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
            f"There is no Backdrop database at {place}. If your service runs with another --home or BACKDROP_HOME, or"
            f" with BACKDROP_DATABASE_URL, give the same here. To make a new one here, run `{command}`."
        )
    raise SchemaOutdated(
        f"The schema of {place} is {found.found}, and this release needs {found.needed}. Run `{command}`."
    )


def require_schema(url: str) -> None:
    """Raise SchemaOutdated as `open_database` does; a database that is away is not asked twice."""
    try:
        open_database(url).dispose()
    except sa.exc.SQLAlchemyError as error:
        logger.warning("the database does not answer, so its schema is not known: %s", error)


def _version(connection: sa.Connection) -> str | None:
    """Return the schema's version as Alembic keeps it; None: there is no schema."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


@functools.cache
def _known() -> dict[str, str]:
    """Return the versions that this release knows, the oldest first, with what each is for, as their files say."""
    files = sorted((_MIGRATIONS / "versions").glob("v*.py"))
    docs = {file.stem[1:5]: ast.get_docstring(ast.parse(file.read_bytes())) or "" for file in files}
    return {version: doc.partition("\n\n")[0] for version, doc in docs.items()}
