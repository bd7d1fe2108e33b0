"""A client's webhook and its secrets, on both databases."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from service.accounts.clients import UnknownClient
from service.database.clock import db_now
from service.database.tables import deliveries
from service.webhooks.endpoints import DeliveryUnderWay, NoWebhook, UnknownDelivery, UrlInvalid, Webhooks
from service.webhooks.outbox import Outbox
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop
from tests.support.webhooks import URL, sent, states


def sent_with(engine: sa.Engine) -> tuple[str, ...]:
    """Return the secrets that sign the one waiting message."""
    sending = Outbox(engine, lease=0).claim()
    assert sending is not None
    return sending.secrets


def test_a_webhook_is_registered_replaced_and_cleared_which_drops_waiting_messages(
    shop: Shop, webhooks: Webhooks
) -> None:
    name = shop.client.name
    first, first_secret = webhooks.register(name, URL)
    webhooks.rotate(name, grace=3600)
    for _ in range(2):
        shop.jobs.fail(shop.claim(shop.order()), "x", "")
    second, second_secret = webhooks.register(name, "https://other.example/")

    assert (first.url, second.url) == (URL, "https://other.example/")
    assert webhooks.find(name) == second
    assert sent_with(shop.engine) == (second_secret,) != (first_secret,)
    webhooks.clear(name)
    assert (webhooks.find(name), webhooks.all()) == (None, {})
    assert states(shop.engine) == ["dropped", "dropped"]
    assert [message.next_attempt_at for message in sent(shop)] == [None, None]


@ON_SQLITE
def test_every_secret_signs_until_its_grace_is_over(shop: Shop, webhooks: Webhooks) -> None:
    name = shop.client.name
    _, first = webhooks.register(name, URL)
    shop.jobs.fail(shop.claim(shop.order()), "x", "")
    later: list[str] = []
    for _ in range(3):
        endpoint, secret = webhooks.rotate(name, grace=3600)
        later.insert(0, secret)
        assert sent_with(shop.engine) == (*later, first)
    assert endpoint.previous_until is not None
    assert (endpoint.previous_until - datetime.now(UTC)).total_seconds() == pytest.approx(3600, abs=60)

    _, newest = webhooks.rotate(name, grace=0)
    assert sent_with(shop.engine) == (newest,), "no older secret outlives the grace of a rotation after it"


@ON_SQLITE
def test_a_rotation_that_its_caller_repeats_is_made_once(shop: Shop, webhooks: Webhooks) -> None:
    name = shop.client.name
    _, first = webhooks.register(name, URL)
    shop.jobs.fail(shop.claim(shop.order()), "x", "")

    lost, repeated = (webhooks.rotate(name, grace=3600, key="a") for _ in range(2))

    assert lost == repeated
    assert sent_with(shop.engine) == (repeated[1], first)
    assert webhooks.rotate(name, grace=3600, key="b")[1] != repeated[1]


@ON_SQLITE
def test_a_client_without_a_webhook_and_an_unknown_client_get_different_errors(shop: Shop, webhooks: Webhooks) -> None:
    name = shop.client.name
    for action in (
        lambda: webhooks.clear(name),
        lambda: webhooks.rotate(name, grace=1),
        lambda: webhooks.resend(name, "msg_0"),
    ):
        with pytest.raises(NoWebhook, match="PUT /v1/webhook"):
            action()
    with pytest.raises(UnknownClient):
        webhooks.register("nobody", URL)


@ON_SQLITE
def test_a_message_is_resent_under_its_own_id_and_only_to_its_own_client(engine: sa.Engine, webhooks: Webhooks) -> None:
    shop, other = Shop(engine), Shop(engine)
    for one in (shop, other):
        webhooks.register(one.client.name, URL)
    shop.jobs.fail(shop.claim(shop.order()), "x", "")
    (message,) = sent(shop)
    with engine.begin() as connection:
        connection.execute(deliveries.update().values(state="failed", attempts=10, next_attempt_at=None))
    outbox = Outbox(engine, lease=60)
    assert outbox.claim() is None

    with pytest.raises(UnknownDelivery):
        webhooks.resend(other.client.name, message.id)
    assert outbox.claim() is None
    webhooks.resend(shop.client.name, message.id)

    claimed = outbox.claim()
    assert claimed is not None
    assert (claimed.id, claimed.attempt) == (message.id, 1)
    with pytest.raises(DeliveryUnderWay):
        webhooks.resend(shop.client.name, message.id)
    with engine.begin() as connection:  # its sweep died
        connection.execute(deliveries.update().values(next_attempt_at=db_now(-1)))
    webhooks.resend(shop.client.name, message.id)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://shop.example/", "on your own machine"),
        ("https://localhost/hook", "on your own machine"),
        ("https://printer.local/", "public internet"),
        ("ftp://shop.example/", "https://"),
        ("shop.example/hooks", "https://"),
        ("https:///hooks", "host"),
        ("https://user:password@shop.example/", "a user or password"),
        ("https://shop.example/#hooks", "fragment"),
        ("https://shop.example/" + "x" * 2048, "2048"),
        ("https://shop.example/\n", "not a valid URL"),
        ("https://127.0.0.1/", "public internet"),
        ("https://[fe80::1]/", "public internet"),
        ("https://169.254.169.254/latest", "public internet"),
    ],
)
def test_a_url_that_cannot_be_a_webhooks_is_refused_with_the_remedy(url: str, remedy: str, tmp_path: Any) -> None:
    webhooks = Webhooks(sa.create_engine(f"sqlite:///{tmp_path / 'untouched.db'}"))

    with pytest.raises(UrlInvalid, match=remedy):
        webhooks.register("acme", url)
