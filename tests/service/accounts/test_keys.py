"""Keys that a client manages itself: shown once, refused after deletion, and never without a last one."""

from functools import partial

import pytest
import sqlalchemy as sa

from service.accounts import keys as of_keys
from service.accounts.keys import KeyExists, Keys, LastKey, TooManyKeys, key_id
from tests.support.polling import at_once
from tests.support.shop import Shop


@pytest.fixture
def keys(engine: sa.Engine) -> Keys:
    return Keys(engine)


def test_a_second_key_works_as_the_first_does_and_is_refused_after_its_deletion(shop: Shop, keys: Keys) -> None:
    made, text = keys.add(shop.client.id, "warehouse")

    found = shop.accounts.authenticate(text)
    assert found is not None
    assert found.id == shop.client.id
    assert made.id == key_id(text)
    assert [key.name for key in keys.list(shop.client.id)] == [None, "warehouse"]
    assert keys.delete(made.id, shop.client.id)
    assert shop.accounts.authenticate(text) is None
    assert not keys.delete(made.id, shop.client.id)


def test_a_request_for_a_key_that_is_repeated_with_its_id_makes_no_second_key(shop: Shop, keys: Keys) -> None:
    made, _ = keys.add(shop.client.id, "warehouse", "first")

    with pytest.raises(KeyExists, match=made.id):
        keys.add(shop.client.id, "warehouse", "first")

    assert [key.name for key in keys.list(shop.client.id)] == [None, "warehouse"]
    keys.delete(made.id, shop.client.id)
    keys.add(shop.client.id, "warehouse", "first")


def test_the_last_key_without_an_expiry_cannot_be_deleted(shop: Shop, keys: Keys) -> None:
    (first,) = keys.list(shop.client.id)
    with pytest.raises(LastKey):
        keys.delete(first.id, shop.client.id)

    shop.accounts.rotate_key(shop.client.name, keep_old=3600)
    old, new = sorted(keys.list(shop.client.id), key=lambda key: key.expires_at is None)
    assert old.id == first.id
    with pytest.raises(LastKey):
        keys.delete(new.id, shop.client.id)
    assert keys.delete(old.id, shop.client.id)
    assert keys.list(shop.client.id) == [new]


def test_two_keys_that_delete_each_other_at_once_leave_one(shop: Shop, keys: Keys) -> None:
    keys.add(shop.client.id, None)
    refused: list[LastKey] = []

    def delete(name: str) -> None:
        try:
            keys.delete(name, shop.client.id)
        except LastKey as error:
            refused.append(error)

    at_once(*(partial(delete, key.id) for key in keys.list(shop.client.id)))

    assert len(refused) == 1
    assert len(keys.list(shop.client.id)) == 1


def test_a_client_has_a_maximum_number_of_keys(shop: Shop, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_keys, "MAX_KEYS", 2)
    keys.add(shop.client.id, "one")

    with pytest.raises(TooManyKeys):
        keys.add(shop.client.id, "two")
