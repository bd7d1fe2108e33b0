"""The runbook's backup, restored on a new machine: every row and every byte is there, and secrets sign."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.accounts.clients import Accounts
from service.cli.main import main
from service.database.encryption import new_encryption_key, open_cipher
from service.database.engine import create_engine
from service.database.schema import migrate
from service.settings import Settings
from service.storage.buckets import open_buckets
from tests.support.databases import migrated_database, new_database, run_program
from tests.support.shop import Shop, render

pytestmark = pytest.mark.nightly  # tests/service/diagnostics/test_object_audit.py checks one database


def test_a_backup_is_restored_on_a_new_machine_and_its_books_and_pictures_are_sound(
    postgresql_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = new_encryption_key()
    lived = Settings(
        home=tmp_path / "lived",
        database_url=migrated_database(postgresql_server, f"{tmp_path.name}-lived"),
        encryption_keys=keys,
    )
    engine, store = create_engine(lived.sqlalchemy_url), open_buckets(lived)[1]
    shop = Shop(engine, credits=100)
    Accounts(engine, open_cipher(lived)).set_shopify_secret(shop.client.name, "shpss_secret")
    for number in range(20):
        accepted, data = shop.order(), f"picture {number}".encode()
        key = f"renders/{shop.client.id}/{accepted.job_id}-1.jpg"
        store.put(key, data, "image/jpeg")
        sha256 = hashlib.sha256(data).hexdigest()
        shop.jobs.succeed(shop.claim(accepted), replace(render(), key=key, bytes=len(data), sha256=sha256))
    shop.jobs.fail(shop.claim(shop.order()), "internal_error", "Something broke.")
    unfinished = shop.order().job_id

    # The database first: objects stored in between have no row, and the expiry removes them.
    run_program("pg_dump", "--format=custom", f"--file={tmp_path / 'backdrop.dump'}", lived.database_url)
    shutil.copytree(lived.home / "objects", tmp_path / "backup")
    engine.dispose()

    fresh = new_database(postgresql_server, f"{tmp_path.name}-fresh")
    run_program("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={fresh}", str(tmp_path / "backdrop.dump"))
    shutil.copytree(tmp_path / "backup", tmp_path / "fresh" / "objects")
    monkeypatch.setenv("DATABASE_URL", fresh)
    monkeypatch.setenv("BACKDROP_ENCRYPTION_KEYS", keys)
    monkeypatch.setenv("BACKDROP_HOME", str(tmp_path / "fresh"))

    def said(*command: str) -> str:
        result = CliRunner().invoke(main, list(command))
        assert result.exit_code == 0, result.output
        return result.output

    restored = create_engine(Settings().sqlalchemy_url)
    migrate(restored)
    assert "No problems found." in said("ledger", "check", "--objects")
    assert "All are encrypted" in said("secrets", "check")
    accounts = Accounts(restored, open_cipher(Settings()))
    client = accounts.named(shop.client.name)
    assert client.balance == 100 - 2 * 21
    assert accounts.shopify_secrets(client) == ("shpss_secret",)
    claim = Shop(restored).jobs.claim()
    assert claim is not None
    assert claim.job_id == unfinished, "what was unfinished goes on"
    restored.dispose()

    gone = next(path for path in (tmp_path / "fresh" / "objects").rglob("*-1.jpg*") if path.is_file())
    gone.unlink()
    assert CliRunner().invoke(main, ["ledger", "check", "--objects"]).exit_code == 1, "and a loss is noticed"
