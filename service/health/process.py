"""The health of one process: whether it lives and is ready, and the thread that checks the installation."""

import logging
import math
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from service.health.installation import Installation, State

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
