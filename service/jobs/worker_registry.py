"""The registry of processes: which workers and sweeps live, by heartbeats. On the queue's server, never the truth."""

import json
import logging
import os
import platform
from dataclasses import dataclass
from typing import Any

from ulid import ULID

from service.jobs.queue import QueueUnavailable, queue_errors, sender_client

logger = logging.getLogger(__name__)

#: A worker that has been silent this long, in seconds, is no longer listed.
HEARTBEAT_TTL = 30


class WorkerRegistry:
    """The workers, or processes of another `kind`, of one queue server.

    Never blocks for more than a few seconds; safe in threads.
    """

    def __init__(self, url: str, *, kind: str = "worker") -> None:
        self._redis = sender_client(url)
        self._key = f"backdrop:{kind}:"

    def register(self, name: str, about: dict[str, Any]) -> None:
        """Register a worker, with its device and networks, for HEARTBEAT_TTL seconds. Raises QueueUnavailable."""
        with queue_errors():
            self._redis.set(f"{self._key}{name}", json.dumps(about), ex=HEARTBEAT_TTL)

    def unregister(self, name: str) -> None:
        """Take a worker off the list; none of that name is no error. Raises QueueUnavailable."""
        with queue_errors():
            self._redis.delete(f"{self._key}{name}")

    def workers(self) -> list[dict[str, Any]]:
        """Return what each live worker said of itself. Raises QueueUnavailable."""
        with queue_errors():
            keys = sorted(self._redis.scan_iter(match=f"{self._key}*"))
            said = self._redis.mget(keys) if keys else []
        return [json.loads(text) for text in said if text]


@dataclass(frozen=True)
class WorkerHeartbeat:
    """The heartbeat of one process: keeps it on the list that readiness, `backdrop doctor` and `backdrop up` read."""

    registry: WorkerRegistry
    name: str
    about: dict[str, Any]

    def beat(self, **now: Any) -> None:
        """Send one heartbeat, with what is so `now`; a queue server that is away is no reason to die."""
        try:
            self.registry.register(self.name, self.about | now)
        except QueueUnavailable as error:
            logger.warning("the heartbeat was not sent: %s", error)

    def stop(self) -> None:
        """Take the worker off the list, where the queue server is there."""
        try:
            self.registry.unregister(self.name)
        except QueueUnavailable as error:
            logger.warning("%s was not taken off the list: %s", self.name, error)


def sweep_heartbeat(url: str) -> WorkerHeartbeat:
    """Return the heartbeat of this process, which sweeps."""
    name = str(ULID())
    about = {"name": name, "host": platform.node(), "pid": os.getpid()}
    return WorkerHeartbeat(WorkerRegistry(url, kind="sweep"), name, about)
