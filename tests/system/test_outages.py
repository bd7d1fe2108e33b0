"""Server outages while jobs run: queue, database and store are lost or slow, and no job or credit is."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from testkit.photos import Deed, good, with_deed
from testkit.polling import until
from tests.support.installation import Installation
from tests.support.served import Caller, answers

pytestmark = pytest.mark.parametrize("troubled", ["production"], indirect=True)
at_night = pytest.mark.nightly  # in the gate a slow store and a lost queue; service/worker/test_run.py has the others


@pytest.fixture
def installation(troubled: tuple[Installation, Caller]) -> Iterator[Installation]:
    installation = troubled[0]
    installation.all_ready()
    yield installation
    for server in installation.made.servers:
        server.go_on()
        server.start()
    findings = installation.wrong()
    # Objects of an attempt that lost its database or store stay until the expiry removes them.
    assert [finding for finding in findings if finding.rule != "object_has_its_render"] == []


@pytest.fixture
def caller(installation: Installation, troubled: tuple[Installation, Caller]) -> Caller:
    until(troubled[1].is_ready)
    return troubled[1]


# The queue


def test_a_queue_server_that_is_lost_with_all_its_data_loses_no_job(installation: Installation, caller: Caller) -> None:
    keys = [caller.upload(good(number)) for number in range(6)]
    with installation.held():
        running = caller.submit(caller.upload(with_deed(Deed.HELD)))
        before = [caller.submit(key) for key in keys[:3]]
        installation.made.queue.kill()
    shutil.rmtree(installation.settings.home / "valkey")

    during = [caller.submit(key) for key in keys[3:]]
    time.sleep(2)
    installation.made.queue.start()

    assert [caller.outcome(one) for one in [running, *before, *during]] == [("SUCCESS", 1)] * 7


# The database


@at_night
def test_a_database_that_hangs_for_longer_than_a_lease_costs_no_attempt(
    installation: Installation, caller: Caller
) -> None:
    assert installation.made.database is not None
    key = caller.upload(good())
    with installation.held():
        running = [installation.occupied()[0], installation.order(good())]
        installation.made.database.pause()
    time.sleep(installation.settings.lease + 2)
    installation.made.database.go_on()

    assert [installation.outcome(one) for one in running] == [("SUCCESS", None)] * 2
    assert [installation.job(one).attempt for one in running] == [1, 1]
    assert caller.outcome(caller.submit(key))[0] == "SUCCESS"


@at_night
def test_a_database_that_is_killed_and_comes_back_costs_no_attempt(installation: Installation, caller: Caller) -> None:
    assert installation.made.database is not None
    key, balance = caller.upload(good()), caller.balance
    with installation.held():
        running = installation.occupied()[0]
        installation.made.database.kill()
        refused = caller.submit(key)
    time.sleep(installation.settings.lease + 2)
    installation.made.database.start()
    until(caller.is_ready)

    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert refused.headers["retry-after"] == "5"
    assert caller.balance == balance
    assert installation.outcome(running) == ("SUCCESS", None)
    assert installation.job(running).attempt == 1
    assert caller.outcome(caller.submit(key)) == ("SUCCESS", 1)


# The store


def test_a_slow_store_costs_no_attempt(installation: Installation) -> None:
    assert installation.made.store is not None
    with installation.held():
        accepted = installation.occupied()[0]
        installation.made.store.pause()
    time.sleep(5)
    installation.made.store.go_on()

    assert installation.outcome(accepted) == ("SUCCESS", None)
    assert installation.job(accepted).attempt == 1


@at_night
def test_a_store_that_is_away_refuses_submits_and_costs_no_attempt(installation: Installation, caller: Caller) -> None:
    assert installation.made.store is not None
    key, balance = caller.upload(good()), caller.balance
    with installation.held():
        accepted = installation.occupied()[0]
        installation.made.store.kill()
    refused = caller.submit(key)
    until(lambda: installation.job(accepted).stage is None)
    state = caller.api.get("/health/ready")
    waiting = installation.job(accepted)
    installation.made.store.start()

    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert (state.status_code, state.json()["status"]) == (200, "degraded"), "other requests are still answered"
    assert (waiting.status, waiting.attempt) == ("IN_PROGRESS", 0), "the breaker is open"
    assert installation.outcome(accepted) == ("SUCCESS", None)
    assert installation.job(accepted).attempt == 1
    assert caller.balance == balance


# Between commit and send


def test_an_api_that_is_killed_between_commit_and_send_loses_no_job(installation: Installation, caller: Caller) -> None:
    # This API's queue server accepts connections and never answers, so the API waits there when it is killed.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        address = installation.fleet.api(BACKDROP_QUEUE_URL=url)
        member = installation.fleet.members[-1]
        until(lambda: answers(address, "live"))
        key, balance = caller.upload(good()), caller.balance
        came: list[Any] = []

        def submit() -> None:
            try:
                came.append(caller.submit(key, address))
            except httpx.HTTPError as error:
                came.append(error)

        thread = threading.Thread(target=submit)
        thread.start()
        until(lambda: caller.balance == balance - 1)
        member.part.stop(0)
        thread.join()
        installation.fleet.members.remove(member)

    assert isinstance(came[0], httpx.HTTPError), "the caller got no answer"
    (entry,) = [one for one in caller.api.get("/v1/credits").json()["entries"][:1] if one["kind"] == "debit"]
    job = until(lambda: (j := caller.api.get(f"/v1/jobs/{entry['job_id']}").json()).get("finished_at") and j)
    assert (job["status"], job["attempt"]) == ("SUCCESS", 1)
