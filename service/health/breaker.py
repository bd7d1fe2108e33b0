"""The breaker: a worker takes no job while the store takes no writes, and no attempt counts that met such a store."""

import logging
import threading

from service.health.parts import try_write
from service.storage.objects import Bucket, ObjectError

logger = logging.getLogger(__name__)


class StoreBreaker:
    """Opens when a tiny write fails after an attempt met a store that was away; closes when one succeeds.

    What can't be stored would cost each waiting job its attempts, and the device's time. Safe in threads.
    """

    def __init__(self, bucket: Bucket, *, every: float = 5.0) -> None:
        """`every`: seconds between two tries of a thread that waits."""
        self._bucket, self._every = bucket, every
        self.is_open = False

    def opens(self) -> bool:
        """Try a write: where it fails the breaker is open afterwards, and True is returned; else it is closed."""
        try:
            try_write(self._bucket)
        except ObjectError as error:
            if not self.is_open:
                logger.error("the store takes no writes, so no job is taken until it does: %s", error)
            self.is_open = True
        else:
            if self.is_open:
                logger.info("the store takes writes again, and jobs are taken")
            self.is_open = False
        return self.is_open

    def wait(self, stopping: threading.Event) -> None:
        """Return once it is closed, or the worker is to stop."""
        while self.is_open and not stopping.is_set() and self.opens():
            stopping.wait(self._every)
