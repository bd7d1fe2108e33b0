"""Authentication: bearer keys, Shopify's signature over the raw body, and Backdrop's over the whole request."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backdrop_client.connection import Connection
from backdrop_client.flow import Call
from service.accounts.clients import Accounts
from service.database.encryption import SecretCipher, new_encryption_key
from tests.support.caller import SWAP, Caller, assert_problem

OWN, SHOPIFY = "X-Backdrop-Signature", "X-Shopify-Hmac-Sha256"


def test_a_missing_or_wrong_key_is_unauthorized(http: Any) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic eDp5"},
    ):
        for raw in (b"{}", b"{"):
            answer = http.post(SWAP, content=raw, headers=headers)
            assert_problem(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"


def test_shopifys_signature_is_checked_over_the_raw_body_with_both_live_secrets(caller: Caller) -> None:
    caller.accounts.set_shopify_secret(caller.client.name, "older")
    caller.accounts.set_shopify_secret(caller.client.name, "newer")
    raw = json.dumps(caller.body(), indent=3).encode()

    def sent(secret: str, body: bytes = raw) -> httpx.Response:
        signature = base64.b64encode(hmac.digest(secret.encode(), raw, "sha256")).decode()
        headers = caller.headers | {"X-Shopify-Hmac-Sha256": signature}
        answer = caller.http.post(SWAP, content=body, headers=headers)
        assert isinstance(answer, httpx.Response)
        return answer

    assert sent("newer").status_code == 202
    assert sent("older").status_code == 202
    assert_problem(sent("oldest"), 401, "signature_invalid")
    assert_problem(sent("newer", raw + b" "), 401, "signature_invalid")
    assert_problem(sent("newer", b"{"), 401, "signature_invalid")


def test_a_signature_whose_secret_cannot_be_decrypted_gets_try_again_and_the_log_names_the_setting(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    Accounts(caller.engine, SecretCipher([new_encryption_key()])).set_shopify_secret(caller.client.name, "lost")

    answer = caller.submit(caller.body(), **{"X-Shopify-Hmac-Sha256": "abc"})

    assert_problem(answer, 503, "signature_unchecked")
    assert answer.headers["retry-after"] == "60"
    assert "BACKDROP_ENCRYPTION_KEYS" in caplog.text
    assert caller.submit(caller.body()).status_code == 202, "a client that signs nothing does not wait"


def test_a_signature_of_a_client_without_a_secret_is_refused(caller: Caller) -> None:
    assert_problem(caller.submit(caller.body(), **{"X-Shopify-Hmac-Sha256": "abc"}), 401, "signature_invalid")


def changes(caller: Caller) -> Iterator[tuple[str, str]]:
    """Yield method and path of every operation of a client's own, previews left out."""
    for path, methods in caller.http.get("/schema/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            if method not in {"get", "head"} and operation.get("security"):
                names = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
                yield method.upper(), path.format(**dict.fromkeys(names, "x"))


def sign(
    secret: str, method: str, target: str, body: bytes, at: int | None = None, *, key: str | None = ""
) -> dict[str, str]:
    """Sign as version 2 does; without `key`, as version 1."""
    at = int(time.time()) if at is None else at
    lines = [b"v2", str(at).encode(), method.encode(), target.encode(), (key or "").encode(), body]
    if key is None:
        lines = [*lines[1:4], body]
    digest = hmac.digest(secret.encode(), b"\n".join(lines), "sha256").hex()
    return {OWN: f"t={at},v{1 if key is None else 2}={digest}"}


@pytest.fixture
def signer(caller: Caller) -> Caller:
    """A client that has to sign its changes with the secret "s"."""
    caller.accounts.set_shopify_secret(caller.client.name, "s")
    caller.accounts.require_signature(caller.client.name, True)
    return caller


def test_an_unsigned_change_is_refused_where_signing_is_required(signer: Caller) -> None:
    routes = list(changes(signer))
    shopify = {SHOPIFY: base64.b64encode(hmac.digest(b"s", b"", "sha256")).decode()}

    assert len(routes) > 12
    for method, path in routes:
        for headers in (signer.headers, signer.headers | shopify):  # Shopify's fits any request without a body
            assert_problem(signer.http.request(method, path, headers=headers), 401, "signature_required")
    assert "studio page" in signer.http.delete("/v1/jobs/x", headers=signer.headers).json()["detail"]
    assert signer.get("/v1/jobs").status_code == 200
    signer.accounts.require_signature(signer.client.name, False)
    assert signer.http.delete("/v1/jobs/x", headers=signer.headers).status_code == 404


def test_a_wrong_signature_is_refused_on_every_route_that_changes_something(caller: Caller) -> None:
    caller.accounts.set_shopify_secret(caller.client.name, "s")
    for method, path in changes(caller):
        for name, wrong in ((SHOPIFY, "abc"), (OWN, "abc"), (OWN, sign("other", method, path, b"")[OWN])):
            answer = caller.http.request(method, path, headers=caller.headers | {name: wrong})
            assert_problem(answer, 401, "signature_invalid")
            assert name in answer.json()["detail"]


def test_a_signature_fits_one_method_path_query_and_body_for_five_minutes(signer: Caller) -> None:
    signer.accounts.require_signature(signer.client.name, False)
    body, now = json.dumps(signer.body()).encode(), int(time.time())
    signer.accounts.require_signature(signer.client.name, True)
    target = f"{SWAP}?seed=7&dry_run=true"

    def ask(headers: dict[str, str], body: bytes = body, target: str = target) -> httpx.Response:
        answer = signer.http.post(target, content=body, headers=signer.headers | headers)
        assert isinstance(answer, httpx.Response)
        return answer

    for at in (now - 290, now, now + 290):
        assert ask(sign("s", "POST", target, body, at)).status_code == 200
    signer.accounts.set_shopify_secret(signer.client.name, "newer")
    assert ask(sign("s", "POST", target, body)).status_code == 200, "both live secrets sign"
    signed = sign("newer", "POST", target, body)
    assert ask(signed).status_code == 200
    others = [
        ask(signed, body + b" "),
        ask(signed, target=f"{SWAP}?seed=8&dry_run=true"),
        ask(signed, target=SWAP),
        ask(signed, target="/v1/cutouts?seed=7&dry_run=true"),
        signer.http.request("PUT", "/v1/webhook", content=body, headers=signer.headers | signed),
        ask({OWN: sign("newer", "PUT", target, body)[OWN]}),
    ]
    for answer in others:
        assert_problem(answer, 401, "signature_invalid")
    for at, said in ((now - 400, "old"), (now + 400, "ahead")):
        late = ask(sign("newer", "POST", target, body, at))
        assert_problem(late, 401, "signature_invalid")
        assert said in late.json()["detail"]


def test_a_captured_signed_request_charges_nothing_with_another_idempotency_key(signer: Caller) -> None:
    signer.accounts.require_signature(signer.client.name, False)
    body = json.dumps(signer.body()).encode()
    signer.accounts.require_signature(signer.client.name, True)

    def ask(headers: dict[str, str], body: bytes = body) -> httpx.Response:
        answer = signer.http.post(SWAP, content=body, headers=signer.headers | headers)
        assert isinstance(answer, httpx.Response)
        return answer

    for key in ("mine", ""):
        signed = sign("s", "POST", SWAP, body, key=key)
        mine = {"Idempotency-Key": key} if key else {}
        first, balance = ask(signed | mine), signer.balance
        assert first.status_code == 202
        again = ask(signed | mine)
        assert (again.json(), "idempotent-replayed" in again.headers) == (first.json(), True)
        other = {"Idempotency-Key": "theirs"}
        as_v1 = {OWN: signed[OWN].replace("v2=", "v1=")}
        for captured, sent in ((signed | other, body), (as_v1 | other, body), (as_v1 | other, b"\n" + body)):
            assert_problem(ask(captured, sent), 401, "signature_invalid")
        two = [*(signer.headers | signed | mine).items(), *other.items()]
        assert_problem(signer.http.post(SWAP, content=body, headers=two), 401, "signature_invalid")
        assert signer.balance == balance
    assert ask(sign("s", "POST", SWAP, body, key=None)).status_code == 202, "version 1 still signs"


def test_a_photo_of_many_megabytes_can_be_sent_signed(signer: Caller) -> None:
    form = httpx.Request(
        "POST", "http://x/", files={"file": ("jar.jpg", b"\xff\xd8\xff" + bytes(20 * 2**20) + b"\xff\xd9")}
    )
    raw = form.read()
    headers = signer.headers | {"Content-Type": form.headers["Content-Type"]} | sign("s", "POST", "/v1/uploads", raw)

    assert signer.http.post("/v1/uploads", content=raw, headers=headers).status_code == 201
    assert_problem(signer.http.post("/v1/uploads", content=raw[:-1] + b" ", headers=headers), 401, "signature_invalid")


@pytest.mark.parametrize("base", ["http://testserver.local", "http://testserver.local/shop/"], ids=["root", "path"])
def test_the_python_client_signs_as_the_api_verifies(signer: Caller, base: str) -> None:
    key = signer.headers["Authorization"].removeprefix("Bearer ")
    brand = json.dumps({"palette": ["ivory"], "style_words": [], "seed_policy": "free"}).encode()
    calls = [
        Call("PUT", "/v1/brands/Lumen%20%26%20%C3%96l", headers={"Content-Type": "application/json"}, content=brand),
        Call("DELETE", "/v1/brands/Lumen%20%26%20%C3%96l"),
        Call("POST", SWAP, query={"metadata": ["a:b c", "ü:1"], "dry_run": "true"}, content=b"{}"),
        Call("GET", "/v1/jobs"),
    ]

    def sent(secret: str | None) -> list[int]:
        connection = Connection(base, key, 10.0, secret)
        with httpx.Client(base_url=base) as http:
            requests = [connection.request(http, call) for call in calls]
        for one in requests:  # as a proxy passes it on
            one.url = httpx.URL(str(one.url).replace("/shop/", "/"))
        return [signer.http.send(one).status_code for one in requests]

    assert sent("s") == [201, 204, 422, 200]
    assert sent(None) == [401, 401, 401, 200]
    assert "'s'" not in repr(Connection(base, key, 10.0, "s"))
