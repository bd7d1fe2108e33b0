"""The supervisor: which programs it restarts, which it gives up, and how it stops."""

import os
import shlex
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings
from service.supervisor import processes
from service.supervisor.processes import HostBusy, StopRequest, TooMuchWork, apart, supervise
from service.supervisor.up import CannotStart, _open_home, _wait_until_ready
from testkit.polling import until
from testkit.servers import free_port


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


# Work in a process with limits


ROOM: dict[str, Any] = {"seconds": 1, "memory": 1 << 30}


def test_the_work_has_limits_and_the_kernel_ends_it_before_others() -> None:
    seen = b"__import__('json').dumps([__import__('resource').getrlimit(one) for one in (0, 9)] + "
    seen += b"[int(open('/proc/self/oom_score_adj').read()), __import__('os').nice(0)]).encode()"
    assert apart("builtins:eval", seen, nice=3, **ROOM) == b"[[1, 2], [1073741824, 1073741824], 1000, 3]"


@pytest.mark.parametrize("work", [b"while True: pass", b"bytearray(2 << 30)", b"raise ValueError"])
def test_work_that_takes_too_much_is_refused_whatever_the_host_does(work: bytes) -> None:
    with pytest.raises(TooMuchWork, match="builtins:exec: status"):
        apart("builtins:exec", work, **ROOM)


def test_work_that_the_host_stops_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HostBusy):
        apart("builtins:exec", b"import os; os.kill(os.getpid(), 9)", **ROOM)
    monkeypatch.setattr(processes, "_WAIT", 0.1)
    with pytest.raises(HostBusy, match=r"over 0\.1 s"):
        apart("builtins:exec", b"import time; time.sleep(60)", **ROOM)


# Waiting for the processes of `backdrop up`; for the whole see tests/system/test_up.py


def test_an_api_that_takes_no_request_is_reported_at_the_timeout(tmp_path: Path, valkey_url: str) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url)

    with pytest.raises(CannotStart, match="Not ready after 1 s"):
        _wait_until_ready(settings, f"http://127.0.0.1:{free_port()}", [], threading.Event(), timeout=1.0)


@pytest.mark.parametrize(
    ("before", "after", "warned"), [(0o755, 0o700, False), (0o700, 0o700, False), (0o1777, 0o1777, True)]
)
def test_an_open_home_is_made_private_and_a_shared_folder_left_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, before: int, after: int, warned: bool
) -> None:
    tmp_path.chmod(before)

    _open_home(tmp_path)

    assert tmp_path.stat().st_mode & 0o7777 == after
    assert ("open to other users" in caplog.text) == warned
