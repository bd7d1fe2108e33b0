"""One attempt of a job, and what guards it.

Between its steps it looks whether it may go on. One thread renews the leases of all jobs in flight, a watchdog ends a
process that hangs, and a job's last attempt runs alone in its worker, so that none fails for what another did to it.
"""

import faulthandler
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from service.database.engine import DATABASE_AWAY
from service.jobs.records import Claim, LeaseLost
from service.jobs.transitions import Jobs
from service.telemetry.stages import StageTimer

logger = logging.getLogger(__name__)


class Stopping(Exception):
    """Raised between steps when the worker was told to stop."""


class TimeIsUp(Exception):
    """Raised between steps when the job has run for longer than it may."""


@dataclass(frozen=True)
class Attempt:
    """What one attempt looks at. For the thread that runs it."""

    jobs: Jobs
    claim: Claim
    #: Set when the worker is told to stop.
    stopping: threading.Event
    #: Set when a renewal has found the lease lost: the job was cancelled, say.
    lost: threading.Event
    #: Seconds that it may take.
    time_limit: float
    #: Times its stages, into the claim.
    stages: StageTimer
    started: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raise Stopping, TimeIsUp or LeaseLost where the attempt is not to go on. Asks nobody."""
        if self.stopping.is_set():
            raise Stopping
        if time.monotonic() > self.started + self.time_limit:
            raise TimeIsUp
        if self.lost.is_set():
            raise LeaseLost

    def progress(self, stage: str, fraction: float) -> None:
        """Check, and tell how far the job is, which renews its lease. Raises as `check` does."""
        self.stages.enter(stage)
        self.check()
        try:
            self.jobs.renew_lease(self.claim, stage=stage, progress=fraction)
        except DATABASE_AWAY as error:
            # Whether the lease is lost meanwhile shows at the next step, or at the end: no step is done in vain.
            logger.warning("job %s: the database is away, %s not told: %s", self.claim.job_id, stage, error)


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


def _set_timer(seconds: float | None) -> None:
    """Dump all stacks to standard error and end the process in `seconds`; None: not at all.

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
        """Give a job at least `seconds` from now on; a later deadline that it has stays."""
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
