"""The database's clock, on both databases."""

import pytest
import sqlalchemy as sa

from service.database.clock import db_now


def test_times_come_from_the_databases_clock(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        now, later = connection.execute(sa.select(db_now(), db_now(60.5))).one()

    assert now.tzinfo is not None
    assert (later - now).total_seconds() == pytest.approx(60.5, abs=0.1)
