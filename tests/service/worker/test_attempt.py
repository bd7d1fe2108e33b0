"""Guards of an attempt: shared lease renewal, a watchdog for hanging jobs, a last attempt that runs alone."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import sqlalchemy as sa

from service.database.tables import jobs
from service.jobs.queue import QUEUES, JobQueue, build_broker, worker_client
from service.jobs.records import Claim, Kind
from service.operations.roster import Drain, WorkerRoster
from service.settings import Settings
from service.worker.attempt import Isolation, LeaseRenewal, Stopping, Watchdog
from testkit.polling import until
from tests.support.databases import migrated_engine
from tests.support.shop import Shop


def leases(shop: Shop) -> dict[str, Any]:
    with shop.engine.connect() as connection:
        return {row.id: row.lease_until for row in connection.execute(sa.select(jobs.c.id, jobs.c.lease_until))}


def three(shop: Shop) -> list[Claim]:
    return [shop.claim(shop.order(cost=1)) for _ in range(3)]


def test_all_jobs_in_flight_share_one_thread_which_ends_with_the_last_of_them(shop: Shop) -> None:
    def renewing() -> int:
        return sum("_renew" in thread.name for thread in threading.enumerate())

    first, second, third = three(shop)
    before = leases(shop)
    renewal = LeaseRenewal(shop.jobs, interval=0.05)
    with renewal.renewed(first) as lost_first:
        with renewal.renewed(second) as lost_second, renewal.renewed(third):
            until(lambda: all(leases(shop)[claim.job_id] > before[claim.job_id] for claim in (first, second, third)))
            assert renewing() == 1
            shop.jobs.cancel(second.job_id, client_id=shop.client.id)
            assert lost_second.wait(300)
        assert not lost_first.is_set()
        assert renewing() == 1
    assert renewing() == 0


def test_the_earliest_deadline_of_all_jobs_in_flight_counts_and_each_job_has_its_own() -> None:
    timers: list[float | None] = []
    watchdog = Watchdog(timers.append)

    watchdog.arm("slow", 100)
    watchdog.arm("quick", 10)
    watchdog.arm("slow", 200)
    watchdog.disarm("quick")
    watchdog.arm("slow", 5)  # a write in the middle of a long step
    watchdog.disarm("slow")
    watchdog.disarm("slow")

    assert timers[:5] == pytest.approx([100, 10, 10, 200, 200], abs=1)
    assert timers[5:] == [None, None]


def test_a_deadline_that_has_passed_when_another_job_begins_is_no_error() -> None:
    timers: list[float | None] = []
    watchdog = Watchdog(timers.append)
    watchdog.arm("hung", 0.001)
    time.sleep(0.01)

    watchdog.arm("next", 10)

    assert timers[-1] == 0.001


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


class Place:
    """A job that has, or waits for, a slot until it is stopped."""

    def __init__(self, isolation: Isolation, pool: ThreadPoolExecutor, *, alone: bool) -> None:
        self.entered, self.leave, self.stopping = threading.Event(), threading.Event(), threading.Event()
        self.isolation, self.want_alone = isolation, alone
        self.done = pool.submit(self.run)

    def check(self) -> None:
        if self.stopping.is_set():
            raise Stopping

    def run(self) -> None:
        place = self.isolation.alone(self.check) if self.want_alone else self.isolation.together(self.stopping)
        with place:
            self.entered.set()
            self.leave.wait(300)


def test_a_job_that_runs_alone_waits_for_the_others_and_later_ones_wait_for_it(pool: ThreadPoolExecutor) -> None:
    isolation = Isolation()
    first, second = (Place(isolation, pool, alone=False) for _ in range(2))
    assert first.entered.wait(300)
    assert second.entered.wait(300)

    alone = Place(isolation, pool, alone=True)
    first.leave.set()
    assert not alone.entered.wait(0.1), "the second job is still there"
    late = Place(isolation, pool, alone=False)
    assert not late.entered.wait(0.1), "the job that waits to run alone goes first"

    second.leave.set()
    assert alone.entered.wait(300)
    assert not late.entered.wait(0.1)
    alone.leave.set()
    assert late.entered.wait(300)
    late.leave.set()


def test_a_job_that_waits_to_run_alone_stops_on_request_and_blocks_no_other(pool: ThreadPoolExecutor) -> None:
    isolation = Isolation()
    first = Place(isolation, pool, alone=False)
    assert first.entered.wait(300)
    alone = Place(isolation, pool, alone=True)

    alone.stopping.set()
    with pytest.raises(Stopping):
        alone.done.result(30)

    second = Place(isolation, pool, alone=False)
    assert second.entered.wait(300)
    for one in (first, second):
        one.leave.set()


def test_a_stopping_worker_waits_for_no_other_job(pool: ThreadPoolExecutor) -> None:
    isolation = Isolation()
    alone = Place(isolation, pool, alone=True)
    assert alone.entered.wait(300)
    waiting = Place(isolation, pool, alone=False)

    waiting.stopping.set()

    assert waiting.entered.wait(300)
    for one in (alone, waiting):
        one.leave.set()


# Draining


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
