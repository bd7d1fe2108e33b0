"""The processes of one installation. A dead one is started again, as an operating system's supervisor would do."""

import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from service.settings import Settings
from service.supervisor.processes import ChildProcess
from testkit.servers import free_port

_LEAN = ("testkit.watch", "testkit.worker")


@dataclass
class Member:
    """One process of the fleet; `part` is the process that runs now, or ran last."""

    name: str
    command: list[str]
    environment: dict[str, str]
    part: ChildProcess

    @property
    def process(self) -> psutil.Process | None:
        """The process that does the work, a worker's being its supervisor's child; None while there is none."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.part.pid)
            if not self.name.startswith("worker"):
                return process
            return next(iter(process.children()), None)
        return None


class Fleet:
    """APIs, lean workers and sweeps on the settings of one installation.

    Start and tend it from the main thread: Linux stops a part when the thread that started it ends.
    """

    def __init__(self, settings: Settings, logs: Path) -> None:
        self._settings = settings
        self._logs = logs
        self.members: list[Member] = []

    def __enter__(self) -> Self:
        """Stop all at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def api(self, **environment: str) -> str:
        """Start an API on a port of its own and return its address; it does not answer at once."""
        port = free_port()
        self._start("api", [sys.executable, "-m", "service.cli.main", "api", "--port", str(port)], environment)
        return f"http://127.0.0.1:{port}"

    def worker(self, *command: str, **environment: str) -> Member:
        """Start a lean worker with its supervisor, or the module and arguments of `command` instead.

        `environment` is added to the settings' own.
        """
        return self._start("worker", [sys.executable, "-m", *(command or _LEAN)], environment)

    def sweep(self, **environment: str) -> Member:
        """Start a sweep."""
        return self._start("sweep", [sys.executable, "-m", "service.cli.main", "sweep"], environment)

    def _start(self, kind: str, command: list[str], environment: dict[str, str]) -> Member:
        name = f"{kind}-{1 + sum(member.name.startswith(kind) for member in self.members)}"
        environment = {**self._settings.environment(), **environment}
        member = Member(name, command, environment, self._launch(name, command, environment))
        self.members.append(member)
        return member

    def _launch(self, name: str, command: list[str], environment: dict[str, str]) -> ChildProcess:
        return ChildProcess(name, command, environment=environment, log=self.log(name))

    def log(self, name: str) -> Path:
        """Return the path of a member's log."""
        return self._logs / f"{name}.log"

    def tend(self) -> list[str]:
        """Start dead members again, and return their names."""
        dead = [member for member in self.members if member.part.exit_status is not None]
        for member in dead:
            member.part = self._launch(member.name, member.command, member.environment)
        return [member.name for member in dead]

    def stop(self, kind: str = "") -> None:
        """Resume paused members of a kind, or of all kinds, and stop them all while the queue still runs."""
        members = [member for member in self.members if member.name.startswith(kind)]
        for member in members:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(member.part.pid)
                for one in [process, *process.children(recursive=True)]:
                    with suppress(psutil.NoSuchProcess):
                        one.send_signal(signal.SIGCONT)
            member.part.terminate()
        for member in members:
            member.part.stop(self._settings.stop_grace + 5)
