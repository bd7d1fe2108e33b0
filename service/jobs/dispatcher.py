"""The dispatcher: enqueues committed jobs, or marks them as unsent so that the sweep sends them later."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from service.jobs.queue import JobQueue, QueueUnavailable
from service.jobs.records import Kind
from service.jobs.transitions import Jobs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dispatcher:
    """Sends jobs to the workers. Thread-safe; one instance serves the whole process."""

    jobs: Jobs
    queue: JobQueue

    def send(self, job_ids: Sequence[str], kind: Kind) -> list[str]:
        """Enqueue these jobs of a kind, in order, and return the ids of the enqueued jobs.

        If the queue server is unavailable, mark the others as unsent. Raises SQLAlchemyError; the sweep then sends
        unmarked jobs once it misses their messages.
        """
        sent: list[str] = []
        for job_id in job_ids:
            try:
                self.queue.enqueue(job_id, kind)
            except QueueUnavailable as error:
                left = len(job_ids) - len(sent)
                logger.warning("queue unavailable, %d jobs from %s on wait for the sweep: %s", left, job_id, error)
                break
            sent.append(job_id)
        # Without another try, which could take seconds each time.
        for job_id in job_ids[len(sent) :]:
            self.jobs.mark_unsent(job_id)
        return sent
