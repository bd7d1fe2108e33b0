"""Objects that jobs store for later jobs: they belong to their client, have a row, and expire."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.core.networks import Networks
from service.catalogue.catalogue import Catalogue
from service.database.clock import db_now
from service.database.tables import stored_objects
from service.diagnostics.object_audit import audit_objects
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.cache import client_caches
from service.storage.registry import ExpiredObject
from testkit.still_life import PALETTE, PRODUCTS, Darkener, by_colour
from tests.support.caller import Caller
from tests.support.databases import ON_SQLITE
from tests.support.worker import Bench, Worker

DAY = 86_400.0


@pytest.fixture
def bench(engine: sa.Engine, tmp_path: Path) -> Bench:
    return Bench(engine, tmp_path)


def test_jobs_of_one_photo_cut_it_out_once_and_the_object_has_its_row(bench: Bench) -> None:
    assert [bench.cut(), bench.cut()] == ["computed", "cached"]

    assert bench.rows == bench.there
    assert len(bench.rows) == 1
    assert bench.rows[0].startswith(f"cutouts/{bench.shop.client.id}/")
    assert bench.wrong() == []
    assert audit_objects(bench.engine, bench.renders).counts["objects kept for later"] == 1


@ON_SQLITE
def test_a_cutout_expires_unless_jobs_use_it(bench: Bench) -> None:
    bench.cut()
    bench.age(0.9)
    bench.cut()
    bench.age(0.9)
    bench.expire()
    assert len(bench.there) == 1

    bench.age(1.1)
    bench.expire()

    assert (bench.there, bench.rows) == ([], [])
    assert bench.wrong() == []
    assert bench.cut() == "computed"


@ON_SQLITE
def test_an_expiry_that_meets_a_job_leaves_no_object_without_its_row(bench: Bench) -> None:
    bench.cut()
    bench.age(1.1)
    bench.expire(delete_delay=60.0)  # expired, and not deleted yet
    (key,) = bench.rows
    gone = ExpiredObject("cutouts", key)
    bench.renders.delete(key)  # a job comes between this and the row's end

    assert bench.cut() == "computed"
    bench.registry.retry_later(gone)
    bench.registry.delete_row(gone)
    bench.expire()

    assert (bench.there, bench.rows) == ([key], [key])
    assert (bench.cut(), bench.wrong()) == ("cached", [])


def test_a_cutout_is_no_source_and_no_file_of_the_api(http: Any, settings: Settings, caller: Caller) -> None:
    key = f"cutouts/{caller.client.id}/{'0' * 64}"
    open_buckets(settings)[1].put(key, b"kept", "application/octet-stream")

    assert caller.submit(caller.body(source_image_s3_key=key)).status_code == 404
    for bucket in ("renders", "cutouts"):
        tried = http.get(f"/v1/files/{bucket}/{key}?expires=99999999999&signature={'0' * 64}", headers=caller.headers)
        assert tried.status_code in {403, 404}


def small(catalogue: Catalogue) -> Catalogue:
    """The catalogue with shopify_product as a small PNG."""
    one = replace(catalogue.presets["shopify_product"], size=(256, 256), formats=("png",))
    return replace(catalogue, presets={**catalogue.presets, one.name: one})


def test_a_brands_products_share_a_background_and_another_client_has_its_own(
    caller: Caller, settings: Settings, http: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = http.app.state.submit
    monkeypatch.setattr(http.app.state, "submit", replace(submit, catalogue=small(submit.catalogue)))
    other = Caller(http, settings, f"{caller.client.name}-other"[:100], credits=10)
    painter = Darkener()
    worker = Worker(caller.engine, settings.home, Networks(by_colour, painter, {"segmenter": "1", "generator": "1"}))
    cache_for = client_caches(settings, worker.renders, worker.runner.maker.results.registry)
    runner = replace(worker.runner, maker=replace(worker.runner.maker, cache_for=cache_for))
    came = []
    for client, data in ((caller, PRODUCTS[0]), (caller, PRODUCTS[5]), (other, PRODUCTS[0])):
        profile = {"palette": list(PALETTE), "seed_policy": "pinned", "seed": 4}
        assert http.put("/v1/brands/b", json=profile, headers=client.headers).status_code in {200, 201}
        body = client.body(
            source_image_s3_key=client.upload(data, "image/png"), pilot_brand="b", dominant_colors=[], mood="calm"
        )
        job = client.submit(body).json()["job_id"]
        runner.run(job)
        render = client.get(f"/v1/jobs/{job}").json()["render"]
        came.append((render["report"]["provenance"]["background"], render["seed"]))

    assert came == [("computed", 4), ("cached", 4), ("computed", 4)]
    query = sa.select(stored_objects.c.client_id).where(stored_objects.c.bucket == "scenes")
    with caller.engine.connect() as connection:
        assert {caller.client.id, other.client.id} <= set(connection.execute(query).scalars())


@ON_SQLITE
def test_stored_backgrounds_have_rows_and_expire_by_their_own_setting(engine: sa.Engine, tmp_path: Path) -> None:
    bench = Bench(engine, tmp_path)
    kept = bench.runner.maker.cache_for
    assert kept is not None
    bench.cut()
    kept(bench.shop.client.id, bench.order().job_id, "0" * 64).put("scenes", "one", b"background")
    with engine.begin() as connection:
        connection.execute(stored_objects.update().values(used_at=db_now(-2 * 86_400)))

    bench.expire(cutout_age=None, scene_age=3 * 86_400.0)
    assert bench.wrong() == []
    assert {key.partition("/")[0] for key, _ in bench.renders.entries()} >= {"cutouts", "scenes"}

    bench.expire(cutout_age=None, scene_age=86_400.0)
    assert {key.partition("/")[0] for key, _ in bench.renders.entries()} == {"renders", "cutouts"}
    assert bench.wrong() == []


@ON_SQLITE
@pytest.mark.parametrize(
    ("days", "kept"), [({"cutout_days": 0}, [b"scene", None]), ({"background_days": 0}, [None, b"cut-out"])]
)
def test_with_zero_days_for_a_kind_none_of_it_is_stored(
    engine: sa.Engine, tmp_path: Path, days: dict[str, float], kept: list[bytes | None]
) -> None:
    bench = Bench(engine, tmp_path, **days)
    assert bench.runner.maker.cache_for is not None
    one = bench.runner.maker.cache_for(bench.shop.client.id, bench.order().job_id, "0" * 64)
    one.put("scenes", "one", b"scene")
    one.put("cutouts", "one", b"cut-out")

    assert [one.get("scenes", "one"), one.get("cutouts", "one")] == kept
    assert bench.rows == bench.there
