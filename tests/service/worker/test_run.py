"""One job, carried out: the way it should go, and every way it can end otherwise. Both databases, real stores."""

import hashlib
import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from pipeline.core.errors import ModelFailed, OutOfMemory
from pipeline.core.networks import Networks
from pipeline.core.spec import Limits
from pipeline.photo.decode import decode
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.catalogue.specs import stored_spec
from service.database.tables import jobs, stored_objects
from service.jobs.intake import Accepted
from service.jobs.records import Claim, JobStatus
from service.jobs.transitions import Jobs
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.directory import DirectoryBucket
from service.storage.expiry import Expirer
from service.storage.objects import Bucket, StoreUnavailable
from service.storage.registry import ObjectRegistry
from service.storage.signing import UrlSigner
from service.worker.isolation import Isolation
from service.worker.leases import LeaseRenewal
from service.worker.run import JobRunner
from service.worker.watchdog import Watchdog
from tests.support.shop import Shop

BOTTLE = (files("service") / "sample" / "bottle.jpg").read_bytes()
#: A spec whose background costs nothing, for what happens round a swap.
ON_WHITE: dict[str, Any] = {"scene_type": "white", "dominant_colors": []}


def small(catalogue: Catalogue, width: int, height: int) -> Catalogue:
    """The catalogue with open_graph in another size."""
    place = replace(catalogue.presets["open_graph"], size=(width, height))
    return replace(catalogue, presets={**catalogue.presets, place.name: place})


class Worker:
    """A worker's parts without its process, and a shop that orders from it."""

    def __init__(self, engine: sa.Engine, home: Path, networks: Networks, **settings: Any) -> None:
        self.shop = Shop(engine, lease=settings.pop("lease", 60.0), max_attempts=2)
        sources, self.renders = open_buckets(Settings(home=home, **settings))
        self.sources: Bucket = sources
        self.stopping = threading.Event()
        self.runner = JobRunner(
            jobs=self.shop.jobs,
            sources=self.sources,
            renders=self.renders,
            registry=ObjectRegistry(engine),
            # A fifth of the pixels, where the picture does not matter.
            catalogue=small(load_catalogue(), 480, 252),
            networks=networks,
            limits=Limits(),
            time_limit=300,
            leases=LeaseRenewal(self.shop.jobs, interval=15),
            stopping=self.stopping,
            watchdog=Watchdog(lambda _: None),
            isolation=Isolation(),
        )

    def order(self, data: bytes = BOTTLE, **spec: Any) -> Accepted:
        key = f"uploads/{self.shop.client.id}/{hashlib.sha256(data).hexdigest()}.jpg"
        self.sources.put(key, data, "image/jpeg")
        asked: dict[str, Any] = {
            "scene_type": "podium",
            "mood": "calm",
            "dominant_colors": ["#e8c7b8"],
            "output_preset": "open_graph",
            "seed": 5,
        }
        return self.shop.order(spec=stored_spec(self.runner.catalogue, **asked | spec), source_key=key)

    def end(self, accepted: Accepted) -> tuple[str, str | None]:
        job = self.shop.job(accepted)
        return job.status, job.error_code

    def again_at_once(self, accepted: Accepted) -> None:
        """Let the pause before another attempt pass."""
        with self.shop.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE jobs SET lease_until = '2000-01-01 00:00:00.000000'")
        assert accepted.job_id in self.shop.jobs.claim_unsent(waiting=0, resend_after=60)


def raising(error: BaseException) -> Networks:
    """Networks whose first one raises."""

    def network(*_seen: Any, **_asked: Any) -> NoReturn:
        raise error

    return Networks(network, network)


@pytest.fixture
def worker(engine: sa.Engine, tmp_path: Path, networks: Networks) -> Worker:
    return Worker(engine, tmp_path, networks)


def test_a_good_photo_ends_in_a_render_whose_bytes_are_stored_and_measured(worker: Worker) -> None:
    worker.runner = replace(worker.runner, catalogue=load_catalogue())
    accepted = worker.order()
    worker.runner.run(accepted.job_id)

    found = worker.shop.jobs.get(accepted.job_id, client_id=worker.shop.client.id)
    assert found is not None
    job, render = found
    assert (job.status, job.error_code, job.progress) == (JobStatus.SUCCESS, None, 1.0)
    assert render is not None
    data = worker.renders.get(render.key, max_bytes=10_000_000)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (render.bytes, render.sha256)
    assert decode(data, Limits()).rgb.shape == (render.height, render.width, 3) == (630, 1200, 3)
    assert set(render.report) == {"palette", "fidelity", "preset", "cutout", "provenance"}
    assert render.report["palette"]["asked"][0]["delta_e00"] < 6
    assert render.report["provenance"]["job_attempt"] == 1
    assert len(render.report["provenance"]["tried"]) == render.report["provenance"]["attempts"] >= 1
    assert worker.shop.balance == 8


