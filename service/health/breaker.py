"""The breaker: while the store accepts no writes, a worker takes no job, and failed attempts do not count."""

import logging
import threading

from service.health.parts import try_write
from service.storage.objects import Bucket, ObjectError

logger = logging.getLogger(__name__)


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
