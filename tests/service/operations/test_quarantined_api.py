"""An API of a restored copy: it reads, it changes nothing, and its health reports the quarantine."""

from pathlib import Path

import pytest
from litestar.testing import TestClient

from service.api.app import create_app
from service.database.quarantine import Quarantine
from service.settings import Settings
from tests.support.caller import Caller
from tests.support.databases import migrated_engine


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