def test_the_same_seed_and_spec_give_the_same_bytes(engine: sa.Engine, tmp_path: Path, networks: Networks) -> None:
    worker = Worker(engine, tmp_path, networks)
    hashes = []
    for _ in range(2):
        accepted = worker.order()
        worker.runner.run(accepted.job_id)
        found = worker.shop.jobs.get(accepted.job_id, client_id=worker.shop.client.id)
        assert found is not None
        assert found[1] is not None
        hashes.append(found[1].sha256)

    assert hashes[0] == hashes[1]


def grey() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (800, 800), (128, 128, 128)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"this is a text file named .jpg", "image_unreadable"),
        (BOTTLE[: len(BOTTLE) // 2], "image_truncated"),
        (b"", "image_unreadable"),
        (grey(), "no_subject"),
    ],
    ids=["text", "truncated", "empty", "plain grey"],
)
def test_a_photo_that_can_not_be_used_fails_at_once_and_is_refunded(worker: Worker, data: bytes, code: str) -> None:
    accepted = worker.order(data)
    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("FAILURE", code)
    assert worker.shop.job(accepted).attempt == 1
    assert worker.shop.balance == 10


def test_a_photo_that_vanished_fails_and_is_refunded(worker: Worker) -> None:
    accepted = worker.shop.order(
        spec=stored_spec(
            worker.runner.catalogue,
            scene_type="podium",
            mood="calm",
            dominant_colors=[],
            output_preset="open_graph",
            seed=1,
        ),
        source_key="uploads/none.jpg",
    )
    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("FAILURE", "source_gone")
    assert worker.shop.balance == 10


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelFailed("The network answered with something that is no picture."), "model_failed"),
        (OutOfMemory("The device has too little memory."), "out_of_memory"),
        (MemoryError(), "out_of_memory"),
        (ZeroDivisionError(), "internal_error"),
    ],
    ids=["model", "device memory", "memory", "a bug"],
)
def test_what_breaks_on_our_side_is_tried_again_then_refunded(
    engine: sa.Engine, tmp_path: Path, error: BaseException, code: str
) -> None:
    worker = Worker(engine, tmp_path, raising(error))
    accepted = worker.order()

    worker.runner.run(accepted.job_id)
    assert worker.end(accepted) == ("IN_PROGRESS", None)
    assert worker.shop.jobs.claim() is None, "it must pause before it is tried again"
    worker.again_at_once(accepted)
    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("FAILURE", code)
    assert worker.shop.balance == 10


class AwayStore(DirectoryBucket):
    """A directory store whose disk refuses what the test says."""

    refuse_put = False

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if self.refuse_put:
            raise StoreUnavailable("No space left on device")
        super().put(key, data, content_type)


def test_a_store_that_refuses_the_render_is_tried_again_and_then_keeps_it(
    engine: sa.Engine, tmp_path: Path, networks: Networks
) -> None:
    worker = Worker(engine, tmp_path, networks)
    store = AwayStore(tmp_path / "renders", bucket="renders", signer=UrlSigner(b"k"), url_ttl=60)
    worker.runner = replace(worker.runner, renders=store)
    accepted = worker.order(**ON_WHITE)

    store.refuse_put = True
    worker.runner.run(accepted.job_id)
    assert worker.end(accepted) == ("IN_PROGRESS", None)
    store.refuse_put = False
    worker.again_at_once(accepted)
    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("SUCCESS", None)
    assert worker.shop.job(accepted).attempt == 2
    assert worker.shop.balance == 8


class WatchedStore(DirectoryBucket):
    """A directory store that looks, before it stores, whether the database knows of it."""

    engine: sa.Engine
    known: list[bool]

    def put(self, key: str, data: bytes, content_type: str) -> None:
        found = sa.select(stored_objects.c.job_id).where(stored_objects.c.key == key)
        with self.engine.connect() as connection:
            self.known.append(connection.execute(found).scalar_one_or_none() is not None)
        super().put(key, data, content_type)


