"""The supervisor: what it starts again, and what it gives up."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from service.supervisor.processes import keep_running


def program(tmp_path: Path, body: str) -> list[str]:
    """A program that adds a line to a file each time it starts, and then does what `body` says."""
    starts = tmp_path / "starts"
    counted = f"import os, sys; file = open({str(starts)!r}, 'a+'); file.write('x'); file.seek(0); n = len(file.read())"
    return [sys.executable, "-S", "-c", f"{counted}; file.close(); {body}"]


def run(tmp_path: Path, body: str) -> tuple[int, int]:
    """Keep it running until it is given up; the exit status, and how often it was started."""
    environment = dict(os.environ)  # noqa: TID251  # what the child gets
    status = keep_running("test", program(tmp_path, body), environment=environment, stopping=threading.Event(), grace=5)
    return status, len((tmp_path / "starts").read_text())


def test_what_jobs_kill_is_started_again_however_often(tmp_path: Path) -> None:
    assert run(tmp_path, "os.kill(os.getpid(), 9) if n < 7 else sys.exit(78)") == (78, 7)


@pytest.mark.parametrize(("status", "given_back"), [(3, 3), (0, 1)])
def test_what_exits_five_times_within_a_minute_is_given_up(tmp_path: Path, status: int, given_back: int) -> None:
    assert run(tmp_path, f"sys.exit({status})") == (given_back, 5)


def test_what_says_that_its_settings_are_wrong_is_given_up_at_once(tmp_path: Path) -> None:
    assert run(tmp_path, "sys.exit(78)") == (78, 1)


def test_being_told_to_stop_ends_the_program_and_the_watching(tmp_path: Path) -> None:
    stopping = threading.Event()
    watched = threading.Timer(1.0, stopping.set)
    watched.start()
    started = time.monotonic()
    environment = dict(os.environ)  # noqa: TID251  # what the child gets

    command = program(tmp_path, "import time; time.sleep(60)")
    status = keep_running("test", command, environment=environment, stopping=stopping, grace=5)

    assert (status, len((tmp_path / "starts").read_text())) == (0, 1)
    assert time.monotonic() - started < 10
