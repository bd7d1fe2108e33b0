"""The health of one process: whether it lives and is ready, the thread that checks the installation, and the probe."""

import json
import logging
import math
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from service.health.installation import Installation, State
from service.settings import Settings

logger = logging.getLogger(__name__)

#: Seconds between two checks of the installation.
LOOK_EVERY = 5.0
#: Seconds between two checks of the whole ledger.
RECONCILE_EVERY = 3600.0
#: Seconds without a beat of its loop after which a process counts as hung. A check can wait for several timeouts.
PATIENCE = 120.0

#: The parts that each process needs to be ready.
NEEDED = {
    "api": frozenset({"database"}),  # without the store only uploads and submits fail
    "worker": frozenset({"database", "queue", "store"}),
    "sweep": frozenset({"database"}),
}


class ProcessHealth:
    """The health of a process of this kind ("api", "worker", "sweep"). Thread-safe.

    `clock` returns seconds, like time.monotonic.
    """

    def __init__(self, kind: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.kind = kind
        self._needed: Collection[str] = NEEDED[kind]
        self._clock = clock
        self._beat = clock()
        self._state: State | None = None
        self._not_ready = "It starts."
        self._started = False

    def beat(self) -> None:
        """Record a beat of the process's own loop."""
        self._beat = self._clock()

    def is_ready(self) -> None:
        """Record that the process has loaded all it needs."""
        self.beat()
        self._not_ready, self._started = "", True

    def is_not_ready(self, why: str) -> None:
        """Record that the process does no work. `why` is a sentence."""
        self._not_ready = why

    def saw(self, state: State) -> None:
        """Record the result of the latest check of the installation."""
        self._state = state

    def live(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the process lives, and a report. False after PATIENCE seconds without a beat of its loop.

        The start has no limit, because loading a large model takes minutes in one call.
        """
        silent = self._clock() - self._beat
        if self._started and silent > PATIENCE:
            return False, {
                "status": "hung",
                "missing": [{"part": self.kind, "detail": f"No sign of life for {silent:.0f} s."}],
            }
        return True, {"status": "ok"}

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the process is ready, and a report of what is missing and what is degraded."""
        if self._state is None:
            report = {"status": "unavailable", "missing": [{"part": "installation", "detail": "Not checked yet."}]}
        else:
            report = self._state.health(self._needed)
        if self._not_ready:
            own = {"part": self.kind, "detail": self._not_ready}
            report = report | {"status": "unavailable", "missing": [own, *report["missing"]]}
        return report["status"] != "unavailable", report


def keep_looking(
    installation: Installation, saw: Callable[[State], None], stopping: threading.Event, *, reconciles: bool = False
) -> None:
    """Check the installation until `stopping` is set, and pass each result to `saw`. Then close its database.

    `reconciles`: also sum up the ledger each hour.
    """
    due = time.monotonic() if reconciles else math.inf
    while True:
        try:
            saw(state := installation.look())
            if state.backlog is not None and time.monotonic() >= due:
                due = time.monotonic() + RECONCILE_EVERY
                saw(replace(state, unreconciled=installation.unreconciled()))
        except Exception:
            logger.exception("the check of the installation failed. The next one follows")
        if stopping.wait(LOOK_EVERY):
            break
    installation.engine.dispose()


@dataclass(frozen=True)
class Probed:
    """The answer of a process: whether it is well, and a line about it."""

    well: bool
    said: str


def probe(settings: Settings, *, live: bool, timeout: float = 4.0) -> Probed:
    """Ask the process on the settings' port whether it lives or is ready. No answer in `timeout` seconds means no."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.metrics_host, settings.metrics_host)  # noqa: S104  # asks it there
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{settings.metrics_port}/health/{'live' if live else 'ready'}"
    # No proxy, because the process is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=timeout) as answer:
            return Probed(True, _line(answer.read()))
    except urllib.error.HTTPError as error:
        return Probed(False, _line(error.read()))
    except OSError as error:
        return Probed(False, f"{address} does not answer: {error}")


def _line(body: bytes) -> str:
    try:
        report = json.loads(body)
        reasons = [
            f"{one['part']}: {one['detail']}" for one in (*report.get("missing", ()), *report.get("degraded", ()))
        ]
        return " ".join([report["status"], *reasons])
    except (ValueError, KeyError, TypeError):
        return "The answer does not come from a Backdrop process."
