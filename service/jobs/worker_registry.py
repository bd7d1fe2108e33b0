"""The worker registry: which workers live, by their heartbeats. On the queue's server, and never part of the truth."""

import json
import logging
from dataclasses import dataclass
from typing import Any

from service.jobs.queue import QueueUnavailable, queue_errors, sender_client

logger = logging.getLogger(__name__)

_KEY = "backdrop:worker:"
#: A worker that has been silent this long, in seconds, is no longer listed.
HEARTBEAT_TTL = 30


class WorkerRegistry:
    """The workers of one queue server. Never blocks for more than a few seconds; safe in threads."""

    def __init__(self, url: str) -> None:
        self._redis = sender_client(url)

    def register(self, name: str, about: dict[str, Any]) -> None:
        """Register a worker, with its device and networks, for HEARTBEAT_TTL seconds. Raises QueueUnavailable."""
        with queue_errors():
            self._redis.set(f"{_KEY}{name}", json.dumps(about), ex=HEARTBEAT_TTL)

    def unregister(self, name: str) -> None:
        """Take a worker off the list; none of that name is no error. Raises QueueUnavailable."""
        with queue_errors():
            self._redis.delete(f"{_KEY}{name}")

    def workers(self) -> list[dict[str, Any]]:
        """Return what each live worker said of itself. Raises QueueUnavailable."""
        with queue_errors():
            keys = sorted(self._redis.scan_iter(match=f"{_KEY}*"))
            said = self._redis.mget(keys) if keys else []
        return [json.loads(text) for text in said if text]


@dataclass(frozen=True)
class WorkerHeartbeat:
    """The heartbeat of one worker: keeps it on the list that `backdrop doctor` and `backdrop up` read."""

    registry: WorkerRegistry
    name: str
    about: dict[str, Any]

    def beat(self) -> None:
        """Send one heartbeat; a queue server that is away is no reason to die."""
        try:
            self.registry.register(self.name, self.about)
        except QueueUnavailable as error:
            logger.warning("the heartbeat was not sent: %s", error)

    def stop(self) -> None:
        """Take the worker off the list, where the queue server is there."""
        try:
            self.registry.unregister(self.name)
        except QueueUnavailable as error:
            logger.warning("the worker was not taken off the list: %s", error)
