"""The expiry of photos and renders, and the objects that must stay. Each store on one of the databases."""

import logging
import os
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from litestar.testing import TestClient
from pydantic import ValidationError
from ulid import ULID

from service.api.app import create_app
from service.database.clock import db_now
from service.database.engine import create_engine
from service.database.tables import stored_objects
from service.jobs.records import JobStatus, NewRender
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.directory import DirectoryBucket, UrlSigner
from service.storage.expiry import DELETE_DELAY, OrphanSweep, build_expirer
from service.storage.objects import Bucket, StoreUnavailable
from service.storage.registry import BucketName, SourceExpired
from service.supervisor.processes import ChildProcess
from testkit.polling import at_once, until
from testkit.up import BACKDROP
from tests.service.storage.conftest import DAY, Warehouse
from tests.support.caller import Caller
from tests.support.databases import ON_SQLITE, migrated_engine
from tests.support.shop import render

# Photos


def test_unused_photos_expire_with_their_rows(warehouse: Warehouse) -> None:
    shop = warehouse.shop
    old, used, needed = (warehouse.photo(name) for name in ("old", "used", "needed"))
    never, mounted = (f"uploads/{shop.client.id}/{name}.jpg" for name in ("never", "mounted"))
    warehouse.registry.register("sources", never, client_id=shop.client.id)  # reserved, and never uploaded to
    warehouse.sources.put(mounted, b"photo", "image/jpeg")  # came another way: it is known from its first use
    warehouse.expirer.run_once()
    warehouse.delivered(mounted)
    accepted = shop.order(source_key=needed)
    warehouse.pass_time(0.9)
    warehouse.delivered(used)
    new = warehouse.photo("new")
    warehouse.pass_time(0.2)

    def left() -> set[str]:
        warehouse.expirer.run_once()
        keys = {old, used, needed, mounted, new}
        return {key for key in keys if warehouse.lies_in(warehouse.sources, key)}

    assert left() == {used, needed, new}
    assert not {old, never, mounted} & warehouse.known
    claim = shop.claim(accepted)
    assert left() == {used, needed, new}, "an unfinished job needs it"
    shop.jobs.fail(claim, "no_subject", "")
    assert left() == {used, new}


def test_the_picture_behind_a_product_stays_until_its_job_ends_and_its_deletion_ends_the_job(
    warehouse: Warehouse,
) -> None:
    shop = warehouse.shop
    photo, behind, other = (warehouse.photo(name) for name in ("photo", "behind", "other"))
    named = {"seed": 1, "ground": {"background": "image", "background_image": behind}}
    accepted = shop.order(source_key=photo, spec=named)
    warehouse.pass_time(1.1)

    warehouse.expirer.run_once()

    assert warehouse.lies_in(warehouse.sources, behind)
    assert not warehouse.lies_in(warehouse.sources, other)
    with warehouse.registry.begin() as connection:
        warehouse.registry.mark_deleted_photo(connection, behind, client_id=shop.client.id, writable=0)
        assert shop.jobs.end_without_photo(connection, behind) == [accepted.job_id]
    assert shop.balance == 1000
    with pytest.raises(SourceExpired):
        shop.order(source_key=photo, spec=named)


def test_an_expired_photo_takes_no_order_while_its_bytes_still_exist(warehouse: Warehouse) -> None:
    key = warehouse.photo()
    warehouse.pass_time(1.1)
    replace(warehouse.expirer, delete_delay=DELETE_DELAY).run_once()

    with pytest.raises(SourceExpired):
        warehouse.shop.order(source_key=key)

    assert warehouse.lies_in(warehouse.sources, key)
    assert warehouse.shop.balance == 1000
    assert (warehouse.rows("jobs"), warehouse.rows("request_logs")) == (0, 0)


# Renders


def test_a_render_expires_and_its_job_its_log_and_its_ledger_lines_stay(warehouse: Warehouse) -> None:
    key = warehouse.photo()
    accepted, made = warehouse.delivered(key)
    warehouse.pass_time(1.1)
    kept = {table: warehouse.rows(table) for table in ("jobs", "request_logs", "ledger")}

    warehouse.expirer.run_once()

    assert not warehouse.lies_in(warehouse.renders, made.key)
    job, picture = warehouse.shop.found(accepted)
    assert (job.status, picture) == (JobStatus.SUCCESS, None)
    assert warehouse.shop.jobs.render(made.public_id, client_id=warehouse.shop.client.id) is None
    assert {table: warehouse.rows(table) for table in kept} == kept
    assert (warehouse.shop.balance, warehouse.known) == (998, set())


def test_a_preview_expires_after_an_hour_and_other_renders_stay(warehouse: Warehouse) -> None:
    expirer = replace(warehouse.expirer, render_age=None, preview_age=3600.0)
    (_, whole), (looked, seen) = (warehouse.delivered(warehouse.photo(), preview=preview) for preview in (False, True))
    expirer.run_once()
    assert warehouse.lies_in(warehouse.renders, seen.key)
    warehouse.pass_time(1.1 / 24)

    expirer.run_once()

    assert [warehouse.lies_in(warehouse.renders, one.key) for one in (whole, seen)] == [True, False]
    job, picture = warehouse.shop.found(looked)
    assert (job.status, picture) == (JobStatus.SUCCESS, None)


