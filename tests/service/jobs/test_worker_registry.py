"""The registry of live workers: registered by heartbeats, and removed when these stop."""

import pytest
from ulid import ULID

from service.jobs.queue import QueueUnavailable
from service.jobs.worker_registry import WorkerHeartbeat, WorkerRegistry

NOWHERE = "redis://127.0.0.1:1/0"


def test_a_worker_is_listed_from_its_first_heartbeat_until_it_stops(valkey_url: str) -> None:
    registry, name = WorkerRegistry(valkey_url), str(ULID())
    about = {"name": name, "pid": 1, "device": "cpu"}
    heartbeat = WorkerHeartbeat(registry, name, about)
    assert about not in registry.workers()

    heartbeat.beat()
    heartbeat.beat()
    assert registry.workers().count(about) == 1

    heartbeat.stop()
    heartbeat.stop()
    assert about not in registry.workers()


def test_a_server_that_is_away_ends_no_heartbeat_and_is_reported_to_callers() -> None:
    registry = WorkerRegistry(NOWHERE)
    heartbeat = WorkerHeartbeat(registry, "one", {})
    heartbeat.beat()
    heartbeat.stop()

    with pytest.raises(QueueUnavailable):
        registry.workers()
