"""The outcome of a commit whose answer was lost: the database went away, and may have written it or not."""

import contextlib
import time
from collections.abc import Iterator

import sqlalchemy as sa

from service.database.engine import DATABASE_AWAY


class CommitUnanswered(Exception):
    """Raised when a commit got no answer."""


class OutcomeUnknown(Exception):
    """Raised when the database did not come back in time to say whether a commit was written."""


@contextlib.contextmanager
def in_transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Do as `engine.begin()` does, but tell an unanswered commit from one that failed. Raises CommitUnanswered."""
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
    """Tell whether the transaction that inserted a row was committed, waiting so many seconds for the database.

    `row` has the primary key of that row: inserting it again, and taking it back, waits for a transaction that still
    ends on the server, and then meets its row or not. Raises OutcomeUnknown.
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