def test_the_preview_of_a_refused_picture_lives_as_long_as_a_picture(warehouse: Warehouse) -> None:
    accepted = warehouse.shop.order(source_key=warehouse.photo())
    made = replace(render(), key=warehouse.picture(accepted, 1), preview=True)
    warehouse.shop.jobs.fail(warehouse.shop.claim(accepted), "not_accepted", "The text is not the same.", made)
    expirer = replace(warehouse.expirer, preview_age=3600.0)
    warehouse.pass_time(0.9)

    expirer.run_once()

    assert warehouse.lies_in(warehouse.renders, made.key)
    assert warehouse.shop.render(accepted).preview
    warehouse.pass_time(0.2)
    expirer.run_once()
    assert not warehouse.lies_in(warehouse.renders, made.key)
    assert warehouse.shop.found(accepted)[1] is None


def test_a_render_outlives_its_photo_and_expires_without_an_object_row(warehouse: Warehouse) -> None:
    accepted, made = warehouse.delivered(warehouse.photo())
    with warehouse.engine.begin() as connection:
        connection.execute(stored_objects.delete().where(stored_objects.c.key == made.key))
    warehouse.pass_time(1.1)

    replace(warehouse.expirer, render_age=None).run_once()
    assert warehouse.lies_in(warehouse.renders, made.key)
    assert not warehouse.lies_in(warehouse.sources, warehouse.shop.render(accepted).source_key)

    warehouse.expirer.run_once()
    assert not warehouse.lies_in(warehouse.renders, made.key)


def test_objects_of_dead_attempts_go_once_the_job_is_over_and_no_attempt_can_still_store(warehouse: Warehouse) -> None:
    accepted = warehouse.shop.order(source_key=warehouse.photo())
    claim = warehouse.shop.claim(accepted)
    dead, late = warehouse.picture(accepted, 7), warehouse.picture(accepted, 8)
    warehouse.pass_time(0.5)
    warehouse.registry.register("renders", late, client_id=warehouse.shop.client.id, job_id=accepted.job_id)
    warehouse.expirer.run_once()
    assert warehouse.lies_in(warehouse.renders, dead), "the job goes on"

    made = NewRender(**vars(render()) | {"key": warehouse.picture(accepted, 9)})
    warehouse.shop.jobs.succeed(claim, made)
    warehouse.expirer.run_once()
    pictures = [warehouse.lies_in(warehouse.renders, key) for key in (dead, late, made.key)]
    assert pictures == [False, True, True], "the late attempt may still be storing"

    warehouse.pass_time(0.3)
    warehouse.expirer.run_once()
    assert [warehouse.lies_in(warehouse.renders, key) for key in (late, made.key)] == [False, True]


def test_without_ages_nothing_expires(warehouse: Warehouse) -> None:
    key = warehouse.photo()
    _, made = warehouse.delivered(key)
    warehouse.pass_time(5000)

    replace(warehouse.expirer, source_age=None, render_age=None).run_once()

    assert warehouse.lies_in(warehouse.sources, key)
    assert warehouse.lies_in(warehouse.renders, made.key)


# Around


@pytest.mark.parametrize(
    ("settings", "ages"),
    [
        ({}, (30 * DAY + 900, None, 30 * DAY)),
        ({"source_days": 0, "render_days": 0}, (None, None, 30 * DAY)),
        ({"source_days": 1, "render_days": 7, "url_ttl": 60}, (DAY + 60, 7 * DAY, DAY)),
        ({"cutout_days": 2}, (30 * DAY + 900, None, 2 * DAY)),
        ({"cutout_days": 0}, (30 * DAY + 900, None, 320)),
    ],
    ids=["default", "for ever", "set", "cut-outs sooner than photos", "no cut-outs"],
)
def test_ages_follow_the_settings(
    settings: dict[str, Any], ages: tuple[float | None, float | None, float], tmp_path: Path
) -> None:
    expirer = build_expirer(Settings(home=tmp_path, **settings))

    assert (expirer.source_age, expirer.render_age, expirer.cutout_age) == ages
    assert expirer.attempt_ends == 320
    assert (expirer.scene_age, set(expirer.buckets)) == (90 * DAY, {"sources", "renders", "cutouts", "scenes", "masks"})
    assert expirer.preview_age == 3600