def test_a_picture_is_written_down_before_it_can_be_there(
    engine: sa.Engine, tmp_path: Path, networks: Networks
) -> None:
    worker = Worker(engine, tmp_path, networks)
    store = WatchedStore(tmp_path / "renders", bucket="renders", signer=UrlSigner(b"k"), url_ttl=60)
    store.engine, store.known = engine, []
    worker.runner = replace(worker.runner, renders=store)
    worker.runner.run(worker.order(**ON_WHITE).job_id)

    assert store.known == [True]


def test_a_job_runs_by_the_catalogue_that_it_was_accepted_under(worker: Worker) -> None:
    whole = worker.runner.catalogue
    accepted_under = small(whole, 240, 126)
    worker.runner = replace(worker.runner, catalogue=accepted_under)
    jobs_of_one_spec = [worker.order() for _ in range(3)]
    named = jobs_of_one_spec[2]
    with worker.shop.engine.begin() as connection:  # as a release wrote it that stored names alone
        row = jobs.c.id == named.job_id
        spec = connection.execute(sa.select(jobs.c.spec).where(row)).scalar_one()
        spec = {name: value for name, value in spec.items() if name != "records"}
        connection.execute(jobs.update().where(row).values(spec=spec))

    later = small(whole, 64, 64)
    without = {name: scene for name, scene in later.scenes.items() if name != "podium"}
    renders = []
    for accepted, catalogue in zip(
        jobs_of_one_spec, [accepted_under, replace(later, scenes=without), accepted_under], strict=True
    ):
        worker.runner = replace(worker.runner, catalogue=catalogue)
        worker.runner.run(accepted.job_id)
        assert worker.end(accepted) == ("SUCCESS", None)
        found = worker.shop.jobs.get(accepted.job_id, client_id=worker.shop.client.id)
        assert found is not None
        assert found[1] is not None
        renders.append((found[1].width, found[1].height, found[1].sha256))

    assert renders[0][:2] == (240, 126)
    assert renders == 3 * renders[:1]


def test_a_worker_that_is_told_to_stop_hands_its_job_back(worker: Worker) -> None:
    accepted = worker.order(**ON_WHITE)
    worker.stopping.set()

    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("IN_PROGRESS", None)
    assert worker.shop.jobs.claim_unsent(waiting=0, resend_after=60) == [accepted.job_id]
    worker.stopping.clear()
    worker.runner.run(accepted.job_id)
    assert worker.end(accepted) == ("SUCCESS", None)
    assert worker.shop.job(accepted).attempt == 1


def test_a_job_over_its_time_limit_fails_and_is_refunded(worker: Worker) -> None:
    worker.runner = replace(worker.runner, time_limit=0.0)
    accepted = worker.order()
    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("FAILURE", "time_limit")
    assert worker.shop.balance == 10


def busy(seconds: float, then: Callable[[], None] = lambda: None) -> Networks:
    """Networks whose first one takes so long that only the lease's renewal can speak for the job."""

    def segmenter(image: Any) -> Any:
        time.sleep(seconds)
        then()
        return np.zeros(image.shape[:2], np.float32)

    return Networks(segmenter, raising(AssertionError()).generator)


def test_a_long_step_keeps_its_lease(engine: sa.Engine, tmp_path: Path) -> None:
    worker = Worker(engine, tmp_path, busy(1.2), lease=0.6)
    worker.runner = replace(worker.runner, leases=LeaseRenewal(worker.shop.jobs, interval=0.15))
    accepted = worker.order()
    thread = threading.Thread(target=worker.runner.run, args=(accepted.job_id,))
    thread.start()
    stolen = []
    for _ in range(8):
        time.sleep(0.12)
        stolen.append(worker.shop.jobs.claim())
    thread.join()

    assert stolen == [None] * 8
    assert worker.end(accepted) == ("FAILURE", "no_subject")


def test_a_job_taken_over_while_it_ran_leaves_no_trace_of_the_slow_attempt(engine: sa.Engine, tmp_path: Path) -> None:
    worker = Worker(engine, tmp_path, raising(AssertionError()), lease=0.05)
    accepted = worker.order()
    taken: list[Claim | None] = []

    def take_over() -> None:
        time.sleep(0.1)
        taken.append(worker.shop.jobs.claim())

    worker.runner = replace(worker.runner, networks=busy(0.0, take_over))
    worker.runner.run(accepted.job_id)

    assert taken[0] is not None
    job = worker.shop.job(accepted)
    assert (job.status, job.attempt) == ("IN_PROGRESS", 2)
    assert worker.shop.balance == 8


