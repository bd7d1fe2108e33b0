"""The supervisor: what it starts again, and what it gives up."""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from service.supervisor.processes import supervise


def program(tmp_path: Path, body: str) -> list[str]:
    """A program that adds a line to a file each time it starts, and then does what `body` says."""
    starts = tmp_path / "starts"
    counted = f"import os, sys; file = open({str(starts)!r}, 'a+'); file.write('x'); file.seek(0); n = len(file.read())"
    return [sys.executable, "-S", "-c", f"{counted}; file.close(); {body}"]


class Unwaited(threading.Event):
    """Never set; remembers the pauses that were asked for, in seconds, and takes none."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        return False


def run(tmp_path: Path, body: str, **limits: Any) -> tuple[int, int]:
    """Supervise it, without the pauses, until it is given up; the exit status, and how often it was started."""
    environment = dict(os.environ)  # noqa: TID251  # what the child gets
    status = supervise(
        "test", program(tmp_path, body), environment=environment, grace=5, **{"stopping": Unwaited(), **limits}
    )
    return status, len((tmp_path / "starts").read_text())


def test_what_jobs_kill_is_started_again_however_often(tmp_path: Path) -> None:
    assert run(tmp_path, "os.kill(os.getpid(), 9) if n < 7 else sys.exit(78)") == (78, 7)


@pytest.mark.parametrize(("status", "given_back"), [(3, 3), (0, 1)])
def test_what_exits_five_times_within_a_minute_is_given_up(tmp_path: Path, status: int, given_back: int) -> None:
    assert run(tmp_path, f"sys.exit({status})") == (given_back, 5)


def test_exits_that_lie_further_apart_than_the_window_are_no_reason_to_give_up(tmp_path: Path) -> None:
    assert run(tmp_path, "sys.exit(3 if n < 8 else 78)", window=0.0) == (78, 8)


@pytest.mark.parametrize(
    ("limits", "pauses"),
    [
        ({}, [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10]),
        ({"backoff": 0.5, "max_backoff": 2.0}, [0, 0, 0.5, 1, 1.5, 2, 2, 2, 2, 2, 2, 2, 2, 2]),
    ],
    ids=["as shipped", "half a second"],
)
def test_each_start_waits_longer_than_the_one_before_up_to_a_limit(
    tmp_path: Path, limits: dict[str, float], pauses: list[float]
) -> None:
    stopping = Unwaited()

    run(tmp_path, "os.kill(os.getpid(), 9) if n < 15 else sys.exit(78)", stopping=stopping, **limits)

    assert stopping.pauses == pauses


def test_what_says_that_its_settings_are_wrong_is_given_up_at_once(tmp_path: Path) -> None:
    assert run(tmp_path, "sys.exit(78)") == (78, 1)


def test_being_told_to_stop_ends_the_program_and_the_watching(tmp_path: Path) -> None:
    stopping = threading.Event()
    watched = threading.Timer(1.0, stopping.set)
    watched.start()
    started = time.monotonic()
    environment = dict(os.environ)  # noqa: TID251  # what the child gets

    command = program(tmp_path, "import time; time.sleep(60)")
    status = supervise("test", command, environment=environment, stopping=stopping, grace=5)

    assert (status, len((tmp_path / "starts").read_text())) == (0, 1)
    assert time.monotonic() - started < 10
