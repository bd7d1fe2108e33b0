"""Authentication: bearer keys, and Shopify's signature over the raw body."""

import base64
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.accounts.clients import Accounts
from service.database.encryption import SecretCipher, new_encryption_key
from tests.support.caller import SWAP, Caller, assert_problem

SHOPIFY = "X-Shopify-Hmac-Sha256"


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


def sign(secret: str, body: bytes) -> dict[str, str]:
    return {SHOPIFY: base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()}


@pytest.fixture
def signer(caller: Caller) -> Caller:
    """A client that has to sign its changes with the secret "s"."""
    caller.accounts.set_shopify_secret(caller.client.name, "s")
    caller.accounts.require_signature(caller.client.name, True)
    return caller


def test_an_unsigned_change_is_refused_where_signing_is_required(signer: Caller) -> None:
    routes = list(changes(signer))

    assert len(routes) > 12
    for method, path in routes:
        assert_problem(signer.http.request(method, path, headers=signer.headers), 401, "signature_required")
    assert "studio page" in signer.http.delete("/v1/jobs/x", headers=signer.headers).json()["detail"]
    assert signer.get("/v1/jobs").status_code == 200
    signed = signer.headers | sign("s", b"")
    assert signer.http.delete("/v1/jobs/x", headers=signed).status_code == 404
    signer.accounts.require_signature(signer.client.name, False)
    assert signer.http.delete("/v1/jobs/x", headers=signer.headers).status_code == 404


def test_a_wrong_signature_is_refused_on_every_route_that_changes_something(caller: Caller) -> None:
    caller.accounts.set_shopify_secret(caller.client.name, "s")
    for method, path in changes(caller):
        for wrong in ({SHOPIFY: "abc"}, sign("other", b"")):
            answer = caller.http.request(method, path, headers=caller.headers | wrong)
            assert_problem(answer, 401, "signature_invalid")
            assert SHOPIFY in answer.json()["detail"]


def test_a_photo_of_many_megabytes_can_be_sent_signed(signer: Caller) -> None:
    form = httpx.Request(
        "POST", "http://x/", files={"file": ("jar.jpg", b"\xff\xd8\xff" + bytes(20 * 2**20) + b"\xff\xd9")}
    )
    raw = form.read()
    headers = signer.headers | {"Content-Type": form.headers["Content-Type"]} | sign("s", raw)

    assert signer.http.post("/v1/uploads", content=raw, headers=headers).status_code == 201
    assert_problem(signer.http.post("/v1/uploads", content=raw[:-1] + b" ", headers=headers), 401, "signature_invalid")
