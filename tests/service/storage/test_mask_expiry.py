"""Cut-outs and mended masks go with their photo's bytes, and their pictures after them."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from ulid import ULID

from service.database.tables import mended_masks
from service.jobs.records import NewCutout, Operation
from service.storage.mask_registry import MaskRegistry
from service.storage.registry import SourceExpired
from tests.service.storage.conftest import Warehouse

BYTES, OTHER = "a" * 64, "b" * 64


class Masks:
    """A warehouse whose shop orders cut-outs and mends them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse, self.shop = warehouse, warehouse.shop
        self.registry = MaskRegistry(warehouse.engine)
        buckets = warehouse.expirer.buckets | {"masks": warehouse.renders}
        self.expirer = replace(warehouse.expirer, masks=self.registry, buckets=buckets)

    def store(self, kind: str = "png") -> str:
        key = f"masks/{self.shop.client.id}/{ULID()}.{kind}"
        self.registry.register([key], client_id=self.shop.client.id)
        self.warehouse.renders.put(key, b"mask", "image/png")
        return key

    def cut_out(self, photo: str, photo_sha256: str = BYTES) -> list[str]:
        accepted = self.shop.order(cost=0, operation=Operation.CUTOUT, spec={}, source_key=photo)
        claim = self.shop.claim(accepted)
        self.registry.identify_photo(photo, photo_sha256, 1)
        keys = [self.store(kind) for kind in ("png", "png", "jpg")]
        self.shop.jobs.succeed(claim, NewCutout(photo_sha256, 4, 3, keys[0], keys[1], keys[2], facts={}))
        return keys

    def mend(self, photo: str, photo_sha256: str = BYTES) -> list[str]:
        keys = [self.store() for _ in range(3)]
        names = dict(zip(("mask_key", "base_key", "preview_key"), keys, strict=True))
        key = {"client_id": self.shop.client.id, "photo_sha256": photo_sha256}
        with self.warehouse.engine.begin() as connection:
            self.registry.use_photo(connection, self.shop.client.id, photo, photo_sha256)
            connection.execute(
                mended_masks.delete().where(*(mended_masks.c[name] == value for name, value in key.items()))
            )
            row = mended_masks.insert().values(**key, **names, cut_by="mended", base_by="mended", facts={})
            connection.execute(row)
        return keys

    def there(self, keys: list[str]) -> list[bool]:
        return [self.warehouse.lies_in(self.warehouse.renders, key) for key in keys]


@pytest.fixture
def masks(warehouse: Warehouse) -> Masks:
    return Masks(warehouse)


def test_a_cutout_and_its_mask_go_with_their_photo(masks: Masks) -> None:
    photo = masks.warehouse.photo()
    keys = masks.cut_out(photo) + masks.mend(photo)
    masks.warehouse.pass_time(0.9)
    masks.expirer.run_once()
    assert all(masks.there(keys))

    masks.warehouse.pass_time(0.2)
    masks.expirer.run_once()

    assert not any(masks.there(keys))
    assert (masks.warehouse.rows("cutouts"), masks.warehouse.rows("mended_masks")) == (0, 0)
    assert masks.warehouse.rows("jobs") == 1
    assert masks.warehouse.known == set()


def test_mending_a_photo_counts_as_using_it(masks: Masks) -> None:
    photo = masks.warehouse.photo()
    cut = masks.cut_out(photo)
    masks.warehouse.pass_time(0.9)
    mended = masks.mend(photo)
    masks.warehouse.pass_time(0.9)

    masks.expirer.run_once()

    assert all(masks.there(cut + mended))


def test_a_mask_stays_while_a_photo_of_the_same_bytes_stays(masks: Masks) -> None:
    first = masks.warehouse.photo("first")
    cut, mended = masks.cut_out(first), masks.mend(first)
    masks.warehouse.pass_time(1.1)
    second = masks.warehouse.photo("second")
    masks.registry.identify_photo(second, BYTES, 1)

    masks.expirer.run_once()

    assert not any(masks.there(cut))
    assert all(masks.there(mended))
    masks.registry.identify_photo(second, OTHER, 1)  # other bytes were uploaded in their place
    masks.expirer.run_once()
    assert masks.warehouse.rows("mended_masks") == 0


def test_another_clients_photo_of_the_same_bytes_keeps_no_mask(masks: Masks) -> None:
    photo = masks.warehouse.photo()
    mended = masks.mend(photo)
    masks.warehouse.pass_time(1.1)
    other = masks.shop.accounts.add(f"twin-{ULID()}", credits=0)[0]
    masks.warehouse.registry.register("sources", "uploads/twin.jpg", client_id=other.id)
    masks.registry.identify_photo("uploads/twin.jpg", BYTES, 1)

    masks.expirer.run_once()

    assert not any(masks.there(mended))


def test_a_replaced_mask_goes_and_so_does_one_that_never_got_its_row(masks: Masks) -> None:
    photo = masks.warehouse.photo()
    first, second = masks.mend(photo), masks.mend(photo)
    left = [masks.store()]
    masks.expirer.run_once()
    assert all(masks.there(first + second + left)), "a request that stored one may not have named it yet"

    masks.warehouse.pass_time(0.5)
    masks.expirer.run_once()

    assert not any(masks.there(first + left))
    assert all(masks.there(second))


def test_an_expired_photo_takes_no_mask(masks: Masks) -> None:
    photo = masks.warehouse.photo()
    masks.cut_out(photo)
    masks.warehouse.pass_time(1.1)
    replace(masks.expirer, delete_delay=60.0).run_once()

    with pytest.raises(SourceExpired):
        masks.mend(photo)

    with masks.warehouse.engine.connect() as connection:
        assert connection.execute(sa.select(mended_masks)).all() == []
