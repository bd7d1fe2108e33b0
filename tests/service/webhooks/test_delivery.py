"""Delivery from both databases to real receivers. The tests move time in the rows instead of sleeping."""

import time
from http.server import BaseHTTPRequestHandler

import pytest

from service.webhooks.delivery import DELAYS, next_state
from service.webhooks.outbox import AttemptResult
from service.webhooks.sender import SendResult
from testkit.receiver import answer, receiving
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop
from tests.support.webhooks import DELIVERED, DROPPED, FAILED, WAITING, Messenger, attempt, run


def test_the_end_of_a_job_reaches_its_receiver_once_signed_and_is_not_sent_again(messenger: Messenger) -> None:
    with receiving(200) as receiver:
        shop = Shop(messenger.engine)
        _, secret = messenger.webhooks.register(shop.client.name, receiver.url)
        messenger.end(shop)
        loop = messenger.loop()
        run(loop, lambda: receiver.received)
        messenger.rewind()
        loop.run_once(wait=0.1)

    (came,) = receiver.received
    (message,) = messenger.messages(shop)
    assert came.verified(secret)["data"]["job_id"] == message.job_id
    assert came.id == message.id
    assert (message.state, message.attempts, message.last_status) == (DELIVERED, 1, 200)
    assert message.next_attempt_at is None


@ON_SQLITE
def test_a_failing_receiver_is_retried_on_schedule_for_three_days_and_then_marked_as_failed(
    messenger: Messenger,
) -> None:
    with receiving(500) as receiver:
        shop = messenger.shop(receiver.url)
        loop = messenger.loop()
        for tried, delay in enumerate(DELAYS, start=1):
            attempt(messenger, loop)
            assert len(receiver.received) == tried
            assert delay - 10 < messenger.seconds_to_next(shop) <= delay * 1.2
            attempt(messenger, loop)
            assert len(receiver.received) == tried, "not before it is due"
            messenger.rewind()
        attempt(messenger, loop)
        messenger.rewind()
        attempt(messenger, loop)

    (message,) = messenger.messages(shop)
    assert (message.state, message.attempts, message.last_status) == (FAILED, 10, 500)
    assert len({came.id for came in receiver.received}) == 1
    assert len(receiver.received) == 10
    endpoint = messenger.webhooks.find(shop.client.name)
    assert endpoint is not None
    assert endpoint.disabled_at is None


@ON_SQLITE
def test_a_receiver_that_recovers_gets_the_same_message_with_a_new_timestamp_and_signature(
    messenger: Messenger,
) -> None:
    with receiving(503) as receiver:
        shop = Shop(messenger.engine)
        _, secret = messenger.webhooks.register(shop.client.name, receiver.url)
        messenger.end(shop)
        loop = messenger.loop()
        attempt(messenger, loop)
        time.sleep(1.1)
        receiver.answer = 204
        messenger.rewind()
        attempt(messenger, loop)

    first, second = receiver.received
    assert (first.id, first.body) == (second.id, second.body)
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert second.verified(secret)
    assert messenger.states(shop) == [DELIVERED]


@pytest.mark.parametrize(
    ("got", "attempt", "result"),
    [
        (SendResult(200), 1, AttemptResult(DELIVERED, 200)),
        (SendResult(299), 10, AttemptResult(DELIVERED, 299)),
        (SendResult(410), 1, AttemptResult(DROPPED, 410)),
        (SendResult(301), 1, AttemptResult(WAITING, 301, None, 5)),
        (SendResult(101), 1, AttemptResult(WAITING, 101, None, 5)),
        (SendResult(404), 2, AttemptResult(WAITING, 404, None, 300)),
        (SendResult(error="ConnectTimeout"), 9, AttemptResult(WAITING, None, "ConnectTimeout", 86_400)),
        (SendResult(error="ConnectTimeout"), 10, AttemptResult(FAILED, None, "ConnectTimeout")),
        (SendResult(429, retry_after=60), 1, AttemptResult(WAITING, 429, None, 60)),
        (SendResult(503, retry_after=60), 1, AttemptResult(WAITING, 503, None, 60)),
        (SendResult(503, retry_after=1), 2, AttemptResult(WAITING, 503, None, 300)),
        (SendResult(503, retry_after=-1), 1, AttemptResult(WAITING, 503, None, 5)),
        (SendResult(429, retry_after=float("inf")), 1, AttemptResult(WAITING, 429, None, 86_400)),
        (SendResult(500, retry_after=60), 1, AttemptResult(WAITING, 500, None, 5)),
        (SendResult(429, retry_after=60), 10, AttemptResult(FAILED, 429)),
    ],
)
def test_each_answer_has_its_meaning(got: SendResult, attempt: int, result: AttemptResult) -> None:
    assert next_state(got, attempt=attempt, jitter=0.0) == result


def test_delays_vary_by_a_fifth_and_last_three_days() -> None:
    assert next_state(SendResult(500), attempt=2, jitter=1.0).after == 360
    assert 3 * 86_400 < sum(DELAYS) < 4 * 86_400


def test_gone_disables_the_webhook_at_once_and_drops_waiting_messages(messenger: Messenger) -> None:
    with receiving(410) as receiver:
        shop = messenger.shop(receiver.url, ended=5)
        loop = messenger.loop(slots=1)
        run(loop, lambda: receiver.received)
        messenger.end(shop)
        messenger.rewind()
        attempt(messenger, loop)

        endpoint = messenger.webhooks.find(shop.client.name)
        assert endpoint is not None
        assert endpoint.disabled_at is not None
        assert messenger.states(shop) == [DROPPED] * 5, "and nothing is written any more"
        assert len(receiver.received) == 1
        assert 410 in {message.last_status for message in messenger.messages(shop)}

        receiver.answer = 204
        messenger.webhooks.register(shop.client.name, receiver.url)
        messenger.end(shop)
        run(loop, lambda: len(receiver.received) == 2)
    assert sorted(messenger.states(shop)) == [DELIVERED] + [DROPPED] * 5


def test_simultaneous_refusals_disable_without_a_deadlock(messenger: Messenger) -> None:
    with receiving(410) as receiver:
        shop = messenger.shop(receiver.url, ended=6)
        run(messenger.loop(slots=6, slots_a_client=6), lambda: WAITING not in messenger.states(shop))

    assert messenger.states(shop) == [DROPPED] * 6


@ON_SQLITE
def test_gone_from_a_url_that_was_replaced_meanwhile_does_not_disable_the_new_one(messenger: Messenger) -> None:
    with receiving() as new:

        def move(handler: BaseHTTPRequestHandler) -> None:
            messenger.webhooks.register(shop.client.name, new.url)
            answer(handler, 410)

        with receiving(move) as old:
            shop = messenger.shop(old.url)
            loop = messenger.loop()
            attempt(messenger, loop)
            messenger.rewind()
            run(loop, lambda: new.received)

    assert len(old.received) == 1
    assert messenger.states(shop) == [DELIVERED]
