"""Old objects without a row are deleted, and nothing else. Each store on one of the databases."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from ulid import ULID

from service.settings import Settings
from service.storage.expiry import build_expirer
from service.storage.objects import Bucket
from service.storage.orphans import OrphanSweep
from service.storage.registry import BucketName
from tests.support.databases import ON_SQLITE
from tests.support.warehouse import DAY, Warehouse


def test_an_object_without_a_row_is_deleted_and_one_with_a_row_stays(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.storage.orphans")
    client, stranger = warehouse.shop.client.id, ULID()
    photo = warehouse.photo()
    _, made = warehouse.delivered(photo)
    orphans = [f"renders/{client}/{ULID()}-1.jpg", f"masks/{client}/{ULID()}.png", f"cutouts/{client}/0/1"]
    kept = [f"renders/{stranger}/{ULID()}-1.jpg", "renders/mine.jpg", "reports/2026.csv"]
    for key in orphans + kept:
        warehouse.renders.put(key, b"left", "image/jpeg")
    warehouse.sources.put(f"uploads/{client}/left.jpg", b"left", "image/jpeg")
    sweep = OrphanSweep(warehouse.engine, (warehouse.sources, warehouse.renders), age=-2.0)  # all is old

    buckets: dict[BucketName, Bucket] = {"sources": warehouse.sources}
    buckets |= dict.fromkeys(("renders", "masks", "cutouts"), warehouse.renders)
    replace(warehouse.expirer, orphans=sweep, buckets=buckets).run_once()

    assert [warehouse.lies_in(warehouse.renders, key) for key in orphans] == [False] * 3
    assert not warehouse.lies_in(warehouse.sources, f"uploads/{client}/left.jpg")
    assert all(warehouse.lies_in(warehouse.renders, key) for key in (made.key, *kept))
    assert warehouse.lies_in(warehouse.sources, photo)
    assert warehouse.known == {photo, made.key}
    assert orphans[0] in caplog.text  # it reports the deleted objects
    assert f"kept: {stranger}" in caplog.text


@ON_SQLITE
def test_recent_objects_stay_a_look_is_bounded_and_the_next_continues(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.storage.orphans._LOOK", 2)
    for _ in range(5):
        warehouse.renders.put(f"renders/{warehouse.shop.client.id}/{ULID()}-1.jpg", b"left", "image/jpeg")
    assert OrphanSweep(warehouse.engine, (warehouse.renders,), age=DAY).run_once() == 0
    sweep = OrphanSweep(warehouse.engine, (warehouse.renders,), age=-2.0)

    assert [sweep.run_once() for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.parametrize(("days", "age"), [("30", 30 * DAY), ("0", None)])
def test_the_setting_sets_the_age(tmp_path: Path, days: str, age: float | None) -> None:
    orphans = build_expirer(Settings(home=tmp_path, orphan_days=float(days))).orphans
    assert (orphans and orphans.age) == age


def test_half_a_day_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"0\.5 is less than a day.*Use 1 or more, or 0"):
        Settings(home=tmp_path, orphan_days=0.5)
