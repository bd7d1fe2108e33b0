"""`backdrop ops restore-check` and `ops release`: their output, their refusals, and that one command releases."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from litestar.testing import TestClient

from service.api.app import create_app
from service.database.quarantine import Quarantine
from service.database.tables import renders
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.webhooks.endpoints import Webhooks
from tests.support.caller import Caller
from tests.support.command_line import run
from tests.support.databases import migrated_engine
from tests.support.shop import Shop, render


@pytest.fixture
def settings(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DATABASE_URL", migrated_url)
    monkeypatch.setenv("BACKDROP_HOME", str(tmp_path))
    return Settings(database_url=migrated_url, home=tmp_path)


def test_the_check_lists_the_effects_of_a_release_and_a_missing_picture_refuses_it(
    settings: Settings, engine: sa.Engine
) -> None:
    assert run("ops", "release", "--undo").exit_code == 0
    shop = Shop(engine)
    Webhooks(engine).register(shop.client.name, "https://shop.example/hooks")
    made = shop.order()
    shop.jobs.succeed(shop.claim(made), replace(render(), key=f"renders/{shop.client.id}/{made.job_id}-1.jpg", bytes=3))
    shop.order(), shop.order()

    checked = run("ops", "restore-check")
    assert checked.exit_code == 1
    assert "in quarantine: an operator put it there" in checked.output
    assert "2 unfinished jobs will continue." in checked.output
    assert "1 webhook messages will go out, to 1 clients." in checked.output
    assert "WRONG: 1 of the newest 1 renders have no bytes" in checked.output
    refused = run("ops", "release")
    assert (refused.exit_code, "Not released." in refused.output) == (1, True)
    assert Quarantine(engine, settings).reason() is not None

    with engine.connect() as connection:
        key = connection.execute(sa.select(renders.c.key)).scalar_one()
    open_buckets(settings)[1].put(key, b"jpg", "image/jpeg")
    assert run("ops", "restore-check").exit_code == 0
    released = run("ops", "release")
    assert (released.exit_code, "Released." in released.output) == (0, True)
    assert Quarantine(engine, settings).reason() is None


# An API of a restored copy


def test_a_quarantined_api_answers_reads_and_refuses_changes(
    tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.database.quarantine._FRESH", 0.0)
    settings = Settings(home=tmp_path, queue_url=valkey_url)
    engine = migrated_engine(settings)
    Quarantine(engine, settings).hold()

    with TestClient(create_app(settings)) as http:
        caller = Caller(http, settings, "shop", credits=10)
        submitted = caller.submit({"scene_type": "podium"})
        refused = [
            http.post("/v1/uploads", json={"content_type": "image/jpeg"}, headers=caller.headers),
            http.put("/v1/webhook", json={"url": "https://shop.example/hooks"}, headers=caller.headers),
            http.delete("/v1/jobs/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V", headers=caller.headers),
            submitted,
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(503, "quarantined")] * 4
        assert submitted.headers["retry-after"] == "60"
        assert caller.get("/v1/credits").json()["balance"] == 10

        ready = http.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["degraded"][0]["part"] == "installation"
        assert "in quarantine" in ready.json()["degraded"][0]["detail"]

        Quarantine(engine, settings).release()
        assert caller.submit({"scene_type": "podium"}).status_code == 422  # it is read again
    engine.dispose()
