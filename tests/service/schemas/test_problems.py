"""Errors: one set of fields for both shapes, a stable code for each thing that is wrong, and where it is."""

from typing import Any

import pytest

from tests.support.caller import SWAP, Caller, assert_problem, located

#: What every error's body has.
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
def test_what_is_refused_before_a_client_is_known_names_its_request_too(
    caller: Caller, method: str, path: str, status: int, code: str
) -> None:
    assert_problem(caller.http.request(method, path), status, code)


@pytest.mark.parametrize(
    ("query", "headers", "where", "code"),
    [
        ("?seed=-1", {}, ("query", "seed"), "greater_than_equal"),
        ("?seed=2147483648", {}, ("query", "seed"), "less_than_equal"),
        ("?seed=one", {}, ("query", "seed"), "wrong_type"),
        ("?dry_run=perhaps", {}, ("query", "dry_run"), "wrong_type"),
        ("", {"Idempotency-Key": "x" * 256}, ("header", "Idempotency-Key"), "string_too_long"),
    ],
)
def test_a_wrong_parameter_is_named_as_it_is_sent_and_has_a_code(
    caller: Caller, query: str, headers: dict[str, str], where: tuple[str, str], code: str
) -> None:
    answer = caller.http.post(f"{SWAP}{query}", json=caller.body(), headers=caller.headers | headers)

    assert codes(answer) == {where: code}
    assert caller.balance == 100


def test_wrong_parameters_of_a_list_have_codes(caller: Caller) -> None:
    assert codes(caller.get("/v1/jobs?limit=0&cursor=zz&status=no")) == {
        ("query", "limit"): "greater_than_equal",
        ("query", "cursor"): "string_pattern_mismatch",
        ("query", "status"): "enum",
    }


def test_a_parameter_that_is_missing_is_named(caller: Caller) -> None:
    assert codes(caller.http.put("/v1/files/sources/x?expires=1")) == {("query", "signature"): "missing"}


@pytest.mark.parametrize("path", [SWAP, "/v1/uploads"])
def test_a_body_that_is_no_object_is_told_without_our_own_names(caller: Caller, path: str) -> None:
    answer = caller.http.post(path, json=[], headers=caller.headers)

    assert codes(answer) == {("body",): "model_type"}
    assert answer.json()["detail"][0]["msg"] == "Input should be a JSON object (received an array)"


def test_a_key_with_another_body_is_a_conflict_of_that_header(caller: Caller) -> None:
    once = {"Idempotency-Key": "once"}
    body = caller.body()
    caller.submit(body, **once)

    assert codes(caller.submit(body | {"mood": "fresh"}, **once)) == {
        ("header", "Idempotency-Key"): "idempotency_conflict"
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mood": "x" * 123}, "at most 120 characters; this has 123. Shorten it by 3"),
        ({"mood": ""}, "at least 1 character; this has 0. Fill it in"),
        ({"dominant_colors": ["red"] * 8}, "at most 6 items, not 8. Leave out 2"),
    ],
)
def test_a_length_error_says_what_is_allowed_what_was_sent_and_what_to_do(
    caller: Caller, change: dict[str, Any], said: str
) -> None:
    (one,) = caller.submit(caller.body(**change)).json()["detail"]

    assert said in one["msg"]


def test_a_parameter_of_the_wrong_length_says_what_is_allowed_and_what_to_do(caller: Caller) -> None:
    long = caller.http.post(SWAP, json=caller.body(), headers=caller.headers | {"Idempotency-Key": "x" * 256})
    empty = caller.http.post(f"{SWAP}?reference=", json=caller.body(), headers=caller.headers)

    sent = f"'{'x' * 40}'…, 256 characters"
    assert long.json()["detail"][0]["msg"] == f"Should have at most 255 characters (received {sent}). Shorten it"
    filled = "Should have 1 to 200 characters (received ''). Fill it in, or leave it out"
    assert empty.json()["detail"][0]["msg"] == filled


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("format=gif", "Should be one of jpeg, png, webp, avif (received 'gif')"),
        ("dry_run=yes", "Should be true or false (received 'yes')"),
        ("seed=one", "Should be a whole number from 0 to 2147483647 (received 'one')"),
        ("scale=9", "Should be a number from 0.3 to 2.0 (received '9')"),
        ("width=wide", "Should be a whole number (received 'wide')"),
        ("reference=a%00b", "Should have no control characters (received 'a\\x00b')"),
        ("metadata=a", "(received 'a')"),
    ],
)
def test_a_wrong_parameter_says_what_is_allowed_and_what_was_received(caller: Caller, query: str, said: str) -> None:
    (one,) = caller.http.post(f"{SWAP}?{query}", json=caller.body(), headers=caller.headers).json()["detail"]

    assert said in one["msg"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mood": 7}, "valid string (received 7)"),
        ({"mood": None}, "(received null)"),
        ({"mood": ...}, "Field required: add mood to the JSON body"),
        ({"scene_type": "podum"}, "(received 'podum')"),
        ({"scene_type": ["podium"]}, "(received an array)"),
        ({"output_preset": "x" * 90}, f"(received '{'x' * 40}'…, 90 characters)"),
        ({"dominant_colors": "red"}, "(received 'red')"),
    ],
)
def test_a_wrong_field_says_what_was_received(caller: Caller, change: dict[str, Any], said: str) -> None:
    (one,) = caller.submit(caller.body(**change)).json()["detail"]

    assert said in one["msg"]


def test_the_faults_of_body_query_and_headers_are_in_one_answer(caller: Caller) -> None:
    answer = caller.http.post(
        f"{SWAP}?seed=x", json=caller.body(mood=""), headers=caller.headers | {"Idempotency-Key": "x" * 256}
    )

    assert located(answer) == {("body", "mood"), ("query", "seed"), ("header", "Idempotency-Key")}


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
@pytest.mark.parametrize("path", [SWAP, "/v1/keys"])
def test_no_json_is_answered_with_the_content_type_to_send(caller: Caller, path: str, kind: str) -> None:
    headers = caller.headers | ({"Content-Type": kind} if kind else {})
    (one,) = caller.http.post(path, content=b"mood=calm", headers=headers).json()["detail"]

    assert one["code"] == "json_invalid"
    assert "Send JSON with Content-Type: application/json" in one["msg"]
    assert f"(received Content-Type '{kind}')" in one["msg"] or not kind


def test_what_is_not_found_or_not_allowed_says_what_to_do(caller: Caller) -> None:
    assert "GET /v1/jobs lists yours" in caller.get("/v1/jobs/none").json()["detail"]
    assert "GET '/v1/nowhere'" in caller.get("/v1/nowhere").json()["detail"]
    assert "Send one of GET" in caller.http.put("/v1/credits", headers=caller.headers).json()["detail"]


def test_a_list_that_is_too_short_says_how_many_to_add(caller: Caller) -> None:
    answer = caller.http.put("/v1/cutouts/none/subjects", json={"keep": []}, headers=caller.headers)

    assert "at least 1 item, not 0. Add 1" in answer.json()["detail"][0]["msg"]
