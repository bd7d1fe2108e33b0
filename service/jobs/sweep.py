"""The sweep: sends what was never picked up, and settles what crashed. Any number may run at once."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from service.database.engine import create_engine
from service.jobs.dispatcher import Dispatcher
from service.jobs.intake import JobIntake
from service.jobs.queue import JobQueue, QueueUnavailable
from service.jobs.transitions import Jobs
from service.settings import Settings
from service.telemetry.metrics import JobMetrics

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sweeper:
    """Sweeps the jobs, with what that needs. Durations are seconds."""

    jobs: Jobs
    queue: JobQueue
    dispatcher: Dispatcher
    resend_after: float
    max_wait: float
    intake: JobIntake

    def run_once(self) -> None:
        """Look once. Raises SQLAlchemyError; a queue server that is away only postpones the sending."""
        for job_id in self.jobs.fail_abandoned(max_wait=self.max_wait):
            logger.warning("job %s: FAILURE, refunded by the sweep", job_id)
        if freed := self.intake.free_old_keys():
            logger.info("%d idempotency keys are free again", freed)
        try:
            # Before the rows are read: what is sent after this is not old enough to be missed.
            waiting = self.queue.waiting()
        except QueueUnavailable as error:
            logger.warning("queue unavailable, nothing sent: %s", error)
            return
        for kind, messages in waiting.items():
            due = self.jobs.claim_unsent(kind, waiting=messages, resend_after=self.resend_after)
            for job_id in self.dispatcher.send(due, kind):
                logger.info("job %s: sent again", job_id)


def build_sweeper(settings: Settings, metrics: JobMetrics | None = None) -> Sweeper:
    """Put a sweeper together on the settings' database and queue."""
    engine = create_engine(settings.sqlalchemy_url)
    jobs = Jobs(
        engine,
        lease=settings.lease,
        max_attempts=settings.max_attempts,
        public_url=settings.public_url,
        metrics=metrics,
    )
    intake = JobIntake(engine, key_ttl=settings.idempotency_ttl)
    queue = JobQueue(settings.queue_url)
    return Sweeper(jobs, queue, Dispatcher(jobs, queue), settings.resend_after, settings.max_wait, intake)


def keep_sweeping(
    sweeper: Sweeper,
    *,
    every: float,
    grace: float,
    stopping: threading.Event,
    on_look: Callable[[], None] = lambda: None,
    may_act: Callable[[], bool] = lambda: True,
) -> None:
    """Sweep until told to stop; `on_look` is called before each look, and `may_act` asked, of the quarantine.

    A database that is away is waited for, and `grace` seconds more.

    It was away from the workers as well: their leases ran out with nobody dead, and they need that long to renew them.
    """
    away = False
    while True:
        on_look()
        try:
            if away and may_act():
                sweeper.intake.free_old_keys()  # takes nothing from anyone; tells whether the database can write again
                away = False
                logger.info("the database is back; looking again in %.0f s", grace)
                if stopping.wait(grace):
                    return
            if may_act():
                sweeper.run_once()
        except sa.exc.SQLAlchemyError:
            away = True
            logger.exception("sweep failed; it will look again")
        if stopping.wait(every):
            return
