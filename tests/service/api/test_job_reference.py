"""A caller's own id: kept with the job, told with all that comes of it, found in the lists, and nobody else's."""

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import sqlalchemy as sa

from service.database.tables import deliveries, renders
from service.diagnostics.audit import audit
from service.diagnostics.audit_rules import Bounds
from service.settings import Settings
from service.webhooks.endpoints import Webhooks
from tests.support.caller import SWAP, Caller, located
from tests.support.shop import render

SKU = "order-1042/front & Öl"


def submit(caller: Caller, reference: str | None, **headers: str) -> httpx.Response:
    query = "" if reference is None else "?" + urlencode({"reference": reference})
    answer = caller.http.post(SWAP + query, json=caller.body(), headers=caller.headers | headers)
    assert isinstance(answer, httpx.Response)
    return answer


def ids(caller: Caller, path: str, reference: str) -> list[str]:
    items = caller.get(f"{path}?{urlencode({'reference': reference})}").json()["items"]
    return [str(item["job_id"]) for item in items]


def made(caller: Caller, reference: str | None) -> str:
    """A job with that reference, carried out."""
    job_id = str(submit(caller, reference).json()["job_id"])
    caller.jobs.succeed(caller.claim(job_id), render())
    return job_id


def test_a_reference_is_told_with_the_job_its_render_and_its_webhook(caller: Caller) -> None:
    Webhooks(caller.engine, allow_private=True).register(caller.client.name, "http://127.0.0.1:9/told")
    job_id = made(caller, SKU)

    job = caller.get(f"/v1/jobs/{job_id}").json()
    assert (job["reference"], job["render"]["reference"]) == (SKU, SKU)
    assert caller.get(f"/v1/renders/{job['render']['public_id']}").json()["reference"] == SKU
    with caller.engine.connect() as connection:
        body = connection.execute(sa.select(deliveries.c.body).where(deliveries.c.job_id == job_id)).scalar_one()
    assert '"reference":"order-1042/front & \\u00d6l"' in body
    assert caller.get(f"/v1/jobs/{made(caller, None)}").json()["reference"] is None


def test_both_lists_can_be_asked_for_it_to_the_letter(caller: Caller) -> None:
    first, second, other = made(caller, SKU), made(caller, SKU), made(caller, SKU.upper())
    made(caller, None)

    for path in ("/v1/jobs", "/v1/renders"):
        assert ids(caller, path, SKU) == [second, first]
        assert ids(caller, path, SKU.upper()) == [other]
        assert ids(caller, path, "order") == []
        page = caller.get(f"{path}?{urlencode({'reference': SKU, 'limit': 1})}").json()
        rest = caller.get(f"{path}?{urlencode({'reference': SKU, 'limit': 1, 'cursor': page['next_cursor']})}").json()
        assert [page["items"][0]["job_id"], rest["items"][0]["job_id"]] == [second, first]
        assert rest["next_cursor"] is None


def test_another_client_s_reference_finds_nothing(caller: Caller, settings: Settings) -> None:
    mine, other = made(caller, SKU), Caller(caller.http, settings, "same-skus", credits=10)
    theirs = made(other, SKU)

    for path in ("/v1/jobs", "/v1/renders"):
        assert (ids(caller, path, SKU), ids(other, path, SKU)) == ([mine], [theirs])
    assert audit(caller.engine, Bounds(max_attempts=3)).findings == []


@pytest.mark.parametrize("reference", ["", "x" * 201, "two\nlines", "ends\n", "\x00", "\x9f"])
def test_what_can_be_no_reference_is_refused_and_costs_nothing(caller: Caller, reference: str) -> None:
    assert located(submit(caller, reference)) == {("query", "reference")}
    for path in ("/v1/jobs", "/v1/renders"):
        assert located(caller.get(f"{path}?{urlencode({'reference': reference})}")) == {("query", "reference")}
    assert caller.balance == 100


