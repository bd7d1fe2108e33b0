"""Child processes that never outlive their parent and get a signal to stop before they are killed; requests to stop.

Work on strangers' bytes gets a process of its own (`apart`), which can neither fill the memory nor run for long.
"""

import contextlib
import ctypes
import importlib
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

logger = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1
#: Seconds until the process of `apart` is stopped, however little processor time it got.
_WAIT = 60
#: One thread, so that processor time is time; one arena, as each reserves 64 MiB of the address space. No secrets.
_ENVIRONMENT = dict.fromkeys(
    ("MALLOC_ARENA_MAX", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)


def _signal_when_parent_dies() -> None:
    """Request a SIGTERM from Linux for the parent's death. Runs in the child, between fork and exec."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def die_with_parent(every: float = 1.0) -> None:
    """Make this Python process stop when its parent dies, for systems without Linux's death signal.

    A thread checks every `every` seconds. The process then gets a SIGTERM, which it handles anyway.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


class ChildProcess:
    """One child process in a session of its own, so that Ctrl-C in a terminal reaches only its parent.

    Start it from the main thread. Linux sends the death signal when the thread that started the child ends.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: dict[str, str] | None = None,
        log: Path | None = None,
        stdin: bytes | None = None,
        pass_fds: Sequence[int] = (),
        stop_signal: signal.Signals = signal.SIGTERM,
        user: int | None = None,
    ) -> None:
        self.name = name
        self._stop_signal = stop_signal
        self._log = log
        with contextlib.ExitStack() as stack:
            output: IO[Any] | None = None
            if log is not None:
                log.parent.mkdir(parents=True, exist_ok=True)
                output = stack.enter_context(log.open("ab"))
            as_user: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
            self._process = subprocess.Popen(
                list(command),
                env=environment,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output is not None else None,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
                preexec_fn=_signal_when_parent_dies if sys.platform == "linux" else None,
                **as_user,
            )
        if stdin is not None and self._process.stdin is not None:
            self._process.stdin.write(stdin)
            self._process.stdin.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs. Negative: the signal that killed it."""
        return self._process.poll()

    def terminate(self) -> None:
        """Send the signal to stop, but only once, because a second signal can hang or damage the process."""
        if self.exit_status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, self._stop_signal)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end. Return None if the timeout comes first."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace: float) -> None:
        """Send the signal to stop. After `grace` seconds, kill it with all processes that it started."""
        self.terminate()
        if self.wait(grace) is None:
            logger.warning("%s did not stop within %.0f s, so it is killed", self.name, grace)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()

    def log_tail(self, size: int = 2000) -> str:
        """Return the last `size` characters of its log, or "" without a log."""
        if self._log is None or not self._log.is_file():
            return ""
        return self._log.read_text(errors="replace")[-size:]


def supervise(
    name: str,
    command: Sequence[str],
    *,
    environment: dict[str, str],
    stopping: threading.Event,
    grace: float,
    window: float = 60.0,
    max_exits: int = 5,
    backoff: float = 1.0,
    max_backoff: float = 10.0,
) -> int:
    """Run a command, and restart it whenever it dies, until `stopping` is set. Returns the exit status to end with.

    Some exits end the supervision and return their status: status 78, and the `max_exits`th exit within `window`
    seconds. A death by a signal does not count as an exit. A job may have caused it (too little memory), and the next
    job needs a worker. From the third end within the window on, each start waits `backoff` seconds longer than
    the last, at most `max_backoff`. `grace`: seconds that the command has to stop.
    """
    exits, deaths = list[float](), list[float]()
    while True:
        child = ChildProcess(name, command, environment=environment)
        while (status := child.wait(0.2)) is None:
            if stopping.is_set():
                child.stop(grace)
                return 0
        if stopping.is_set():
            return 0
        exits, deaths = (
            [moment for moment in moments if moment > time.monotonic() - window] for moments in (exits, deaths)
        )
        (deaths if status < 0 else exits).append(time.monotonic())
        if status == os.EX_CONFIG or len(exits) >= max_exits:
            logger.error("%s died (status %d)", name, status)
            return status or 1
        logger.error("%s died (status %d). Starting it again", name, status)
        # A command that keeps dying must not keep the machine busy with restarts.
        if stopping.wait(min(max_backoff, backoff * max(0, len(exits) + len(deaths) - 2))):
            return 0


class StopRequest(threading.Event):
    """Set once the process must stop. `reason` names the cause, for the log.

    Its own thread sets it after a signal. The signal handler must take no lock, because it interrupts the main thread
    anywhere, for example in `wait` with the event's own lock. It would then wait for itself for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reason = "no request"
        self._parent = os.getppid()
        #: Its `put` may interrupt itself, https://docs.python.org/3/library/queue.html#queue.SimpleQueue.put
        self._signals = SimpleQueue[None]()
        threading.Thread(target=self._heed, name="stop", daemon=True).start()

    def on_signal(self, number: int, _frame: object = None) -> None:
        """Record a signal. The event is set a moment later. Takes no lock, so it can't write a log itself."""
        if not self.is_set():
            orphaned = "" if os.getppid() == self._parent else ", its parent is gone"
            self.reason = signal.Signals(number).name + orphaned
        self._signals.put(None)

    def _heed(self) -> None:
        while True:
            self._signals.get()
            self.set()


def stop_on_signals() -> StopRequest:
    """Return an event that SIGTERM, SIGINT and SIGHUP (a closed terminal) set, unless nohup ignores SIGHUP.

    Call it from the main thread.
    """
    request = StopRequest()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, request.on_signal)
    return request


class TooMuchWork(Exception):
    """Raised when the work fails, or takes more processor time or memory than it may."""


class HostBusy(Exception):
    """Raised when the host had too little processor time or memory for the work. Another try may succeed."""


def apart(function: str, data: bytes | bytearray, *arguments: str, seconds: int, memory: int, nice: int = 0) -> bytes:
    """Return `function(data, *arguments)`, computed by a process of its own. `function`: "module:name".

    `seconds`: of processor time. `memory`: bytes of address space. Raises TooMuchWork and HostBusy.
    """
    limits = [str(seconds), str(memory), str(nice)]
    command = [sys.executable, "-I", "-m", __name__, function, *limits, *arguments]
    try:
        run = subprocess.run(command, input=data, capture_output=True, timeout=_WAIT, env=_ENVIRONMENT, check=True)
    except subprocess.TimeoutExpired as error:
        raise HostBusy(f"{function} took over {_WAIT} s") from error
    except subprocess.CalledProcessError as error:
        # The limits below end a process otherwise: SIGKILL is the kernel's, when the host has no memory left.
        raised = HostBusy if error.returncode == -signal.SIGKILL else TooMuchWork
        raise raised(f"{function}: status {error.returncode}: {error.stderr.decode(errors='replace')}") from error
    return run.stdout


def _limit(seconds: int, memory: int, nice: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # SIGXCPU comes first, SIGKILL at the second limit
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.nice(nice)
    with suppress(OSError):  # Linux only: the kernel kills this process first
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    _limit(*map(int, sys.argv[2:5]))
    module, _, name = sys.argv[1].partition(":")
    answer: bytes = getattr(importlib.import_module(module), name)(sys.stdin.buffer.read(), *sys.argv[5:])
    sys.stdout.buffer.write(answer)