def left_over(objects: Path) -> list[str]:
    """The files of a directory store's renders."""
    return [str(path) for path in (objects / "objects" / "renders").rglob("*") if path.is_file()]


def test_a_job_cancelled_while_a_network_works_stops_at_the_next_step_and_leaves_no_render(
    engine: sa.Engine, tmp_path: Path, networks: Networks
) -> None:
    worker = Worker(engine, tmp_path, networks)
    accepted = worker.order()
    painted: list[object] = []

    def segmenter(image: Any) -> Any:
        worker.shop.jobs.cancel(accepted.job_id, client_id=worker.shop.client.id)
        return networks.segmenter(image)

    def generator(*asked: Any, **how: Any) -> Any:
        painted.append(asked)
        return networks.generator(*asked, **how)

    worker.runner = replace(worker.runner, networks=replace(networks, segmenter=segmenter, generator=generator))
    worker.runner.run(accepted.job_id)

    assert painted == []
    assert worker.end(accepted) == ("FAILURE", "cancelled")
    assert left_over(tmp_path) == []
    assert worker.shop.balance == 10
    assert [entry.kind for entry in worker.shop.accounts.credits(worker.shop.client.id, latest=9)[1]] == [
        *("refund", "debit", "grant")
    ]


class CancellingStore(DirectoryBucket):
    """A directory store that is asked to keep a render at the moment when its client cancels the job."""

    cancel: Callable[[], object]

    def put(self, key: str, data: bytes, content_type: str) -> None:
        super().put(key, data, content_type)
        assert self.size(key) == len(data)
        self.cancel()


def test_a_job_cancelled_between_its_last_step_and_its_success_leaves_no_render(worker: Worker, tmp_path: Path) -> None:
    store = CancellingStore(tmp_path / "objects" / "renders", bucket="renders", signer=UrlSigner(b"k"), url_ttl=60)
    worker.runner = replace(worker.runner, renders=store)
    accepted = worker.order(**ON_WHITE)
    store.cancel = lambda: worker.shop.jobs.cancel(accepted.job_id, client_id=worker.shop.client.id)

    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("FAILURE", "cancelled")
    assert worker.shop.balance == 10
    # Its worker can't tell it from a success whose answer was lost; the expiry can.
    assert len(left_over(tmp_path)) == 1
    expirer = Expirer(
        worker.runner.registry, {"sources": worker.runner.sources, "renders": store}, None, None, 0, delete_delay=0
    )
    expirer.run_once()
    assert left_over(tmp_path) == []


def test_a_message_for_a_job_that_is_over_does_nothing(worker: Worker) -> None:
    accepted = worker.order(b"no picture")
    worker.runner.run(accepted.job_id)
    worker.runner.run(accepted.job_id)
    worker.runner.run("01J9ZC4T7M3X6V2Q8R5N1B0KAD")

    assert worker.end(accepted) == ("FAILURE", "image_unreadable")
    assert worker.shop.balance == 10


def test_a_message_starts_the_job_whose_turn_it_is_whichever_it_names(worker: Worker) -> None:
    first, second = worker.order(b"no picture"), worker.order(b"no picture")

    worker.runner.run(second.job_id)

    assert worker.end(first) == ("FAILURE", "image_unreadable")
    assert worker.shop.job(second).attempt == 0


def test_progress_never_goes_back_within_an_attempt(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str | None, float | None]] = []
    renew_lease = Jobs.renew_lease

    def watching(self: Jobs, claim: Claim, *, stage: str | None = None, progress: float | None = None) -> None:
        if stage is not None:
            seen.append((stage, progress))
        renew_lease(self, claim, stage=stage, progress=progress)

    monkeypatch.setattr(Jobs, "renew_lease", watching)
    worker.runner.run(worker.order().job_id)

    stages = list(dict.fromkeys(stage for stage, _ in seen))
    assert stages == [
        *("fetch", "decode", "segment", "refine", "place", "background", "shadow", "composite", "encode", "inspect"),
        "store",
    ]
    shares = [progress for _, progress in seen if progress is not None]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1
