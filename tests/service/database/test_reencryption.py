"""A dump of either database contains no secret, existing rows are encrypted, and keys are rotated under load."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from service.accounts.clients import Accounts
from service.database.encryption import (
    SECRET_COLUMNS,
    SecretCipher,
    SecretState,
    new_encryption_key,
    reencrypt,
    secret_states,
)
from service.database.tables import metadata, webhooks
from service.webhooks.endpoints import Webhooks
from service.webhooks.outbox import Outbox
from tests.support.databases import ON_SQLITE, run_program
from tests.support.shop import Shop, render

OLD, NEW = new_encryption_key(), new_encryption_key()
SHOPIFY = ("shpss_the_newer_one", "shpss_the_older_one")


class Signer:
    """A client with every kind of secret, and the secrets that it was shown."""

    def __init__(self, engine: sa.Engine, *keys: str) -> None:
        self.engine = engine
        self.shop = Shop(engine, credits=100)
        cipher = SecretCipher(keys)
        accounts = Accounts(engine, cipher)
        for secret in reversed(SHOPIFY):
            accounts.set_shopify_secret(self.shop.client.name, secret)
        hooks = Webhooks(engine, cipher)
        first = hooks.register(self.shop.client.name, "https://shop.example/hooks")[1]
        second, third = (hooks.rotate(self.shop.client.name, grace=3600)[1] for _ in range(2))
        self.hook: tuple[str, ...] = (third, second, first)
        self.key = accounts.rotate_key(self.shop.client.name)[1]

    @property
    def shown(self) -> list[str]:
        return [*SHOPIFY, *self.hook, self.key, *(secret.removeprefix("whsec_") for secret in self.hook)]

    def read(self, *keys: str) -> None:
        """Fail unless the secrets of each kind are the original ones."""
        cipher = SecretCipher(keys)
        accounts = Accounts(self.engine, cipher)
        assert accounts.shopify_secrets(accounts.named(self.shop.client.name)) == SHOPIFY
        outbox = Outbox(self.engine, cipher, lease=0)
        while (sending := outbox.claim()) is None:
            time.sleep(0.01)  # another reader has it just now
        assert sending.secrets == self.hook

    def end_a_job(self) -> None:
        self.shop.jobs.succeed(self.shop.claim(self.shop.order()), render())


def dumped(url: str) -> str:
    """Return a whole dump, as an operator makes it: by pg_dump, or by SQLite's own shell."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return "\n".join(connection.iterdump())
    return run_program("pg_dump", url)


def test_a_dump_contains_no_secret(engine: sa.Engine, migrated_url: str) -> None:
    signer = Signer(engine, NEW)
    signer.end_a_job()

    dump = dumped(migrated_url)

    assert signer.shop.client.name in dump
    assert [secret for secret in signer.shown if secret in dump] == []
    signer.read(NEW)


def test_every_column_named_for_a_secret_is_encrypted() -> None:
    named = {str(column) for table in metadata.tables.values() for column in table.c if "secret" in column.name}
    assert named | {"signing_chain.keys"} == {str(column) for column in SECRET_COLUMNS}


def test_plain_text_secrets_are_encrypted_and_leave_nothing_behind(engine: sa.Engine, migrated_url: str) -> None:
    signer = Signer(engine)
    signer.end_a_job()
    assert {secret for secret in signer.shown if secret in dumped(migrated_url)} == {*signer.shown} - {signer.key}

    assert reencrypt(engine, SecretCipher([NEW])) == {"changed": 5, "left": 0, "unreadable": 0}

    assert [secret for secret in signer.shown if secret in dumped(migrated_url)] == []
    if migrated_url.startswith("sqlite"):  # PostgreSQL's vacuum removes dead rows; no dump has them
        path = Path(migrated_url.removeprefix("sqlite:///"))
        raw = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
        assert [secret for secret in signer.shown if secret.encode() in raw] == []
    assert reencrypt(engine, SecretCipher([NEW])) == {"changed": 0, "left": 5, "unreadable": 0}
    signer.read(NEW)


@ON_SQLITE
def test_a_missing_key_leaves_its_secrets_unchanged(engine: sa.Engine) -> None:
    signer = Signer(engine, OLD)
    signer.end_a_job()

    assert reencrypt(engine, SecretCipher([NEW])) == {"changed": 0, "left": 0, "unreadable": 5}
    states = secret_states(engine, SecretCipher([NEW]))
    of_clients = [column for column in SECRET_COLUMNS if column.table.name != "signing_chain"]
    assert {name: count for name, count in states.items() if count} == {
        str(column): {SecretState.UNREADABLE: 1} for column in of_clients
    }
    signer.read(OLD)


@ON_SQLITE
def test_for_a_release_without_keys_all_secrets_are_decrypted(engine: sa.Engine) -> None:
    signer = Signer(engine, OLD, NEW)
    signer.end_a_job()

    assert reencrypt(engine, SecretCipher([NEW, OLD]), SecretCipher())["changed"] == 5

    signer.read()


def test_keys_are_rotated_under_load_and_no_signature_is_refused(engine: sa.Engine) -> None:
    signer = Signer(engine, OLD)
    signer.end_a_job()
    over, broken, looks = threading.Event(), list[Exception](), list[int]()

    def look(*keys: str) -> None:
        while not over.is_set():
            try:
                signer.read(*keys)
            except Exception as error:  # noqa: BLE001  # any error fails the test
                broken.append(error)
                return
            looks.append(1)

    # Parts that already have the new key, and parts that have both in the opposite order.
    threads = [threading.Thread(target=look, args=keys) for keys in ((NEW, OLD), (OLD, NEW))]
    for thread in threads:
        thread.start()
    try:
        for first, second in ((NEW, OLD), (OLD, NEW), (NEW, OLD)):
            assert reencrypt(engine, SecretCipher([first, second]))["changed"] == 5
    finally:
        over.set()
        for thread in threads:
            thread.join()

    assert broken == []
    assert looks
    signer.read(NEW)


@ON_SQLITE
def test_a_secret_that_changes_meanwhile_keeps_its_new_value(engine: sa.Engine) -> None:
    signer = Signer(engine)
    names = iter([signer.shop.client.name])

    class Interrupted(SecretCipher):
        def encrypt(self, secret: str) -> str:
            if secret == signer.hook[0] and (name := next(names, None)):
                signer.hook = (Webhooks(engine, SecretCipher([NEW])).rotate(name, grace=3600)[1], *signer.hook)
            return super().encrypt(secret)

    reencrypt(engine, Interrupted([NEW]))

    signer.end_a_job()
    signer.read(NEW)
    with engine.connect() as connection:
        assert connection.execute(sa.select(webhooks.c.secret)).scalar_one().startswith("fernet:")
