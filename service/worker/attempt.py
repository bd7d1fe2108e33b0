"""One attempt of a job, as it looks between its steps whether it may go on."""

import logging
import threading
import time
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
