"""Draining: a worker that an operator asks to takes no more jobs, ends those it has, and stays until it is stopped.

What it had fetched and not begun is sent again by the sweep, or taken over from it within a minute.
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
    """A worker's place on the roster, and whether it takes jobs. One thread calls it."""

    roster: WorkerRoster
    worker: dramatiq.Worker
    name: str
    label: str
    about: dict[str, Any]
    draining: bool = field(default=False, init=False)

    def beat(self) -> None:
        """Send a heartbeat, and do as the answer says; a database that is away changes nothing."""
        try:
            asked = self.roster.beat(self.name, self.label, self.about, draining=self.draining)
            if asked == self.draining:
                return
            self._pause(asked)
            self.roster.beat(self.name, self.label, self.about, draining=asked)
        except DATABASE_AWAY as error:
            logger.warning("the worker's heartbeat was not written: %s", error)

    def _pause(self, asked: bool) -> None:
        # Not dramatiq's own `pause`: it waits until every thread rests, jobs and all.
        threads: list[Any] = [*self.worker.consumers.values(), *self.worker.workers]  # typed as plain threads
        for thread in threads:
            thread.pause() if asked else thread.resume()
        self.draining = asked
        logger.info("draining: no more jobs are taken" if asked else "jobs are taken again")

    def leave(self) -> None:
        """Take the worker off the roster, where the database is there."""
        try:
            self.roster.leave(self.name)
        except DATABASE_AWAY as error:
            logger.warning("the worker was not taken off the roster: %s", error)
