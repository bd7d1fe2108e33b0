"""Isolation: a job's last attempt runs alone in its worker, so that none fails for what another did to the process."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds between two looks whether to go on waiting.
_LOOK_EVERY = 0.2


class Isolation:
    """A readers–writer lock over the jobs of one worker: many run together, or one alone, who goes first.

    A process that dies takes an attempt from each of its jobs, and nobody can tell whose fault it was. With the last
    attempt alone, a job that is given up has itself to blame.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together = 0
        self._alone = False
        self._waiting = 0

    @contextmanager
    def together(self, stopping: threading.Event) -> Iterator[None]:
        """Run beside others, once nobody is alone or waits to be; at once where the worker is to stop."""
        with self._changed:
            while (self._alone or self._waiting) and not stopping.is_set():
                self._changed.wait(_LOOK_EVERY)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self, check: Callable[[], None]) -> Iterator[None]:
        """Run alone, once nobody else runs. `check` is called while that is waited for, and may raise."""
        with self._changed:
            self._waiting += 1
            try:
                while self._alone or self._together:
                    check()
                    self._changed.wait(_LOOK_EVERY)
                self._alone = True
            finally:
                self._waiting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
