"""The deletion and the export of all of a client's data: nothing of it is left, and nothing else changes."""

import json
import threading
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ulid import ULID

from service.accounts.brands import Brands, Profile, SeedPolicy
from service.database.clock import db_now
from service.database.encryption import SecretCipher, new_encryption_key
from service.database.tables import (
    UNFINISHED,
    data_deletions,
    jobs,
    mended_masks,
    metadata,
    orders,
    stored_objects,
)
from service.diagnostics.audit import Bounds, audit
from service.jobs.records import LeaseLost
from service.operations.erasure import Erasure
from service.operations.export import _TABLES, exported
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.expiry import Expirer
from service.storage.mask_registry import MaskRegistry
from service.storage.registry import ObjectRegistry, SourceExpired
from service.webhooks.endpoints import Webhooks
from testkit.polling import until
from tests.support.command_line import run
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop, render

#: The same bytes for each client.
PHOTO = b"the same photo"
#: Rows that a deletion keeps.
KEPT = {"clients", "api_keys", "ledger", "data_deletions"}


class House:
    """An installation with its buckets, and clients that have something of each kind."""

    def __init__(self, engine: sa.Engine, home: Path) -> None:
        self.engine, self.settings = engine, Settings(home=home)
        self.sources, self.renders = open_buckets(self.settings)
        self.registry, self.masks = ObjectRegistry(engine), MaskRegistry(engine)
        self.erasure = Erasure(engine, self.settings)
        self.cipher = SecretCipher([new_encryption_key()])

    def client(self) -> Shop:
        shop = Shop(self.engine, credits=1000)
        photo = self.photo(shop)
        Brands(self.engine).put(
            "spring", Profile((), ("linen",), SeedPolicy.FREE, None, None, {}), client_id=shop.client.id
        )
        Webhooks(self.engine, self.cipher).register(shop.client.name, "https://shop.example/hooks")
        Webhooks(self.engine, self.cipher).test(shop.client.name)
        for _ in range(2):
            self.finished(shop, photo, reference="sku-7")
        self.finished(shop, photo, preview=True, cost=0)
        self.finished(shop, photo, idempotency_key="once")
        shop.cut_out(source_key=photo)
        shop.jobs.fail(shop.claim(shop.order(source_key=photo)), "no_subject", "No product stands out.")
        for bucket, name in (("cutouts", "a" * 64 + "/x"), ("scenes", "b" * 64), ("masks", f"{ULID()}.png")):
            key = f"{bucket}/{shop.client.id}/{name}"
            self.registry.register(bucket, key, client_id=shop.client.id)  # type: ignore[arg-type]  # a name of the loop
            self.renders.put(key, b"kept", "image/png")
        with self.engine.begin() as connection:
            mask = {"client_id": shop.client.id, "photo_sha256": "0" * 64, "cut_by": "mended", "base_by": "network"}
            mask |= {name: f"masks/{shop.client.id}/{name}.png" for name in ("mask_key", "base_key", "preview_key")}
            connection.execute(mended_masks.insert().values(**mask, facts={}))
        shop.order(source_key=photo)  # waits
        shop.order_many(3, source_key=photo)
        return shop

    def photo(self, shop: Shop, data: bytes = PHOTO) -> str:
        key = f"uploads/{shop.client.id}/{ULID()}.jpg"
        self.registry.register("sources", key, client_id=shop.client.id)
        self.sources.put(key, data, "image/jpeg")
        self.masks.identify_photo(key, "0" * 64, 1)
        return key

    def finished(self, shop: Shop, photo: str, **order: Any) -> str:
        accepted = shop.order(source_key=photo, **order)
        key = f"renders/{shop.client.id}/{accepted.job_id}-1.jpg"
        self.registry.register("renders", key, client_id=shop.client.id, job_id=accepted.job_id)
        self.renders.put(key, b"picture of " + shop.client.id.encode(), "image/jpeg")
        made = replace(render(), key=key, preview=bool(order.get("preview")))
        shop.jobs.succeed(shop.claim(accepted), made)
        return key

    def files(self, shop: Shop) -> dict[str, bytes]:
        found = [(bucket, key) for bucket in (self.sources, self.renders) for key, _ in bucket.entries()]
        return {key: bucket.get(key, max_bytes=1000) for bucket, key in found if shop.client.id in key}

    def rows(self, shop: Shop) -> dict[str, list[Any]]:
        """Every row of a client, by table."""
        found = {}
        with self.engine.connect() as connection:
            for table in metadata.tables.values():
                owner = table.c.get("client_id", table.c.id if table.name == "clients" else None)
                if owner is not None:
                    query = sa.select(table).where(owner == shop.client.id).order_by(*table.primary_key)
                    found[table.name] = [tuple(row) for row in connection.execute(query)]
        return found

    def delete_marked(self) -> None:
        """Let enough time pass, and run a round of expiry."""
        with self.engine.begin() as connection:
            marked = stored_objects.update().where(stored_objects.c.doomed_at.is_not(None))
            connection.execute(marked.values(doomed_at=db_now(-1000)))
        buckets: Any = {"sources": self.sources}
        buckets |= dict.fromkeys(("renders", "cutouts", "scenes", "masks"), self.renders)
        Expirer(self.registry, buckets, None, None, attempt_ends=1e6, masks=self.masks).run_once()


