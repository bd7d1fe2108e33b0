"""Keys and the webhook over the API: the API shows a secret once, and a refusal names the remedy."""

from typing import Any

from service.database.encryption import open_cipher
from service.webhooks.outbox import Outbox
from tests.support.caller import Caller, assert_problem, located


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
