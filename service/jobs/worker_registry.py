"""The registry of live workers and sweeps, by heartbeats on the queue server. No decision depends on it alone."""

import json
import logging
import os
import platform
from dataclasses import dataclass
from typing import Any

from ulid import ULID

from service.jobs.queue import QueueUnavailable, queue_errors, sender_client

logger = logging.getLogger(__name__)

#: Seconds of silence after which a worker is no longer listed.
HEARTBEAT_TTL = 30
#: Seconds for which a worker is listed that did not start: longer than the pauses between starts in a cluster.
UNMARKED_TTL = 600


class WorkerRegistry:
    """The workers on a queue server, or processes of another `kind`.

    No call blocks for more than a few seconds; thread-safe.
    """

    def __init__(self, url: str, *, kind: str = "worker", ttl: int = HEARTBEAT_TTL) -> None:
        self._redis = sender_client(url)
        self._key, self._ttl = f"backdrop:{kind}:", ttl

    def register(self, name: str, about: dict[str, Any]) -> None:
        """Register a worker, with its device and networks, for `ttl` seconds. Raises QueueUnavailable."""
        with queue_errors():
            self._redis.set(f"{self._key}{name}", json.dumps(about), ex=self._ttl)

    def unregister(self, name: str) -> None:
        """Remove a worker from the list. Repeating it is safe. Raises QueueUnavailable."""
        with queue_errors():
            self._redis.delete(f"{self._key}{name}")

    def workers(self) -> list[dict[str, Any]]:
        """Return the reports of all live workers. Raises QueueUnavailable."""
        with queue_errors():
            keys = sorted(self._redis.scan_iter(match=f"{self._key}*"))
            reports = self._redis.mget(keys) if keys else []
        return [json.loads(text) for text in reports if text]


@dataclass(frozen=True)
class WorkerHeartbeat:
    """The heartbeat that keeps a process on the list for readiness, `backdrop doctor` and `backdrop up`."""

    registry: WorkerRegistry
    name: str
    about: dict[str, Any]

    def beat(self, **now: Any) -> None:
        """Send one heartbeat with the current values `now`. Log a warning if the queue server is unavailable."""
        try:
            self.registry.register(self.name, self.about | now)
        except QueueUnavailable as error:
            logger.warning("heartbeat not sent: %s", error)

    def stop(self) -> None:
        """Remove the worker from the list. Log a warning if the queue server is unavailable."""
        try:
            self.registry.unregister(self.name)
        except QueueUnavailable as error:
            logger.warning("%s is still on the list of processes: %s", self.name, error)


def sweep_heartbeat(url: str) -> WorkerHeartbeat:
    """Return the heartbeat of this process, a sweep."""
    name = str(ULID())
    about = {"name": name, "host": platform.node(), "pid": os.getpid()}
    return WorkerHeartbeat(WorkerRegistry(url, kind="sweep"), name, about)
