"""Errors: one set of fields for both shapes, a stable code for each fault, and its place."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from service.settings import Settings
from tests.support.caller import SWAP, Caller, assert_problem, located

#: Fields of every error's body.
COMMON = {"status", "type", "title", "detail", "code", "request_id"}


def codes(answer: Any) -> dict[tuple[Any, ...], str]:
    located(answer)
    return {tuple(one["loc"]): one["code"] for one in answer.json()["detail"]}


def test_an_unprocessable_request_has_the_fields_of_a_problem(caller: Caller) -> None:
    invalid, missing = caller.submit({}), caller.get("/v1/jobs/none")

    assert set(invalid.json()) == set(missing.json()) == COMMON
    assert invalid.headers["content-type"] == "application/json"
    for answer in (invalid, missing):
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("PUT", "/v1/credits", 405, "method_not_allowed"),
        ("GET", "/v1/files/sources/x?expires=1&signature=x", 403, "url_invalid"),
    ],
)
def test_a_refusal_before_authentication_names_its_request_too(
    caller: Caller, method: str, path: str, status: int, code: str
) -> None:
    assert_problem(caller.http.request(method, path), status, code)


def test_a_missing_parameter_is_named(caller: Caller) -> None:
    assert codes(caller.http.put("/v1/files/sources/x?expires=1")) == {("query", "signature"): "missing"}


def test_not_found_and_not_allowed_state_the_remedy(caller: Caller) -> None:
    assert "GET /v1/jobs lists your jobs" in caller.get("/v1/jobs/none").json()["detail"]
    assert "GET '/v1/nowhere'" in caller.get("/v1/nowhere").json()["detail"]
    assert "Use one of GET" in caller.http.put("/v1/credits", headers=caller.headers).json()["detail"]


def test_thousands_of_unknown_names_are_answered_at_once(caller: Caller) -> None:
    names = [f"name{number}" for number in range(1900)]

    asked = caller.get("/v1/jobs?" + "&".join(names))
    sent = caller.submit(dict.fromkeys(names, 1))

    assert len(asked.json()["detail"]) == 20
    assert len(sent.json()["detail"]) == 101
    assert sent.json()["detail"][100]["type"] == "too_many_faults"
    assert "The body has 1,904 faults" in sent.json()["detail"][100]["msg"]
    sought = [one for one in sent.json()["detail"] if "There is no field" in one["msg"]]
    assert 0 < len(sought) <= 20, "only some get a nearest name: for all it would take seconds"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (SWAP, {f"name{number}": 1 for number in range(3000)}, "too_many_values"),
        ("/v1/orders", {"photos": [{f"a{number}": 1 for number in range(60_000)}]}, "too_many_values"),
        (
            "/v1/orders",
            {"photos": [{f"x{photo}_{name}": 1 for name in range(300)} for photo in range(200)]},
            "too_many_values",
        ),
        ("/v1/orders", {"metadata": {f"k{number}": "v" for number in range(60_000)}}, "too_many_values"),
        (SWAP, json.loads("[" * 40 + "]" * 40), "nested_too_deeply"),
    ],
)
def test_a_body_of_too_many_values_is_one_fault(caller: Caller, path: str, body: object, code: str) -> None:
    answer = caller.http.post(path, json=body, headers=caller.headers)

    (fault,) = answer.json()["detail"]
    assert (answer.status_code, fault["loc"], fault["code"]) == (422, ["body"], code)
    assert len(answer.content) < 500


def test_parameters_and_bytes_of_a_request_still_arrive(caller: Caller) -> None:
    pairs = caller.http.post(f"{SWAP}?metadata=a:1&metadata=b:2&seed=7", json=caller.body(), headers=caller.headers)
    url = caller.http.post("/v1/uploads", json={"content_type": "image/png"}, headers=caller.headers).json()["url"]
    signed = urlsplit(url)

    assert pairs.status_code == 202
    assert caller.http.put(f"{signed.path}?{signed.query}", content=b"x").status_code == 204
    assert caller.http.options("/v1/jobs?other=1", headers=caller.headers).status_code == 204
    assert caller.http.get("/v1/jobs?other=1").status_code == 401, "authentication comes first"
    for page in ("/?utm_source=mail", "/reference?v=2"):
        assert caller.http.get(page).status_code == 200, "a page is no part of the API"


# Hosts of links


UPLOAD = {"content_type": "image/jpeg"}


def test_no_link_is_made_from_a_foreign_host(caller: Caller) -> None:
    body = caller.body()
    for host in ("evil.example", "evil.example:8000", "localhost@evil.example", "localhost:x", "10.9.8.7"):
        named = {"Host": host}
        for answer in (
            caller.submit(body, **named),
            caller.http.post("/v1/uploads", json=UPLOAD, headers=caller.headers | named),
            caller.http.get("/v1/renders", headers=caller.headers | named),
            caller.http.get("/", headers=named),
        ):
            assert_problem(answer, 421, "host_not_trusted")
            assert "evil.example" not in answer.text
            assert "ask its operator" in answer.json()["detail"]
            assert "BACKDROP_" not in answer.text, "a caller can't change settings"
    assert caller.balance == 100, "a submit whose answers could not be given is not charged"


def test_an_answer_without_links_is_given_under_any_name(caller: Caller) -> None:
    # Kubernetes' probes send the pod's address, load balancers any name.
    for path in ("/health/live", "/health/ready", "/v1/moods", "/schema/openapi.json"):
        assert caller.http.get(path, headers={"Host": "10.1.2.3:8000"}).status_code != 421


def test_this_machine_and_the_connections_address_need_no_setting(caller: Caller) -> None:
    for host in ("localhost:8000", "LOCALHOST", "127.0.0.1:1", "[::1]:8000", "testserver.local"):
        answer = caller.http.post("/v1/uploads", json=UPLOAD, headers=caller.headers | {"Host": host})
        assert answer.json()["url"].startswith(f"http://{host}/v1/files/sources/")


def test_trusted_hosts_are_accepted_and_with_a_public_url_the_header_does_not_matter(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: Any = caller.http.app.state
    asked = {"json": UPLOAD, "headers": caller.headers | {"Host": "shop.lan:8000"}}

    monkeypatch.setattr(state, "link_hosts", Settings(trusted_hosts="other.lan, Shop.lan").link_hosts)
    assert caller.http.post("/v1/uploads", **asked).json()["url"].startswith("http://shop.lan:8000/v1/files/")

    monkeypatch.setattr(state, "link_hosts", Settings(public_url="https://shop.example").link_hosts)
    monkeypatch.setattr(state, "public_url", "https://shop.example")
    assert caller.http.post("/v1/uploads", **asked).json()["url"].startswith("https://shop.example/v1/files/")


def test_with_s3_any_host_is_accepted_as_links_lead_to_the_buckets() -> None:
    assert Settings(store="s3").link_hosts is None
