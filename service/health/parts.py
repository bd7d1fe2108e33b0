"""Checks of parts that may hang or refuse: limited in time, with a write now and then, and a breaker for the store."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from service.storage.objects import Bucket, ObjectError

logger = logging.getLogger(__name__)

#: Seconds that a check waits for a part that no request needs. A load balancer's probe waits only a little longer.
_QUICK = 1.5
#: Seconds between two test writes while they succeed. After a failed write, each check writes.
_WRITE_EVERY = 60.0
#: Too large for the space that file systems keep next to an object's name, so that it fails on a full disk.
_TINY = bytes(4096)


class Unusable(Exception):
    """Raised if a part answers but can't be used, or hangs. The message is a sentence about it."""


def try_write(bucket: Bucket) -> None:
    """Write a small object and delete it. Raises StoreUnavailable if the bucket accepts no writes."""
    bucket.put("check", _TINY, "application/octet-stream")
    bucket.delete("check")


class StoreCheck:
    """Checks both buckets: each time that they answer, and now and then that they accept writes. For one thread."""

    def __init__(self, buckets: Sequence[Bucket], clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets, self._clock = buckets, clock
        self._write_due = clock()

    def __call__(self) -> dict[str, Any]:
        """Return an empty record. Raises ObjectError."""
        writes = self._clock() >= self._write_due
        for bucket in self._buckets:
            try_write(bucket) if writes else bucket.check()
        if writes:
            self._write_due = self._clock() + _WRITE_EVERY
        return {}


class StoreBreaker:
    """Opens if a small test write fails after an attempt met an unavailable store. Closes once a write succeeds.

    Without it, an unavailable store would use up the attempts of each waiting job, and the device's time. Thread-safe.
    """

    def __init__(self, bucket: Bucket, *, every: float = 5.0) -> None:
        """`every`: seconds between two test writes while a thread waits."""
        self._bucket, self._every = bucket, every
        self.is_open = False

    def opens(self) -> bool:
        """Try a write. If it fails, open the breaker and return True. Otherwise close it."""
        try:
            try_write(self._bucket)
        except ObjectError as error:
            if not self.is_open:
                logger.error("the store accepts no writes, so the worker takes no job until it does: %s", error)
            self.is_open = True
        else:
            if self.is_open:
                logger.info("the store accepts writes again, so the worker takes jobs")
            self.is_open = False
        return self.is_open

    def wait(self, stopping: threading.Event) -> None:
        """Return once the breaker is closed or the worker stops."""
        while self.is_open and not stopping.is_set() and self.opens():
            stopping.wait(self._every)


class Patient:
    """A check in its own thread, so that its caller waits only a moment. Thread-safe."""

    def __init__(self, name: str, look: Callable[[], dict[str, Any]]) -> None:
        self._name, self._look = name, look
        self._lock = threading.Lock()
        self._began = 0.0
        self._found: Future[dict[str, Any]] | None = None

    def __call__(self) -> dict[str, Any]:
        """Return the result of the check. Raises its error, or Unusable if it takes too long."""
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
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            found.set_exception(error)
