"""Jobs whose pictures are painted together: each gets its own picture and the right credits."""

import inspect
import io
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from models.hub.generator import DiffusersGenerator
from models.lane import DeviceLane
from pipeline.background import growth
from pipeline.core.networks import FunctionSegmenter, Networks
from pipeline.core.order import SwapOrder
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.catalogue.specs import stored_spec
from service.database.engine import create_engine
from service.jobs.intake import Accepted
from service.jobs.queue import JobQueue
from service.jobs.records import Kind
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.worker import main
from testkit.polling import until
from testkit.still_life import PHOTO, Darkener, by_colour, jpeg, still_life
from tests.support.databases import migrated_engine
from tests.support.shop import Shop
from tests.support.tiny_pipelines import load_pipeline, stable_diffusion
from tests.support.worker import Worker, left_over

DARK = jpeg(still_life()[0] // 2)
#: The seed of the job whose painting is not finite.
BROKEN = 13


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    folder = tmp_path_factory.mktemp("sd")
    torch.manual_seed(0)
    stable_diffusion(folder).save_pretrained(folder / "stable-diffusion-v1-5")
    return folder / "stable-diffusion-v1-5"


class BreakingPipeline:
    """A pipeline that returns NaN for one seed, and calls back after each step."""

    def __init__(self, pipe: Any) -> None:
        self.pipe, self.sizes = pipe, list[int]()
        type(self).__call__.__signature__ = inspect.signature(type(pipe).__call__)  # type: ignore[attr-defined]  # of functions
        #: Its paintings, by seed, in the order of the calls.
        self.painted: dict[int, list[Any]] = defaultdict(list)
        self.after_step: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pipe, name)

    def __call__(self, **given: Any) -> Any:
        generators = given["generator"] if isinstance(given["generator"], list) else [given["generator"]]
        self.sizes.append(len(generators))
        callback = given["callback_on_step_end"]

        def step(*seen: Any) -> Any:
            self.after_step()
            return callback(*seen)

        answer = self.pipe(**given | {"callback_on_step_end": step})
        for number, generator in enumerate(generators):
            if generator.initial_seed() == BROKEN:
                answer.images[number] = np.nan
            self.painted[generator.initial_seed()].append(answer.images[number].copy())
        return answer


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


def picture(worker: Worker, accepted: Accepted) -> Any:
    file = worker.renders.get(worker.shop.render(accepted).key, max_bytes=10_000_000)
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"), np.float32)


def generator_of(folder: Path) -> tuple[DiffusersGenerator, BreakingPipeline]:
    generator = load_pipeline(folder, size=64, steps=3)
    pipe = generator._pipe = BreakingPipeline(generator._pipe)
    return generator, pipe


def lossless(catalogue: Catalogue) -> Catalogue:
    """The catalogue with open_graph as PNG: a JPEG makes ten levels of a thousandth where a coefficient is rounded."""
    place = replace(catalogue.presets["open_graph"], formats=("png",), max_bytes=None)
    return replace(catalogue, presets={**catalogue.presets, place.name: place})


#: The orders of four jobs: different scenes, without colours, so that each is painted once.
ASKED: tuple[dict[str, Any], ...] = (
    {"scene_type": "podium", "seed": 3},
    {"scene_type": "marble_tabletop", "seed": 4},
    {"scene_type": "neon", "seed": BROKEN},
    {"scene_type": "garden_bokeh", "seed": 6},
)


@pytest.mark.nightly  # models/test_batches.py has the batch, worker/test_in_flight.py the jobs
def test_a_batch_of_four_with_a_cancelled_and_a_failed_one_gives_the_others_their_own_pictures(
    engine: sa.Engine, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The noise of an untrained network can look like a product that grew, and then Backdrop would try another seed.
    monkeypatch.setattr(growth, "COLOUR", 1.0)
    generator, pipe = generator_of(tiny)
    # It waits for the fourth, however long that takes.
    together = DeviceLane(batch_size=4, batch_wait=120, segmenting=False)
    worker = Worker(engine, tmp_path, Networks(by_colour, generator))
    worker.make_with(lane=together, catalogue=lossless(worker.runner.maker.catalogue))
    orders = [worker.order(PHOTO, dominant_colors=[], **asked) for asked in ASKED]
    cancelled, ends, fails, also_ends = orders

    def cancel() -> None:
        pipe.after_step = lambda: None
        worker.shop.jobs.cancel(cancelled.job_id, client_id=worker.shop.client.id)

    pipe.after_step = cancel
    with running(worker, 4):
        pass
    together.close()

    assert pipe.sizes == [4]
    assert worker.end(cancelled) == ("FAILURE", "cancelled")
    assert worker.end(fails) == ("IN_PROGRESS", None), "it is tried once more"
    assert [worker.end(one) for one in (ends, also_ends)] == [("SUCCESS", None)] * 2
    assert len(left_over(tmp_path)) == 2

    alone = DeviceLane(segmenting=False)
    worker.make_with(lane=alone)
    worker.again_at_once(fails)
    worker.runner.run("any")
    assert worker.end(fails) == ("FAILURE", "model_failed")
    assert worker.shop.balance == 10 - 2 * 2, "two are paid for, two are refunded"

    singles = [worker.order(PHOTO, dominant_colors=[], **asked) for asked in (ASKED[1], ASKED[3])]
    for _ in singles:
        worker.runner.run("any")
    alone.close()
    assert pipe.sizes == [4, 1, 1, 1]
    of_batch, of_one = ([picture(worker, one) for one in some] for some in ((ends, also_ends), singles))
    for seed in (ASKED[1]["seed"], ASKED[3]["seed"]):
        in_batch, single = pipe.painted[seed]
        np.testing.assert_allclose(in_batch, single, atol=1e-3)
    for mine, same, other in zip(of_batch, of_one, reversed(of_one), strict=True):
        # Not closer: where colours are measured, 1e-5 can change the cluster, and so the whole picture's colours.
        assert 10 * np.abs(mine - same).mean() < np.abs(mine - other).mean()


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
