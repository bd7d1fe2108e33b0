"""One job, carried out: its success, and its failures. Real stores."""

import hashlib
import io
import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image, ImageDraw
from prometheus_client import CollectorRegistry

from pipeline.core.errors import ModelFailed, OutOfMemory, PaintingWithheld
from pipeline.core.networks import PaintRequest
from pipeline.core.order import Acceptance, Ground, Placement, SwapOrder
from pipeline.core.spec import Limits
from pipeline.photo.decode import decode
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import stored_spec
from service.database.tables import jobs, stored_objects
from service.diagnostics.audit import Bounds, audit
from service.health.parts import StoreBreaker
from service.jobs.records import Claim, JobStatus, Kind
from service.jobs.transitions import Jobs
from service.jobs.turns import BEHIND
from service.storage.directory import DirectoryBucket, UrlSigner
from service.storage.objects import StoreUnavailable
from service.telemetry.metrics import RunMetrics
from service.worker.observation import RunObserver
from testkit.specimens import saved
from testkit.still_life import PHOTO, Darkener
from testkit.still_life import networks as stand_ins
from tests.support.hostile import SENT
from tests.support.worker import BOTTLE, ON_WHITE, Worker, raising


def test_a_good_photo_ends_in_a_render_whose_bytes_are_stored_and_measured(worker: Worker) -> None:
    worker.make_with(catalogue=load_catalogue())
    accepted = worker.order()
    worker.runner.run(accepted.job_id)

    job, render = worker.shop.found(accepted)
    assert (job.status, job.error_code, job.progress) == (JobStatus.SUCCESS, None, 1.0)
    assert render is not None
    data = worker.renders.get(render.key, max_bytes=10_000_000)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (render.bytes, render.sha256)
    assert decode(data, Limits()).rgb.shape == (render.height, render.width, 3) == (630, 1200, 3)
    report = msgspec.json.decode(render.report)
    assert set(report) == {"palette", "fidelity", "preset", "cutout", "provenance", "marks", "publishable"}
    assert report["palette"]["asked"][0]["delta_e00"] < 6
    assert report["provenance"]["job_attempt"] == 1
    assert len(report["provenance"]["tried"]) == report["provenance"]["attempts"] >= 1
    assert worker.shop.balance == 8


def test_a_worker_fetches_the_picture_behind_the_product_and_the_photo_of_an_earlier_render(worker: Worker) -> None:
    key = f"uploads/{worker.shop.client.id}/behind.jpg"
    worker.runner.maker.results.registry.register("sources", key, client_id=worker.shop.client.id)
    worker.sources.put(key, PHOTO, "image/jpeg")
    own = worker.order(ground=Ground(background="image", background_image=key))
    worker.runner.run(own.job_id)
    report = msgspec.json.decode(worker.shop.render(own).report)
    assert (report["background"]["source"], report["palette"]["asked"]) == ("image", [])

    first = worker.order()
    worker.runner.run(first.job_id)
    source = worker.shop.render(first).source_key
    worker.runner.maker.results.registry.register("sources", source, client_id=worker.shop.client.id)
    with worker.shop.engine.connect() as connection:
        spec = connection.execute(sa.select(jobs.c.spec).where(jobs.c.id == first.job_id)).scalar_one()
    earlier = {"spec": spec, "spec_version": 1, "source_key": source}
    again = spec | {"ground": {"background": "render", "background_render": "x"}, "earlier": earlier}
    accepted = worker.shop.order(cost=2, spec=again, source_key=source, source_known=True)
    worker.runner.run(accepted.job_id)
    assert msgspec.json.decode(worker.shop.render(accepted).report)["background"] == {"source": "render"}

    worker.sources.delete(key)
    gone = worker.order(ground=Ground(background="image", background_image=key))
    worker.runner.run(gone.job_id)
    assert worker.end(gone) == (JobStatus.FAILURE, "source_gone")


def test_the_same_seed_and_spec_give_the_same_bytes(worker: Worker) -> None:
    pictures = [worker.order() for _ in range(2)]
    for accepted in pictures:
        worker.runner.run(accepted.job_id)

    assert len({worker.shop.render(accepted).sha256 for accepted in pictures}) == 1


