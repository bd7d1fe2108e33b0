"""Clients, keys and grants, on both databases."""

from functools import partial

import pytest
import sqlalchemy as sa

from service.accounts import keys as of_keys
from service.accounts.clients import Accounts
from service.accounts.keys import KeyExists, Keys, LastKey, TooManyKeys, key_id
from service.database.clock import db_now
from service.database.tables import api_keys, clients
from testkit.polling import at_once
from tests.support.shop import Shop


@pytest.fixture
def accounts(engine: sa.Engine) -> Accounts:
    return Accounts(engine)


def test_a_key_is_shown_once_and_stored_hashed(accounts: Accounts, engine: sa.Engine) -> None:
    client, key = accounts.add("acme", credits=5)

    found = accounts.authenticate(key)
    assert found is not None
    assert found.id == client.id
    with engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT sha256 FROM api_keys").scalar_one()
    assert key not in stored
    assert len(stored) == 64


def test_an_unknown_key_and_a_client_while_it_is_disabled_are_not_authenticated(accounts: Accounts) -> None:
    client, key = accounts.add("acme", credits=0)
    accounts.disable("acme")

    assert accounts.authenticate(key) is None
    assert accounts.enable("acme").disabled_at is None
    found = accounts.authenticate(key)
    assert found is not None
    assert found.id == client.id
    assert accounts.authenticate("bd_wrong") is None
    assert accounts.authenticate("") is None


def test_a_rotated_key_works_and_the_previous_key_stops_at_once(accounts: Accounts) -> None:
    client, old = accounts.add("acme", credits=5)
    _, foreign = accounts.add("other", credits=0)

    rotated, new = accounts.rotate_key("acme")

    assert (rotated.id, rotated.balance) == (client.id, 5)
    assert accounts.authenticate(old) is None
    found, other = accounts.authenticate(new), accounts.authenticate(foreign)
    assert found is not None
    assert other is not None
    assert (found.id, other.name) == (client.id, "other")


def a_minute_passes(engine: sa.Engine) -> None:
    """Expire the keys that expire within a minute."""
    with engine.begin() as connection:
        over = api_keys.update().where(api_keys.c.expires_at <= db_now(60))
        connection.execute(over.values(expires_at=db_now(-1)))


def test_no_later_rotation_lengthens_a_keys_life_and_an_immediate_one_ends_them_all(
    accounts: Accounts, engine: sa.Engine
) -> None:
    _, first = accounts.add("acme", credits=0)
    _, second = accounts.rotate_key("acme", keep_old=50)
    accounts.rotate_key("acme", keep_old=3600)
    assert accounts.authenticate(first) is not None
    a_minute_passes(engine)
    assert accounts.authenticate(first) is None
    assert accounts.authenticate(second) is not None

    _, last = accounts.rotate_key("acme")

    assert accounts.authenticate(second) is None
    assert accounts.authenticate(last) is not None


def test_of_ten_simultaneous_rotations_one_key_remains(accounts: Accounts) -> None:
    _, old = accounts.add("acme", credits=0)
    keys = [old, *(key for _, key in at_once(*[lambda: accounts.rotate_key("acme")] * 10))]

    assert len(set(keys)) == 11
    assert sum(accounts.authenticate(key) is not None for key in keys) == 1


def test_unfinished_jobs_are_counted_by_client(engine: sa.Engine) -> None:
    busy, idle = Shop(engine), Shop(engine)
    waits, runs, over = (busy.order(cost=1) for _ in range(3))
    busy.claim(runs)
    busy.jobs.cancel(over.job_id, client_id=busy.client.id)
    idle.jobs.cancel(idle.order().job_id, client_id=idle.client.id)

    assert busy.job(waits).status == "NOT_STARTED"
    assert busy.accounts.unfinished_jobs() == {busy.client.id: 2}


def test_grants_add_up_and_are_listed_newest_first_and_no_balance_is_negative(
    accounts: Accounts, engine: sa.Engine
) -> None:
    client, _ = accounts.add("acme", credits=5)
    accounts.grant("acme", 3)

    balance, entries, _ = accounts.credits(client.id, limit=10)

    assert balance == 8
    assert [(entry.kind, entry.amount) for entry in entries] == [("grant", 3), ("grant", 5)]
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:  # the database itself refuses it
        connection.execute(clients.update().values(balance=-1))


@pytest.mark.parametrize(("name", "credits"), [("", 1), ("  ", 1), ("x" * 121, 1), ("acme", -1)])
def test_a_client_needs_a_name_and_no_negative_credits(accounts: Accounts, name: str, credits: int) -> None:
    with pytest.raises(ValueError, match=r"1 to 120|0 or more"):
        accounts.add(name, credits=credits)


def test_a_grant_with_the_same_id_is_made_once(accounts: Accounts) -> None:
    for name in ("acme", "other"):
        accounts.add(name, credits=0)

    at_once(*[lambda: accounts.grant("acme", 5, "invoice-7")] * 4)
    with pytest.raises(ValueError, match=r"'invoice-7' granted 5 credits before \(received 6\)"):
        accounts.grant("acme", 6, "invoice-7")
    with pytest.raises(ValueError, match="1 credit or more"):
        accounts.grant("acme", 0)

    assert accounts.named("acme").balance == 5
    assert accounts.grant("other", 5, "invoice-7").balance == 5


def test_a_new_shopify_secret_leaves_the_previous_secret_valid(accounts: Accounts) -> None:
    accounts.add("acme", credits=0)
    accounts.set_shopify_secret("acme", "first")
    accounts.set_shopify_secret("acme", "second")
    assert accounts.shopify_secrets(accounts.named("acme")) == ("second", "first")

    accounts.set_shopify_secret("acme", "third")
    assert accounts.shopify_secrets(accounts.named("acme")) == ("third", "second")


# Keys that a client manages itself


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
