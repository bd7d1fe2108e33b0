"""Delivering from the database to real receivers, on both databases. Time is moved in the rows, not slept away."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from benchmarks.storm.receiver import answer, receiving
from service.database.clock import db_now
from service.database.engine import create_engine
from service.database.tables import deliveries
from service.webhooks.delivery import DELAYS, DeliveryLoop, keep_delivering, next_state
from service.webhooks.endpoints import Webhooks
from service.webhooks.outbox import AttemptResult, DeliveryState, Outbox
from service.webhooks.sender import SendResult, WebhookSender
from tests.support.databases import migrated_database
from tests.support.polling import until
from tests.support.shop import Shop, render

WAITING, DELIVERED, FAILED, DROPPED = DeliveryState


class Messenger:
    """Deliveries on a database, and shops whose jobs end."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.webhooks = Webhooks(engine, allow_private=True)

    def loop(self, *, lease: float = 60.0, timeout: float = 10.0, **limits: int) -> DeliveryLoop:
        sender = WebhookSender(httpx.create_ssl_context(), timeout, allow_private=True)
        return DeliveryLoop(Outbox(self.engine, lease=lease), sender, keep=3600, **limits)

    def shop(self, url: str, *, ended: int = 1) -> Shop:
        shop = Shop(self.engine, credits=1000)
        self.webhooks.register(shop.client.name, url)
        self.end(shop, ended)
        return shop

    def end(self, shop: Shop, jobs: int = 1) -> None:
        for _ in range(jobs):
            shop.jobs.succeed(shop.claim(shop.order()), render())

    def messages(self, shop: Shop) -> list[Any]:
        return self.webhooks.latest(shop.client.name, limit=1000)

    def states(self, shop: Shop) -> list[str]:
        return [message.state for message in self.messages(shop)]

    def rewind(self, seconds: float = 1e6) -> None:
        """Let time pass for what waits."""
        with self.engine.begin() as connection:
            waiting = deliveries.update().where(deliveries.c.state == WAITING)
            connection.execute(waiting.values(next_attempt_at=db_now(-seconds)))

    def seconds_to_next(self, shop: Shop) -> float:
        query = sa.select(deliveries.c.next_attempt_at, db_now()).where(deliveries.c.client_id == shop.client.id)
        with self.engine.connect() as connection:
            then, now = connection.execute(query).one()
            return float((then - now).total_seconds())


@pytest.fixture
def messenger(engine: sa.Engine) -> Messenger:
    return Messenger(engine)


def run(loop: DeliveryLoop, until: Callable[[], object], timeout: float = 30.0) -> None:
    """DeliveryLoop until something is true and every attempt is written."""
    end = time.monotonic() + timeout
    while not (until() and loop.idle):
        assert time.monotonic() < end, "it took too long"
        loop.run_once(wait=0.05)


@contextmanager
def delivering(loop: DeliveryLoop, *, every: float = 0.05) -> Iterator[None]:
    """DeliveryLoop in a thread, as a sweep does."""
    stopping = threading.Event()
    thread = threading.Thread(target=keep_delivering, args=(loop,), kwargs={"every": every, "stopping": stopping})
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def attempt(messenger: Messenger, loop: DeliveryLoop) -> None:
    """Make one attempt at everything that is due."""
    loop.run_once(wait=0)
    run(loop, lambda: True)


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


