"""The supervisor: which programs it restarts, which it gives up, and how it stops."""

import os
import shlex
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from service.supervisor.processes import supervise
from service.supervisor.stopping import StopRequest
from tests.support.polling import until


def program(tmp_path: Path, body: str) -> list[str]:
    """Return a program that counts its starts in a file, as `$n`, and then runs `body` in the shell."""
    starts = shlex.quote(str(tmp_path / "starts"))
    counted = f"n=0; [ ! -e {starts} ] || read n <{starts}; n=$((n + 1)); echo $n >{starts}"
    return ["/bin/sh", "-c", f"{counted}; {body}"]


def starts_of(tmp_path: Path) -> int:
    return int((tmp_path / "starts").read_text())


class Unwaited(threading.Event):
    """Never set; records the requested pauses, in seconds, and takes none."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        return False


def run(tmp_path: Path, body: str, **limits: Any) -> tuple[int, int]:
    """Supervise it, without the pauses, until it is given up; return the exit status, and its number of starts."""
    environment = dict(os.environ)  # noqa: TID251  # the child's environment
    status = supervise(
        "test", program(tmp_path, body), environment=environment, grace=5, **{"stopping": Unwaited(), **limits}
    )
    return status, starts_of(tmp_path)


def test_a_program_killed_by_jobs_is_always_started_again(tmp_path: Path) -> None:
    assert run(tmp_path, "[ $n -lt 7 ] || exit 78; kill -9 $$") == (78, 7)


@pytest.mark.parametrize(("status", "given_back", "starts"), [(3, 3, 5), (0, 1, 5), (78, 78, 1)])
def test_a_program_with_five_exits_within_a_minute_or_wrong_settings_is_given_up(
    tmp_path: Path, status: int, given_back: int, starts: int
) -> None:
    assert run(tmp_path, f"exit {status}") == (given_back, starts)


def test_exits_further_apart_than_the_window_are_no_reason_to_give_up(tmp_path: Path) -> None:
    assert run(tmp_path, "[ $n -lt 8 ] || exit 78; exit 3", window=0.0) == (78, 8)


@pytest.mark.gate  # ten starts of a program
def test_each_start_waits_longer_than_the_previous_one_up_to_a_limit(tmp_path: Path) -> None:
    stopping = Unwaited()

    run(tmp_path, "[ $n -lt 10 ] || exit 78; kill -9 $$", stopping=stopping, max_backoff=4.0)

    assert stopping.pauses == [0, 0, 1, 2, 3, 4, 4, 4, 4]


def test_a_stop_ends_the_program_and_its_supervisor(tmp_path: Path) -> None:
    stopping = threading.Event()

    ready, stopped = tmp_path / "ready", tmp_path / "stopped"

    def stop_once_started() -> None:
        until(ready.exists)
        stopping.set()

    threading.Thread(target=stop_once_started).start()
    environment = dict(os.environ)  # noqa: TID251  # the child's environment

    # It ends after half a minute unless a signal stops it.
    body = f"trap '>{stopped}; exit' TERM; >{ready}; t=0; while [ $t -lt 300 ]; do t=$((t + 1)); sleep 0.1; done"
    status = supervise("test", program(tmp_path, body), environment=environment, stopping=stopping, grace=20)

    assert (status, starts_of(tmp_path)) == (0, 1)
    assert stopped.exists()


def test_a_signal_that_interrupts_the_holder_of_the_events_lock_stops_the_process() -> None:
    request = StopRequest()

    def interrupted() -> None:
        with vars(request)["_cond"]:  # as inside `wait`, which the handler may interrupt
            request.on_signal(signal.SIGTERM)

    thread = threading.Thread(target=interrupted, daemon=True)
    thread.start()
    thread.join(300)

    assert not thread.is_alive(), "the handler waits for a lock that its own thread holds"
    assert request.wait(300)
    assert request.reason == "SIGTERM"
