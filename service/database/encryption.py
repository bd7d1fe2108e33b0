"""Encryption of signing secrets in the database, so that a dump contains no usable secret.

Uses Fernet (github.com/fernet/spec: AES-128-CBC and HMAC-SHA256) from `cryptography`. With several keys (MultiFernet)
the first encrypts and all of them decrypt.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from sqlite3 import OperationalError as SqliteError
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from service.database.engine import reader
from service.database.tables import clients, signing_chain, webhooks
from service.settings import Settings

logger = logging.getLogger(__name__)

#: Prefix of an encrypted secret. No plain secret may start with it.
PREFIX = "fernet:"
#: Every column with a secret that Backdrop needs in full, and not only as a hash.
SECRET_COLUMNS = (
    clients.c.shopify_secret,
    clients.c.shopify_secret_previous,
    webhooks.c.secret,
    webhooks.c.secret_previous,
    webhooks.c.secrets_retired,
    signing_chain.c["keys"],
)


class SecretState(StrEnum):
    """How a secret is stored."""

    CURRENT = "current"  #: Encrypted with the first key.
    OLDER = "older"  #: Encrypted with another key of the settings, which must stay there.
    PLAIN = "plain"  #: Plain text: a dump of the database contains the usable secret.
    UNREADABLE = "unreadable"  #: Encrypted with a key that is not in the settings.


class SecretUnreadable(Exception):
    """Raised if a secret was encrypted with a key that is not in the settings."""


class SecretCipher:
    """Encrypts and decrypts secrets. Without keys it stores plain text, and reads only that. Thread-safe."""

    def __init__(self, keys: Sequence[str] = (), *, named: str = "BACKDROP_ENCRYPTION_KEYS") -> None:
        """`keys`: 32 random bytes each, in URL-safe base64. `named`: their source, for messages.

        Raises ValueError for any other key.
        """
        self._fernets = [Fernet(key) for key in keys]
        self._all = MultiFernet(self._fernets) if keys else None
        self._named = named

    @property
    def encrypts(self) -> bool:
        """Whether it encrypts the secrets that it stores."""
        return self._all is not None

    def encrypt(self, secret: str) -> str:
        """Return the stored form of a secret. Raises ValueError if the secret starts with `PREFIX`."""
        if secret.startswith(PREFIX):
            raise ValueError(f"The secret starts with {PREFIX!r}, which marks encrypted secrets. Use another secret.")
        return secret if self._all is None else PREFIX + self._all.encrypt(secret.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Return the secret of a stored form, plain or encrypted with any of the keys. Raises SecretUnreadable."""
        if not stored.startswith(PREFIX):
            return stored
        if self._all is None:
            raise SecretUnreadable(f"A secret is encrypted, but there is no key. Set {self._named}.")
        try:
            return self._all.decrypt(stored.removeprefix(PREFIX)).decode()
        except InvalidToken:
            raise SecretUnreadable(
                f"A secret is encrypted with a key that is missing. Add that key to {self._named}."
            ) from None

    def state_of(self, stored: str) -> SecretState:
        """Return how a secret is stored."""
        if not stored.startswith(PREFIX):
            return SecretState.PLAIN
        for place, key in enumerate(self._fernets):
            with suppress(InvalidToken):
                key.decrypt(stored.removeprefix(PREFIX))
                return SecretState.OLDER if place else SecretState.CURRENT
        return SecretState.UNREADABLE

    def is_current(self, stored: str) -> bool:
        """Return whether `encrypt` would store it in this form: with the first key, or as plain text without keys."""
        return self.state_of(stored) == (SecretState.CURRENT if self.encrypts else SecretState.PLAIN)


def new_encryption_key() -> str:
    """Return a new key: 32 random bytes in URL-safe base64."""
    return Fernet.generate_key().decode()


def open_cipher(settings: Settings) -> SecretCipher:
    """Return the cipher of the settings. The embedded database uses the key in its home."""
    kept = "" if settings.database_url else f" or {settings.encryption_key_file}"
    return SecretCipher(settings.encryption_key_list(), named=f"BACKDROP_ENCRYPTION_KEYS{kept}")


def secret_states(engine: sa.Engine, cipher: SecretCipher) -> dict[str, Counter[SecretState]]:
    """Return the number of secrets in each state, by "table.column". Raises SQLAlchemyError."""
    counts: dict[str, Counter[SecretState]] = {str(column): Counter() for column in SECRET_COLUMNS}
    for column, _, stored in _stored(engine):
        counts[str(column)][cipher.state_of(stored)] += 1
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
