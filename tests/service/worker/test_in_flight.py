"""Several jobs in one worker, each in a thread of its own: an event of one affects no other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from pipeline.core.networks import Networks
from service.database.tables import renders
from service.health.parts import StoreBreaker
from service.jobs.intake import Accepted
from service.jobs.records import Kind
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.worker import main
from service.worker.attempt import LeaseRenewal
from testkit.photos import Deed, outline, with_deed
from testkit.polling import until
from testkit.still_life import Darkener, by_colour
from tests.support.worker import ON_WHITE, Worker, left_over

CUT_OUT = ON_WHITE | {"output_preset": "transparent_cutout"}


class Crossing:
    """A segmenter that blocks jobs until the test releases them."""

    side = 640

    def __init__(self) -> None:
        self.here, self.open = threading.Semaphore(0), threading.Event()

    def __call__(self, image: Any) -> Any:
        self.here.release()
        assert self.open.wait(300)
        return outline(image)


@pytest.fixture
def crossing() -> Crossing:
    return Crossing()


@pytest.fixture
def worker(engine: sa.Engine, tmp_path: Path, crossing: Crossing) -> Worker:
    return Worker(engine, tmp_path, Networks(crossing, Darkener()))


@contextmanager
def running(worker: Worker, crossing: Crossing, many: int) -> Iterator[list[Accepted]]:
    """Hold several jobs in flight, each in the middle of a step. They end at the end of the block."""
    orders = [worker.order(with_deed(Deed.SLOW), **CUT_OUT) for _ in range(many)]
    threads = [threading.Thread(target=worker.runner.run, args=("any",)) for _ in orders]
    for thread in threads:
        thread.start()
    for _ in orders:
        assert crossing.here.acquire(timeout=300)
    try:
        yield orders
    finally:
        crossing.open.set()
        for thread in threads:
            thread.join()


def test_four_jobs_in_flight_end_each_with_its_own_picture(worker: Worker, crossing: Crossing, tmp_path: Path) -> None:
    with running(worker, crossing, 4) as orders:
        pass

    assert [worker.end(one) for one in orders] == [("SUCCESS", None)] * 4
    assert worker.shop.balance == 2
    with worker.shop.engine.connect() as connection:
        hashes = connection.execute(sa.select(renders.c.sha256)).scalars().all()
    assert len(set(hashes)) == len(left_over(tmp_path)) == 4


def test_a_stopped_worker_hands_back_all_four_jobs_uncounted_and_leaves_nothing(
    worker: Worker, crossing: Crossing, tmp_path: Path
) -> None:
    with running(worker, crossing, 4) as orders:
        worker.stopping.set()

    for one in orders:
        job = worker.shop.job(one)
        assert (job.status, job.attempt, job.stage) == ("IN_PROGRESS", 0, None)
    assert left_over(tmp_path) == []
    sent_again = worker.shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60)
    assert sent_again == sorted(one.job_id for one in orders)
    worker.stopping.clear()
    worker.runner.run("any")
    assert [worker.end(one) for one in orders].count(("SUCCESS", None)) == 1


def test_a_cancelled_and_a_timed_out_job_harm_no_other(worker: Worker, crossing: Crossing, tmp_path: Path) -> None:
    worker.runner = replace(worker.runner, leases=LeaseRenewal(worker.shop.jobs, interval=0.05))
    with running(worker, crossing, 3) as orders:
        worker.shop.jobs.cancel(orders[0].job_id, client_id=worker.shop.client.id)
        worker.runner = replace(worker.runner, time_limit=0.0)
        late = worker.order(with_deed(Deed.SLOW), **CUT_OUT)
        worker.runner.run("any")

    assert worker.end(late) == ("FAILURE", "time_limit")
    assert [worker.end(one) for one in orders] == [("FAILURE", "cancelled"), *[("SUCCESS", None)] * 2]
    assert worker.shop.balance == 10 - 2 * 2
    assert len(left_over(tmp_path)) == 2


@pytest.mark.parametrize("stops", [False, True], ids=["ends", "the worker stops"])
def test_the_last_attempt_of_a_job_runs_alone_and_is_handed_back_when_the_worker_stops_before(
    worker: Worker, crossing: Crossing, stops: bool
) -> None:
    given_up = worker.order(with_deed(Deed.SLOW), **CUT_OUT)
    claim = worker.shop.start()
    with running(worker, crossing, 1) as others:
        worker.shop.jobs.release(claim)  # as if its worker had died: one attempt is left
        last = threading.Thread(target=worker.runner.run, args=("any",))
        last.start()
        until(lambda: worker.runner.isolation._waiting)
        assert worker.shop.job(given_up).attempt == 1, "it does not count when the process ends now"
        if stops:
            worker.stopping.set()
            last.join()
        else:
            assert not crossing.here.acquire(timeout=0.3), "it waits for the running job"
    last.join()

    if stops:
        assert (worker.shop.job(given_up).attempt, worker.end(given_up)) == (1, ("IN_PROGRESS", None))
    else:
        assert [worker.end(one) for one in (given_up, *others)] == [("SUCCESS", None)] * 2
        assert worker.shop.job(given_up).attempt == 2


@pytest.mark.parametrize(
    ("cores", "device", "many"),
    [
        *[(1, "cpu float32", 1), (2, "cpu float32", 3), (16, "cpu float32", 4)],
        *[(1, "cuda bfloat16", 1), (2, "cuda bfloat16", 4), (16, "mps float16", 8)],
    ],
)
def test_the_default_is_the_number_of_jobs_that_keeps_cores_and_device_busy(
    cores: int, device: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(cores)), raising=False)
    networks = Networks(by_colour, Darkener(), {"generator_device": device})

    assert main.jobs_in_flight(Settings(), networks) == many
    assert main.jobs_in_flight(Settings(jobs_in_flight=3), networks) == 3


def test_impossible_numbers_are_refused() -> None:
    wrong = {"jobs_in_flight": (0, -1, 33, "two"), "batch_size": (0, 33), "batch_wait": (-0.1, 2)}
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(ValidationError, match=name):
                Settings.model_validate({name: value})


@pytest.mark.parametrize(
    ("devices", "batch", "segmenting"),
    [
        (("cpu", "cpu float32"), 1, False),
        (("cuda", "cuda bfloat16"), 4, True),
        (("cpu", "mps float16"), 1, False),
    ],
    ids=["CPU", "CUDA", "MPS"],
)
def test_a_lane_is_made_for_the_networks_device(devices: tuple[str, str], batch: int, segmenting: bool) -> None:
    versions = {"segmenter_device": devices[0], "generator_device": devices[1]}
    networks = Networks(by_colour, Darkener(), versions)
    for settings, expected in ((Settings(), batch), (Settings(batch_size=2), 2)):
        lane = main.open_lane(settings, networks, on_lost=lambda: None)
        lane.close()
        assert (lane._batch_size, lane._segmenting) == (expected, segmenting)


def test_a_worker_fetches_as_many_messages_as_it_has_threads(settings: Settings) -> None:
    networks = Networks(by_colour, Darkener())
    lane = main.open_lane(settings, networks, on_lost=lambda: None)
    breaker = StoreBreaker(open_buckets(settings)[1])
    worker = main.boot(settings, networks, lane=lane, in_flight=3, stopping=threading.Event(), breaker=breaker)
    lane.close()

    assert (worker.worker_threads, worker.queue_prefetch) == (3, 3)
