"""A job's request can be read later, and its photo downloaded for as long as it is stored."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from litestar.testing import TestClient
from ulid import ULID

from pipeline.core.order import RECORDS, SwapOrder
from service.api.app import create_app
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import stored_spec
from service.database.clock import db_now
from service.database.tables import deliveries, renders, stored_objects
from service.settings import Settings
from service.storage.expiry import DELETE_DELAY, build_expirer
from service.storage.registry import ObjectRegistry
from service.webhooks.endpoints import Webhooks
from tests.support.caller import SWAP, Caller
from tests.support.databases import migrated_engine
from tests.support.shop import Shop, render

PHOTO = bytes(range(256)) * 40


@pytest.fixture
def one(tmp_path: Path, valkey_url: str) -> Iterator[Caller]:
    """A client of an API of its own, all of whose photos can expire."""
    settings = Settings(home=tmp_path, queue_url=valkey_url)
    migrated_engine(settings).dispose()
    with TestClient(create_app(settings)) as http:
        caller = Caller(http, settings, "asking", credits=100)
        yield caller
        caller.engine.dispose()


def asked(caller: Caller, job_id: str) -> dict[str, Any]:
    answer = caller.get(f"/v1/jobs/{job_id}/request")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"request", "seed", "source", "preview", "subject", *RECORDS}
    return dict(answer.json())


def test_a_request_is_returned_resolved_with_its_photo_until_that_expires(one: Caller) -> None:
    body = {
        "source_image_s3_key": one.upload(PHOTO, "image/webp"),
        "scene_type": "Marble Tabletop",
        "mood": "calm",
        "dominant_colors": ["ivory"],
        "output_preset": "shopify_product",
    }
    job_id = one.http.post(f"{SWAP}?seed=7", json=body, headers=one.headers).json()["job_id"]
    drawn = one.submit(body).json()["job_id"]

    shown = asked(one, job_id)

    assert shown["seed"] == 7
    assert shown["request"] == body | {
        "scene_type": "marble_tabletop",
        "dominant_colors": ["#fffff0"],
        "source_render_public_id": None,
        "pilot_brand": None,
    }
    assert shown["source"]["content_type"] == "image/webp"
    url = urlsplit(shown["source"]["url"])
    photo = one.http.get(f"{url.path}?{url.query}")
    assert hashlib.sha256(photo.content).digest() == hashlib.sha256(PHOTO).digest()
    assert photo.headers["content-type"] == "image/webp"
    assert 0 <= asked(one, drawn)["seed"] < 2**31
    for name in (job_id, drawn):
        one.jobs.cancel(name, client_id=one.client.id)
    old = stored_objects.c.key == body["source_image_s3_key"]
    with one.engine.begin() as connection:
        connection.execute(stored_objects.update().where(old).values(used_at=db_now(-40 * 86_400)))
    expirer = build_expirer(one.settings)
    expirer.run_once()
    assert asked(one, job_id) == shown | {"source": None}, "expired"
    with one.engine.begin() as connection:
        connection.execute(stored_objects.update().where(old).values(doomed_at=db_now(-DELETE_DELAY - 1)))
    expirer.run_once()
    expirer.registry._engine.dispose()
    assert asked(one, job_id) == shown | {"source": None}, "deleted"


def test_reading_a_request_is_one_statement_on_both_databases(engine: sa.Engine) -> None:
    shop = Shop(engine)
    spec = stored_spec(load_catalogue(), SwapOrder("podium", "calm", "open_graph", ("#aabbcc",), seed=3))
    accepted = shop.order(body={"mood": "calm"}, spec=spec, source_key="uploads/x.jpg")

    found = shop.intake.request_of(accepted.job_id, client_id=shop.client.id)

    assert found is not None
    assert found.body == {"mood": "calm", "dominant_colors": ["#aabbcc"]}, "the colours that a brand gave, too"
    assert found.order is not None
    assert (found.order.seed, found.source_key) == (3, "uploads/x.jpg")
    assert shop.intake.request_of(accepted.job_id, client_id=str(ULID())) is None
    shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)
    ObjectRegistry(engine).mark_expired_sources(older_than=-1.0, limit=9)
    expired = shop.intake.request_of(accepted.job_id, client_id=shop.client.id)
    assert expired is not None
    assert expired.source_key is None


# A caller's own id for a job


SKU = "order-1042/front & Öl"


def submit(caller: Caller, reference: str | None, **headers: str) -> httpx.Response:
    query = "" if reference is None else "?" + urlencode({"reference": reference})
    answer = caller.http.post(SWAP + query, json=caller.body(), headers=caller.headers | headers)
    assert isinstance(answer, httpx.Response)
    return answer


def ids(caller: Caller, path: str, reference: str) -> list[str]:
    items = caller.get(f"{path}?{urlencode({'reference': reference})}").json()["items"]
    return [str(item["job_id"]) for item in items]


def made(caller: Caller, reference: str | None) -> str:
    """Return a job with that reference, carried out."""
    job_id = str(submit(caller, reference).json()["job_id"])
    caller.jobs.succeed(caller.claim(job_id), render())
    return job_id


def test_a_reference_is_returned_with_the_job_its_render_and_its_webhook(caller: Caller) -> None:
    Webhooks(caller.engine, allow_private=True).register(caller.client.name, "http://127.0.0.1:9/hook")
    job_id = made(caller, SKU)

    job = caller.get(f"/v1/jobs/{job_id}").json()
    assert (job["reference"], job["render"]["reference"]) == (SKU, SKU)
    assert caller.get(f"/v1/renders/{job['render']['public_id']}").json()["reference"] == SKU
    with caller.engine.connect() as connection:
        body = connection.execute(sa.select(deliveries.c.body).where(deliveries.c.job_id == job_id)).scalar_one()
    assert '"reference":"order-1042/front & \\u00d6l"' in body
    assert caller.get(f"/v1/jobs/{made(caller, None)}").json()["reference"] is None


def test_both_lists_filter_by_the_exact_reference(caller: Caller) -> None:
    first, second, other = made(caller, SKU), made(caller, SKU), made(caller, SKU.upper())
    made(caller, None)

    for path in ("/v1/jobs", "/v1/renders"):
        assert ids(caller, path, SKU) == [second, first]
        assert ids(caller, path, SKU.upper()) == [other]
        assert ids(caller, path, "order") == []
        page = caller.get(f"{path}?{urlencode({'reference': SKU, 'limit': 1})}").json()
        rest = caller.get(f"{path}?{urlencode({'reference': SKU, 'limit': 1, 'cursor': page['next_cursor']})}").json()
        assert [page["items"][0]["job_id"], rest["items"][0]["job_id"]] == [second, first]
        assert rest["next_cursor"] is None


def test_after_its_render_has_expired_a_job_keeps_the_reference(caller: Caller) -> None:
    job_id = made(caller, SKU)
    with caller.engine.begin() as connection:
        connection.execute(renders.delete().where(renders.c.job_id == job_id))

    assert caller.get(f"/v1/jobs/{job_id}").json()["reference"] == SKU
    assert (ids(caller, "/v1/jobs", SKU), ids(caller, "/v1/renders", SKU)) == ([job_id], [])


def test_an_index_finds_the_jobs_of_a_reference(caller: Caller) -> None:
    with caller.engine.connect() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE client_id = 'a' AND reference = 'b' ORDER BY id DESC"
        ).all()

    assert "jobs_of_client_by_reference" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


PAIRS = {"colour": "red & Öl", "note": "a:b", "season.2027": ""}


def tagged(caller: Caller, *pairs: str, body: Any = None, dry_run: bool = False, key: str = "") -> httpx.Response:
    query = urlencode([("metadata", pair) for pair in pairs] + ([("dry_run", "true")] if dry_run else []))
    headers = caller.headers | ({"Idempotency-Key": key} if key else {})
    answer = caller.http.post(f"{SWAP}?{query}", json=body or caller.body(), headers=headers)
    assert isinstance(answer, httpx.Response)
    return answer


def test_metadata_is_returned_with_the_job_its_render_its_webhook_and_in_the_lists(caller: Caller) -> None:
    Webhooks(caller.engine, allow_private=True).register(caller.client.name, "http://127.0.0.1:9/hook")
    job_id = str(tagged(caller, *(f"{name}:{value}" for name, value in PAIRS.items())).json()["job_id"])
    caller.jobs.succeed(caller.claim(job_id), render())

    job = caller.get(f"/v1/jobs/{job_id}").json()
    (listed,), (shown,) = (caller.get(path).json()["items"] for path in ("/v1/jobs", "/v1/renders"))
    alone = caller.get(f"/v1/renders/{job['render']['public_id']}").json()
    for kept in (job, job["render"], listed, shown, alone):
        assert kept["metadata"] == PAIRS
    with caller.engine.connect() as connection:
        body = connection.execute(sa.select(deliveries.c.body).where(deliveries.c.job_id == job_id)).scalar_one()
    assert json.loads(body)["data"]["metadata"] == PAIRS
    assert caller.get(f"/v1/jobs/{made(caller, None)}").json()["metadata"] == {}
