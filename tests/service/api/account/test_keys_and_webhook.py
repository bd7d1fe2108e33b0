"""Keys and the webhook over the API: the API shows a secret once, and a refusal names the remedy."""

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from ulid import ULID

from service.database.encryption import open_cipher
from service.database.tables import deliveries
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.webhooks.delivery import DeliveryLoop, build_delivery_loop
from service.webhooks.endpoints import Webhooks
from service.webhooks.outbox import Outbox
from service.webhooks.sender import WebhookSender
from testkit.receiver import receiving
from tests.service.api.test_isolation import Owner
from tests.support.caller import Caller, assert_problem, located
from tests.support.shop import render
from tests.support.webhooks import run


def ask(caller: Caller, method: str, path: str, body: Any = None, key: str = "") -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else caller.headers
    return caller.http.request(method, path, json=body, headers=headers)


def test_a_key_makes_another_key_that_replaces_it(caller: Caller) -> None:
    made = ask(caller, "POST", "/v1/keys", {"name": " warehouse "})
    assert made.status_code == 201
    assert made.json()["name"] == "warehouse"
    first, second = ask(caller, "GET", "/v1/keys").json()["items"]
    assert (first["current"], second["current"]) == (True, False)
    assert made.json()["key"] not in ask(caller, "GET", "/v1/keys").text

    assert ask(caller, "DELETE", f"/v1/keys/{first['id']}", key=made.json()["key"]).status_code == 204

    assert_problem(ask(caller, "GET", "/v1/keys"), 401, "unauthorized")
    assert_problem(ask(caller, "DELETE", f"/v1/keys/{second['id']}", key=made.json()["key"]), 409, "last_key")


def test_a_request_whose_fields_all_have_defaults_needs_no_body(caller: Caller) -> None:
    ask(caller, "PUT", "/v1/webhook", {"url": "https://shop.example/hooks"})

    key, rotated, brand = (
        caller.http.request(method, path, headers=caller.headers)
        for method, path in (("POST", "/v1/keys"), ("POST", "/v1/webhook/secret"), ("PUT", "/v1/brands/plain"))
    )

    assert (key.status_code, key.json()["name"]) == (201, None)
    assert (rotated.status_code, rotated.json()["secret"][:6]) == (200, "whsec_")
    assert rotated.json()["previous_until"] is not None
    assert (brand.status_code, brand.json()["palette"]) == (201, [])
    assert located(caller.http.put("/v1/webhook", headers=caller.headers)) == {("body",)}


def test_a_webhook_is_set_rotated_and_deleted_and_its_secret_is_shown_once(caller: Caller) -> None:
    assert_problem(ask(caller, "GET", "/v1/webhook"), 404, "not_found")
    made = ask(caller, "PUT", "/v1/webhook", {"url": "https://shop.example/hooks"})
    again = ask(caller, "PUT", "/v1/webhook", {"url": "https://shop.example/hooks"})
    assert (made.status_code, again.status_code, again.json()["secret"]) == (201, 200, None)
    assert "secret" not in ask(caller, "GET", "/v1/webhook").json()

    once = {"headers": caller.headers | {"Idempotency-Key": "rotation 1"}, "json": {"grace_hours": 1}}
    rotated, again = (caller.http.post("/v1/webhook/secret", **once).json() for _ in range(2))
    assert again == rotated
    caller.jobs.cancel(caller.submit(caller.body()).json()["job_id"], client_id=caller.client.id)
    sending = Outbox(caller.engine, open_cipher(caller.settings), lease=60).claim()
    assert sending is not None
    assert sending.secrets == (rotated["secret"], made.json()["secret"])
    assert rotated["previous_until"] is not None

    assert ask(caller, "DELETE", "/v1/webhook").status_code == 204
    assert_problem(ask(caller, "DELETE", "/v1/webhook"), 404, "not_found")
    assert_problem(ask(caller, "POST", "/v1/webhook/secret", {}), 404, "not_found")


def test_a_message_has_a_url_that_downloads_the_picture_without_a_key(caller: Caller) -> None:
    ask(caller, "PUT", "/v1/webhook", {"url": "https://shop.example/hooks"})
    open_buckets(caller.settings)[1].put("renders/a.jpg", b"a picture", "image/jpeg")
    caller.jobs.succeed(caller.claim(caller.submit(caller.body()).json()["job_id"]), render())
    loop = build_delivery_loop(caller.settings)
    sending = loop.outbox.claim()
    loop.outbox._engine.dispose()

    assert sending is not None
    sent = json.loads(sending.body)["data"]["render"]
    assert caller.http.get(sent["download_url"]).content == b"a picture"
    assert datetime.fromisoformat(sent["download_url_expires_at"]) > datetime.now(UTC)
    assert sent["url"] == f"/v1/renders/{sent['public_id']}/picture"


DELIVERIES = "/v1/webhook/deliveries"


