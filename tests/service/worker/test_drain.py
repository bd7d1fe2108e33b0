"""Draining: a worker takes no more jobs, ends its current job, and takes jobs again when asked to."""

import threading
import time
from pathlib import Path

import dramatiq

from service.jobs.queue import QUEUES, JobQueue, build_broker, worker_client
from service.jobs.records import Kind
from service.operations.roster import WorkerRoster
from service.settings import Settings
from service.worker.drain import Drain
from tests.support.databases import migrated_engine
from tests.support.polling import until


def test_a_draining_worker_ends_its_job_and_takes_no_other_until_allowed(tmp_path: Path, valkey_url: str) -> None:
    engine = migrated_engine(Settings(home=tmp_path))
    # A database of the server of its own: workers of other tests' installations may listen on the first.
    url = valkey_url.rpartition("/")[0] + "/9"
    roster, queue = WorkerRoster(engine), JobQueue(url)
    broker = build_broker(worker_client(url))
    broker.flush_all()
    begun, may_end = list[str](), threading.Event()

    def run(job_id: str) -> None:
        begun.append(job_id)
        may_end.wait(300)

    for kind, name in QUEUES.items():
        dramatiq.actor(broker=broker, actor_name=kind, queue_name=name)(run)
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=20)
    worker.queue_prefetch = 1
    drain = Drain(roster, worker, "w1", "host:1", {})
    worker.start()
    try:
        drain.beat()
        queue.enqueue("first", Kind.SWAP)
        until(lambda: begun == ["first"])

        roster.ask_drain("host:1")
        drain.beat()  # while the job runs: the command does not wait for it
        assert drain.draining
        may_end.set()
        until(lambda: queue.size() == 0)
        queue.enqueue("second", Kind.PREVIEW)
        time.sleep(0.5)
        assert begun == ["first"]
        assert [one.state for one in roster.all()] == ["drained"]

        roster.ask_drain("host:1", drain=False)
        drain.beat()
        until(lambda: begun == ["first", "second"])
    finally:
        may_end.set()
        worker.stop(timeout=5000)
        drain.leave()
    assert roster.all() == []
    engine.dispose()
