"""Where a client's messages go, and that one is written with each job's end and never without it, on both databases."""

import json
import threading
import time
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from service.accounts.clients import UnknownClient
from service.database.clock import db_now
from service.database.tables import deliveries
from service.jobs.records import Claim, JobStatus, LeaseLost
from service.webhooks.endpoints import NoWebhook, UnknownDelivery, UrlInvalid, Webhooks
from service.webhooks.outbox import Outbox
from tests.support.shop import Shop, render

URL = "https://shop.example/hooks"


@pytest.fixture
def shop(engine: sa.Engine) -> Shop:
    return Shop(engine)


@pytest.fixture
def webhooks(engine: sa.Engine) -> Webhooks:
    return Webhooks(engine)


def bodies(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        rows = connection.execute(sa.select(deliveries.c.body).order_by(deliveries.c.id)).scalars()
        return [json.loads(body) for body in rows]


def states(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(deliveries.c.state).order_by(deliveries.c.id)).scalars())


# The outbox


def test_a_success_is_told_with_its_render_and_with_nothing_that_expires(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    accepted, made = shop.order(cost=3), render()

    shop.jobs.succeed(shop.claim(accepted), made)

    (body,) = bodies(shop.engine)
    job = shop.job(accepted)
    assert job.finished_at is not None
    assert datetime.fromisoformat(body.pop("timestamp")) == job.finished_at
    assert body == {
        "type": "job.succeeded",
        "data": {
            "job_id": accepted.job_id,
            "request_id": accepted.request_id,
            "status": "SUCCESS",
            "credits_cost": 3,
            "credits_refunded": 0,
            "error": None,
            "render": {
                "public_id": made.public_id,
                "output_preset": "shopify_product",
                "width": 4,
                "height": 3,
                "format": "jpeg",
                "bytes": 10,
                "sha256": "0" * 64,
            },
        },
    }


def test_a_failure_is_told_with_its_error_and_its_refund(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    accepted = shop.order(cost=3)

    shop.jobs.fail(shop.claim(accepted), "no_subject", "No product stands out.")

    (body,) = bodies(shop.engine)
    assert body.pop("timestamp").endswith("Z")
    assert body == {
        "type": "job.failed",
        "data": {
            "job_id": accepted.job_id,
            "request_id": accepted.request_id,
            "status": "FAILURE",
            "credits_cost": 3,
            "credits_refunded": 3,
            "error": {"code": "no_subject", "message": "No product stands out."},
            "render": None,
        },
    }


def test_what_the_sweep_settles_is_told_as_well(engine: sa.Engine, webhooks: Webhooks) -> None:
    shop = Shop(engine, lease=0.05, max_attempts=1)
    webhooks.register(shop.client.name, URL)
    crashed, waited = shop.order(), shop.order()
    shop.claim(crashed)
    time.sleep(0.1)

    shop.jobs.fail_abandoned(max_wait=0)

    told = {body["data"]["job_id"]: body["data"]["error"]["code"] for body in bodies(engine)}
    assert told == {crashed.job_id: "worker_lost", waited.job_id: "queue_timeout"}
    assert [body["data"]["credits_refunded"] for body in bodies(engine)] == [2, 2]


def test_nothing_is_written_for_a_client_without_a_webhook(engine: sa.Engine, webhooks: Webhooks) -> None:
    silent, other = Shop(engine), Shop(engine)
    webhooks.register(other.client.name, URL)

    silent.jobs.succeed(silent.claim(silent.order()), render())

    assert bodies(engine) == []


def test_a_job_that_is_not_over_is_not_told(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    claim = shop.claim(shop.order())

    shop.jobs.renew_lease(claim, stage="place", progress=0.5)
    shop.jobs.release(claim)

    assert bodies(shop.engine) == []


def test_a_worker_that_lost_its_lease_tells_nothing(engine: sa.Engine, webhooks: Webhooks) -> None:
    shop = Shop(engine, lease=0.05)
    webhooks.register(shop.client.name, URL)
    accepted = shop.order()
    slow = shop.claim(accepted)
    time.sleep(0.1)
    shop.jobs.succeed(shop.claim(accepted), render())

    with pytest.raises(LeaseLost):
        shop.jobs.fail(slow, "x", "")

    assert [body["type"] for body in bodies(engine)] == ["job.succeeded"]


def test_a_job_whose_message_can_not_be_written_does_not_end(shop: Shop, webhooks: Webhooks) -> None:
    """One transaction for both: a second message of the same job breaks the constraint, and the job's end with it."""
    webhooks.register(shop.client.name, URL)
    accepted = shop.order()
    claim = shop.claim(accepted)
    with shop.engine.begin() as connection:
        connection.execute(
            deliveries.insert().values(
                id="msg_0",
                client_id=shop.client.id,
                job_id=accepted.job_id,
                type="job.failed",
                body="{}",
                state="failed",
                attempts=0,
            )
        )

    with pytest.raises(sa.exc.IntegrityError):
        shop.jobs.fail(claim, "no_subject", "")

    assert shop.job(accepted).status == JobStatus.IN_PROGRESS
    assert shop.balance == 8


def test_no_message_waits_for_a_webhook_that_is_cleared_while_jobs_end(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    claims = [shop.claim(shop.order(cost=0)) for _ in range(30)]

    def end(share: list[Claim]) -> None:
        for claim in share:
            shop.jobs.fail(claim, "x", "")

    threads = [threading.Thread(target=end, args=(share,)) for share in (claims[:15], claims[15:])]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    webhooks.clear(shop.client.name)
    for thread in threads:
        thread.join()

    assert "waiting" not in states(shop.engine)


# The webhook


def test_a_webhook_is_registered_replaced_and_cleared(shop: Shop, webhooks: Webhooks) -> None:
    name = shop.client.name
    first, first_secret = webhooks.register(name, URL)
    second, second_secret = webhooks.register(name, "https://other.example/")

    assert (first.url, second.url) == (URL, "https://other.example/")
    assert first_secret != second_secret
    assert webhooks.find(name) == second
    webhooks.clear(name)
    assert webhooks.find(name) is None
    assert webhooks.all() == {}


def test_clearing_drops_what_waits(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    for _ in range(2):
        shop.jobs.fail(shop.claim(shop.order()), "x", "")

    assert webhooks.clear(shop.client.name) == 2
    assert states(shop.engine) == ["dropped", "dropped"]
    assert [message.next_attempt_at for message in webhooks.latest(shop.client.name, limit=9)] == [None, None]


def test_after_a_rotation_both_secrets_sign_until_the_grace_is_over(shop: Shop, webhooks: Webhooks) -> None:
    name, outbox = shop.client.name, Outbox(shop.engine, lease=0)
    _, old = webhooks.register(name, URL)
    shop.jobs.fail(shop.claim(shop.order()), "x", "")

    endpoint, new = webhooks.rotate(name, grace=3600)
    during = outbox.claim()
    assert during is not None
    assert during.secrets == (new, old)
    assert endpoint.previous_until is not None
    assert (endpoint.previous_until - during.started_at).total_seconds() == pytest.approx(3600, abs=60)

    _, newest = webhooks.rotate(name, grace=0)
    after = outbox.claim()
    assert after is not None
    assert after.secrets == (newest,)


def test_a_new_url_has_a_new_secret_alone(shop: Shop, webhooks: Webhooks) -> None:
    name = shop.client.name
    webhooks.register(name, URL)
    webhooks.rotate(name, grace=3600)
    shop.jobs.fail(shop.claim(shop.order()), "x", "")

    _, secret = webhooks.register(name, "https://other.example/")

    claimed = Outbox(shop.engine, lease=60).claim()
    assert claimed is not None
    assert (claimed.url, claimed.secrets) == ("https://other.example/", (secret,))


def test_a_client_without_a_webhook_and_an_unknown_one_are_told_apart(shop: Shop, webhooks: Webhooks) -> None:
    name = shop.client.name
    for action in (
        lambda: webhooks.clear(name),
        lambda: webhooks.rotate(name, grace=1),
        lambda: webhooks.resend(name, "msg_0"),
    ):
        with pytest.raises(NoWebhook, match="set-webhook"):
            action()
    with pytest.raises(UnknownClient):
        webhooks.register("nobody", URL)


def test_a_message_is_resent_under_its_own_id_and_only_to_its_own_client(engine: sa.Engine, webhooks: Webhooks) -> None:
    shop, other = Shop(engine), Shop(engine)
    for one in (shop, other):
        webhooks.register(one.client.name, URL)
    shop.jobs.fail(shop.claim(shop.order()), "x", "")
    (message,) = webhooks.latest(shop.client.name, limit=5)
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


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://shop.example/", "https://"),
        ("ftp://shop.example/", "https://"),
        ("shop.example/hooks", "https://"),
        ("https:///hooks", "host"),
        ("https://user:password@shop.example/", "no user or password"),
        ("https://shop.example/#hooks", "fragment"),
        ("https://shop.example/" + "x" * 2048, "2048"),
        ("https://shop.example/\n", "no URL"),
        ("https://127.0.0.1/", "public internet"),
        ("https://[fe80::1]/", "public internet"),
        ("https://169.254.169.254/latest", "public internet"),
    ],
)
def test_a_url_that_can_not_be_a_webhooks_is_refused_with_the_remedy(url: str, remedy: str, tmp_path: Any) -> None:
    webhooks = Webhooks(sa.create_engine(f"sqlite:///{tmp_path / 'untouched.db'}"))

    with pytest.raises(UrlInvalid, match=remedy):
        webhooks.register("acme", url)


def test_for_development_http_and_this_machine_will_do(shop: Shop) -> None:
    endpoint, _ = Webhooks(shop.engine, allow_private=True).register(shop.client.name, "http://127.0.0.1:8080/hooks")

    assert endpoint.url == "http://127.0.0.1:8080/hooks"


def test_messages_that_ended_long_ago_are_deleted_and_no_others(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    for _ in range(4):
        shop.jobs.fail(shop.claim(shop.order()), "x", "")
    ids = [message.id for message in webhooks.latest(shop.client.name, limit=9)]
    with shop.engine.begin() as connection:
        for state, ended, key in (("delivered", -100, ids[0]), ("failed", -100, ids[1]), ("delivered", -10, ids[2])):
            values = {"state": state, "ended_at": db_now(ended)}
            connection.execute(deliveries.update().where(deliveries.c.id == key).values(**values))

    assert Outbox(shop.engine, lease=60).prune(after=60) == 2
    assert [message.id for message in webhooks.latest(shop.client.name, limit=9)] == ids[2:]
