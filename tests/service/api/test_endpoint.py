"""Query parameters: what a route does not declare is refused on all of them, with its place or the nearest name."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from litestar.routes import HTTPRoute

from tests.support.caller import SWAP, Caller, located


def api_requests(app: Any) -> Iterator[tuple[str, str]]:
    """Every method and path of the API, with a word for each parameter of the path."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith(("/v1/", "/health/")):
            for method in sorted(route.methods - {"OPTIONS"}):
                yield method, re.sub(r"\{[^}]+\}", "word", route.path)


def test_every_route_of_the_api_refuses_a_parameter_that_it_does_not_know(caller: Caller) -> None:
    asked = list(api_requests(caller.http.app))

    assert len(asked) > 35
    for method, path in asked:
        answer = caller.http.request(method, path, params={"surely": "1"}, headers=caller.headers)
        if method != "HEAD":
            assert located(answer) == {("query", "surely")}, (method, path)
            assert "'surely'" in answer.json()["detail"][0]["msg"]
        assert answer.status_code == 422, (method, path)


@pytest.mark.parametrize(
    ("query", "name", "code", "said"),
    [
        ("dryrun=true", "dryrun", "extra_forbidden", "Did you mean dry_run?"),
        ("dry-run=true", "dry-run", "extra_forbidden", "Did you mean dry_run?"),
        ("previw=true", "previw", "extra_forbidden", "Did you mean preview?"),
        ("seed=1&seed=2", "seed", "repeated", "Given 2 times (received '1' and '2'). Send it once"),
        ("mood=calm", "mood", "extra_forbidden", "mood is a field of the JSON body: send it there"),
        ("dominant_colours=red", "dominant_colours", "extra_forbidden", "dominant_colors is a field of the JSON body"),
        ("idempotency_key=1", "idempotency_key", "extra_forbidden", "Idempotency-Key is a header"),
        ("other=1", "other", "extra_forbidden", "Leave it out, or send one of dry_run, seed, preview"),
    ],
)
def test_a_submit_with_a_parameter_that_is_not_known_costs_nothing_and_says_what_was_meant(
    caller: Caller, query: str, name: str, code: str, said: str
) -> None:
    answer = caller.http.post(f"{SWAP}?{query}", json=caller.body(), headers=caller.headers)

    assert located(answer) == {("query", name)}
    (one,) = answer.json()["detail"]
    assert one["code"] == code
    assert said in one["msg"]
    assert "ratelimit" in answer.headers, "it is counted, as every submit"
    assert caller.balance == 100


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"seed": 7}, "seed is a query parameter: send it in the URL, as ?seed=7"),
        ({"dry_run": True}, "as ?dry_run=true"),
        ({"reference": "a b&c"}, "as ?reference=a%20b%26c"),
        ({"Idempotency-Key": "once"}, "Idempotency-Key is a header"),
        ({"dominant_colours": ["red"]}, "There is no field 'dominant_colours'. Did you mean dominant_colors?"),
    ],
)
def test_a_field_that_is_none_of_the_body_says_where_it_belongs(
    caller: Caller, sent: dict[str, Any], said: str
) -> None:
    answer = caller.submit(caller.body() | sent)

    assert located(answer) == {("body", next(iter(sent)))}
    assert said in answer.json()["detail"][0]["msg"]
    assert caller.balance == 100


@pytest.mark.parametrize(
    ("path", "sent", "said"),
    [
        ("/v1/keys", {"nme": "warehouse"}, "Did you mean name?"),
        ("/v1/uploads", {"contenttype": "image/jpeg"}, "Did you mean content_type?"),
        ("/v1/cutouts", {"reference": "sku-7"}, "as ?reference=sku-7"),
    ],
)
def test_every_body_says_what_was_meant(caller: Caller, path: str, sent: dict[str, Any], said: str) -> None:
    answer = caller.http.post(path, json=sent, headers=caller.headers)

    assert any(said in one["msg"] for one in answer.json()["detail"])


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        ("/v1/jobs?stat=SUCCESS", "stat", "Did you mean status?"),
        ("/v1/jobs?created_after=2026-01-01", "created_after", "send one of limit, cursor, status"),
        ("/v1/jobs?status=NOPE", "status", "NOT_STARTED, IN_PROGRESS, SUCCESS, FAILURE (received 'NOPE')"),
        ("/v1/jobs?operation=paint", "operation", "swap, cutout (received 'paint')"),
        ("/v1/renders?preset=nope", "preset", "Did you mean output_preset?"),
        ("/v1/renders?output_preset=shopify", "output_preset", "The nearest are: shopify_product"),
        ("/v1/renders?output_preset=No%20pe", "output_preset", "like shopify_product (received 'No pe')"),
        ("/v1/moods?limit=3", "limit", "this route takes none"),
    ],
)
def test_a_list_is_never_given_by_a_filter_that_it_does_not_have(
    caller: Caller, path: str, name: str, said: str
) -> None:
    answer = caller.get(path)

    assert located(answer) == {("query", name)}
    assert said in answer.json()["detail"][0]["msg"]


def test_thousands_of_unknown_names_are_answered_at_once(caller: Caller) -> None:
    names = [f"name{number}" for number in range(3000)]

    asked = caller.get("/v1/jobs?" + "&".join(names))
    sent = caller.submit(dict.fromkeys(names, 1))

    assert len(asked.json()["detail"]) == 20
    assert len(sent.json()["detail"]) > 3000, "all errors of a body"
    sought = [one for one in sent.json()["detail"] if "There is no field" in one["msg"]]
    assert 0 < len(sought) <= 20, "the nearest name is sought for some alone: for all it takes seconds"


def test_what_belongs_to_a_request_still_arrives(caller: Caller) -> None:
    pairs = caller.http.post(f"{SWAP}?metadata=a:1&metadata=b:2&seed=7", json=caller.body(), headers=caller.headers)
    url = caller.http.post("/v1/uploads", json={"content_type": "image/png"}, headers=caller.headers).json()["url"]
    signed = urlsplit(url)

    assert pairs.status_code == 202
    assert caller.http.put(f"{signed.path}?{signed.query}", content=b"x").status_code == 204
    assert caller.http.options("/v1/jobs?other=1", headers=caller.headers).status_code == 204
    assert caller.http.get("/v1/jobs?other=1").status_code == 401, "who asks comes first"
    for page in ("/?utm_source=mail", "/reference?v=2"):
        assert caller.http.get(page).status_code == 200, "a page is no part of the API"
