"""Servers that go away while jobs run: queue, database and store are lost, slow, or full, and no job or credit is."""

import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from service.accounts.clients import Accounts
from tests.support.installation import Installation, running_installation
from tests.support.polling import until
from tests.support.storm.photos import Deed, good, telling


class Caller:
    """A client at the real API of an installation."""

    def __init__(self, installation: Installation) -> None:
        self.address = installation.fleet.api()
        self.client, key = Accounts(installation.engine).add("caller", credits=100)
        self.api = httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        until(self.is_ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()

    def is_ready(self) -> bool:
        try:
            return self.api.get("/health/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def upload(self, photo: bytes) -> str:
        reserved = self.api.post("/v1/uploads", json={"content_type": "image/png"}).json()
        httpx.put(reserved["url"], headers=reserved["headers"], content=photo).raise_for_status()
        return str(reserved["key"])

    def submit(self, key: str) -> httpx.Response:
        body = {
            "source_image_s3_key": key,
            "scene_type": "white",
            "mood": "calm",
            "output_preset": "transparent_cutout",
        }
        return self.api.post("/v1/background-swap-with-spec", json=body)

    def outcome(self, accepted: httpx.Response) -> tuple[str, int]:
        assert accepted.status_code == 202, accepted.text
        path = f"/v1/jobs/{accepted.json()['job_id']}"
        job = until(lambda: (found := self.api.get(path).json()).get("finished_at") and found)
        return job["status"], job["attempt"]

    @property
    def balance(self) -> int:
        return int(self.api.get("/v1/credits").json()["balance"])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Caller]]:
    with (
        running_installation("production", tmp_path_factory.mktemp("production")) as installation,
        Caller(installation) as caller,
    ):
        yield installation, caller


@pytest.fixture
def installation(shared: tuple[Installation, Caller]) -> Iterator[Installation]:
    installation = shared[0]
    installation.all_ready()
    yield installation
    for server in installation.made.servers:
        server.go_on()
        server.start()
    findings = installation.wrong()
    # What an attempt stored whose database or store went away lies there until it is cleared away.
    assert [finding for finding in findings if finding.rule != "object_has_its_render"] == []


@pytest.fixture
def caller(installation: Installation, shared: tuple[Installation, Caller]) -> Caller:
    until(shared[1].is_ready)
    return shared[1]


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """A disk of 24 MiB; None where we may not mount one."""
    disk = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        yield None
        return
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture(scope="module")
def shared_embedded(
    small_disk: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Installation, Caller]]:
    home = small_disk or tmp_path_factory.mktemp("embedded")
    with running_installation("embedded", home, time_limit=60.0) as installation, Caller(installation) as caller:
        yield installation, caller


@pytest.fixture
def embedded(shared_embedded: tuple[Installation, Caller]) -> Iterator[tuple[Installation, Caller]]:
    """SQLite and a directory, on a small disk where that can be had."""
    installation, _ = shared_embedded
    installation.all_ready()
    yield shared_embedded
    assert installation.wrong() == []


# The disk. First: once SQLite's log is as long as it gets and is reused, a full disk stops no write.


def test_a_disk_that_is_full_costs_nobody_anything(
    small_disk: Path | None, embedded: tuple[Installation, Caller]
) -> None:
    if small_disk is None:
        pytest.skip("only root, on Linux, may mount a disk that can be filled")
    installation, caller = embedded
    key, balance = caller.upload(good()), caller.balance
    running = installation.order(telling(Deed.SLOW))
    installation.under_way(running)

    fill(small_disk / "filler")
    refused = [caller.submit(key), caller.submit(key)]
    time.sleep(6)
    (small_disk / "filler").unlink()

    assert [one.status_code for one in refused] == [503, 503], [one.text for one in refused]
    assert caller.balance == balance
    assert installation.outcome(running) == ("SUCCESS", None)
    assert caller.outcome(caller.submit(key))[0] == "SUCCESS"


