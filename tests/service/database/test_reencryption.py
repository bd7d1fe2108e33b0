"""A dump of either database holds no secret, existing rows are encrypted, and keys are rotated under load."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from service.accounts.clients import Accounts
from service.database.encryption import SECRET_COLUMNS, SecretCipher, new_encryption_key
from service.database.reencryption import SecretState, reencrypt, secret_states
from service.database.tables import metadata, webhooks
from service.webhooks.endpoints import Webhooks
from service.webhooks.outbox import Outbox
from tests.support.databases import ON_SQLITE, run_program
from tests.support.shop import Shop, render

OLD, NEW = new_encryption_key(), new_encryption_key()
SHOPIFY = ("shpss_the_newer_one", "shpss_the_older_one")


class Signer:
    """A client with every kind of secret, and what it was shown of them."""

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
        """Fail unless the secrets of each kind are as they were given."""
        cipher = SecretCipher(keys)
        accounts = Accounts(self.engine, cipher)
        assert accounts.shopify_secrets(accounts.named(self.shop.client.name)) == SHOPIFY
        outbox = Outbox(self.engine, cipher, lease=0)
        while (sending := outbox.claim()) is None:
            time.sleep(0.01)  # who else reads has it just now
        assert sending.secrets == self.hook

    def end_a_job(self) -> None:
        self.shop.jobs.succeed(self.shop.claim(self.shop.order()), render())


def dumped(url: str) -> str:
    """A whole dump, as an operator makes it: pg_dump's, or that of SQLite's own shell."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return "\n".join(connection.iterdump())
    return run_program("pg_dump", url)


def test_a_dump_holds_no_secret(engine: sa.Engine, migrated_url: str) -> None:
    signer = Signer(engine, NEW)
    signer.end_a_job()

    dump = dumped(migrated_url)

    assert signer.shop.client.name in dump
    assert [secret for secret in signer.shown if secret in dump] == []
    signer.read(NEW)


def test_every_column_that_is_named_for_a_secret_is_encrypted() -> None:
    named = {str(column) for table in metadata.tables.values() for column in table.c if "secret" in column.name}
    assert named == {str(column) for column in SECRET_COLUMNS}


def test_what_lay_in_the_clear_is_encrypted_and_leaves_nothing_behind(engine: sa.Engine, migrated_url: str) -> None:
    signer = Signer(engine)
    signer.end_a_job()
    assert {secret for secret in signer.shown if secret in dumped(migrated_url)} == {*signer.shown} - {signer.key}

    assert reencrypt(engine, SecretCipher([NEW])) == {"changed": 5, "left": 0, "unreadable": 0}

    assert [secret for secret in signer.shown if secret in dumped(migrated_url)] == []
    if migrated_url.startswith("sqlite"):  # PostgreSQL's dead rows are its vacuum's; no dump has them
        path = Path(migrated_url.removeprefix("sqlite:///"))
        raw = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
        assert [secret for secret in signer.shown if secret.encode() in raw] == []
    assert reencrypt(engine, SecretCipher([NEW])) == {"changed": 0, "left": 5, "unreadable": 0}
    signer.read(NEW)


@ON_SQLITE
def test_a_key_that_is_missing_leaves_what_it_encrypted_as_it_is(engine: sa.Engine) -> None:
    signer = Signer(engine, OLD)
    signer.end_a_job()

    assert reencrypt(engine, SecretCipher([NEW])) == {"changed": 0, "left": 0, "unreadable": 5}
    states = secret_states(engine, SecretCipher([NEW]))
    assert states == {str(column): {SecretState.UNREADABLE: 1} for column in SECRET_COLUMNS}
    signer.read(OLD)


@ON_SQLITE
def test_back_to_a_release_that_knows_no_key_all_is_decrypted(engine: sa.Engine) -> None:
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
            except Exception as error:  # noqa: BLE001  # any at all fails the test
                broken.append(error)
                return
            looks.append(1)

    # Parts that have the new key already, and parts that have both the other way round.
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
def test_a_secret_that_is_changed_meanwhile_is_left_as_it_is_then(engine: sa.Engine) -> None:
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
