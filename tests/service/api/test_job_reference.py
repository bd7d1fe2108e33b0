"""A caller's own id for a job: stored, returned with the job and its results, filtered by, and private."""

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import sqlalchemy as sa

from service.database.tables import deliveries, renders
from service.webhooks.endpoints import Webhooks
from tests.support.caller import SWAP, Caller
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
    """Return a job with that reference, carried out."""
    job_id = str(submit(caller, reference).json()["job_id"])
    caller.jobs.succeed(caller.claim(job_id), render())
    return job_id


def test_a_reference_is_returned_with_the_job_its_render_and_its_webhook(caller: Caller) -> None:
    Webhooks(caller.engine, allow_private=True).register(caller.client.name, "http://127.0.0.1:9/hook")
    job_id = made(caller, SKU)

    job = caller.get(f"/v1/jobs/{job_id}").json()
    assert (job["reference"], job["render"]["reference"]) == (SKU, SKU)
    assert caller.get(f"/v1/renders/{job['render']['public_id']}").json()["reference"] == SKU
    with caller.engine.connect() as connection:
        body = connection.execute(sa.select(deliveries.c.body).where(deliveries.c.job_id == job_id)).scalar_one()
    assert '"reference":"order-1042/front & \\u00d6l"' in body
    assert caller.get(f"/v1/jobs/{made(caller, None)}").json()["reference"] is None


def test_both_lists_filter_by_the_exact_reference(caller: Caller) -> None:
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


def test_after_its_render_has_expired_a_job_keeps_the_reference(caller: Caller) -> None:
    job_id = made(caller, SKU)
    with caller.engine.begin() as connection:
        connection.execute(renders.delete().where(renders.c.job_id == job_id))

    assert caller.get(f"/v1/jobs/{job_id}").json()["reference"] == SKU
    assert (ids(caller, "/v1/jobs", SKU), ids(caller, "/v1/renders", SKU)) == ([job_id], [])


def test_an_index_finds_the_jobs_of_a_reference(caller: Caller) -> None:
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


def test_metadata_is_returned_with_the_job_its_render_its_webhook_and_in_the_lists(caller: Caller) -> None:
    Webhooks(caller.engine, allow_private=True).register(caller.client.name, "http://127.0.0.1:9/hook")
    job_id = str(tagged(caller, *(f"{name}:{value}" for name, value in PAIRS.items())).json()["job_id"])
    caller.jobs.succeed(caller.claim(job_id), render())

    job = caller.get(f"/v1/jobs/{job_id}").json()
    (listed,), (shown,) = (caller.get(path).json()["items"] for path in ("/v1/jobs", "/v1/renders"))
    alone = caller.get(f"/v1/renders/{job['render']['public_id']}").json()
    for kept in (job, job["render"], listed, shown, alone):
        assert kept["metadata"] == PAIRS
    with caller.engine.connect() as connection:
        body = connection.execute(sa.select(deliveries.c.body).where(deliveries.c.job_id == job_id)).scalar_one()
    assert json.loads(body)["data"]["metadata"] == PAIRS
    assert caller.get(f"/v1/jobs/{made(caller, None)}").json()["metadata"] == {}
