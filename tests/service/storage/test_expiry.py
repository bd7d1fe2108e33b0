"""What the store may forget, when, and what must never go with it. Both databases, both object stores."""

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from litestar.testing import TestClient

from service.api.app import create_app
from service.database.clock import db_now
from service.database.engine import _config, create_engine, migrate
from service.database.tables import metadata, stored_objects
from service.jobs.intake import Accepted
from service.jobs.records import JobStatus, NewRender
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.directory import DirectoryBucket
from service.storage.expiry import DELETE_DELAY, Expirer, build_expirer
from service.storage.objects import Bucket, ObjectNotFound, StoreUnavailable
from service.storage.registry import ObjectRegistry, SourceExpired
from service.storage.signing import UrlSigner
from service.supervisor.processes import ChildProcess
from tests.support.caller import Caller
from tests.support.databases import migrated_engine
from tests.support.shop import Shop, render

DAY = 86_400.0


class Warehouse:
    """A shop, its two buckets, and an expirer that deletes what is a day old."""

    def __init__(self, engine: sa.Engine, sources: Bucket, renders: Bucket) -> None:
        self.engine = engine
        self.shop = Shop(engine, credits=1000)
        self.sources, self.renders = sources, renders
        self.registry = ObjectRegistry(engine)
        self.expirer = Expirer(
            self.registry,
            {"sources": sources, "renders": renders},
            source_age=DAY,
            render_age=DAY,
            attempt_ends=320.0,
            delete_delay=0.0,
        )

    def photo(self, name: str = "photo") -> str:
        key = f"uploads/{self.shop.client.id}/{name}.jpg"
        self.registry.register("sources", key, client_id=self.shop.client.id)
        self.sources.put(key, b"photo", "image/jpeg")
        return key

    def picture(self, accepted: Accepted, attempt: int) -> str:
        key = f"renders/{self.shop.client.id}/{accepted.job_id}-{attempt}.jpg"
        self.registry.register("renders", key, client_id=self.shop.client.id, job_id=accepted.job_id)
        self.renders.put(key, b"picture", "image/jpeg")
        return key

    def delivered(self, key: str) -> tuple[Accepted, NewRender]:
        """Order from a photo and deliver a render."""
        accepted = self.shop.order(source_key=key)
        claim = self.shop.claim(accepted)
        made = NewRender(**vars(render()) | {"key": self.picture(accepted, 1)})
        self.shop.jobs.succeed(claim, made)
        return accepted, made

    def pass_time(self, days: float) -> None:
        """Let everything that is kept be that much older."""
        with self.engine.begin() as connection:
            for table, column in (
                ("stored_objects", "used_at"),
                ("stored_objects", "doomed_at"),
                ("renders", "created_at"),
            ):
                if connection.dialect.name == "sqlite":
                    older = f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-{days * DAY} seconds')"
                else:
                    older = f"{column} - make_interval(secs => {days * DAY})"
                connection.exec_driver_sql(f"UPDATE {table} SET {column} = {older}")

    def lies_in(self, bucket: Bucket, key: str) -> bool:
        try:
            return bucket.size(key) >= 0
        except ObjectNotFound:
            return False

    def rows(self, table: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(metadata.tables[table])).scalar_one())

    @property
    def known(self) -> set[str]:
        with self.engine.connect() as connection:
            return set(connection.execute(sa.select(stored_objects.c.key)).scalars())


@pytest.fixture(params=["directory", "s3"])
def warehouse(request: pytest.FixtureRequest, engine: sa.Engine, tmp_path: Path) -> Warehouse:
    settings = request.getfixturevalue("s3_settings") if request.param == "s3" else {"store": "directory"}
    return Warehouse(engine, *open_buckets(Settings(home=tmp_path, **settings)))


# Photos


