"""Draining: on an operator's request, a worker takes no more jobs, ends its own, and stays until it is stopped.

The sweep sends the messages that it fetched but did not start again, or other workers take them within a minute.
"""

import logging
from dataclasses import dataclass, field
from typing import Any

import dramatiq

from service.database.engine import DATABASE_AWAY
from service.operations.roster import WorkerRoster

logger = logging.getLogger(__name__)


@dataclass
class Drain:
    """A worker's entry in the roster, and whether the worker takes jobs. For one thread."""

    roster: WorkerRoster
    worker: dramatiq.Worker
    name: str
    label: str
    about: dict[str, Any]
    draining: bool = field(default=False, init=False)

    def beat(self) -> None:
        """Send a heartbeat, and drain or resume as the answer requires. Ignores a database that is away."""
        try:
            asked = self.roster.beat(self.name, self.label, self.about, draining=self.draining)
            if asked == self.draining:
                return
            self._pause(asked)
            self.roster.beat(self.name, self.label, self.about, draining=asked)
        except DATABASE_AWAY as error:
            logger.warning("the worker's heartbeat was not written: %s", error)

    def _pause(self, asked: bool) -> None:
        # Not dramatiq's own `pause`, which waits until every thread has ended its job.
        threads: list[Any] = [*self.worker.consumers.values(), *self.worker.workers]  # typed as plain threads
        for thread in threads:
            thread.pause() if asked else thread.resume()
        self.draining = asked
        logger.info("draining: the worker takes no more jobs" if asked else "the worker takes jobs again")

    def leave(self) -> None:
        """Remove the worker from the roster, unless the database is away."""
        try:
            self.roster.leave(self.name)
        except DATABASE_AWAY as error:
            logger.warning("the worker was not removed from the roster: %s", error)