def test_it_is_part_of_what_an_idempotency_key_stands_for(caller: Caller) -> None:
    body, once = caller.body(), {"Idempotency-Key": "once"}

    def again(reference: str) -> httpx.Response:
        answer = caller.http.post(f"{SWAP}?reference={reference}", json=body, headers=caller.headers | once)
        assert isinstance(answer, httpx.Response)
        return answer

    first = again("a")
    assert again("a").json() == first.json()
    assert located(again("b")) == {("header", "Idempotency-Key")}


def test_a_render_that_has_expired_leaves_its_job_the_reference(caller: Caller) -> None:
    job_id = made(caller, SKU)
    with caller.engine.begin() as connection:
        connection.execute(renders.delete().where(renders.c.job_id == job_id))

    assert caller.get(f"/v1/jobs/{job_id}").json()["reference"] == SKU
    assert (ids(caller, "/v1/jobs", SKU), ids(caller, "/v1/renders", SKU)) == ([job_id], [])


def test_jobs_of_a_reference_are_found_by_an_index(caller: Caller) -> None:
    with caller.engine.connect() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE client_id = 'a' AND reference = 'b' ORDER BY id DESC"
        ).all()

    assert "jobs_of_client_by_reference" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


PAIRS = {"colour": "red & Öl", "note": "a:b", "season.2027": ""}


def tagged(caller: Caller, *pairs: str, body: Any = None, dry_run: bool = False, key: str = "") -> httpx.Response:
    query = urlencode([("metadata", pair) for pair in pairs] + ([("dry_run", "true")] if dry_run else []))
    headers = caller.headers | ({"Idempotency-Key": key} if key else {})
    answer = caller.http.post(f"{SWAP}?{query}", json=body or caller.body(), headers=headers)
    assert isinstance(answer, httpx.Response)
    return answer


def test_metadata_is_told_with_the_job_its_render_its_webhook_and_in_the_lists(caller: Caller) -> None:
    Webhooks(caller.engine, allow_private=True).register(caller.client.name, "http://127.0.0.1:9/told")
    job_id = str(tagged(caller, *(f"{name}:{value}" for name, value in PAIRS.items())).json()["job_id"])
    caller.jobs.succeed(caller.claim(job_id), render())

    job = caller.get(f"/v1/jobs/{job_id}").json()
    (listed,), (shown,) = (caller.get(path).json()["items"] for path in ("/v1/jobs", "/v1/renders"))
    alone = caller.get(f"/v1/renders/{job['render']['public_id']}").json()
    for told in (job, job["render"], listed, shown, alone):
        assert told["metadata"] == PAIRS
    with caller.engine.connect() as connection:
        body = connection.execute(sa.select(deliveries.c.body).where(deliveries.c.job_id == job_id)).scalar_one()
    assert json.loads(body)["data"]["metadata"] == PAIRS
    assert caller.get(f"/v1/jobs/{made(caller, None)}").json()["metadata"] == {}


@pytest.mark.parametrize(
    ("pairs", "index", "code"),
    [
        (["colour"], 0, "metadata_invalid"),
        (["colour:red", ":red"], 1, "metadata_invalid"),
        (["two words:red"], 0, "metadata_invalid"),
        (["x" * 41 + ":red"], 0, "metadata_invalid"),
        (["colour:" + "x" * 201], 0, "metadata_invalid"),
        (["colour:a\nb"], 0, "metadata_invalid"),
        (["colour:red", "colour:blue"], 1, "metadata_twice"),
        ([f"n{number}:x" for number in range(17)], 16, "too_long"),
    ],
)
def test_what_is_no_pair_is_named_and_costs_nothing(caller: Caller, pairs: list[str], index: int, code: str) -> None:
    for dry_run in (False, True):
        answer = tagged(caller, *pairs, dry_run=dry_run)
        assert located(answer) == {("query", "metadata", index)}
        assert answer.json()["detail"][0]["code"] == code
    assert caller.balance == 100


def test_metadata_is_part_of_what_an_idempotency_key_stands_for(caller: Caller) -> None:
    body = caller.body()
    first = tagged(caller, "colour:red", body=body, key="once")

    assert tagged(caller, "colour:red", body=body, key="once").json() == first.json()
    assert located(tagged(caller, "colour:blue", body=body, key="once")) == {("header", "Idempotency-Key")}