def test_a_photo_goes_with_its_row_when_nobody_has_used_it_for_so_long(warehouse: Warehouse) -> None:
    old = warehouse.photo("old")
    warehouse.pass_time(1.1)
    new = warehouse.photo("new")

    warehouse.expirer.run_once()

    assert (warehouse.lies_in(warehouse.sources, old), warehouse.lies_in(warehouse.sources, new)) == (False, True)
    assert warehouse.known == {new}


def test_a_key_that_was_reserved_and_never_uploaded_to_goes_too(warehouse: Warehouse) -> None:
    key = f"uploads/{warehouse.shop.client.id}/never.jpg"
    warehouse.registry.register("sources", key, client_id=warehouse.shop.client.id)
    warehouse.pass_time(1.1)

    warehouse.expirer.run_once()

    assert warehouse.known == set()


def test_a_photo_stays_while_an_unfinished_job_needs_it(warehouse: Warehouse) -> None:
    key = warehouse.photo()
    accepted = warehouse.shop.order(source_key=key)
    warehouse.pass_time(2)
    warehouse.expirer.run_once()
    assert warehouse.lies_in(warehouse.sources, key)

    claim = warehouse.shop.claim(accepted)
    warehouse.expirer.run_once()
    assert warehouse.lies_in(warehouse.sources, key)

    warehouse.shop.jobs.fail(claim, "no_subject", "")
    warehouse.expirer.run_once()
    assert not warehouse.lies_in(warehouse.sources, key)
    assert warehouse.shop.balance == 1000


def test_a_photo_that_is_used_again_starts_anew(warehouse: Warehouse) -> None:
    key = warehouse.photo()
    warehouse.pass_time(0.9)
    warehouse.delivered(key)
    warehouse.pass_time(0.9)

    warehouse.expirer.run_once()

    assert warehouse.lies_in(warehouse.sources, key)


def test_a_photo_that_came_another_way_is_known_from_its_first_use(warehouse: Warehouse) -> None:
    key = f"uploads/{warehouse.shop.client.id}/mounted.jpg"
    warehouse.sources.put(key, b"photo", "image/jpeg")
    warehouse.expirer.run_once()
    warehouse.delivered(key)
    assert key in warehouse.known

    warehouse.pass_time(1.1)
    warehouse.expirer.run_once()

    assert not warehouse.lies_in(warehouse.sources, key)


def test_an_expired_photo_takes_no_order_though_its_bytes_are_there_still(warehouse: Warehouse) -> None:
    key = warehouse.photo()
    warehouse.pass_time(1.1)
    replace(warehouse.expirer, delete_delay=DELETE_DELAY).run_once()

    with pytest.raises(SourceExpired):
        warehouse.shop.order(source_key=key)

    assert warehouse.lies_in(warehouse.sources, key)
    assert warehouse.shop.balance == 1000
    assert (warehouse.rows("jobs"), warehouse.rows("request_logs")) == (0, 0)


