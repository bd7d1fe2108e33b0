"""Migrations: the schema is brought to its newest version, or found to be there."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

_MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config(connection: sa.Connection) -> Config:
    """Return what Alembic needs to migrate over a connection, which stays the caller's."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: sa.Engine) -> None:
    """Bring the database to the newest schema. Safe to call from several processes at once."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Two parts that start together must not both create the tables.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7233150)")
        command.upgrade(alembic_config(connection), "head")


def is_migrated(engine: sa.Engine) -> bool:
    """Tell whether the database is reachable and has the newest schema. Raises SQLAlchemyError if unreachable."""
    with engine.connect() as connection:
        head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
        return MigrationContext.configure(connection).get_current_revision() == head
