"""What PostgreSQL is told of the processes that hold its locks."""

import time
from typing import Any

import pytest
import sqlalchemy as sa
from ulid import ULID

from service.accounts.clients import Accounts
from service.database.engine import DATABASE_AWAY, create_engine, reader
from service.database.tables import clients
from service.settings import Settings
from tests.support.databases import migrated_database


@pytest.fixture
def url(postgresql_server: str) -> str:
    return Settings(database_url=migrated_database(postgresql_server, f"locks {ULID()}")).sqlalchemy_url


def test_a_host_that_freezes_within_a_transaction_lets_go_of_its_locks_and_finds_the_database_away(url: str) -> None:
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


def test_a_transaction_that_works_is_left_alone(url: str) -> None:
    engine = create_engine(url, hold=2.5)  # so long: a busy machine may pause between the statements
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(2.6)")
        connection.exec_driver_sql("SELECT 1")
    engine.dispose()


def test_a_reader_on_postgresql_opens_no_transaction(engine: sa.Engine) -> None:
    """BEGIN and ROLLBACK would be two more round trips for each statement."""
    with reader(engine).connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        driver: Any = connection.connection.dbapi_connection
        opened = driver.in_transaction if engine.dialect.name == "sqlite" else driver.info.transaction_status != 0
        assert opened == (engine.dialect.name == "sqlite")
