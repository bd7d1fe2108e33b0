"""The outbox: each job's end writes a message in the same transaction, on both databases."""

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from service.database.clock import db_now
from service.database.encryption import SecretCipher, new_encryption_key
from service.database.tables import deliveries, renders
from service.jobs.records import Claim, JobStatus, LeaseLost, Operation
from service.jobs.transitions import Jobs
from service.storage.objects import SignedUrl, StoreUnavailable
from service.webhooks.endpoints import Webhooks
from service.webhooks.outbox import AttemptResult, Outbox
from testkit.receiver import receiving
from tests.support.databases import ON_SQLITE
from tests.support.shop import REPORT, Shop, render
from tests.support.webhooks import DELIVERED, FAILED, URL, WAITING, Messenger, run, sent, states


def bodies(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        rows = connection.execute(sa.select(deliveries.c.body).order_by(deliveries.c.id)).scalars()
        return [json.loads(body) for body in rows]


def test_a_success_is_stored_with_its_render_and_without_anything_that_expires(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    shop.jobs = Jobs(shop.engine, lease=60, max_attempts=2, public_url="https://backdrop.example/")
    accepted, made = shop.order(cost=3, spec={"seed": 7, "scene_type": "podium", "mood": "calm"}), render()

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
            "reference": None,
            "metadata": {},
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
                "seed": 7,
                "warnings": ["upscaled"],
                "rejected_paintings": [],
                "scene_type": "podium",
                "mood": "calm",
                "url": f"https://backdrop.example/v1/renders/{made.public_id}/picture",
                "download_url": None,
                "download_url_expires_at": None,
            },
        },
    }


