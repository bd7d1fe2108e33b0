"""Parallel deliveries, and a loop that loses its database or is stopped, on both databases."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import sqlalchemy as sa

from service.database.engine import create_engine
from service.settings import Settings
from service.webhooks import delivery
from service.webhooks.delivery import DeliveryLoop, keep_delivering
from testkit.polling import until
from testkit.receiver import answer, receiving
from tests.support.databases import ON_SQLITE, migrated_database
from tests.support.webhooks import DELIVERED, WAITING, Messenger, delivering, run


def test_simultaneous_sweeps_send_each_message_once(messenger: Messenger) -> None:
    with receiving() as receiver, ExitStack() as sweeps:
        shops = [messenger.shop(receiver.url, ended=4) for _ in range(3)]
        for _ in range(3):
            sweeps.enter_context(delivering(messenger.loop()))
        until(lambda: all(WAITING not in messenger.states(shop) for shop in shops), timeout=60)

    assert set(Counter(came.id for came in receiver.received).values()) == {1}
    assert len(receiver.received) == 12
    assert [messenger.states(shop) for shop in shops] == [[DELIVERED] * 4] * 3


@ON_SQLITE
def test_a_hanging_receiver_gets_no_more_than_its_share_of_the_slots(messenger: Messenger) -> None:
    over = threading.Event()
    with receiving(lambda _: over.wait(600)) as dead, receiving() as live, ExitStack() as at_last:
        at_last.callback(over.set)
        messenger.shop(dead.url, ended=6)
        alive = messenger.shop(live.url, ended=5)
        loop = messenger.loop(timeout=600.0, slots=4, slots_a_client=2)
        turn(loop, lambda: set(messenger.states(alive)) == {DELIVERED})
        assert len(dead.received) == 1, "until it has answered once"


def turn(loop: DeliveryLoop, until: Callable[[], object]) -> None:
    """Run DeliveryLoop until a condition holds, even while some deliveries hang."""
    end = time.monotonic() + 300
    while not until():
        assert time.monotonic() < end, "held up"
        loop.run_once(wait=0.05)


@ON_SQLITE
def test_slow_receivers_lose_their_slots_to_others(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Receivers that were quick occupy every slot and turn slow: others are served while they hang."""
    over, dead_from = threading.Event(), 3
    monkeypatch.setattr(delivery, "SLOW", 1.0)

    def turns_slow(handler: BaseHTTPRequestHandler) -> None:
        if len(slow.received) >= dead_from:
            over.wait(600)
        answer(handler, 200)

    with receiving(turns_slow) as slow, receiving() as live, ExitStack() as at_last:
        at_last.callback(over.set)
        messenger.shop(slow.url, ended=8)
        loop = messenger.loop(timeout=600.0, slots=2, slots_a_client=2)
        turn(loop, lambda: len(slow.received) > dead_from)
        alive = messenger.shop(live.url, ended=5)
        turn(loop, lambda: messenger.states(alive) == [DELIVERED] * 5)
        assert len(slow.received) <= dead_from + 2, "hanging receivers get no more slots"


@ON_SQLITE
def test_many_dead_receivers_together_do_not_hold_up_a_live_one(messenger: Messenger) -> None:
    over = threading.Event()
    with ExitStack() as stack:
        dead = stack.enter_context(receiving(500))
        stack.callback(over.set)
        shops = [messenger.shop(dead.url) for _ in range(6)]
        loop = messenger.loop(timeout=600.0, slots=4)
        run(loop, lambda: len(dead.received) == len(shops))
        dead.answer = lambda _: over.wait(600)
        messenger.rewind()
        loop.run_once(wait=0.05)
        live = stack.enter_context(receiving())
        alive = messenger.shop(live.url, ended=4)
        turn(loop, lambda: WAITING not in messenger.states(alive))
        assert len(dead.received) == len(shops) + 2, "half of the slots hang"


def test_an_answer_outlives_a_short_outage_of_the_database(
    postgresql_server: str, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    """PostgreSQL ends all sessions while a receiver answers, and accepts no new ones for a while."""
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
        # It waits for the answer when the database goes: a long wait, with no other look before it.
        with delivering(messenger.loop(), every=2.0):
            assert away.wait(30)
            time.sleep(1)
            with pytest.raises(sa.exc.OperationalError):
                messenger.states(shop)
            let("true")
            until(lambda: messenger.states(shop) == [DELIVERED], timeout=60)

    assert len(receiver.received) == 1


@ON_SQLITE
def test_an_answer_outlives_any_error_of_the_database(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby that takes no writes raises InternalError: the message must not be sent again."""
    with receiving() as receiver:
        shop = messenger.shop(receiver.url)
        loop = messenger.loop()
        record, refused = loop.outbox.record, list[Exception]()

        def read_only(*arguments: Any) -> bool:
            if not refused:
                error = Exception("cannot execute UPDATE in a read-only transaction")
                refused.append(sa.exc.InternalError("UPDATE", {}, error))
                raise refused[0]
            return record(*arguments)

        monkeypatch.setattr(loop.outbox, "record", read_only)
        with pytest.raises(sa.exc.InternalError):
            loop.run_once(wait=20)
        run(loop, lambda: True)

    assert messenger.states(shop) == [DELIVERED]
    assert len(receiver.received) == 1


@ON_SQLITE
def test_a_stopped_loop_still_writes_the_answers_that_are_under_way(messenger: Messenger) -> None:
    stopping = threading.Event()

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        stopping.set()
        time.sleep(1)
        answer(handler, 200)

    with receiving(slowly) as receiver:
        shop = messenger.shop(receiver.url)
        keep_delivering(messenger.loop(), every=0.05, stopping=stopping)

    assert messenger.states(shop) == [DELIVERED]