def fill(path: Path) -> None:
    """Write until nothing more goes in."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert shutil.disk_usage(path).free == 0


# The queue


# In the gate on the embedded default; the production servers lose theirs in test_a_queue_server_that_is_lost_…
@pytest.mark.parametrize("kind", ["embedded", pytest.param("production", marks=pytest.mark.nightly)])
def test_twenty_jobs_that_wait_when_the_queue_is_flushed_all_end_without_any_help(
    kind: str, request: pytest.FixtureRequest
) -> None:
    installation: Installation = (
        request.getfixturevalue("installation") if kind == "production" else request.getfixturevalue("embedded")[0]
    )
    # So slow that twenty are ordered meanwhile.
    busy = [installation.order(telling(Deed.SLOW)) for _ in range(4)]
    installation.under_way(busy[0])
    waiting = [installation.order(good(number)) for number in range(20)]
    assert installation.job_queue.size() >= 20

    installation.queue.flushall()
    assert installation.job_queue.size() == 0

    assert [installation.outcome(one) for one in [*busy, *waiting]] == [("SUCCESS", None)] * 24
    assert [installation.job(one).attempt for one in [*busy, *waiting]] == [1] * 24


def test_a_queue_server_that_is_lost_with_all_its_data_loses_no_job(installation: Installation, caller: Caller) -> None:
    keys = [caller.upload(good(number)) for number in range(6)]
    running = caller.submit(caller.upload(telling(Deed.SLOW)))
    before = [caller.submit(key) for key in keys[:3]]
    installation.made.queue.kill()
    shutil.rmtree(installation.settings.home / "valkey")

    during = [caller.submit(key) for key in keys[3:]]
    time.sleep(2)
    installation.made.queue.start()

    assert [caller.outcome(one)[0] for one in [running, *before, *during]] == ["SUCCESS"] * 7


# The database


def test_a_database_that_hangs_for_longer_than_a_lease_costs_no_attempt(
    installation: Installation, caller: Caller
) -> None:
    assert installation.made.database is not None
    key = caller.upload(good())
    running = [installation.order(telling(Deed.SLOW)), installation.order(good())]
    installation.under_way(running[0])

    installation.made.database.pause()
    time.sleep(installation.settings.lease + 2)
    installation.made.database.go_on()

    assert [installation.outcome(one) for one in running] == [("SUCCESS", None)] * 2
    assert [installation.job(one).attempt for one in running] == [1, 1]
    assert caller.outcome(caller.submit(key))[0] == "SUCCESS"


def test_a_database_that_is_killed_and_comes_back_costs_no_attempt(installation: Installation, caller: Caller) -> None:
    assert installation.made.database is not None
    key, balance = caller.upload(good()), caller.balance
    running = installation.order(telling(Deed.SLOW))
    installation.under_way(running)

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


def test_a_database_file_that_is_locked_for_too_long_costs_no_attempt(
    embedded: tuple[Installation, Caller],
) -> None:
    installation, caller = embedded
    key, balance = caller.upload(good()), caller.balance
    running = installation.order(telling(Deed.SLOW))
    installation.under_way(running)

    with writer_that_hangs(installation.settings.home / "backdrop.db", 13.0):
        refused = caller.submit(key)

    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert caller.balance == balance
    assert installation.outcome(running) == ("SUCCESS", None)
    assert installation.job(running).attempt == 1
    assert caller.outcome(caller.submit(key)) == ("SUCCESS", 1)


@contextmanager
def writer_that_hangs(database: Path, seconds: float) -> Iterator[None]:
    """Hold SQLite's write lock for the block, and at least so long."""
    end = time.monotonic() + seconds
    connection = sqlite3.connect(database, timeout=10, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        time.sleep(max(0.0, end - time.monotonic()))
    finally:
        connection.close()


# The store


def test_a_store_that_is_slow_costs_no_attempt(installation: Installation) -> None:
    assert installation.made.store is not None
    accepted = installation.order(telling(Deed.SLOW))
    installation.under_way(accepted)

    installation.made.store.pause()
    time.sleep(5)
    installation.made.store.go_on()

    assert installation.outcome(accepted) == ("SUCCESS", None)
    assert installation.job(accepted).attempt == 1


def test_a_store_that_is_away_refuses_submits_and_costs_no_attempt(installation: Installation, caller: Caller) -> None:
    assert installation.made.store is not None
    key, balance = caller.upload(good()), caller.balance
    accepted = installation.order(telling(Deed.SLOW))
    installation.under_way(accepted)

    installation.made.store.kill()
    refused = caller.submit(key)
    until(lambda: installation.job(accepted).stage is None)
    state = caller.api.get("/health/ready")
    waiting = installation.job(accepted)
    installation.made.store.start()

    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert (state.status_code, state.json()["status"]) == (200, "degraded"), "all else is still answered"
    assert (waiting.status, waiting.attempt) == ("IN_PROGRESS", 0), "the breaker is open"
    assert installation.outcome(accepted) == ("SUCCESS", None)
    assert installation.job(accepted).attempt == 1
    assert caller.balance == balance


# Between commit and send


def test_an_api_that_is_killed_between_commit_and_send_loses_no_job(installation: Installation, caller: Caller) -> None:
    # The queue server of the API that is killed takes connections and never answers: there it stands when it is killed.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        address = installation.fleet.api(BACKDROP_QUEUE_URL=url)
        member = installation.fleet.members[-1]
        live = f"{address}/health/live"

        def is_live() -> bool:
            try:
                return caller.api.get(live).status_code == 200
            except httpx.HTTPError:
                return False

        until(is_live)
        key, balance = caller.upload(good()), caller.balance
        body = {
            "source_image_s3_key": key,
            "scene_type": "white",
            "mood": "calm",
            "output_preset": "transparent_cutout",
        }
        answers: list[Any] = []

        def submit() -> None:
            try:
                answers.append(
                    httpx.post(f"{address}/v1/background-swap-with-spec", json=body, headers=caller.api.headers)
                )
            except httpx.HTTPError as error:
                answers.append(error)

        thread = threading.Thread(target=submit)
        thread.start()
        until(lambda: caller.balance == balance - 1)
        member.part.stop(0)
        thread.join()
        installation.fleet.members.remove(member)

    assert isinstance(answers[0], httpx.HTTPError), "nobody got an answer"
    (entry,) = [one for one in caller.api.get("/v1/credits").json()["entries"][:1] if one["kind"] == "debit"]
    job = until(lambda: (j := caller.api.get(f"/v1/jobs/{entry['job_id']}").json()).get("finished_at") and j)
    assert (job["status"], job["attempt"]) == ("SUCCESS", 1)
