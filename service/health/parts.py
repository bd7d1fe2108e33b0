"""Looks at parts that may hang or refuse: bounded in time, and with a write now and then."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from service.storage.objects import Bucket

#: Seconds that a look waits for a part that no request needs; a balancer's probe waits little longer.
_QUICK = 1.5
#: Seconds between two writes to a store that takes them; after one that failed each look writes.
_WRITE_EVERY = 60.0
#: More than file systems and stores keep beside an object's name: where none is free it fails.
_TINY = bytes(4096)


class Unusable(Exception):
    """Raised where a part answers and can't be used, or hangs; the message is a sentence about it."""


def try_write(bucket: Bucket) -> None:
    """Write a tiny object and delete it. Raises StoreUnavailable where the bucket takes no writes."""
    bucket.put("check", _TINY, "application/octet-stream")
    bucket.delete("check")


class StoreCheck:
    """Checks both buckets: each time that they answer, and now and then that they take writes. For one thread."""

    def __init__(self, buckets: Sequence[Bucket], clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets, self._clock = buckets, clock
        self._write_due = clock()

    def __call__(self) -> dict[str, Any]:
        """Return nothing. Raises ObjectError."""
        writes = self._clock() >= self._write_due
        for bucket in self._buckets:
            try_write(bucket) if writes else bucket.check()
        if writes:
            self._write_due = self._clock() + _WRITE_EVERY
        return {}


class Patient:
    """A look in a thread of its own: who asks is held up for a moment at most. Safe in threads."""

    def __init__(self, name: str, look: Callable[[], dict[str, Any]]) -> None:
        self._name, self._look = name, look
        self._lock = threading.Lock()
        self._began = 0.0
        self._found: Future[dict[str, Any]] | None = None

    def __call__(self) -> dict[str, Any]:
        """Return what the look found. Raises what it raised, and Unusable where it takes too long."""
        with self._lock:
            if self._found is None or self._found.done():
                self._began, self._found = time.monotonic(), Future()
                threading.Thread(target=self._run, args=(self._found,), name="part", daemon=True).start()
            began, found = self._began, self._found
        try:
            return found.result(max(0.0, began + _QUICK - time.monotonic()))
        except TimeoutError:
            silent = time.monotonic() - began
            raise Unusable(f"The {self._name} has not answered for {silent:.0f} s.") from None

    def _run(self, found: Future[dict[str, Any]]) -> None:
        try:
            found.set_result(self._look())
        except BaseException as error:  # noqa: BLE001  # it is raised where it was asked for
            found.set_exception(error)
