"""PostgreSQL's treatment of processes that hold its locks, and a server that takes no writes."""

import contextlib
import time
from typing import Any

import pytest
import sqlalchemy as sa
from ulid import ULID

from service.accounts.clients import Accounts
from service.database.clock import db_now
from service.database.engine import DATABASE_AWAY, create_engine, reader
from service.database.tables import clients
from service.settings import Settings
from tests.support.databases import migrated_database, take_writes


@pytest.fixture
def url(postgresql_server: str) -> str:
    return Settings(database_url=migrated_database(postgresql_server, f"locks {ULID()}")).sqlalchemy_url


def test_a_host_that_freezes_within_a_transaction_loses_its_locks_and_sees_the_database_as_away(url: str) -> None:
    frozen, others = create_engine(url, hold=0.5), create_engine(url)
    client, _ = Accounts(others).add("shop", credits=10)
    row = sa.update(clients).where(clients.c.id == client.id)

    with frozen.connect() as connection:
        started = time.monotonic()
        connection.execute(row.values(name="never written"))
        with others.begin() as other:
            other.exec_driver_sql("SET LOCAL lock_timeout = '20s'")
            other.execute(row.values(name="written"))
        assert time.monotonic() - started > 0.4  # it was held
        with pytest.raises(DATABASE_AWAY):
            connection.execute(row.values(name="never written"))
        connection.invalidate()

    with frozen.connect() as connection:  # and it goes on with another connection
        assert connection.execute(sa.select(clients.c.name)).scalar_one() == "written"
    frozen.dispose()
    others.dispose()


def test_a_working_transaction_is_left_alone(url: str) -> None:
    engine = create_engine(url, hold=2.5)  # with reserve: a busy machine may pause between the statements
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(2.6)")
        connection.exec_driver_sql("SELECT 1")
    engine.dispose()


def test_pool_and_prepared_statements_are_settings(url: str) -> None:
    more: dict[str, Any] = {"database_pool": 2, "database_overflow": 1, "prepare_threshold": 0}
    set_so, plain = create_engine(Settings(database_url=url, **more).sqlalchemy_url), create_engine(url)
    for engine, size, threshold in ((set_so, 2, None), (plain, 5, 5)):
        assert engine.pool.size() == size  # type: ignore[attr-defined]  # a queue pool
        with engine.connect() as connection:
            assert connection.connection.driver_connection.prepare_threshold == threshold  # type: ignore[union-attr]
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(set_so.connect())
        set_so.pool._timeout = 0.1  # type: ignore[attr-defined]
        with pytest.raises(DATABASE_AWAY):
            set_so.connect()
    set_so.dispose()
    plain.dispose()


def test_a_server_that_takes_no_writes_counts_as_away_and_its_connections_are_dropped(url: str) -> None:
    engine = create_engine(url)
    client, _ = Accounts(engine).add("shop", credits=10)
    row = sa.update(clients).where(clients.c.id == client.id).values(name="written")
    take_writes(url, False)

    for _ in range(2):
        with pytest.raises(DATABASE_AWAY), engine.begin() as connection:
            connection.execute(row)
    take_writes(url, True)  # the open sessions still refuse

    with engine.begin() as connection:
        assert connection.execute(row).rowcount == 1
    engine.dispose()


def test_a_reader_on_postgresql_opens_no_transaction(engine: sa.Engine) -> None:
    """BEGIN and ROLLBACK would be two more round trips for each statement."""
    with reader(engine).connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        driver: Any = connection.connection.dbapi_connection
        opened = driver.in_transaction if engine.dialect.name == "sqlite" else driver.info.transaction_status != 0
        assert opened == (engine.dialect.name == "sqlite")


def test_times_come_from_the_databases_clock(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        now, later = connection.execute(sa.select(db_now(), db_now(60.5))).one()

    assert now.tzinfo is not None
    assert (later - now).total_seconds() == pytest.approx(60.5, abs=0.1)


def test_a_number_that_json_cannot_express_is_stored_nowhere(engine: sa.Engine) -> None:
    number = sa.bindparam("number", float("nan"), sa.JSON)

    with engine.begin() as connection, pytest.raises(sa.exc.SQLAlchemyError):
        connection.execute(sa.select(sa.cast(number, sa.JSON)))
