"""Migrations, on both databases."""

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from service.database.engine import create_engine
from service.database.schema import SchemaLocked, SchemaOutdated, alembic_config, migrate, schema
from service.database.tables import metadata
from service.settings import Settings
from testkit.polling import at_once
from tests.support.databases import migrated_database


# Indexes on expressions are compared by their SQL instead.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:Expression #1 .* detected to include an operator clause")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_a_new_and_an_upgraded_database_have_exactly_the_tables_of_the_code(
    database_url: str,
) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    engine = create_engine(Settings(database_url=database_url).sqlalchemy_url)

    def seen() -> dict[str, list[list[str]]]:
        inspector = sa.inspect(engine)
        on_postgresql = engine.dialect.name == "postgresql"
        text = "indexdef FROM pg_indexes" if on_postgresql else "sql FROM sqlite_master"
        with engine.connect() as connection:
            specs = [str(row) for row in connection.exec_driver_sql(f"SELECT {text}") if "spec" in str(row)]
            specs = [row for row in specs if "INDEX" in row]
        assert len(specs) == (3 if on_postgresql else 1)
        looks: list[Callable[[str], Any]] = [inspector.get_columns, inspector.get_indexes]
        looks += [inspector.get_check_constraints, inspector.get_foreign_keys, inspector.get_unique_constraints]
        return {"on expressions": [sorted(specs)]} | {
            table: [sorted(re.sub(" object at 0x[0-9a-f]+", "", str(one)) for one in look(table)) for look in looks]
            for table in inspector.get_table_names()
        }

    assert [one.version for one in migrate(engine)] == [schema(engine).needed]
    made = seen()
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0015")
        scripts = ScriptDirectory.from_config(alembic_config(connection))
    assert [one.version for one in migrate(engine)] == [one.revision for one in scripts.walk_revisions()][-2::-1]

    def by_columns(_: Any, name: str | None, kind: str, *__: Any) -> bool:
        return kind != "index" or not any(word in str(name) for word in ("_metadata", "_scene", "_output", "_spec"))

    assert seen() == made
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": by_columns})
        assert compare_metadata(context, metadata) == []
    assert migrate(engine) == []
    engine.dispose()


def test_migrating_twice_and_from_two_processes_at_once_is_harmless(database_url: str) -> None:
    url = Settings(database_url=database_url).sqlalchemy_url

    def bring_up_to_date() -> None:
        engine = create_engine(url)
        migrate(engine)
        engine.dispose()

    at_once(*[bring_up_to_date] * 3)

    engine = create_engine(url)
    assert schema(engine).usable
    engine.dispose()


def test_a_schema_older_than_the_previous_release_is_left_unchanged_with_the_remedy(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0014'"))

    with pytest.raises(
        SchemaOutdated, match=r"is 0014.*upgrades from 0015 or later.*`backdrop migrate` of the previous"
    ):
        migrate(engine)
    assert schema(engine).found == "0014"


def test_a_migration_does_not_block_others_and_runs_when_the_table_is_free(
    postgresql_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.database.schema._LOCK_WAIT", 0.2)
    monkeypatch.setattr("service.database.schema._PAUSE", 0.1)
    engine = create_engine(Settings(database_url=migrated_database(postgresql_server, "locked")).sqlalchemy_url)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0015")
    look = sa.text("SELECT count(*) FROM jobs")

    with engine.connect() as long_reader:  # as pg_dump, or a report
        long_reader.execute(look)
        with pytest.raises(SchemaLocked, match="nothing was changed"):
            migrate(engine, patience=0)
        assert schema(engine).found == "0015"
        migrating = threading.Thread(target=migrate, args=(engine,))
        migrating.start()
        for _ in range(5):
            time.sleep(0.1)
            with engine.connect() as other:
                other.exec_driver_sql("SET LOCAL statement_timeout = '20s'")
                other.execute(look)  # and not behind the migration until the long reader ends
        assert schema(engine).found == "0015"
    migrating.join(300)

    assert schema(engine).usable
    engine.dispose()
