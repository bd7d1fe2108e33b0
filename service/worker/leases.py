"""Renews the leases of all jobs in flight, together, while their steps keep their threads busy."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.jobs.records import Claim
from service.jobs.transitions import Jobs

logger = logging.getLogger(__name__)


class LeaseRenewal:
    """The renewal of leases in one worker: one thread and one statement for all its jobs. Safe in threads."""

    def __init__(self, jobs: Jobs, *, interval: float) -> None:
        """`interval`: seconds between two renewals."""
        self._jobs = jobs
        self.interval = interval
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Claim, threading.Event]] = {}
        #: What ends the thread that renews, while there is one, and the thread.
        self._renewing: tuple[threading.Event, threading.Thread] | None = None

    @contextmanager
    def renewed(self, claim: Claim) -> Iterator[threading.Event]:
        """Renew a claim's lease until the end of the block; the event is set once it is found lost."""
        lost = threading.Event()
        with self._lock:
            self._held[claim.token] = claim, lost
            if self._renewing is None:
                over = threading.Event()
                self._renewing = over, threading.Thread(target=self._renew, args=(over,), daemon=True)
                self._renewing[1].start()
        try:
            yield lost
        finally:
            last = None
            with self._lock:
                del self._held[claim.token]
                if not self._held:
                    last, self._renewing = self._renewing, None
            if last is not None:
                last[0].set()
                last[1].join()

    def _renew(self, over: threading.Event) -> None:
        while not over.wait(self.interval):
            with self._lock:
                held = list(self._held.values())
            try:
                lost = self._jobs.renew_leases([claim for claim, _ in held])
            except Exception:
                logger.exception("jobs %s: leases not renewed", ", ".join(claim.job_id for claim, _ in held))
                continue
            for claim, event in held:
                if claim.token in lost:
                    event.set()
