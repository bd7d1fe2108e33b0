"""Jobs on the device lane: a lost device costs none of them an attempt, and a worker without one says so."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.lane import DeviceLane
from pipeline.core.networks import FunctionSegmenter, Networks
from pipeline.core.order import SwapOrder
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import stored_spec
from service.database.engine import create_engine
from service.jobs.queue import JobQueue
from service.jobs.records import Kind
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.worker import main
from testkit.polling import until
from testkit.still_life import PHOTO, Darkener, by_colour, jpeg, still_life
from tests.support.databases import migrated_engine
from tests.support.shop import Shop
from tests.support.worker import Worker, left_over

DARK = jpeg(still_life()[0] // 2)


@contextmanager
def running(worker: Worker, many: int) -> Iterator[Callable[[], None]]:
    """Run several jobs at once. The yielded function runs another job."""
    threads: list[threading.Thread] = []

    def one_more() -> None:
        threads.append(threading.Thread(target=worker.runner.run, args=("any",)))
        threads[-1].start()

    for _ in range(many):
        one_more()
    yield one_more
    for thread in threads:
        thread.join()


class Sticky(Darkener):
    """A generator whose device breaks on request: one job paints, two wait for it, and one cuts out."""

    def __init__(self, ready: threading.Event) -> None:
        super().__init__()
        self.ready = ready

    def paint(self, requests: object) -> Any:
        assert self.ready.wait(300)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


def test_a_lost_device_hands_back_every_job_in_flight_uncounted(engine: sa.Engine, tmp_path: Path) -> None:
    ready, lost = threading.Event(), threading.Event()

    @FunctionSegmenter
    def segmenter(image: Any) -> Any:
        if image.mean() < 100:
            assert lost.wait(300), "this job computes while the others lose their device"
        return by_colour(image)

    worker = Worker(engine, tmp_path, Networks(segmenter, Sticky(ready)))

    def on_lost() -> None:
        worker.stopping.set()
        lost.set()

    lane = DeviceLane(segmenting=False, on_lost=on_lost)
    worker.make_with(lane=lane)
    orders = [worker.order(photo) for photo in (PHOTO, PHOTO, PHOTO, DARK)]
    with running(worker, 4) as send_again:

        def all_run() -> bool:
            if waiting := any(worker.shop.job(one).status == "NOT_STARTED" for one in orders):
                send_again()  # as the sweep does: a claim may pass over a job that another claim locks at that moment
            return not waiting

        until(all_run)
        ready.set()
    lane.close()

    for one in orders:
        job = worker.shop.job(one)
        assert (job.status, job.attempt, job.stage) == ("IN_PROGRESS", 0, None)
    assert left_over(tmp_path) == []
    assert worker.shop.balance == 2


def test_a_worker_whose_device_is_lost_ends_so_that_another_takes_its_jobs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_engine(settings.sqlalchemy_url)
    shop = Shop(engine)
    open_buckets(settings)[0].put("uploads/x.jpg", PHOTO, "image/jpeg")
    asked = SwapOrder("podium", "calm", "open_graph", seed=1)
    accepted = shop.order(spec=stored_spec(load_catalogue(), asked), source_key="uploads/x.jpg")
    JobQueue(settings.queue_url).enqueue(accepted.job_id, Kind.SWAP)
    ready = threading.Event()
    ready.set()
    monkeypatch.setattr("signal.signal", lambda *_: None)

    assert main.serve(settings, lambda _: Networks(by_colour, Sticky(ready))) == main.DEVICE_LOST

    assert shop.job(accepted).attempt == 0
    engine.dispose()


def test_a_worker_without_its_device_ends_with_the_reason_and_the_remedy_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=tmp_path, device="mps" if sys.platform == "linux" else "cuda")
    migrated_engine(settings).dispose()
    monkeypatch.setattr("signal.signal", lambda *_: None)

    assert main.serve(settings) == main.CANNOT_START

    (said,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert f"BACKDROP_DEVICE is {settings.device}, but torch" in said.message
    assert "set BACKDROP_DEVICE to auto or cpu" in said.message
    assert not said.exc_info
