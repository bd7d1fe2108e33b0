"""Migrations, on both databases."""

import threading
import time

import pytest
import sqlalchemy as sa
from alembic import command

from service.database.engine import create_engine
from service.database.schema import SchemaLocked, alembic_config, migrate, schema
from service.database.tables import metadata
from service.settings import Settings
from tests.support.databases import migrated_database


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(engine: sa.Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_versions_are_those_that_alembic_finds_in_its_order(database_url: str) -> None:
    from alembic.script import ScriptDirectory

    engine = create_engine(Settings(database_url=database_url).sqlalchemy_url)
    applied = migrate(engine)
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))

    newest_first = [(one.revision, (one.doc or "").strip()) for one in scripts.walk_revisions()]
    assert [(one.version, one.about) for one in applied] == newest_first[::-1]
    assert schema(engine).needed == scripts.get_current_head()
    engine.dispose()


def test_migrating_twice_and_from_two_processes_at_once_is_harmless(database_url: str) -> None:
    url = Settings(database_url=database_url).sqlalchemy_url
    errors: list[BaseException] = []

    def bring_up_to_date() -> None:
        engine = create_engine(url)
        try:
            migrate(engine)
        except Exception as error:  # noqa: BLE001  # any at all fails the test
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=bring_up_to_date) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    engine = create_engine(url)
    assert schema(engine).usable
    engine.dispose()


def test_a_migration_lets_others_pass_and_goes_on_when_the_table_is_free(
    postgresql_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.database.schema._LOCK_WAIT", 0.2)
    monkeypatch.setattr("service.database.schema._PAUSE", 0.1)
    engine = create_engine(Settings(database_url=migrated_database(postgresql_server, "locked")).sqlalchemy_url)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0014")
    look = sa.text("SELECT count(*) FROM request_logs")

    with engine.connect() as long_reader:  # as pg_dump, or a report
        long_reader.execute(look)
        with pytest.raises(SchemaLocked, match="nothing was changed"):
            migrate(engine, patience=0)
        assert schema(engine).found == "0014"
        migrating = threading.Thread(target=migrate, args=(engine,))
        migrating.start()
        for _ in range(5):
            time.sleep(0.1)
            with engine.connect() as other:
                other.exec_driver_sql("SET LOCAL statement_timeout = '20s'")
                other.execute(look)  # and not behind the migration until the long reader ends
        assert schema(engine).found == "0014"
    migrating.join(300)

    assert schema(engine).usable
    engine.dispose()
