"""API keys. A key is shown once and stored as a hash; clients manage their own keys."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from ulid import ULID

from service.database.clock import db_now
from service.database.commit import CommitUnanswered, in_transaction, was_written
from service.database.engine import reader
from service.database.tables import api_keys, clients

#: Maximum number of valid keys per client.
MAX_KEYS = 50
#: Hexadecimal digits of a key's hash that make up its id: 64 bits, which reveal nothing of the key.
_ID_DIGITS = 16


class TooManyKeys(Exception):
    """Raised when a client has the maximum number of keys."""


class KeyExists(Exception):
    """Raised when an earlier request with the same id made a key, `key_id`. Its text can't be shown again."""

    def __init__(self, key_id: str) -> None:
        super().__init__(key_id)
        self.key_id = key_id


class LastKey(Exception):
    """Raised when a client would be left without a key that never expires."""


@dataclass(frozen=True)
class Key:
    """A key as its client sees it, without the secret text."""

    id: str
    name: str | None
    created_at: datetime
    #: When the key expires; None: never.
    expires_at: datetime | None


class Keys:
    """The keys in the database. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)

    def list(self, client_id: str) -> list[Key]:
        """Return a client's valid keys, oldest first."""
        query = sa.select(api_keys).where(api_keys.c.client_id == client_id, _GOOD)
        with self._reader.connect() as connection:
            rows = connection.execute(query.order_by(api_keys.c.created_at, api_keys.c.sha256)).mappings()
            return [_key(row) for row in rows]

    def add(self, client_id: str, name: str | None, operation_id: str | None = None) -> tuple[Key, str]:
        """Give a client another key and return it with its text, only this once. One for each `operation_id`.

        Raises TooManyKeys, KeyExists, and OutcomeUnknown if the key may have been made.
        """
        operation_id = operation_id or str(ULID())
        try:
            with in_transaction(self._engine) as connection:
                text = new_key(sandbox=self._hold(connection, client_id))
                own = sa.select(api_keys.c.sha256).where(api_keys.c.client_id == client_id)
                first = connection.execute(own.where(api_keys.c.operation_id == operation_id)).scalar()
                if first is not None:
                    raise KeyExists(_id_of(first))
                if len(connection.execute(own.where(_GOOD)).all()) >= MAX_KEYS:
                    raise TooManyKeys
                row = api_keys.insert().values(sha256=hash_of(text), client_id=client_id, name=name)
                row = row.values(operation_id=operation_id)
                made = _key(connection.execute(row.returning(*api_keys.c)).mappings().one())
        except CommitUnanswered as unanswered:
            if not was_written(self._engine, row):
                raise unanswered.__cause__ or unanswered from None
        return made, text

    def delete(self, key_id: str, client_id: str) -> bool:
        """Revoke a client's key; return False if it has no key with this id. Raises LastKey.

        Another key that never expires must remain. To revoke a key that does expire, any other key is enough.
        """
        with self._engine.begin() as connection:
            self._hold(connection, client_id)
            own = sa.select(api_keys).where(api_keys.c.client_id == client_id, _GOOD)
            keys = [_key(row) for row in connection.execute(own).mappings()]
            found = next((key for key in keys if key.id == key_id), None)
            if found is None:
                return False
            left = [key for key in keys if key.id != key_id]
            if not [key for key in left if key.expires_at is None or found.expires_at is not None]:
                raise LastKey
            digits = key_id.removeprefix("key_")
            gone = api_keys.c.sha256.startswith(digits, autoescape=True)
            connection.execute(api_keys.delete().where(api_keys.c.client_id == client_id, gone))
            return True

    @staticmethod
    def _hold(connection: sa.Connection, client_id: str) -> bool:
        """Lock the client's row, so that the second of two changes sees the first. Return whether it is a sandbox."""
        query = sa.select(clients.c.sandbox).where(clients.c.id == client_id).with_for_update(key_share=True)
        return bool(connection.execute(query).scalar_one())


_GOOD = sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > db_now())


def new_key(*, sandbox: bool) -> str:
    """Return a new key of 256 random bits. Its prefix shows a sandbox's key, to secret scanners too."""
    return ("bd_test_" if sandbox else "bd_") + secrets.token_urlsafe(32)


def hash_of(key: str) -> str:
    """Return the SHA-256 of a key in hexadecimal digits. The database stores only this hash."""
    return hashlib.sha256(key.encode()).hexdigest()


def key_id(key: str) -> str:
    """Return the id by which a client knows a key."""
    return _id_of(hash_of(key))


def _id_of(sha256: str) -> str:
    return f"key_{sha256[:_ID_DIGITS]}"


def _key(row: sa.RowMapping) -> Key:
    return Key(_id_of(row["sha256"]), row["name"], row["created_at"], row["expires_at"])
