"""The outcome of a commit without an answer: the database went away, and may or may not have written it."""

import contextlib
import time
from collections.abc import Iterator

import sqlalchemy as sa

from service.database.engine import DATABASE_AWAY


class CommitUnanswered(Exception):
    """Raised if a commit got no answer."""


class OutcomeUnknown(Exception):
    """Raised if the database did not come back in time to show whether a commit was written."""


@contextlib.contextmanager
def in_transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Like `engine.begin()`, but raises CommitUnanswered for a commit without an answer."""
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            yield connection
        except BaseException:
            transaction.rollback()
            raise
        try:
            transaction.commit()
        except DATABASE_AWAY as error:
            raise CommitUnanswered from error


def was_written(engine: sa.Engine, row: sa.Insert, *, patience: float = 8.0) -> bool:
    """Return whether the transaction that inserted a row was committed. Waits `patience` seconds for the database.

    `row` has the primary key of that row. This inserts it again and rolls back. If the first transaction still runs on
    the server, the insert waits for its end. Raises OutcomeUnknown.
    """
    end = time.monotonic() + patience
    while True:
        try:
            return _is_there(engine, row)
        except DATABASE_AWAY as error:
            if time.monotonic() > end:
                raise OutcomeUnknown from error
            time.sleep(0.5)


def _is_there(engine: sa.Engine, row: sa.Insert) -> bool:
    with engine.connect() as connection, connection.begin() as transaction:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
        try:
            connection.execute(row)
        except sa.exc.IntegrityError:
            return True
        finally:
            transaction.rollback()
    return False
