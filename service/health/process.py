"""The health of one process: whether it lives, whether it can do its part, and the thread that keeps looking."""

import logging
import math
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from service.health.installation import Installation, State

logger = logging.getLogger(__name__)

#: Seconds between two looks at the installation.
LOOK_EVERY = 5.0
#: Seconds between two looks at the whole ledger.
RECONCILE_EVERY = 3600.0
#: Seconds after which a process whose loop has not come round counts as hung. A look can wait for several time-outs.
PATIENCE = 120.0

#: Without which parts each process can't do its part.
NEEDED = {
    "api": frozenset({"database"}),  # without the store it still answers all but uploads and submits
    "worker": frozenset({"database", "queue", "store"}),
    "sweep": frozenset({"database"}),
}


class ProcessHealth:
    """The health of a process of this kind ("api", "worker", "sweep"). Safe in threads.

    `clock` gives seconds, as time.monotonic does.
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
        """Note that the process's own loop comes round."""
        self._beat = self._clock()

    def is_ready(self) -> None:
        """Note that the process has all that it loads."""
        self.beat()
        self._not_ready, self._started = "", True

    def is_not_ready(self, why: str) -> None:
        """Note that the process does no work, and why: a sentence."""
        self._not_ready = why

    def saw(self, state: State) -> None:
        """Note what the latest look at the installation found."""
        self._state = state

    def live(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether the process lives: False once its loop has not come round for PATIENCE seconds.

        To start may take as long as it takes: a large model is loaded in minutes, in one call.
        """
        silent = self._clock() - self._beat
        if self._started and silent > PATIENCE:
            return False, {"status": "hung", "missing": [{"part": self.kind, "detail": f"Silent for {silent:.0f} s."}]}
        return True, {"status": "ok"}

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether the process can do its part, with what is missing and what is degraded around it."""
        if self._state is None:
            told = {"status": "unavailable", "missing": [{"part": "installation", "detail": "Not looked at yet."}]}
        else:
            told = self._state.health(self._needed)
        if self._not_ready:
            own = {"part": self.kind, "detail": self._not_ready}
            told = told | {"status": "unavailable", "missing": [own, *told["missing"]]}
        return told["status"] != "unavailable", told


def keep_looking(
    installation: Installation, saw: Callable[[State], None], stopping: threading.Event, *, reconciles: bool = False
) -> None:
    """Look at the installation until told to stop, and tell `saw` what each look found; then let its database go.

    `reconciles`: each hour sum up the ledger as well.
    """
    due = time.monotonic() if reconciles else math.inf
    while True:
        try:
            saw(state := installation.look())
            if state.backlog is not None and time.monotonic() >= due:
                due = time.monotonic() + RECONCILE_EVERY
                saw(replace(state, unreconciled=installation.unreconciled()))
        except Exception:
            logger.exception("the installation could not be looked at; it will be tried again")
        if stopping.wait(LOOK_EVERY):
            break
    installation.engine.dispose()
