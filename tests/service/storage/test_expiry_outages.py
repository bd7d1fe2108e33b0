"""Expiry during failures and in parallel: no row without its object, no object without its row."""

import os
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.database.engine import create_engine
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.directory import DirectoryBucket
from service.storage.objects import StoreUnavailable
from service.storage.registry import SourceExpired
from service.storage.signing import UrlSigner
from tests.support.databases import ON_SQLITE
from tests.support.polling import at_once
from tests.support.warehouse import DAY, Warehouse


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
