"""A real `backdrop sweep` process, killed and stopped at the worst moments, unnoticed by the receiver.

It outlives the shell that started it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from service.database.clock import db_now
from service.database.engine import reader
from service.database.tables import deliveries
from service.settings import Settings
from service.webhooks.endpoints import Webhooks
from testkit.polling import until
from testkit.receiver import answer, receiving
from testkit.up import BACKDROP
from tests.support.databases import migrated_engine
from tests.support.shop import Shop, render
from tests.support.webhooks import make_server_context


class Sweep:
    """A `backdrop sweep` on a database."""

    def __init__(self, home: Path, database_url: str, valkey_url: str) -> None:
        self.home = home
        self.environment = {
            **os.environ,  # noqa: TID251  # the child's environment
            "DATABASE_URL": database_url,
            "VALKEY_URL": valkey_url,
            "BACKDROP_SWEEP_EVERY": "0.1",
            "BACKDROP_WEBHOOK_ALLOW_PRIVATE": "true",
        }

    def start(self, **settings: str) -> psutil.Popen:
        with (self.home / "sweep.log").open("ab") as log:
            command = [BACKDROP, "sweep", "--home", str(self.home)]
            return psutil.Popen(command, env=self.environment | settings, stderr=log)

    @contextmanager
    def running(self, **settings: str) -> Iterator[psutil.Popen]:
        process = self.start(**settings)
        try:
            yield process
        finally:
            if process.is_running():
                process.kill()
            process.wait(300)


@pytest.fixture
def sweep(tmp_path: Path, migrated_url: str, valkey_url: str) -> Sweep:
    return Sweep(tmp_path, migrated_url, valkey_url)


def states(engine: sa.Engine) -> list[str]:
    with reader(engine).connect() as connection:
        return list(connection.execute(sa.select(deliveries.c.state)).scalars())


def lease_over(engine: sa.Engine) -> None:
    """Let the time of a lease pass."""
    with engine.begin() as connection:
        waiting = deliveries.update().where(deliveries.c.state == "waiting")
        connection.execute(waiting.values(next_attempt_at=db_now(-1)))


# At night on SQLite too: the sweep dies here, and tests/service/webhooks check its leases on both databases.
ON_ONE = pytest.mark.parametrize(
    "migrated_url", ["postgresql", pytest.param("sqlite", marks=pytest.mark.nightly)], indirect=True
)


@ON_ONE
def test_a_sweep_that_is_killed_between_sending_and_writing_sends_again(sweep: Sweep, engine: sa.Engine) -> None:
    """The receiver has answered. The sweep waits for a lock that the test holds, and is killed while waiting."""
    locks = threading.Event(), threading.Event()

    def lock_then_answer(handler: BaseHTTPRequestHandler) -> None:
        if len(receiver.received) == 1:
            threading.Thread(target=hold_the_row, args=locks).start()
            locks[0].wait(300)
        answer(handler, 200)

    def hold_the_row(held: threading.Event, release: threading.Event) -> None:
        with engine.connect() as connection:  # on SQLite the transaction alone locks
            connection.execute(sa.select(deliveries.c.id).with_for_update())
            held.set()
            release.wait(300)

    with receiving(lock_then_answer) as receiver:
        shop = Shop(engine)
        _, secret = Webhooks(engine, allow_private=True).register(shop.client.name, receiver.url)
        shop.jobs.succeed(shop.claim(shop.order()), render())
        with sweep.running() as first:
            until(lambda: receiver.received)
            locks[0].wait(300)
            time.sleep(1)
            first.kill()
            first.wait(300)
        locks[1].set()
        until(lambda: states(engine) == ["waiting"])
        lease_over(engine)
        with sweep.running():
            until(lambda: states(engine) == ["delivered"])

    once, again = receiver.received
    assert once.id == again.id
    assert lasting(once.verified(secret)) == lasting(again.verified(secret))


def lasting(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message without its download URL, which each attempt signs anew."""
    render = {name: value for name, value in message["data"]["render"].items() if not name.startswith("download_url")}
    return message | {"data": message["data"] | {"render": render}}


@pytest.mark.nightly  # in the gate without processes: service/webhooks/test_delivery_loop.py and test_connection.py
@ON_ONE
def test_two_sweeps_deliver_each_message_once_over_tls_and_stop_on_a_signal(
    sweep: Sweep, engine: sa.Engine, tmp_path: Path
) -> None:
    context = make_server_context(tmp_path, "127.0.0.1")
    with receiving(tls=context) as receiver:
        shops = [Shop(engine, credits=100) for _ in range(3)]
        for shop in shops:
            Webhooks(engine, allow_private=True).register(shop.client.name, receiver.url)
        trusted = {"SSL_CERT_FILE": str(tmp_path / "ca.pem")}
        with sweep.running(**trusted) as one, sweep.running(**trusted) as two:
            until(lambda: (sweep.home / "sweep.log").read_text().count("webhook delivery started") == 2)
            for _ in range(10):
                for shop in shops:
                    shop.jobs.succeed(shop.claim(shop.order()), render())
            until(lambda: states(engine) == ["delivered"] * 30)
            for process in (one, two):
                process.send_signal(signal.SIGTERM)
            assert [process.wait(300) for process in (one, two)] == [0, 0]

    assert len(receiver.received) == len({came.id for came in receiver.received}) == 30


@pytest.mark.nightly  # in the gate the first test here starts and kills a sweep
def test_a_sweep_outlives_its_shell_and_logs_why_it_stops(tmp_path: Path, valkey_url: str) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url)
    migrated_engine(settings).dispose()
    log = tmp_path / "sweep.log"
    shell = f"{sys.executable} -m service.cli.main sweep >{log} 2>&1 & echo $!"
    started = subprocess.run(["/bin/sh", "-c", shell], env=settings.environment(), capture_output=True, check=True)
    sweep = psutil.Process(int(started.stdout))
    try:
        until(lambda: "webhook delivery started" in log.read_text())
        time.sleep(1.5)  # longer than the supervisor takes to check its parent
        assert sweep.is_running()

        os.kill(sweep.pid, signal.SIGTERM)
        until(lambda: not sweep.is_running() or sweep.status() == psutil.STATUS_ZOMBIE)
        assert "the sweep stops: SIGTERM" in log.read_text()
    finally:
        if sweep.is_running():
            sweep.kill()
