"""Re-encryption of stored secrets while the service runs, and the state of each secret."""

import logging
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from sqlite3 import OperationalError as SqliteError
from typing import Any

import sqlalchemy as sa

from service.database.encryption import PREFIX, SECRET_COLUMNS, SecretCipher, SecretUnreadable
from service.database.engine import reader

logger = logging.getLogger(__name__)


class SecretState(StrEnum):
    """How a secret is stored."""

    CURRENT = "current"  #: Encrypted with the first key.
    OLDER = "older"  #: Encrypted with another key of the settings, which must stay there.
    PLAIN = "plain"  #: Plain text: a dump of the database contains the usable secret.
    UNREADABLE = "unreadable"  #: Encrypted with a key that is not in the settings.


def state_of(stored: str, cipher: SecretCipher) -> SecretState:
    """Return how a secret is stored."""
    if not stored.startswith(PREFIX):
        return SecretState.PLAIN
    if cipher.is_current(stored):
        return SecretState.CURRENT
    try:
        cipher.decrypt(stored)
    except SecretUnreadable:
        return SecretState.UNREADABLE
    return SecretState.OLDER


def secret_states(engine: sa.Engine, cipher: SecretCipher) -> dict[str, Counter[SecretState]]:
    """Return the number of secrets in each state, by "table.column". Raises SQLAlchemyError."""
    counts: dict[str, Counter[SecretState]] = {str(column): Counter() for column in SECRET_COLUMNS}
    for column, _, stored in _stored(engine):
        counts[str(column)][state_of(stored, cipher)] += 1
    return counts


def reencrypt(engine: sa.Engine, cipher: SecretCipher, target: SecretCipher | None = None) -> Counter[str]:
    """Store every secret that `cipher` can read in the form of `target`, by default `cipher` itself.

    Returns the counts "changed", "left" (already in that form), and "unreadable" (left unchanged). The service may
    run: if another process changes a secret meanwhile, that change stays. Each secret is a transaction of its own, so
    this can be stopped and run again. Raises SQLAlchemyError.
    """
    target = target or cipher
    counts: Counter[str] = Counter(changed=0, left=0, unreadable=0)
    for column, client_id, stored in list(_stored(engine)):
        if target.is_current(stored):
            counts["left"] += 1
            continue
        try:
            fresh = target.encrypt(cipher.decrypt(stored))
        except SecretUnreadable:
            counts["unreadable"] += 1
            continue
        same = sa.and_(_key(column) == client_id, column == stored)
        change = sa.update(column.table).where(same).values({column.name: fresh})
        with engine.begin() as connection:
            counts["changed"] += connection.execute(change).rowcount
    if counts["changed"] and engine.dialect.name == "sqlite":
        _clear_remains(engine)
    return counts


def _key(column: sa.Column[Any]) -> sa.Column[Any]:
    (key,) = column.table.primary_key.columns  # a client's id, in each of the tables
    return key


def _stored(engine: sa.Engine) -> Iterator[tuple[sa.Column[Any], str, str]]:
    """Yield each secret's column, its client's id, and its stored form."""
    with reader(engine).connect() as connection:
        for column in SECRET_COLUMNS:
            rows = connection.execute(sa.select(_key(column), column).where(column.is_not(None)))
            yield from ((column, client_id, stored) for client_id, stored in rows)


def _clear_remains(engine: sa.Engine) -> None:
    """Remove old values from SQLite's free pages and write-ahead log."""
    connection = engine.raw_connection()  # VACUUM runs outside transactions, which the engine's events begin
    try:
        connection.cursor().execute("VACUUM")
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except SqliteError as error:
        logger.warning("the file may still contain plain secrets. VACUUM it while nothing else runs: %s", error)
    finally:
        connection.close()
