"""Clients, keys and grants, on both databases."""

import pytest
import sqlalchemy as sa

from service.accounts.clients import Accounts
from service.database.clock import db_now
from service.database.tables import api_keys, clients
from tests.support.polling import at_once
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