def send_all(caller: Caller) -> None:
    """Make one attempt at each due message, as a sweep does."""
    outbox = Outbox(caller.engine, open_cipher(caller.settings), lease=60)
    loop = DeliveryLoop(outbox, WebhookSender(httpx.create_ssl_context(), 10, allow_private=True), keep=3600)
    loop.run_once(wait=0.1)
    run(loop, lambda: True)


def test_a_test_message_is_signed_sent_once_and_logged_and_can_be_sent_again(caller: Caller) -> None:
    assert_problem(ask(caller, "POST", "/v1/webhook/test"), 404, "not_found")
    with receiving(500) as receiver:
        hooks = Webhooks(caller.engine, open_cipher(caller.settings), allow_private=True)
        _, secret = hooks.register(caller.client.name, receiver.url)
        made = ask(caller, "POST", "/v1/webhook/test")
        assert (made.status_code, made.json()["state"], made.json()["attempts"]) == (202, "waiting", 0)
        address = made.headers["location"]
        send_all(caller)
        failed = ask(caller, "GET", address).json()
        assert (failed["state"], failed["last_status"], failed["next_attempt_at"]) == ("failed", 500, None)

        receiver.answer = 204
        for state in ("failed", "delivered"):
            assert ask(caller, "GET", address).json()["state"] == state
            again = ask(caller, "POST", f"{address}/redeliver")
            assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (202, "waiting", 0)
            send_all(caller)

    sent = [one.verified(secret) for one in receiver.received]
    assert [one["type"] for one in sent] == ["webhook.test"] * 3
    assert {one.id for one in receiver.received} == {made.json()["id"]} == {one["data"]["message_id"] for one in sent}
    seen = ask(caller, "GET", address).json()
    assert (seen["body"].encode(), seen["job_id"], seen["order_id"]) == (receiver.received[-1].body, None, None)
    assert (seen["state"], seen["attempts"], seen["last_status"]) == ("delivered", 1, 204)


def test_a_message_is_not_sent_again_while_an_attempt_is_under_way_or_without_a_webhook(caller: Caller) -> None:
    ask(caller, "PUT", "/v1/webhook", {"url": "https://shop.example/hooks"})
    address = ask(caller, "POST", "/v1/webhook/test").headers["location"]
    assert Outbox(caller.engine, open_cipher(caller.settings), lease=60).claim() is not None

    refused = ask(caller, "POST", f"{address}/redeliver")
    assert_problem(refused, 409, "delivery_under_way")
    assert refused.headers["retry-after"] == "5"
    ask(caller, "DELETE", "/v1/webhook")
    assert ask(caller, "GET", address).json()["state"] == "dropped"
    assert "PUT /v1/webhook" in ask(caller, "POST", f"{address}/redeliver").text


def test_the_delivery_log_is_paged_and_narrowed(caller: Caller) -> None:
    ask(caller, "PUT", "/v1/webhook", {"url": "https://shop.example/hooks"})
    jobs = [caller.submit(caller.body()).json()["job_id"] for _ in range(3)]
    for job_id in jobs:
        caller.jobs.cancel(job_id, client_id=caller.client.id)
    test = ask(caller, "POST", "/v1/webhook/test").json()
    with caller.engine.begin() as connection:
        connection.execute(deliveries.update().where(deliveries.c.job_id == jobs[1]).values(state="failed"))

    def listed(query: str = "") -> list[Any]:
        answer = ask(caller, "GET", f"{DELIVERIES}?{query}")
        assert answer.status_code == 200, answer.text
        return [one["job_id"] for one in answer.json()["items"]]

    assert listed() == [None, *reversed(jobs)]
    first = ask(caller, "GET", f"{DELIVERIES}?limit=3").json()
    assert [one["job_id"] for one in first["items"]] == [None, jobs[2], jobs[1]]
    assert listed(f"cursor={first['next_cursor']}") == [jobs[0]]
    assert (listed("type=webhook.test"), listed(f"job_id={jobs[0]}")) == ([None], [jobs[0]])
    assert listed("status=failed") == [jobs[1]]
    assert len(listed("status=failed&status=waiting")) == 4
    assert listed(f"created_after={test['created_at']}") == [None]
    assert listed(f"created_before={test['created_at']}") == list(reversed(jobs))
    for query, name in (
        ("status=lost", "status"),
        ("cursor=msg_1", "cursor"),
        ("type=x", "type"),
        ("job_id=x", "job_id"),
    ):
        assert located(ask(caller, "GET", f"{DELIVERIES}?{query}")) == {("query", name)}
    assert_problem(ask(caller, "GET", f"{DELIVERIES}/msg_%00"), 404, "not_found")
    with caller.engine.connect() as connection:
        body = connection.execute(sa.select(deliveries.c.body).where(deliveries.c.id == test["id"])).scalar_one()
    assert json.loads(body)["type"] == "webhook.test"


# The routes of all of a client's data


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