def test_warnings_about_the_input_are_the_first_of_a_renders_warnings_and_each_is_there_once(worker: Worker) -> None:
    asked = ["scene_in_words", "brand_unknown", "low_confidence"]  # the cut-out gives the last one too
    accepted = worker.order(**ON_WHITE)
    with worker.shop.engine.begin() as connection:  # as a submit stores them
        spec = connection.execute(sa.select(jobs.c.spec)).scalar_one()
        connection.execute(jobs.update().values(spec=spec | {"cautions": [{"code": code} for code in asked]}))
    worker.runner.run(accepted.job_id)

    warnings = worker.shop.render(accepted).warnings
    assert warnings[:3] == asked
    assert len(set(warnings)) == len(warnings)


def test_a_picture_that_keeps_its_limits_is_paid_and_one_that_misses_them_is_refunded_with_a_preview(
    worker: Worker,
) -> None:
    within, beyond = (worker.order(acceptance=Acceptance(json.dumps({"palette_mean": limit}))) for limit in (100, 0))
    for accepted in (within, beyond):
        worker.runner.run(accepted.job_id)

    assert (worker.end(within), worker.shop.render(within).preview) == (("SUCCESS", None), False)
    job, small = worker.shop.found(beyond)
    assert (job.status, job.error_code, job.credits_refunded) == ("FAILURE", "not_accepted", 2)
    assert job.error_message is not None
    assert "palette_mean is" in job.error_message
    assert small is not None
    assert small.preview
    report = msgspec.json.decode(small.report)
    assert [one["changed"] for one in report["acceptance"]["tries"][1:]] == ["seed", "ground"]
    assert {one["limit"] for one in report["acceptance"]["missed"]} == {"palette_mean"}
    assert (report["preview"]["width"], report["provenance"]["job_attempt"]) == (240, 1)
    data = worker.renders.get(small.key, max_bytes=10_000_000)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (small.bytes, small.sha256)
    with worker.shop.engine.connect() as connection:
        rows = connection.execute(sa.select(jobs.c.tries, jobs.c.missed).order_by(jobs.c.id)).all()
    assert rows == [(1, [[]]), (3, [["palette_mean"]] * 3)]
    assert worker.shop.balance == 8
    assert audit(worker.shop.engine, Bounds(max_attempts=2)).findings == []


def test_a_preview_is_free_whatever_limits_its_order_has(worker: Worker) -> None:
    looked = worker.order(preview=True, acceptance=Acceptance('{"palette_mean":0}'))
    worker.runner.run(looked.job_id)

    assert (worker.end(looked), worker.shop.render(looked).preview) == (("SUCCESS", None), True)
    with worker.shop.engine.connect() as connection:
        assert connection.execute(sa.select(jobs.c.tries)).scalar_one() is None


def grey() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (800, 800), (128, 128, 128)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_photo_in_the_colours_of_print_is_swapped(worker: Worker) -> None:
    with Image.open(io.BytesIO(BOTTLE)) as photo:
        accepted = worker.order(saved(photo.convert("CMYK"), "JPEG", quality=92), **ON_WHITE)
    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("SUCCESS", None)
    assert worker.shop.balance == 8


