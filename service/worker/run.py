"""Runs one job: claim under a lease -> fetch -> make -> store -> finish.

At the end the job is always finished, refunded, or
ready for another claim.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from models.device import DeviceLost
from pipeline.core.errors import GeneratorRejected, OutOfMemory, PipelineError, Rejected
from service.database.engine import DATABASE_AWAY
from service.health.parts import StoreBreaker
from service.jobs.records import Claim, Failure, Kind, LeaseLost, NewCutout, NewRender
from service.jobs.transitions import Jobs
from service.storage.objects import ObjectNotFound, ObjectTooLarge, StoreUnavailable
from service.worker.attempt import Attempt, Isolation, LeaseRenewal, Stopping, TimeIsUp, Watchdog
from service.worker.making import Maker
from service.worker.observation import Observed, RunObserver

logger = logging.getLogger(__name__)
Moved = TypeVar("Moved")

#: Seconds for which an attempt with a result waits for a database that is away.
_DATABASE_WAIT = 120.0
#: Seconds until the place for live jobs looks at its next message, so that many of sandboxes cost it little.
_PASSED_OVER = 0.1


@dataclass(frozen=True)
class JobRunner:
    """Runs jobs, each in the caller's thread, with the parts for that. Lives as long as the worker. Thread-safe."""

    jobs: Jobs
    maker: Maker
    time_limit: float
    #: Renews the leases while the threads are busy with steps.
    leases: LeaseRenewal
    #: Set if the worker must stop.
    stopping: threading.Event
    watchdog: Watchdog
    isolation: Isolation
    #: Stops the worker from taking jobs while the store accepts no writes.
    breaker: StoreBreaker
    observer: RunObserver = field(default_factory=RunObserver)
    #: Called before each claim. False in quarantine.
    may_act: Callable[[], bool] = lambda: True
    #: Places that may start a sandbox's job. A worker of several jobs keeps one for live jobs.
    places: threading.Semaphore = field(default_factory=threading.Semaphore)
    #: Set if a message was spent without such a place, so that jobs of sandboxes may wait without a message.
    passed_over: threading.Event = field(default_factory=threading.Event)

    def run(self, sent_for: str, kind: Kind | None = None) -> None:
        """Run one attempt of the job whose turn it is. It may be another job than the message's, or none.

        `kind`: the kind of work of the message.
        """
        again = True
        while again and not self.stopping.is_set():
            free = self.places.acquire(blocking=False)
            try:
                again = self._run(sent_for, kind, sandboxes=free) and free and self.passed_over.is_set()
            finally:
                if free:
                    self.places.release()
            kind = None

    def _run(self, sent_for: str, kind: Kind | None, *, sandboxes: bool) -> bool:
        """Run one attempt, and return whether there was a job."""
        self.breaker.wait(self.stopping)
        with ExitStack() as place:
            place.enter_context(self.isolation.together(self.stopping))
            message = f"message for job {sent_for}"
            may_act = self.may_act()
            worker = self.observer.worker or None
            take = partial(self.jobs.claim, worker, message=kind, sandboxes=sandboxes)
            claim = self._patiently(message, take) if may_act else None
            if claim is None:
                logger.info("message for job %s: nothing to do", sent_for)
                if sandboxes:
                    self.passed_over.clear()
                else:
                    self.passed_over.set()
                    self.stopping.wait(_PASSED_OVER)
                return False
            try:
                with self.observer.attempt(claim) as observed, self.leases.renewed(claim) as lost:
                    logger.info("job %s: attempt %d", claim.job_id, claim.attempt)
                    self._attempt(claim, observed, lost, place)
            except LeaseLost:
                logger.warning("job %s: lease lost, attempt %d dropped", claim.job_id, claim.attempt)
            finally:
                self.watchdog.disarm(claim.job_id)
            return True

    def _attempt(self, claim: Claim, observed: Observed, lost: threading.Event, place: ExitStack) -> None:
        try:
            if claim.attempt > 1 and not self.jobs.attempts_left(claim):
                self._wait_to_be_alone(claim, observed, lost, place)
            self.watchdog.arm(claim.job_id, self.time_limit + 2 * self.leases.interval)
            attempt = Attempt(
                self.jobs,
                claim,
                self.stopping,
                lost,
                self.time_limit,
                observed.stages,
                write=partial(self._write_with_retry, claim),
            )
            try:
                made = self._make(attempt)
            finally:
                observed.stages.end()
        except (Rejected, GeneratorRejected) as error:
            self._fail(claim, observed, error.code, str(error))
        except (ObjectNotFound, ObjectTooLarge):
            self._fail(claim, observed, "source_gone", "The photo is no longer in the store. Upload it again.")
        except TimeIsUp:
            self._fail(
                claim, observed, "time_limit", f"The job took longer than {self.time_limit:.0f} s. Submit it again."
            )
        except (Stopping, DeviceLost):
            self._write_with_retry(claim, lambda: self.jobs.release(claim, count_attempt=False))
            observed.came_to("handed_back")
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  # of any kind, because a failed job must be refunded
            if isinstance(error, StoreUnavailable) and self.breaker.opens():
                self._write_with_retry(claim, lambda: self.jobs.release(claim, count_attempt=False))
                observed.came_to("handed_back", "store_unavailable")
            else:
                self._again(claim, observed, error)
        else:
            # If the lease is lost now, the picture stays. This also happens after an end whose answer was lost.
            if isinstance(made, Failure):
                self._fail(claim, observed, made.code, made.message, made.preview)
                return
            self._write_with_retry(claim, lambda: self.jobs.succeed(claim, made))
            observed.succeeded(made)

    def _wait_to_be_alone(self, claim: Claim, observed: Observed, lost: threading.Event, place: ExitStack) -> None:
        waiting = Attempt(self.jobs, claim, self.stopping, lost, math.inf, observed.stages)
        # Give the attempt back until the job starts alone, because another job may end the process until then.
        self._patiently(f"job {claim.job_id}", lambda: self.jobs.count_attempt(claim, False))
        place.close()
        try:
            place.enter_context(self.isolation.alone(waiting.check))
        finally:
            self._patiently(f"job {claim.job_id}", lambda: self.jobs.count_attempt(claim, True))

    def _make(self, attempt: Attempt) -> NewRender | NewCutout | Failure:
        attempt.progress("fetch", 0.0)
        if code := attempt.claim.spec.get("simulate"):
            failure = Rejected(f"The sandbox simulates {code}, as `metadata.simulate` asked.")
            failure.code = code
            raise failure
        return self.maker.make(attempt)

    def _fail(
        self, claim: Claim, observed: Observed, code: str, message: str, preview: NewRender | None = None
    ) -> None:
        self._write_with_retry(claim, lambda: self.jobs.fail(claim, code, message, preview))
        observed.came_to("failure", code)

    def _again(self, claim: Claim, observed: Observed, error: Exception) -> None:
        """Release the job for another attempt, or fail it after its last one."""
        end = _ending(error)
        logger.error("job %s: attempt %d failed", claim.job_id, claim.attempt, exc_info=error)
        if not self.jobs.attempts_left(claim):
            self._fail(claim, observed, end.code, end.message)
        else:
            self._write_with_retry(claim, lambda: self.jobs.release(claim, after=2.0**claim.attempt))
            observed.came_to("again", end.code)

    def _write_with_retry(self, claim: Claim, move: Callable[[], None]) -> None:
        """Write the attempt's result, with retries while the database is away. No other attempt can start meanwhile.

        Raises LeaseLost. Raises the database's error if it does not come back in time or the worker must stop.
        """
        self.watchdog.arm(claim.job_id, _DATABASE_WAIT + 2 * self.leases.interval)
        self._patiently(f"job {claim.job_id}", move)

    def _patiently(self, what: str, move: Callable[[], Moved]) -> Moved:
        """Return the result of `move`, with retries for _DATABASE_WAIT seconds while the database is away."""
        end = time.monotonic() + _DATABASE_WAIT
        while True:
            try:
                return move()
            except DATABASE_AWAY as error:
                if self.stopping.is_set() or time.monotonic() > end:
                    raise
                logger.warning("%s: the database is away. Trying again: %s", what, error)
            self.stopping.wait(1.0)


def _ending(error: Exception) -> Failure:
    """Return how a job ends that failed with this error."""
    if isinstance(error, StoreUnavailable):
        return Failure("store_unavailable", "The object store did not answer. Submit the job again later.")
    if isinstance(error, MemoryError | OutOfMemory):
        return Failure(OutOfMemory.code, "There was too little memory for this picture. Request a smaller size.")
    if isinstance(error, PipelineError):
        return Failure(error.code, str(error))
    return Failure("internal_error", "Backdrop had an internal error. Submit the job again.")