def test_orders_that_race_with_the_expiry_have_their_photo_or_cost_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    warehouse = Warehouse(engine, *open_buckets(Settings(home=tmp_path)))
    keys = [warehouse.photo(f"p{number}") for number in range(24)]
    warehouse.pass_time(1.1)
    start = threading.Barrier(3)
    accepted: list[str] = []
    refused: list[str] = []

    def order(mine: list[str]) -> None:
        start.wait()
        for key in mine:
            try:
                warehouse.shop.order(cost=1, source_key=key)
                accepted.append(key)
            except SourceExpired:
                refused.append(key)

    def expire() -> None:
        start.wait()
        while warehouse.registry.mark_expired_sources(older_than=DAY, limit=1):
            pass

    threads = [
        threading.Thread(target=order, args=[keys[::2]]),
        threading.Thread(target=order, args=[keys[1::2]]),
        threading.Thread(target=expire),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    warehouse.expirer.run_once()
    assert sorted(accepted + refused) == sorted(keys)
    assert [key for key in keys if warehouse.lies_in(warehouse.sources, key)] == sorted(accepted, key=keys.index)
    assert warehouse.shop.balance == 1000 - len(accepted)


# Renders


def test_a_render_goes_and_its_job_its_log_and_its_money_stay(warehouse: Warehouse) -> None:
    key = warehouse.photo()
    accepted, made = warehouse.delivered(key)
    warehouse.pass_time(1.1)
    kept = {table: warehouse.rows(table) for table in ("jobs", "request_logs", "ledger")}

    warehouse.expirer.run_once()

    assert not warehouse.lies_in(warehouse.renders, made.key)
    found = warehouse.shop.jobs.get(accepted.job_id, client_id=warehouse.shop.client.id)
    assert found is not None
    assert (found[0].status, found[1]) == (JobStatus.SUCCESS, None)
    assert warehouse.shop.jobs.render(made.public_id, client_id=warehouse.shop.client.id) is None
    assert {table: warehouse.rows(table) for table in kept} == kept
    assert (warehouse.shop.balance, warehouse.known) == (998, set())


def test_a_render_outlives_its_photo_and_is_then_no_source(warehouse: Warehouse) -> None:
    expirer = replace(warehouse.expirer, render_age=None)
    key = warehouse.photo()
    _, made = warehouse.delivered(key)
    warehouse.pass_time(1.1)

    expirer.run_once()

    assert warehouse.lies_in(warehouse.renders, made.key)
    kept = warehouse.shop.jobs.render(made.public_id, client_id=warehouse.shop.client.id)
    assert kept is not None
    assert not warehouse.lies_in(warehouse.sources, kept.source_key)


def test_a_render_whose_object_was_never_written_down_goes_too(warehouse: Warehouse) -> None:
    _, made = warehouse.delivered(warehouse.photo())
    with warehouse.engine.begin() as connection:
        connection.execute(stored_objects.delete().where(stored_objects.c.key == made.key))
    warehouse.pass_time(1.1)

    warehouse.expirer.run_once()

    assert not warehouse.lies_in(warehouse.renders, made.key)


def test_what_dead_attempts_left_goes_once_the_job_is_over_and_they_can_not_be_storing(warehouse: Warehouse) -> None:
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
    assert pictures == [False, True, True], "the late one may be storing still"

    warehouse.pass_time(0.3)
    warehouse.expirer.run_once()
    assert [warehouse.lies_in(warehouse.renders, key) for key in (late, made.key)] == [False, True]


def test_what_is_kept_for_ever_is_not_touched(warehouse: Warehouse) -> None:
    key = warehouse.photo()
    _, made = warehouse.delivered(key)
    warehouse.pass_time(5000)

    replace(warehouse.expirer, source_age=None, render_age=None).run_once()

    assert warehouse.lies_in(warehouse.sources, key)
    assert warehouse.lies_in(warehouse.renders, made.key)


# When things break


class AwayStore(DirectoryBucket):
    """A directory store that refuses to delete what the test says."""

    refused: frozenset[str] = frozenset()

    def delete(self, key: str) -> None:
        if key in self.refused:
            raise StoreUnavailable("Permission denied")
        super().delete(key)


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


def test_an_expiry_killed_between_object_and_row_is_made_good_by_the_next(
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


def test_any_number_of_expiries_at_once_do_the_work_once(warehouse: Warehouse) -> None:
    for number in range(30):
        warehouse.delivered(warehouse.photo(f"p{number}"))
    warehouse.pass_time(1.1)
    errors: list[BaseException] = []

    def expire() -> None:
        try:
            warehouse.expirer.run_once()
        except Exception as error:  # noqa: BLE001  # any at all fails the test
            errors.append(error)

    threads = [threading.Thread(target=expire) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert (warehouse.known, warehouse.rows("renders"), warehouse.rows("jobs")) == (set(), 0, 30)


def test_more_than_one_batch_goes_in_one_look(engine: sa.Engine, tmp_path: Path) -> None:
    warehouse = Warehouse(engine, *open_buckets(Settings(home=tmp_path)))
    for number in range(230):
        warehouse.registry.register("sources", f"uploads/x/{number}.jpg", client_id=warehouse.shop.client.id)
    warehouse.pass_time(1.1)

    warehouse.expirer.run_once()

    assert warehouse.known == set()


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
    assert (expirer.scene_age, set(expirer.buckets)) == (90 * DAY, {"sources", "renders", "cutouts", "scenes"})


def test_a_temporary_file_goes_when_its_writer_must_be_dead(tmp_path: Path) -> None:
    bucket = DirectoryBucket(tmp_path, bucket="sources", signer=UrlSigner(b"k"), url_ttl=60)
    bucket.put("a.jpg", b"whole", "image/jpeg")
    dead, busy = tmp_path / ".unfinished" / "dead", tmp_path / ".unfinished" / "busy"
    for path in (dead, busy):
        path.write_bytes(b"half")
    os.utime(dead, (time.time() - 4000,) * 2)

    bucket.remove_partial_writes()

    assert (dead.exists(), busy.exists(), bucket.get("a.jpg", max_bytes=9)) == (False, True, b"whole")


def test_a_writer_that_is_killed_leaves_its_temporary_file_where_it_is_found(tmp_path: Path) -> None:
    process = get_context("spawn").Process(target=write_half, args=[tmp_path])
    process.start()
    process.join()

    left = [path for path in tmp_path.rglob("*") if path.is_file()]

    assert process.exitcode == 9
    assert [path.parent for path in left] == [tmp_path / ".unfinished"]


def write_half(root: Path) -> None:
    """Be killed when the bytes are written and not in place yet."""
    fsync: Callable[[int], None] = lambda _: os._exit(9)  # noqa: E731  # one line for one line
    os.fsync = fsync  # type: ignore[assignment]  # the last thing before the rename
    DirectoryBucket(root, bucket="b", signer=UrlSigner(b"k"), url_ttl=60).put("a.jpg", b"whole", "image/jpeg")


def test_the_sweeps_process_deletes_what_was_uploaded_to_the_api_and_has_expired(
    tmp_path: Path, valkey_url: str
) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url, expire_every=0.1, source_days=1)
    engine = migrated_engine(settings)
    warehouse = Warehouse(engine, *open_buckets(settings))
    with TestClient(create_app(settings)) as http:
        caller = Caller(http, settings, "caller", credits=10)
        old = caller.upload()
        warehouse.pass_time(2)
        new = caller.upload()
        caller.engine.dispose()
    command_line = [str(Path(sys.executable).with_name("backdrop")), "sweep"]
    sweep = ChildProcess("sweep", command_line, environment=settings.environment(), log=tmp_path / "sweep.log")
    try:
        end = time.monotonic() + 60
        while old in warehouse.known:
            assert time.monotonic() < end, sweep.log_tail()
            time.sleep(0.2)
            with engine.begin() as connection:  # the minute between mark and end
                expired = stored_objects.update().where(stored_objects.c.doomed_at.is_not(None))
                connection.execute(expired.values(doomed_at=db_now(-61)))
    finally:
        sweep.stop(10)

    assert (warehouse.lies_in(warehouse.sources, old), warehouse.lies_in(warehouse.sources, new)) == (False, True)
    assert warehouse.known == {new}
    assert sweep.exit_status == 0
    engine.dispose()


def test_what_was_stored_before_the_account_counts_as_used_on_the_day_of_the_upgrade(
    database_url: str, tmp_path: Path
) -> None:
    engine = create_engine(Settings(database_url=database_url).sqlalchemy_url)
    migrate(engine)
    warehouse = Warehouse(engine, *open_buckets(Settings(home=tmp_path)))
    photo = warehouse.photo()
    for _ in range(2):
        _, made = warehouse.delivered(photo)
    warehouse.pass_time(50)
    with engine.begin() as connection:
        command.downgrade(_config(connection), "0003")
    migrate(engine)

    assert {photo, made.key} <= warehouse.known
    replace(warehouse.expirer, render_age=None).run_once()
    assert warehouse.lies_in(warehouse.sources, photo)
    engine.dispose()
