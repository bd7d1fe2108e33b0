"""Who may call: bearer keys, and Shopify's signature over the raw body."""

import base64
import hmac
import json
from typing import Any

import httpx
import pytest

from service.accounts.clients import Accounts
from service.database.encryption import SecretCipher, new_encryption_key
from tests.support.caller import SWAP, Caller, assert_problem


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"Authorization": "Basic eDp5"}],
    ids=["none", "wrong", "empty", "basic"],
)
@pytest.mark.parametrize("raw", [b"{}", b"{"], ids=["any body", "malformed body"])
def test_a_missing_or_wrong_key_is_unauthorized(http: Any, headers: dict[str, str], raw: bytes) -> None:
    answer = http.post(SWAP, content=raw, headers=headers)

    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_every_private_route_wants_a_key(http: Any) -> None:
    for path in ("/v1/jobs/x", "/v1/renders/x", "/v1/credits"):
        assert_problem(http.get(path), 401, "unauthorized")
    assert_problem(http.post("/v1/uploads", json={"content_type": "image/jpeg"}), 401, "unauthorized")


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


def test_a_signature_whose_secret_can_t_be_decrypted_is_answered_with_try_again_and_the_log_names_the_setting(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    Accounts(caller.engine, SecretCipher([new_encryption_key()])).set_shopify_secret(caller.client.name, "lost")

    answer = caller.submit(caller.body(), **{"X-Shopify-Hmac-Sha256": "abc"})

    assert_problem(answer, 503, "signature_unchecked")
    assert answer.headers["retry-after"] == "60"
    assert "BACKDROP_ENCRYPTION_KEYS" in caplog.text
    assert caller.submit(caller.body()).status_code == 202, "who signs nothing is not held up"


def test_a_signature_of_a_client_without_a_secret_is_refused(caller: Caller) -> None:
    assert_problem(caller.submit(caller.body(), **{"X-Shopify-Hmac-Sha256": "abc"}), 401, "signature_invalid")
