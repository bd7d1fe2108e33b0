"""The watchdog: ends the process when one of its jobs hangs, whatever hangs it."""

import faulthandler
import threading
import time
from collections.abc import Callable


def _set_timer(seconds: float | None) -> None:
    """Dump all stacks to standard error and end the process in so many seconds; None: not at all.

    The interpreter's own watchdog needs none of its lock: a C call that hangs may hold it. It has one timer.
    """
    if seconds is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        faulthandler.dump_traceback_later(seconds, exit=True)


class Watchdog:
    """A deadline for each job in flight; the process ends at the first that passes. Safe in threads.

    No exception stops a C call that hangs, and no other job can be saved from a process that hangs.
    """

    def __init__(self, set_timer: Callable[[float | None], None] = _set_timer) -> None:
        self._set_timer = set_timer
        self._deadlines: dict[str, float] = {}
        self._lock = threading.Lock()

    def arm(self, job_id: str, seconds: float) -> None:
        """Give a job at least so many seconds from now on; a later deadline that it has stays."""
        with self._lock:
            self._deadlines[job_id] = max(time.monotonic() + seconds, self._deadlines.get(job_id, 0.0))
            self._watch()

    def disarm(self, job_id: str) -> None:
        """Give a job all the time there is; nothing where it has none to keep."""
        with self._lock:
            self._deadlines.pop(job_id, None)
            self._watch()

    def _watch(self) -> None:
        first = min(self._deadlines.values(), default=None)
        # The timer takes no zero: one that has passed ends the process in a millisecond.
        self._set_timer(None if first is None else max(0.001, first - time.monotonic()))
