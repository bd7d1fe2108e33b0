"""The runbook's backup and drill: restored elsewhere, every row and byte is there; held, checked, released, swept."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from service.accounts.clients import Accounts
from service.cli.main import main
from service.database.encryption import new_encryption_key, open_cipher
from service.database.engine import create_engine
from service.database.tables import UNFINISHED, jobs
from service.jobs.intake import Accepted
from service.settings import Settings
from service.webhooks.endpoints import Webhooks
from testkit.fleet import Fleet
from testkit.photos import good
from testkit.polling import until
from testkit.receiver import receiving
from tests.support.databases import migrated_database, new_database, run_program
from tests.support.installation import QUICK, Installation
from tests.support.served import answers

pytestmark = pytest.mark.nightly  # in the gate service/diagnostics/test_object_audit.py checks one database


def settings_of(home: Path, database_url: str, queue_url: str, keys: str) -> Settings:
    more: dict[str, Any] = {"webhook_allow_private": True, "expire_every": 1.0, "encryption_keys": keys}
    return Settings(home=home, database_url=database_url, queue_url=queue_url, **QUICK | more)


@pytest.fixture
def keys() -> str:
    return new_encryption_key()


@pytest.fixture
def lived(tmp_path: Path, postgresql_server: str, valkey_url: str, keys: str) -> Iterator[Installation]:
    database = migrated_database(postgresql_server, f"{tmp_path.name}-lived")
    settings = settings_of(tmp_path / "lived", database, f"{valkey_url.rpartition('/')[0]}/8", keys)
    with Fleet(settings, tmp_path / "logs") as fleet:
        fleet.sweep()
        fleet.worker()
        running = Installation(SimpleNamespace(settings=settings), fleet)  # type: ignore[arg-type]  # all it reads
        yield running
        running.close()


def unfinished(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(jobs).where(UNFINISHED)).scalar_one())


def backdrop(settings: Settings, *command: str) -> Result:
    return CliRunner().invoke(main, list(command), env=settings.environment())


def test_a_dump_under_load_is_restored_held_checked_released_and_cleared_of_later_objects(
    lived: Installation, tmp_path: Path, postgresql_server: str, valkey_url: str, keys: str
) -> None:
    with receiving() as receiver:
        cipher = open_cipher(lived.settings)
        Webhooks(lived.engine, cipher, allow_private=True).register(lived.client.name, receiver.url)
        Accounts(lived.engine, cipher).set_shopify_secret(lived.client.name, "shpss_secret")
        lived.all_ready()
        accepted, over = list[Accepted](), threading.Event()

        def load() -> None:
            while not over.is_set():
                accepted.append(lived.order(good(len(accepted))))
                over.wait(0.5)

        ordering = threading.Thread(target=load)
        ordering.start()
        until(lambda: len(receiver.received) >= 5)
        # The sweep sends its message later: whatever the machine's speed, the dump contains an unfinished job.
        accepted.append(lived.order(good(10_000), enqueue=False))
        began = time.monotonic()
        run_program("pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}", lived.settings.database_url)
        dumped = time.monotonic() - began
        count = len(receiver.received)
        until(lambda: len(receiver.received) >= count + 5)
        over.set()
        ordering.join()
        until(lambda: unfinished(lived.engine) == 0)
        until(lambda: len(receiver.received) == len(accepted))
        shutil.copytree(lived.settings.home / "objects", tmp_path / "fresh" / "objects")
        assert lived.wrong() == []

        began = time.monotonic()
        fresh = new_database(postgresql_server, f"{tmp_path.name}-fresh")
        run_program("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={fresh}", str(tmp_path / "dump"))
        settings = settings_of(tmp_path / "fresh", fresh, f"{valkey_url.rpartition('/')[0]}/7", keys)
        engine = create_engine(settings.sqlalchemy_url)
        left = unfinished(engine)
        assert left > 0
        with Fleet(settings, tmp_path / "logs-fresh") as fleet:
            sweep, address = fleet.sweep(), fleet.api()
            fleet.worker()
            until(lambda: "in quarantine" in fleet.log(sweep.name).read_text())
            until(lambda: answers(address, "live"))
            restored = time.monotonic() - began
            time.sleep(5)
            assert len(receiver.received) == len(accepted), "no receiver gets a message"
            assert unfinished(engine) == left, "no job runs"
            assert fleet.log(sweep.name).read_text().count("in quarantine") == 1
            refused = httpx.post(f"{address}/v1/uploads", json={"content_type": "image/jpeg"})
            assert (refused.status_code, refused.json()["code"]) == (503, "quarantined")

            assert backdrop(settings, "ledger", "check").exit_code == 0
            assert "All are encrypted" in backdrop(settings, "secrets", "check").output
            accounts = Accounts(engine, open_cipher(settings))
            assert accounts.shopify_secrets(accounts.named(lived.client.name)) == ("shpss_secret",)
            checked = backdrop(settings, "ledger", "check", "--objects")
            assert "object_has_its_render" in checked.output
            assert backdrop(settings, "ops", "restore-check").exit_code == 0
            for path in filter(Path.is_file, (settings.home / "objects").rglob("*")):
                os.utime(path, (time.time() - 40 * 86_400,) * 2)  # the restore was this long ago
            began = time.monotonic()
            assert backdrop(settings, "ops", "release").exit_code == 0
            until(lambda: unfinished(engine) == 0)
            until(lambda: len(receiver.received) > len(accepted))
            released = time.monotonic() - began
            # The expiry removes, minutes later, objects of the attempt that ran during the dump.
            whole = ("ledger", "check", "--objects", "--leftovers-kept=300")
            until(lambda: backdrop(settings, *whole).exit_code == 0)
            next(filter(Path.is_file, (settings.home / "objects" / "renders").rglob("*.png*"))).unlink()
            assert backdrop(settings, *whole).exit_code == 1, "a loss is detected"
        engine.dispose()
    print(f"{len(accepted)} jobs, {left} unfinished: dump {dumped:.1f} s, restore {restored:.1f} s,")
    print(f"release to the last job's end {released:.1f} s, orphans {checked.output.count('object_has_its_render')}")