def test_each_attempt_sends_a_new_download_url_until_the_render_is_deleted(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    shop.jobs.succeed(shop.claim(shop.order()), render())
    urls = iter(("https://store.example/1", "https://store.example/2"))

    def sign(key: str, content_type: str) -> SignedUrl:
        assert (key, content_type) == ("renders/a.jpg", "image/jpeg")
        return SignedUrl("GET", next(urls), {}, datetime(2026, 12, 1, tzinfo=UTC))

    outbox = Outbox(shop.engine, lease=60, sign=sign)
    seen = []
    for attempt in range(3):
        if attempt == 2:
            with shop.engine.begin() as connection:
                connection.execute(renders.update().values(deleted_at=db_now()))
        sending = outbox.claim()
        assert sending is not None
        (stored,) = bodies(shop.engine)
        assert json.loads(sending.body) == stored, "the log shows what was sent"
        seen.append((stored["data"]["render"]["download_url"], stored["data"]["render"]["download_url_expires_at"]))
        assert outbox.record(sending, AttemptResult(WAITING, 500, after=0.0))
    until = "2026-12-01T00:00:00Z"
    assert seen == [("https://store.example/1", until), ("https://store.example/2", until), (None, None)]


@ON_SQLITE
def test_a_message_is_sent_without_a_download_url_that_cannot_be_signed(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    shop.jobs.succeed(shop.claim(shop.order()), render())

    def sign(*_: str) -> SignedUrl:
        raise StoreUnavailable("There are no credentials.")

    sending = Outbox(shop.engine, lease=60, sign=sign).claim()
    assert sending is not None
    assert json.loads(sending.body)["data"]["render"]["download_url"] is None


def test_a_webhook_reports_why_a_hub_models_paintings_were_rejected(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    tried = [{"seed": 7, "rejected": "grew"}, {"seed": 8, "rejected": "withheld"}, {"seed": 7}]
    report = {**REPORT, "provenance": {**REPORT["provenance"], "tried": tried}}
    made = replace(render(), warnings=["generator_fell_back"], report=report)
    shop.jobs.succeed(shop.claim(shop.order()), made)

    (body,) = bodies(shop.engine)
    sent_render = body["data"]["render"]
    assert (sent_render["warnings"], sent_render["rejected_paintings"]) == (
        ["generator_fell_back"],
        ["grew", "withheld"],
    )


@ON_SQLITE
def test_a_cutout_has_event_types_of_its_own_as_it_has_no_picture(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    done = shop.cut_out()
    failed = shop.order(cost=0, operation=Operation.CUTOUT)
    shop.jobs.fail(shop.claim(failed), "image_unreadable", "The file is no picture.")

    types = {body["data"]["job_id"]: (body["type"], body["data"]["render"]) for body in bodies(shop.engine)}
    assert types == {done: ("cutout.succeeded", None), failed.job_id: ("cutout.failed", None)}


@ON_SQLITE
def test_a_failure_is_reported_with_its_error_and_its_refund(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    accepted = shop.order(cost=3)

    shop.jobs.fail(shop.claim(accepted), "no_subject", "No product stands out.")

    (body,) = bodies(shop.engine)
    assert (body["type"], body["timestamp"][-1]) == ("job.failed", "Z")
    error = {"code": "no_subject", "message": "No product stands out."}
    expected = {"status": "FAILURE", "credits_cost": 3, "credits_refunded": 3, "error": error, "render": None}
    assert body["data"] | expected == body["data"]


@ON_SQLITE
def test_a_refused_picture_is_reported_with_its_preview(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    made = replace(render(), preview=True)

    shop.jobs.fail(shop.claim(shop.order()), "not_accepted", "The text is not the same.", made)

    (body,) = bodies(shop.engine)
    assert (body["type"], body["data"]["error"]["code"]) == ("job.failed", "not_accepted")
    assert body["data"]["render"]["url"].endswith(f"/v1/renders/{made.public_id}/picture")


@ON_SQLITE
def test_a_job_that_the_sweep_settles_is_reported_too(engine: sa.Engine, webhooks: Webhooks) -> None:
    shop = Shop(engine, max_attempts=1)
    webhooks.register(shop.client.name, URL)
    crashed, waited = shop.order(), shop.order()
    shop.claim(crashed)
    shop.end_lease(crashed)

    shop.jobs.fail_abandoned(max_wait=0)

    codes = {body["data"]["job_id"]: body["data"]["error"]["code"] for body in bodies(engine)}
    assert codes == {crashed.job_id: "worker_lost", waited.job_id: "queue_timeout"}
    assert [body["data"]["credits_refunded"] for body in bodies(engine)] == [2, 2]


@ON_SQLITE
def test_nothing_is_written_for_a_client_without_a_webhook(engine: sa.Engine, webhooks: Webhooks) -> None:
    silent, other = Shop(engine), Shop(engine)
    webhooks.register(other.client.name, URL)

    silent.jobs.succeed(silent.claim(silent.order()), render())

    assert bodies(engine) == []


@ON_SQLITE
def test_only_the_attempt_that_ends_a_job_reports_it(engine: sa.Engine, webhooks: Webhooks) -> None:
    shop = Shop(engine)
    webhooks.register(shop.client.name, URL)
    accepted = shop.order()
    slow = shop.claim(accepted)
    shop.jobs.renew_lease(slow, stage="place", progress=0.5)
    shop.jobs.release(slow)
    assert bodies(engine) == [], "it is not over"
    shop.jobs.succeed(shop.claim(accepted), render())

    with pytest.raises(LeaseLost):
        shop.jobs.fail(slow, "x", "")

    assert [body["type"] for body in bodies(engine)] == ["job.succeeded"]


@ON_SQLITE
def test_a_job_whose_message_cannot_be_written_does_not_end(shop: Shop, webhooks: Webhooks) -> None:
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
    claims = [shop.claim(shop.order(cost=0)) for _ in range(16)]

    def end(share: list[Claim]) -> None:
        for claim in share:
            shop.jobs.fail(claim, "x", "")

    threads = [threading.Thread(target=end, args=(share,)) for share in (claims[:8], claims[8:])]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    webhooks.clear(shop.client.name)
    for thread in threads:
        thread.join()

    assert "waiting" not in states(shop.engine)


def test_messages_that_ended_long_ago_are_deleted_and_no_others(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.register(shop.client.name, URL)
    for _ in range(4):
        shop.jobs.fail(shop.claim(shop.order()), "x", "")
    ids = [message.id for message in sent(shop)]
    with shop.engine.begin() as connection:
        for state, ended, key in (("delivered", -100, ids[0]), ("failed", -100, ids[1]), ("delivered", -10, ids[2])):
            values = {"state": state, "ended_at": db_now(ended)}
            connection.execute(deliveries.update().where(deliveries.c.id == key).values(**values))

    assert Outbox(shop.engine, lease=60).prune(after=60) == 2
    assert [message.id for message in sent(shop)] == ids[2:]


@ON_SQLITE
def test_an_attempt_whose_sweep_died_is_made_again_when_its_lease_is_over(messenger: Messenger) -> None:
    with receiving() as receiver:
        shop = messenger.shop(receiver.url)
        assert Outbox(messenger.engine, lease=60).claim() is not None, "and then it dies"
        loop = messenger.loop()
        loop.run_once(wait=0.1)
        assert receiver.received == []
        messenger.rewind()
        run(loop, lambda: receiver.received)

    (message,) = messenger.messages(shop)
    assert (message.state, message.attempts) == (DELIVERED, 2)


def test_a_message_whose_secret_cannot_be_decrypted_waits_uncounted_and_blocks_no_other(engine: sa.Engine) -> None:
    key = SecretCipher([new_encryption_key()])
    shop, other = Shop(engine), Shop(engine)
    Webhooks(engine, key).register(shop.client.name, URL)
    for each in (shop, shop, other):
        if each is other:
            Webhooks(engine).register(other.client.name, URL)
        each.jobs.fail(each.claim(each.order()), "x", "")

    sending = Outbox(engine, lease=60).claim()

    assert sending is not None
    assert sending.client_id == other.client.id
    messages = sent(shop)
    assert {(message.state, message.attempts) for message in messages} == {(WAITING, 0)}
    assert all("BACKDROP_ENCRYPTION_KEYS" in (message.last_error or "") for message in messages)
    Messenger(engine).rewind()
    signed = Outbox(engine, key, lease=60).claim(exclude=[other.client.id])
    assert signed is not None, "and is sent once the key is there"
    assert signed.attempt == 1


@ON_SQLITE
def test_a_sweep_whose_lease_was_taken_over_writes_nothing(messenger: Messenger) -> None:
    shop = messenger.shop("http://127.0.0.1:1/")
    outbox = Outbox(messenger.engine, lease=60)
    slow = outbox.claim()
    messenger.rewind()
    quick = outbox.claim()
    assert slow is not None
    assert quick is not None

    assert not outbox.record(slow, AttemptResult(FAILED, 500))
    assert messenger.states(shop) == [WAITING]
    assert outbox.record(quick, AttemptResult(WAITING, None, "ConnectTimeout: late", 0.0))
    assert messenger.messages(shop)[0].last_error == "ConnectTimeout: late"
    last = outbox.claim()
    assert last is not None
    assert outbox.record(last, AttemptResult(DELIVERED, 200))
    assert not outbox.record(last, AttemptResult(FAILED, 500)), "an ended delivery stays ended"
    assert messenger.states(shop) == [DELIVERED]
