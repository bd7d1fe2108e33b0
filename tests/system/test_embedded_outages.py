"""The embedded default: a full disk, and a database file that is locked for too long."""

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from testkit.photos import good
from tests.support.installation import Installation, running_installation
from tests.support.served import Caller


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """A disk of 24 MiB; None where the tests may not mount one."""
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
    with running_installation("embedded", home) as installation, Caller(installation) as caller:
        yield installation, caller


@pytest.fixture
def embedded(shared_embedded: tuple[Installation, Caller]) -> Iterator[tuple[Installation, Caller]]:
    """SQLite and a directory, on a small disk where possible."""
    installation, _ = shared_embedded
    installation.all_ready()
    yield shared_embedded
    assert installation.wrong() == []


# The disk. First: once SQLite reuses its full-length log, a full disk stops no write.


def test_a_full_disk_costs_no_client_anything(small_disk: Path | None, embedded: tuple[Installation, Caller]) -> None:
    if small_disk is None:
        pytest.skip("only root, on Linux, may mount a disk that can be filled")
    installation, caller = embedded
    key, balance = caller.upload(good()), caller.balance
    with installation.held():
        running = installation.occupied()[0]
        fill(small_disk / "filler")
        refused = [caller.submit(key), caller.submit(key)]
    time.sleep(6)
    (small_disk / "filler").unlink()

    assert [one.status_code for one in refused] == [503, 503], [one.text for one in refused]
    assert caller.balance == balance
    assert installation.outcome(running) == ("SUCCESS", None)
    assert caller.outcome(caller.submit(key))[0] == "SUCCESS"


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert shutil.disk_usage(path).free == 0


@pytest.mark.nightly  # in the gate the disk is full, which the API answers with the same refusal
def test_a_database_file_that_is_locked_for_too_long_costs_no_attempt(
    embedded: tuple[Installation, Caller],
) -> None:
    installation, caller = embedded
    key, balance = caller.upload(good()), caller.balance
    with ExitStack() as lock:
        with installation.held():
            running = installation.occupied()[0]
            lock.enter_context(writer_that_hangs(installation.settings.home / "backdrop.db", 13.0))
        refused = caller.submit(key)

    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert caller.balance == balance
    assert installation.outcome(running) == ("SUCCESS", None)
    assert installation.job(running).attempt == 1
    assert caller.outcome(caller.submit(key)) == ("SUCCESS", 1)


@contextmanager
def writer_that_hangs(database: Path, seconds: float) -> Iterator[None]:
    """Hold SQLite's write lock for the block, and at least for that many seconds."""
    end = time.monotonic() + seconds
    connection = sqlite3.connect(database, timeout=10, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        time.sleep(max(0.0, end - time.monotonic()))
    finally:
        connection.close()
