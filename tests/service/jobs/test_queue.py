"""The queue: an idle worker waits in the server, and a message wakes it at once."""

import time
from typing import Any

import dramatiq
import pytest
from ulid import ULID

from service.jobs.queue import QUEUES, WAIT, Dispatcher, JobQueue, QueueUnavailable, build_broker, worker_client
from service.jobs.records import Kind
from service.jobs.worker_registry import WorkerHeartbeat, WorkerRegistry
from testkit.polling import until
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop


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


# Sending jobs to the workers


class ShortQueue(JobQueue):
    """A queue that goes away after `takes` jobs and counts the attempts."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken: list[str] = []
        self.tries = 0

    def enqueue(self, job_id: str, kind: Kind) -> None:
        self.tries += 1
        if len(self.taken) == self.room:
            raise QueueUnavailable("away")
        self.taken.append(job_id)


@ON_SQLITE
@pytest.mark.parametrize(("room", "tries"), [(3, 3), (1, 2), (0, 1)], ids=["there", "goes away", "away"])
def test_a_job_that_the_queue_refuses_is_left_to_the_sweep_and_not_tried_again(
    shop: Shop, room: int, tries: int
) -> None:
    ids = [shop.order(cost=1).job_id for _ in range(3)][::-1]
    over = shop.order(cost=1)
    shop.jobs.cancel(over.job_id, client_id=shop.client.id)
    queue = ShortQueue(room)
    dispatcher = Dispatcher(shop.jobs, queue)

    assert dispatcher.send(ids, Kind.SWAP) == queue.taken == ids[:room]
    assert queue.tries == tries
    assert dispatcher.send([], Kind.SWAP) == dispatcher.send([over.job_id], Kind.SWAP) == []
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == sorted(ids[room:])


# The registry of live workers


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