def test_the_sweep_process_deletes_expired_uploads_of_the_api(tmp_path: Path, valkey_url: str) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url, expire_every=0.1, source_days=1)
    engine = migrated_engine(settings)
    warehouse = Warehouse(engine, *open_buckets(settings))
    with TestClient(create_app(settings)) as http:
        caller = Caller(http, settings, "caller", credits=10)
        old = caller.upload()
        warehouse.pass_time(2)
        new = caller.upload()
        caller.engine.dispose()
    command_line = [BACKDROP, "sweep"]
    sweep = ChildProcess("sweep", command_line, environment=settings.environment(), log=tmp_path / "sweep.log")
    try:

        def gone() -> bool:
            with engine.begin() as connection:  # the minute between mark and end
                expired = stored_objects.update().where(stored_objects.c.doomed_at.is_not(None))
                connection.execute(expired.values(doomed_at=db_now(-61)))
            return old not in warehouse.known

        until(gone)
    finally:
        sweep.stop(120)

    assert (warehouse.lies_in(warehouse.sources, old), warehouse.lies_in(warehouse.sources, new)) == (False, True)
    assert warehouse.known == {new}
    assert sweep.exit_status == 0
    engine.dispose()


# Expiry during failures and in parallel


def test_orders_that_race_with_the_expiry_have_their_photo_or_cost_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    warehouse = Warehouse(engine, *open_buckets(Settings(home=tmp_path)))
    keys = [warehouse.photo(f"p{number}") for number in range(24)]
    warehouse.pass_time(1.1)
    accepted: list[str] = []
    refused: list[str] = []

    def order(mine: list[str]) -> None:
        for key in mine:
            try:
                warehouse.shop.order(cost=1, source_key=key)
                accepted.append(key)
            except SourceExpired:
                refused.append(key)

    def expire() -> None:
        while warehouse.registry.mark_expired_sources(older_than=DAY, limit=1):
            pass

    at_once(partial(order, keys[::2]), partial(order, keys[1::2]), expire)

    warehouse.expirer.run_once()
    assert sorted(accepted + refused) == sorted(keys)
    assert [key for key in keys if warehouse.lies_in(warehouse.sources, key)] == sorted(accepted, key=keys.index)
    assert warehouse.shop.balance == 1000 - len(accepted)


class AwayStore(DirectoryBucket):
    """A directory store that refuses to delete chosen objects."""

    refused: frozenset[str] = frozenset()

    def delete(self, key: str) -> None:
        if key in self.refused:
            raise StoreUnavailable("Permission denied")
        super().delete(key)


@ON_SQLITE
def test_a_store_that_is_away_postpones_and_blocks_nothing_for_good(engine: sa.Engine, tmp_path: Path) -> None:
    store = AwayStore(tmp_path / "sources", bucket="sources", signer=UrlSigner(b"k"), url_ttl=60)
    warehouse = Warehouse(engine, store, store)
    keys = [warehouse.photo(name) for name in "abc"]
    warehouse.pass_time(1.1)

    store.refused = frozenset(keys)
    warehouse.expirer.run_once()
    assert warehouse.known == set(keys)

    store.refused = frozenset(keys[:1])  # one object that can never be deleted
    for _ in keys:
        warehouse.expirer.run_once()
    assert warehouse.known == set(keys[:1])

    store.refused = frozenset()
    warehouse.expirer.run_once()
    assert (warehouse.known, any(warehouse.lies_in(store, key) for key in keys)) == (set(), False)


class FatalStore(DirectoryBucket):
    """A directory store whose process is killed right after the second object is deleted."""

    deleted = 0

    def delete(self, key: str) -> None:
        super().delete(key)
        self.deleted += 1
        if self.deleted == 2:
            os._exit(9)


def expire_and_die(url: str, root: Path) -> None:
    store = FatalStore(root, bucket="sources", signer=UrlSigner(b"k"), url_ttl=60)
    Warehouse(create_engine(url), store, store).expirer.run_once()


@ON_SQLITE
def test_the_next_expiry_repairs_one_that_was_killed_between_object_and_row(
    engine: sa.Engine, migrated_url: str, tmp_path: Path
) -> None:
    warehouse = Warehouse(engine, *open_buckets(Settings(home=tmp_path)))
    keys = {warehouse.photo(name) for name in "abcd"}
    warehouse.pass_time(1.1)
    url = Settings(database_url=migrated_url).sqlalchemy_url
    process = get_context("spawn").Process(target=expire_and_die, args=[url, tmp_path / "objects" / "sources"])
    process.start()
    process.join()
    left = {key for key in keys if warehouse.lies_in(warehouse.sources, key)}
    assert (process.exitcode, len(left), len(warehouse.known)) == (9, 2, 3)

    warehouse.expirer.run_once()

    assert warehouse.known == set()
    assert not any(warehouse.lies_in(warehouse.sources, key) for key in keys)


def test_simultaneous_expiries_do_the_work_once(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.storage.expiry._BATCH", 5)  # several in a look
    for number in range(12):
        warehouse.delivered(warehouse.photo(f"p{number}"))
    warehouse.pass_time(1.1)

    at_once(*[warehouse.expirer.run_once] * 4)

    assert (warehouse.known, warehouse.rows("renders"), warehouse.rows("jobs")) == (set(), 0, 12)


# Old objects without a row are deleted, and nothing else. Each store on one of the databases


def test_an_object_without_a_row_is_deleted_and_one_with_a_row_stays(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.storage.expiry")
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
    monkeypatch.setattr("service.storage.expiry._LOOK", 2)
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
