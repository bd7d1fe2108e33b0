"""One attempt of a job, and its safeguards.

Between its steps an attempt checks whether it may continue. One thread renews the leases of all running jobs. A
watchdog ends a process that hangs. A job's last attempt runs alone in its worker, so that another job can't fail it.
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
from service.worker.observation import StageTimer

logger = logging.getLogger(__name__)


class Stopping(Exception):
    """Raised between steps if the worker must stop."""


class TimeIsUp(Exception):
    """Raised between steps if the job has reached its time limit."""


@dataclass(frozen=True)
class Attempt:
    """The state that one attempt checks. For the attempt's own thread."""

    jobs: Jobs
    claim: Claim
    #: Set if the worker must stop.
    stopping: threading.Event
    #: Set once a renewal finds the lease lost, for example because the job was cancelled.
    lost: threading.Event
    #: Seconds that the attempt may take.
    time_limit: float
    #: Times the attempt's stages, for the claim.
    stages: StageTimer
    #: Runs a write of the attempt's result, again while the database is away.
    write: Callable[[Callable[[], None]], None] = field(default=lambda move: move())
    started: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raise Stopping, TimeIsUp or LeaseLost if the attempt must not continue. Sends no query."""
        if self.stopping.is_set():
            raise Stopping
        if time.monotonic() > self.started + self.time_limit:
            raise TimeIsUp
        if self.lost.is_set():
            raise LeaseLost

    def progress(self, stage: str, fraction: float) -> None:
        """Check, and store the job's progress, which renews its lease. Raises as `check` does."""
        self.stages.enter(stage)
        self.check()
        try:
            self.jobs.renew_lease(self.claim, stage=stage, progress=fraction)
        except DATABASE_AWAY as error:
            # The next step or the end of the job will notice a lost lease.
            logger.warning(
                "job %s: the database is away, so stage %s is not stored: %s", self.claim.job_id, stage, error
            )


class LeaseRenewal:
    """Renews the leases of one worker: one thread and one statement for all its jobs. Thread-safe."""

    def __init__(self, jobs: Jobs, *, interval: float) -> None:
        """`interval`: seconds between two renewals."""
        self._jobs = jobs
        self.interval = interval
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Claim, threading.Event]] = {}
        #: The event that ends the renewing thread, and the thread, while there is one.
        self._renewing: tuple[threading.Event, threading.Thread] | None = None

    @contextmanager
    def renewed(self, claim: Claim) -> Iterator[threading.Event]:
        """Renew a claim's lease until the end of the block. The event is set once the lease is lost."""
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
                logger.exception(
                    "jobs %s: the leases could not be renewed", ", ".join(claim.job_id for claim, _ in held)
                )
                continue
            for claim, event in held:
                if claim.token in lost:
                    event.set()


def _set_timer(seconds: float | None) -> None:
    """Dump all stacks to standard error and end the process after `seconds`. None: cancel that.

    faulthandler's timer does not need the interpreter's lock, which a hanging C call may hold. There is only one timer.
    """
    if seconds is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        faulthandler.dump_traceback_later(seconds, exit=True)


class Watchdog:
    """A deadline for each running job. The process ends at the first that passes. Thread-safe.

    No exception can stop a hanging C call, and a hanging process can't save its other jobs.
    """

    def __init__(self, set_timer: Callable[[float | None], None] = _set_timer) -> None:
        self._set_timer = set_timer
        self._deadlines: dict[str, float] = {}
        self._lock = threading.Lock()

    def arm(self, job_id: str, seconds: float) -> None:
        """Give a job at least `seconds` from now. Keeps a later deadline."""
        with self._lock:
            self._deadlines[job_id] = max(time.monotonic() + seconds, self._deadlines.get(job_id, 0.0))
            self._watch()

    def disarm(self, job_id: str) -> None:
        """Remove a job's deadline, if it has one."""
        with self._lock:
            self._deadlines.pop(job_id, None)
            self._watch()

    def _watch(self) -> None:
        first = min(self._deadlines.values(), default=None)
        # The timer does not accept zero, so a passed deadline ends the process after a millisecond.
        self._set_timer(None if first is None else max(0.001, first - time.monotonic()))


#: Seconds between two checks while waiting.
_LOOK_EVERY = 0.2


class Isolation:
    """A readers–writer lock for the jobs of one worker: many run together, or one alone, which takes precedence.

    A process that dies costs each of its jobs an attempt, although only one job caused it. Running the last attempt
    alone makes sure that a job only fails for its own reasons.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together = 0
        self._alone = False
        self._waiting = 0

    @contextmanager
    def together(self, stopping: threading.Event) -> Iterator[None]:
        """Run together with others, once no job runs alone or waits to. If the worker must stop, start at once."""
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
        """Run alone, once no other job runs. `check` is called during the wait, and may raise."""
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
