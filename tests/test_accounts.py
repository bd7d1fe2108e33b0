"""Clients, keys and grants, on both databases."""

import pytest
import sqlalchemy as sa

from service.accounts import Accounts, ClientExists, UnknownClient


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


def test_an_unknown_key_and_a_disabled_client_are_nobody(accounts: Accounts) -> None:
    _, key = accounts.add("acme", credits=0)
    accounts.disable("acme")

    assert accounts.authenticate(key) is None
    assert accounts.authenticate("bd_wrong") is None
    assert accounts.authenticate("") is None


def test_grants_add_up_and_are_listed_newest_first(accounts: Accounts) -> None:
    client, _ = accounts.add("acme", credits=5)
    accounts.grant("acme", 3)

    balance, entries = accounts.credits(client.id, latest=10)

    assert balance == 8
    assert [(entry.kind, entry.amount) for entry in entries] == [("grant", 3), ("grant", 5)]


def test_a_name_belongs_to_one_client(accounts: Accounts) -> None:
    accounts.add("acme", credits=0)

    with pytest.raises(ClientExists):
        accounts.add("acme", credits=0)
    assert [client.name for client in accounts.all()] == ["acme"]


@pytest.mark.parametrize(("name", "credits"), [("", 1), ("  ", 1), ("x" * 121, 1), ("acme", -1)])
def test_a_client_needs_a_name_and_no_debts(accounts: Accounts, name: str, credits: int) -> None:
    with pytest.raises(ValueError, match=r"1 to 120|0 or more"):
        accounts.add(name, credits=credits)


def test_a_grant_goes_to_a_known_client_and_is_positive(accounts: Accounts) -> None:
    accounts.add("acme", credits=0)

    with pytest.raises(UnknownClient):
        accounts.grant("nobody", 5)
    with pytest.raises(ValueError, match="1 credit or more"):
        accounts.grant("acme", 0)


def test_a_new_shopify_secret_leaves_the_one_before_it_good(accounts: Accounts) -> None:
    accounts.add("acme", credits=0)
    accounts.set_shopify_secret("acme", "first")
    accounts.set_shopify_secret("acme", "second")
    assert accounts.named("acme").shopify_secrets == ("second", "first")

    accounts.set_shopify_secret("acme", "third")
    assert accounts.named("acme").shopify_secrets == ("third", "second")