def test_a_failing_receiver_is_tried_again_on_schedule_for_three_days_and_then_kept_as_failed(
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
def test_what_an_answer_means(got: SendResult, attempt: int, result: AttemptResult) -> None:
    assert next_state(got, attempt=attempt, jitter=0.0) == result


def test_delays_are_spread_by_a_fifth_and_last_three_days() -> None:
    assert next_state(SendResult(500), attempt=2, jitter=1.0).after == 360
    assert 3 * 86_400 < sum(DELAYS) < 4 * 86_400


def test_gone_disables_the_webhook_at_once_and_drops_what_waits(messenger: Messenger) -> None:
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


def test_many_refusals_at_once_disable_without_a_deadlock(messenger: Messenger) -> None:
    with receiving(410) as receiver:
        shop = messenger.shop(receiver.url, ended=12)
        run(messenger.loop(slots=12, slots_a_client=12), lambda: WAITING not in messenger.states(shop))

    assert messenger.states(shop) == [DROPPED] * 12


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


def test_a_redirect_is_a_failure_that_is_tried_again(messenger: Messenger) -> None:
    with receiving() as target, receiving(lambda handler: answer(handler, 302, Location=target.url)) as receiver:
        shop = messenger.shop(receiver.url)
        attempt(messenger, messenger.loop())

    (message,) = messenger.messages(shop)
    assert (message.state, message.last_status) == (WAITING, 302)
    assert target.received == []


def test_a_url_into_the_private_network_is_never_asked_and_fails_with_the_reason(messenger: Messenger) -> None:
    with receiving() as receiver:
        shop = messenger.shop(receiver.url.replace("http://127.0.0.1", "https://localhost"))
        strict = DeliveryLoop(
            Outbox(messenger.engine, lease=60), WebhookSender(httpx.create_ssl_context(), 5.0), keep=60
        )
        attempt(messenger, strict)

    (message,) = messenger.messages(shop)
    assert receiver.received == []
    assert message.state == WAITING
    assert message.last_status is None
    assert "localhost leads to" in message.last_error


# Many at once


def test_many_sweeps_at_once_send_each_message_once(messenger: Messenger) -> None:
    with receiving() as receiver, ExitStack() as sweeps:
        shops = [messenger.shop(receiver.url, ended=10) for _ in range(4)]
        for _ in range(3):
            sweeps.enter_context(delivering(messenger.loop()))
        until(lambda: all(WAITING not in messenger.states(shop) for shop in shops), timeout=60)

    assert set(Counter(came.id for came in receiver.received).values()) == {1}
    assert len(receiver.received) == 40
    assert [messenger.states(shop) for shop in shops] == [[DELIVERED] * 10] * 4


def test_a_receiver_that_hangs_gets_no_more_than_its_share_of_the_slots(messenger: Messenger) -> None:
    over = threading.Event()
    with receiving(lambda _: over.wait(60)) as dead, receiving() as live:
        messenger.shop(dead.url, ended=20)
        alive = messenger.shop(live.url, ended=5)
        loop = messenger.loop(timeout=60.0, slots=4, slots_a_client=2)
        started = time.monotonic()
        while DELIVERED not in (states := set(messenger.states(alive))) or WAITING in states:
            assert time.monotonic() - started < 30, "held up"
            loop.run_once(wait=0.05)
        assert len(dead.received) == 2
        over.set()


def test_many_dead_receivers_together_do_not_hold_up_a_live_one(messenger: Messenger) -> None:
    over = threading.Event()
    with ExitStack() as stack:
        dead = stack.enter_context(receiving(500))
        shops = [messenger.shop(dead.url) for _ in range(10)]
        loop = messenger.loop(timeout=60.0, slots=4)
        run(loop, lambda: len(dead.received) == len(shops))
        dead.answer = lambda _: over.wait(60)
        messenger.rewind()
        loop.run_once(wait=0.05)
        live = stack.enter_context(receiving())
        alive = messenger.shop(live.url, ended=10)
        started = time.monotonic()
        while WAITING in messenger.states(alive):
            assert time.monotonic() - started < 30, "held up"
            loop.run_once(wait=0.05)
        assert len(dead.received) == len(shops) + 2, "half of the slots hang"
        over.set()


# Sweeps and databases that go away


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
    assert outbox.record(quick, AttemptResult(DELIVERED, 200))
    assert not outbox.record(quick, AttemptResult(FAILED, 500)), "what is over stays over"
    assert messenger.states(shop) == [DELIVERED]


def test_an_answer_outlives_a_database_that_is_away_for_a_moment(
    postgresql_server: str, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    """PostgreSQL throws everybody out while a receiver answers, and lets nobody in for a while."""
    from service.settings import Settings

    url = migrated_database(postgresql_server, tmp_path.name)
    name = url.rpartition("/")[2]
    engine = create_engine(Settings(database_url=url).sqlalchemy_url)
    admin = create_engine(Settings(database_url=postgresql_server).sqlalchemy_url)
    request.addfinalizer(engine.dispose)
    request.addfinalizer(admin.dispose)

    away = threading.Event()

    def outage(handler: BaseHTTPRequestHandler) -> None:
        let("false")
        answer(handler, 200)
        away.set()

    def let(allowed: str) -> None:
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {allowed}')
            if allowed == "false":
                connection.exec_driver_sql(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                )

    with receiving(outage) as receiver:
        messenger = Messenger(engine)
        shop = messenger.shop(receiver.url)
        # It waits for the answer when the database goes: a long wait, not another look before it.
        with delivering(messenger.loop(), every=2.0):
            assert away.wait(30)
            time.sleep(1)
            with pytest.raises(sa.exc.OperationalError):
                messenger.states(shop)
            let("true")
            until(lambda: messenger.states(shop) == [DELIVERED], timeout=60)

    assert len(receiver.received) == 1


def test_told_to_stop_it_writes_the_answers_that_are_still_coming(messenger: Messenger) -> None:
    stopping = threading.Event()

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        stopping.set()
        time.sleep(1)
        answer(handler, 200)

    with receiving(slowly) as receiver:
        shop = messenger.shop(receiver.url)
        keep_delivering(messenger.loop(), every=0.05, stopping=stopping)

    assert messenger.states(shop) == [DELIVERED]


def test_a_message_that_is_resent_is_seen_again_under_its_id(messenger: Messenger) -> None:
    with receiving() as receiver:
        shop = messenger.shop(receiver.url)
        loop = messenger.loop()
        run(loop, lambda: receiver.received)
        messenger.webhooks.resend(shop.client.name, receiver.received[0].id)
        run(loop, lambda: len(receiver.received) == 2)

    assert receiver.received[0].id == receiver.received[1].id
    assert messenger.states(shop) == [DELIVERED]