@pytest.mark.filterwarnings("ignore")  # Pillow warns about some, as it would in service
def test_an_unusable_or_missing_photo_fails_at_once_and_is_refunded(worker: Worker) -> None:
    hostile = {one.group: one for one in reversed(SENT) if one.end is not None}  # one of each group
    cases = {one.make(): one.end for one in hostile.values()} | {
        b"this is a text file named .jpg": "image_unreadable",
        BOTTLE[: len(BOTTLE) // 2]: "image_truncated",
        b"": "image_unreadable",
        grey(): "no_subject",
    }
    for data, code in cases.items():
        accepted = worker.order(data)
        worker.runner.run(accepted.job_id)
        assert (*worker.end(accepted), worker.shop.job(accepted).attempt) == ("FAILURE", code, 1)
        assert worker.shop.job(accepted).credits_refunded == 2
    spec = stored_spec(worker.runner.maker.catalogue, SwapOrder("podium", "calm", "open_graph", seed=1))
    gone = worker.shop.order(spec=spec, source_key="uploads/none.jpg")
    worker.runner.run(gone.job_id)

    assert worker.end(gone) == ("FAILURE", "source_gone")
    assert worker.shop.balance == 10


def test_a_product_that_no_scene_of_that_kind_can_show_fails_at_once_and_is_refunded(worker: Worker) -> None:
    # Two shoes, for the order seen from above, with no surface nearby to lie on.
    picture = Image.new("RGBA", (400, 400))
    for left in (90, 220):
        ImageDraw.Draw(picture).ellipse((left, 80, left + 90, 340), fill=(120, 60, 40, 255))
    file = io.BytesIO()
    picture.save(file, "PNG")

    accepted = worker.order(file.getvalue(), scene_type="neon", placement=Placement(stance="from_above"))
    assert worker.shop.balance == 8
    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("FAILURE", "no_honest_placement")
    assert worker.shop.job(accepted).attempt == 1
    assert worker.shop.balance == 10
    lying = worker.order(file.getvalue(), scene_type="flat_lay_linen")
    worker.runner.run(lying.job_id)
    assert worker.end(lying) == ("SUCCESS", None)
    assert worker.shop.balance == 8


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
def test_a_server_side_error_is_retried_then_refunded(
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


class Withholder(Darkener):
    """A hub model whose safety checker withholds all its paintings."""

    def painted(self, request: PaintRequest) -> np.ndarray:
        self.calls += 1
        raise PaintingWithheld("Withheld.")


@pytest.mark.parametrize("falls_back", [True, False])
def test_where_a_hub_models_paintings_are_all_rejected_the_setting_decides(
    engine: sa.Engine, tmp_path: Path, falls_back: bool
) -> None:
    painter, registry = Withholder("picture"), CollectorRegistry()
    worker = Worker(engine, tmp_path, replace(stand_ins(painter), falls_back=falls_back))
    worker.runner = replace(worker.runner, observer=RunObserver(RunMetrics(registry)))
    accepted = worker.order()
    worker.runner.run(accepted.job_id)

    assert painter.calls == 2
    if not falls_back:
        assert worker.end(accepted) == ("FAILURE", "generator_rejected")
        assert worker.shop.job(accepted).attempt == 1
        assert worker.shop.balance == 10
        return
    found = worker.shop.jobs.get(accepted.job_id, client_id=worker.shop.client.id)
    assert found is not None
    assert found[1] is not None
    assert "generator_fell_back" in found[1].warnings
    provenance = msgspec.json.decode(found[1].report)["provenance"]
    assert provenance["painted_by"] == "renderer"
    assert [row.get("rejected") for row in provenance["tried"]] == ["withheld", "withheld", None]
    assert all(row["seconds"] >= 0 for row in provenance["tried"][:2])
    assert registry.get_sample_value("backdrop_generator_fallbacks_total") == 1
    assert registry.get_sample_value("backdrop_paintings_total", {"outcome": "withheld"}) == 2


class AwayStore(DirectoryBucket):
    """A directory store whose disk refuses chosen writes."""

    refuse_put = False

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if self.refuse_put:
            raise StoreUnavailable("No space left on device")
        super().put(key, data, content_type)


def test_a_store_that_refuses_one_render_is_retried_and_then_stores_it(worker: Worker, tmp_path: Path) -> None:
    store = AwayStore(tmp_path / "renders", bucket="renders", signer=UrlSigner(b"k"), url_ttl=60)
    # The breaker's own bucket takes writes: it stays closed.
    worker.make_with(renders=store)
    accepted = worker.order(**ON_WHITE)

    store.refuse_put = True
    worker.runner.run(accepted.job_id)
    assert worker.end(accepted) == ("IN_PROGRESS", None)
    store.refuse_put = False
    worker.again_at_once(accepted)
    worker.runner.run(accepted.job_id)

    assert (worker.end(accepted), worker.shop.job(accepted).attempt, worker.shop.balance) == (("SUCCESS", None), 2, 8)


def test_a_store_that_takes_no_writes_costs_no_attempt_and_no_job_is_taken_until_it_does(
    worker: Worker, tmp_path: Path
) -> None:
    store = AwayStore(tmp_path / "renders", bucket="renders", signer=UrlSigner(b"k"), url_ttl=60)
    breaker = StoreBreaker(store, every=0.05)
    worker.make_with(renders=store)
    worker.runner = replace(worker.runner, breaker=breaker)
    first, second = (worker.order(**ON_WHITE) for _ in range(2))

    store.refuse_put = True
    worker.runner.run(first.job_id)
    assert (breaker.is_open, worker.end(first), worker.shop.job(first).attempt) == (True, ("IN_PROGRESS", None), 0)

    waits = threading.Thread(target=worker.runner.run, args=(second.job_id,))
    waits.start()
    time.sleep(0.5)
    taken = [worker.shop.job(one).attempt for one in (first, second)]
    store.refuse_put = False
    waits.join(300)
    worker.runner.run(first.job_id)

    assert taken == [0, 0]
    assert not breaker.is_open
    assert [worker.end(one) for one in (first, second)] == [("SUCCESS", None)] * 2
    assert [worker.shop.job(one).attempt for one in (first, second)] == [1, 1]


class WatchedStore(DirectoryBucket):
    """A directory store that checks, before it stores a render, whether the database has its row."""

    engine: sa.Engine
    known: list[bool]

    def put(self, key: str, data: bytes, content_type: str) -> None:
        found = sa.select(stored_objects.c.job_id).where(stored_objects.c.key == key)
        with self.engine.connect() as connection:
            self.known.append(connection.execute(found).scalar_one_or_none() is not None)
        super().put(key, data, content_type)


def test_a_render_has_its_row_before_its_object_can_exist(worker: Worker, engine: sa.Engine, tmp_path: Path) -> None:
    store = WatchedStore(tmp_path / "renders", bucket="renders", signer=UrlSigner(b"k"), url_ttl=60)
    store.engine, store.known = engine, []
    worker.make_with(renders=store)
    worker.runner.run(worker.order(**ON_WHITE).job_id)

    assert store.known == [True]


def test_a_database_outage_while_a_last_attempt_is_counted_is_waited_out(worker: Worker, engine: sa.Engine) -> None:
    away = [sa.exc.OperationalError("UPDATE", None, Exception("the server closed the connection")) for _ in range(2)]

    class Away(Jobs):
        def count_attempt(self, claim: Claim, counts: bool) -> None:
            if len(away) == 2 - counts:  # one before it waits, one after
                raise away.pop()
            super().count_attempt(claim, counts)

    accepted = worker.order()
    worker.shop.jobs.release(worker.shop.claim(accepted))
    worker.shop.end_lease(accepted)
    worker.runner = replace(worker.runner, jobs=Away(engine, lease=60, max_attempts=2))

    worker.runner.run(accepted.job_id)

    assert away == []
    assert worker.end(accepted) == (JobStatus.SUCCESS, None)


def test_a_message_starts_the_job_whose_turn_it_is_and_no_finished_one(worker: Worker) -> None:
    first, second = worker.order(b"no picture"), worker.order(b"no picture")

    worker.runner.run(second.job_id)
    assert worker.end(first) == ("FAILURE", "image_unreadable")
    assert worker.shop.job(second).attempt == 0
    for message in (first.job_id, first.job_id, "01J9ZC4T7M3X6V2Q8R5N1B0KAD"):
        worker.runner.run(message)

    assert worker.end(second) == ("FAILURE", "image_unreadable")
    assert worker.shop.balance == 10


def test_the_last_place_of_a_worker_is_kept_for_live_jobs_and_the_others_take_the_sandboxes(worker: Worker) -> None:
    sandboxs = worker.order()
    with worker.shop.engine.begin() as connection:
        connection.execute(jobs.update().values(turn=jobs.c.turn + BEHIND))
    worker.runner.places.acquire()
    worker.runner.run(sandboxs.job_id, Kind.SWAP)
    assert worker.shop.job(sandboxs).status == JobStatus.NOT_STARTED
    live = worker.order()
    worker.runner.run(live.job_id, Kind.SWAP)
    assert [worker.shop.job(one).status for one in (live, sandboxs)] == ["SUCCESS", "NOT_STARTED"]

    worker.runner.places.release()
    worker.runner.run(worker.order().job_id, Kind.SWAP)

    assert worker.shop.job(sandboxs).status == JobStatus.SUCCESS


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


def test_a_preview_is_small_watermarked_and_has_the_requested_seed_and_placement(worker: Worker) -> None:
    accepted = worker.order(**ON_WHITE, placement=Placement(scale=0.8), preview=True)
    worker.runner.run(accepted.job_id)

    job, made = worker.shop.found(accepted)
    assert made is not None
    assert (made.preview, job.preview, made.width, job.credits_cost) == (True, True, 240, 0)
    assert msgspec.json.decode(made.report)["placement"]["scale"] == 0.8
    picture = np.asarray(Image.open(io.BytesIO(worker.renders.get(made.key, max_bytes=10**7))).convert("L"))
    assert (picture[:40, :40] < 235).any(), "white, but for the watermark"
