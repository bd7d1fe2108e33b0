"""The sweep: sends jobs that no worker picked up, and ends jobs whose workers died. Several sweeps may run at once."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from service.database.engine import create_engine
from service.jobs.intake import JobIntake
from service.jobs.queue import Dispatcher, JobQueue, QueueUnavailable
from service.jobs.transitions import Jobs
from service.settings import Settings
from service.telemetry.metrics import JobMetrics

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sweeper:
    """The sweep's work. Durations are seconds."""

    jobs: Jobs
    queue: JobQueue
    dispatcher: Dispatcher
    resend_after: float
    max_wait: float
    intake: JobIntake

    def run_once(self) -> None:
        """Sweep once. Raises SQLAlchemyError. If the queue server is unavailable, only the sending waits."""
        for job_id in self.jobs.fail_abandoned(max_wait=self.max_wait):
            logger.warning("job %s: FAILURE, refunded by the sweep", job_id)
        if freed := self.intake.free_old_keys():
            logger.info("freed %d expired idempotency keys", freed)
        try:
            # Counted before the rows are read: later messages are too young to count as missing.
            waiting = self.queue.waiting()
        except QueueUnavailable as error:
            logger.warning("queue unavailable, nothing sent: %s", error)
            return
        for kind, messages in waiting.items():
            due = self.jobs.claim_unsent(kind, waiting=messages, resend_after=self.resend_after)
            for job_id in self.dispatcher.send(due, kind):
                logger.info("job %s: sent again", job_id)


def build_sweeper(settings: Settings, metrics: JobMetrics | None = None) -> Sweeper:
    """Build a sweeper for the settings' database and queue."""
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
    """Sweep until `stopping`. Calls `on_look` before each sweep, and sweeps only if `may_act` allows it.

    After a failure of the database, it waits until the database is back, and `grace` seconds more. The workers could
    not renew their leases during the failure, so expired leases don't mean dead workers.
    """
    away = False
    while True:
        on_look()
        try:
            if away and may_act():
                sweeper.intake.free_old_keys()  # a harmless write, which shows whether the database can write again
                away = False
                logger.info("the database is back; sweeping again in %.0f s", grace)
                if stopping.wait(grace):
                    return
            if may_act():
                sweeper.run_once()
        except sa.exc.SQLAlchemyError:
            away = True
            logger.exception("sweep failed, will be retried")
        if stopping.wait(every):
            return