@pytest.fixture
def house(engine: sa.Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path)


def left(rows: dict[str, list[Any]]) -> set[str]:
    return {name for name, some in rows.items() if some}


def test_everything_goes_with_one_receipt_and_another_client_keeps_every_bit(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.operations.erasure._PAGE", 2)  # one transaction follows another
    leaver, stayer = house.client(), house.client()
    unfinished = 2 * (1 + 3)
    before = house.rows(stayer), house.files(stayer)
    balance, lines = leaver.balance, house.rows(leaver)["ledger"]

    receipt = house.erasure.run(leaver.client.id)

    assert left(house.rows(leaver)) == {*KEPT, "stored_objects"}, "objects are marked, and follow"
    kept = house.rows(leaver)
    assert leaver.balance == balance + unfinished
    assert set(kept["ledger"]) > set(lines), "only refunds are new"
    assert not any(word in str(kept) for word in ("sku-7", "shop.example", "spring"))
    assert receipt["completed_at"] >= receipt["requested_at"]
    counts = {"photos": 1, "pictures": 4, "masks": 1, "cut-outs": 1, "backgrounds": 1, "webhooks": 1, "brands": 1}
    counts |= {"mended_masks": 1, "cancelled": 4, "orders": 1, "jobs": 10, "renders": 4, "cutouts": 1}
    assert receipt["counts"] == counts | {"deliveries": 6, "request_logs": 11}
    assert receipt["files_left"] == 8
    house.delete_marked()
    assert house.files(leaver) == {}
    assert house.erasure.receipts(leaver.client.id)[0]["files_left"] == 0
    assert left(house.rows(leaver)) == KEPT
    assert (house.rows(stayer), house.files(stayer)) == before
    assert audit(house.engine, Bounds(max_attempts=2)).findings == []
    assert house.erasure.run(leaver.client.id)["counts"] == {}, "again: nothing is left"


@ON_SQLITE
def test_after_a_crash_the_sweep_finishes_the_deletion_and_counts_all_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.operations.erasure._PAGE", 3)
    shop = Shop(house.engine, credits=100)
    shop.order_many(5, source_key=house.photo(shop))
    total = len(house.rows(shop)["jobs"])

    def crash(*given: Any) -> int:
        raise KeyboardInterrupt  # in the middle of a transaction

    monkeypatch.setattr("service.operations.erasure._delete_orders", crash)
    with pytest.raises(KeyboardInterrupt):
        house.erasure.run(shop.client.id)
    (half,) = house.erasure.receipts(shop.client.id)
    assert half["completed_at"] is None
    assert half["counts"]["photos"] == 1, "what was done is counted"
    assert len(house.rows(shop)["jobs"]) == total
    monkeypatch.undo()

    again = house.erasure.run(shop.client.id)  # the same request; the sweep calls `finish`

    first = house.erasure.receipts(shop.client.id)[1]
    assert None not in (first["completed_at"], again["completed_at"])
    assert first["counts"] == {"photos": 1, "cancelled": 5, "orders": 1, "jobs": 5, "request_logs": 6}
    assert left(house.rows(shop)) == {*KEPT, "stored_objects"}


def test_a_running_attempt_notices_and_stores_nothing_that_stays(house: House) -> None:
    shop = Shop(house.engine)
    accepted = shop.order(source_key=house.photo(shop))
    claim = shop.claim(accepted)
    key = f"renders/{shop.client.id}/{accepted.job_id}-1.jpg"
    house.registry.register("renders", key, client_id=shop.client.id, job_id=accepted.job_id)

    house.erasure.run(shop.client.id)

    house.renders.put(key, b"late", "image/jpeg")
    with pytest.raises(LeaseLost):
        shop.jobs.succeed(claim, replace(render(), key=key))
    with pytest.raises(sa.exc.IntegrityError):  # a later one can't even register
        house.registry.register("renders", key, client_id=shop.client.id, job_id=accepted.job_id)
    house.delete_marked()
    assert house.files(shop) == {}


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_submits_at_the_same_time_are_wholly_older_or_wholly_newer(house: House) -> None:
    shop = Shop(house.engine, credits=100_000)
    photos = [house.photo(shop) for _ in range(3)]
    made: list[str] = []

    def submit() -> None:
        while True:
            for photo in photos:
                try:
                    made.append(shop.order(source_key=photo).job_id)
                    shop.order_many(2, source_key=photo)
                except SourceExpired:
                    made.append("refused")
                    return

    thread = threading.Thread(target=submit)
    thread.start()
    until(lambda: len(made) > 2)
    house.erasure.run(shop.client.id)
    thread.join()
    shop.jobs.fail_abandoned(max_wait=1e6)

    assert "refused" in made
    assert audit(house.engine, Bounds(max_attempts=2)).findings == [], "no order without its jobs, each refund once"
    with house.engine.connect() as connection:
        gone = sa.select(stored_objects.c.key).where(stored_objects.c.doomed_at.is_not(None))
        waiting = sa.select(jobs.c.id).where(UNFINISHED, jobs.c.source_key.in_(gone))
        assert connection.execute(waiting).all() == []
        requested = connection.execute(sa.select(data_deletions.c.requested_at)).scalar_one()
        for table in (jobs, orders):
            old = sa.select(table.c.id).where(table.c.created_at <= requested)
            newer = sa.exists().where(jobs.c.order_id == orders.c.id, jobs.c.created_at > requested)
            old = old.where(~newer) if table is orders else old
            assert connection.execute(old).all() == []


@ON_SQLITE
def test_what_is_made_after_the_request_stays(house: House) -> None:
    shop = Shop(house.engine, credits=100)
    assert house.erasure.run(shop.client.id, seconds=0.0)["completed_at"] is None
    key = house.finished(shop, house.photo(shop))
    shop.order_many(2)
    Webhooks(house.engine, house.cipher).register(shop.client.name, "https://shop.example/new")

    house.erasure.finish()

    rows = house.rows(shop)
    assert [len(rows[name]) for name in ("jobs", "orders", "renders", "webhooks")] == [3, 1, 1, 1]
    house.delete_marked()
    assert set(house.files(shop)) == {key, *(key for key in house.files(shop) if key.startswith("uploads/"))}
    assert len(house.files(shop)) == 2


# The export


def unzipped(parts: Iterable[bytes]) -> tuple[dict[str, list[dict[str, Any]]], dict[str, bytes]]:
    """Return the rows by file, and the other files."""
    with zipfile.ZipFile(BytesIO(b"".join(parts))) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    rows = {name: [json.loads(line) for line in data.splitlines()] for name, data in found.items() if "/" not in name}
    return rows, {name: data for name, data in found.items() if "/" in name}


def test_the_export_has_every_row_and_file_of_the_client_and_no_secret(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.operations.export._PAGE", 2)
    shop, other = house.client(), Shop(house.engine)
    house.finished(other, house.photo(other))
    buckets = (house.sources, house.renders)

    rows, files = unzipped(exported(house.engine, buckets, shop.client.id))

    own = house.rows(shop)
    assert {name.removesuffix(".jsonl"): len(some) for name, some in rows.items()} == {
        "keys": 1,
        **{name: len(own[name]) for name in _TABLES},
    }
    assert set(own) - {*_TABLES, "api_keys", "request_logs", "stored_objects"} == set(), "a table without a file"
    job = next(one for one in rows["jobs.jsonl"] if one["reference"] == "sku-7")
    assert (job["body"], job["spec"]) == ({"scene_type": "same"}, {"seed": 1})
    assert rows["renders.jsonl"][0]["report"]["provenance"]["seed"] == 7
    kept = {key: data for key, data in house.files(shop).items() if not key.startswith(("cutouts/", "scenes/"))}
    assert files == {key.replace(f"/{shop.client.id}/", "/"): data for key, data in kept.items()}
    whole = b"".join(files.values()) + json.dumps(rows).encode()
    assert other.client.id.encode() not in whole
    for secret in ("fernet:", "secret", "sha256_of_key", "lease_token", "rotation_key"):
        assert f'"{secret}' not in whole.decode(), secret
    assert not any(key[0] in whole.decode() for key in own["api_keys"]), "not even a key's hash"


@ON_SQLITE
def test_a_row_with_the_key_of_another_client_exports_nothing(house: House) -> None:
    shop, other = Shop(house.engine), Shop(house.engine)
    foreign = house.photo(other)
    up = f"uploads/{shop.client.id}/../{other.client.id}/x.jpg"
    with house.engine.begin() as connection:
        connection.execute(stored_objects.delete())
        for key in (foreign, up, f"{foreign}/{shop.client.id}/x.jpg"):
            connection.execute(stored_objects.insert().values(bucket="sources", key=key, client_id=shop.client.id))

    assert unzipped(exported(house.engine, (house.sources, house.renders), shop.client.id))[1] == {}


@ON_SQLITE
def test_operators_export_and_delete_a_clients_data(
    house: House, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", migrated_url)
    monkeypatch.setenv("BACKDROP_HOME", str(tmp_path))
    shop = house.client()
    file = tmp_path / "data.zip"

    assert run("clients", "export", shop.client.name, str(file)).exit_code == 0
    assert len(unzipped([file.read_bytes()])[1]) == 6
    assert run("clients", "delete-data", shop.client.name).exit_code == 1, "it asks first"
    assert house.rows(shop)["jobs"]
    assert json.loads(run("clients", "delete-data", shop.client.name, "--yes").output)["counts"]["jobs"] == 10
    assert left(house.rows(shop)) == {*KEPT, "stored_objects"}
