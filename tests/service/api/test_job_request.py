"""A job's request can be read later, and its photo downloaded for as long as it is stored."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from litestar.testing import TestClient
from ulid import ULID

from pipeline.core.order import RECORDS, SwapOrder
from service.api.app import create_app
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import stored_spec
from service.database.clock import db_now
from service.database.tables import stored_objects
from service.settings import Settings
from service.storage.expiry import DELETE_DELAY, build_expirer
from service.storage.registry import ObjectRegistry
from tests.support.caller import SWAP, Caller
from tests.support.databases import migrated_engine
from tests.support.shop import Shop

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
    assert (found.seed, found.source_key) == (3, "uploads/x.jpg")
    assert shop.intake.request_of(accepted.job_id, client_id=str(ULID())) is None
    shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)
    ObjectRegistry(engine).mark_expired_sources(older_than=-1.0, limit=9)
    expired = shop.intake.request_of(accepted.job_id, client_id=shop.client.id)
    assert expired is not None
    assert expired.source_key is None
