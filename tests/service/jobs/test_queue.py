"""The queue: an idle worker waits in the server, and a message wakes it at once."""

import time
from typing import Any

import dramatiq
import pytest

from service.jobs.queue import QUEUES, WAIT, JobQueue, build_broker, worker_client
from service.jobs.records import Kind
from tests.support.polling import until


def test_an_idle_worker_asks_rarely_and_starts_a_job_of_any_kind_at_once(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = valkey_url.rpartition("/")[0] + "/8"  # not the database of other tests' workers
    broker, begun, asked = build_broker(worker_client(url)), dict[str, float](), list[str]()
    broker.flush_all()
    fetch = broker.do_fetch

    def counted(name: str, room: int) -> Any:
        asked.append(name)
        return fetch(name, room)

    def run(job_id: str) -> None:
        begun[job_id] = time.monotonic()

    monkeypatch.setattr(broker, "do_fetch", counted)
    for kind, name in QUEUES.items():
        dramatiq.actor(broker=broker, actor_name=kind, queue_name=name)(run)
    worker, delays = dramatiq.Worker(broker, worker_threads=2, worker_timeout=100), list[float]()
    worker.start()
    try:
        time.sleep(4 * WAIT)
        assert len(asked) <= 5 * len(QUEUES)
        for number, kind in enumerate([*Kind] * 3):
            sent = time.monotonic()
            JobQueue(url).enqueue(f"job {number}", kind)
            until(lambda: len(begun) > len(delays))
            delays.append(begun[f"job {number}"] - sent)
    finally:
        worker.stop(timeout=5000)
    assert sorted(delays)[len(delays) // 2] < 0.5 * WAIT, "the median, on a busy machine"
    assert JobQueue(url).size() == 0
