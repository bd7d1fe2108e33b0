"""The dispatcher: enqueues jobs whose rows are committed, or marks them as unsent, for the sweep to send later."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from service.jobs.queue import JobQueue, QueueUnavailable
from service.jobs.records import Kind
from service.jobs.transitions import Jobs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dispatcher:
    """Sends jobs to the workers. Lives as long as the process; safe in threads."""

    jobs: Jobs
    queue: JobQueue

    def send(self, job_ids: Sequence[str], kind: Kind) -> list[str]:
        """Enqueue these jobs of a kind, in their order, and return the ids of those that were.

        Where the queue is away, those that are left are marked as unsent. Raises what the database raises then; a job
        that is not marked either is sent once the sweep misses its message.
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
        # Without asking the queue again: each further try would take seconds.
        for job_id in job_ids[len(sent) :]:
            self.jobs.mark_unsent(job_id)
        return sent
