"""The routes of all of a client's data: its export, its deletion, and the receipts."""

import io
import zipfile
from typing import Any

import pytest
from ulid import ULID

from service.settings import Settings
from tests.service.api.test_isolation import Owner
from tests.support.caller import Caller, assert_problem, located


def test_a_client_deletes_all_of_its_data_and_keeps_receipt_credits_and_key(http: Any, settings: Settings) -> None:
    owner, other = (Owner(http, settings, f"{name}-{ULID()}") for name in ("leaver", "stayer"))
    before, balance = other.belongings(), 100 - 2  # one job has succeeded

    wrong = http.delete("/v1/data?confirm=me", headers=owner.headers)
    assert located(wrong) == {("query", "confirm")}
    assert owner.client.name in wrong.json()["detail"][0]["msg"]
    missing = http.delete("/v1/data", headers=owner.headers)
    assert located(missing) == {("query", "confirm")}
    assert "Add confirm. Your client's name" in missing.json()["detail"][0]["msg"]
    assert len(owner.get("/v1/jobs").json()["items"]) == 6, "nothing happened"

    answer = http.delete(f"/v1/data?confirm={owner.client.name}", headers=owner.headers)

    receipt = answer.json()
    assert (answer.status_code, receipt["state"], receipt["counts"]["jobs"]) == (200, "complete", 6)
    assert set(receipt["kept"]) == {"client", "keys", "ledger", "receipts"}
    assert receipt["files_deleted_by"] > receipt["completed_at"]
    assert owner.balance == balance
    for listed in ("jobs", "renders", "cutouts", "brands", "orders", "webhook/deliveries"):
        assert owner.get(f"/v1/{listed}").json()["items"] == [], listed
    for path in (f"jobs/{owner.done}", f"renders/{owner.public_id}", f"orders/{owner.order}", "webhook"):
        assert owner.get(f"/v1/{path}").status_code == 404, path
    assert owner.submit(owner.once_body).status_code == 404, "its photo is gone"
    assert owner.get("/v1/data/deletions").json()["items"][0] == receipt
    assert owner.get(f"/v1/data/deletions/{receipt['id']}").json() == receipt
    assert other.belongings() == before
    assert owner.submit(owner.body(), **owner.once).status_code == 202, "an Idempotency-Key of before is free"


def test_a_deletion_that_takes_too_long_answers_202(http: Any, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.api.account.data._SECONDS", 0.0)

    answer = http.delete(f"/v1/data?confirm={caller.client.name}", headers=caller.headers)

    assert (answer.status_code, answer.json()["state"]) == (202, "in_progress")
    assert answer.json()["files_deleted_by"] is None


def test_the_export_is_a_zip_and_a_second_one_waits_for_its_end(http: Any, settings: Settings) -> None:
    owner = Owner(http, settings, f"owner-{ULID()}")

    for _ in range(2):  # the place of the first is free again
        answer = owner.get("/v1/data")
        assert answer.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            assert {"jobs.jsonl", f"uploads/{owner.photo.rpartition('/')[2]}"} < set(archive.namelist())
            whole = b"".join(archive.read(name) for name in archive.namelist())
    assert owner.secret.encode() not in whole
    assert owner.headers["Authorization"].removeprefix("Bearer ").encode() not in whole
    with http.app.state.exports.hold(owner.client.id):
        assert_problem(owner.get("/v1/data"), 429, "too_many_exports")
    assert owner.get("/v1/data").status_code == 200
