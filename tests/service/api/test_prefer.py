"""A submit that waits for its job: the job's status after the wait, never an error, and no thread held meanwhile."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api.accepted import preferred_wait
from service.schemas.responses import WorkflowAcceptedResponse
from testkit import servers
from testkit.polling import until
from tests.support.caller import SWAP, located
from tests.support.databases import migrated_database
from tests.support.shop import render
from tests.support.streams import Api, serve

#: The longest wait that `api` allows.
LONG = "wait=300"


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ([], None),
        (["wait=5"], 5),
        (["WAIT = 5"], 5),
        (['wait="5"'], 5),
        (["respond-async, wait=5"], 5),
        (["respond-async; x=1, wait=5; y"], 5),
        (["respond-async", "handling=lenient", "wait=5"], 5),
        (["wait=5, wait=9"], 5),
        (["wait=5", "wait=9"], 5),
        (["wait=0"], 0),
        (["wait=31"], 30),
        (["wait=999999999"], 30),
        (['foo="a, wait=7"; bar, wait=5'], 5),
        (['foo="\\", wait=7"'], None),
        (["waiting=5"], None),
        (["foo; wait=5"], None),
        # invalid fields are ignored
        (["wait"], None),
        (["wait="], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=soon"], None),
        (["wait=\u0665"], None),
        (["wait=" + "9" * 5000], None),
        (['wait="', '"', ",,;=", ""], None),
    ],
)
def test_the_field_is_parsed_as_its_rfc_requires(fields: list[str], seconds: int | None) -> None:
    assert preferred_wait(fields, limit=30) == seconds


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, postgresql_server: str, valkey_url: str) -> Iterator[Api]:
    home = tmp_path_factory.mktemp("prefer")
    url = migrated_database(postgresql_server, home.name)
    with serve(home, valkey_url, database_url=url, prefer_wait=300) as one:
        yield one
        one.caller.engine.dispose()


def newest(api: Api) -> str | None:
    """Return the newest job's id. The whole item would differ: a finished job's download URL changes every second."""
    return next((str(item["job_id"]) for item in api.caller.get("/v1/jobs?limit=1").json()["items"]), None)


def meanwhile(api: Api, move: Callable[[str], Any], body: Any, **headers: str) -> httpx.Response:
    """Submit, apply `move` to the new job as soon as it is there, and return the answer.

    An answer after a whole `LONG` wait fails: `serve`'s client times out after half a minute.
    """
    before = newest(api)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(api.caller.submit, body, **headers)
        move(until(lambda: (now := newest(api)) != before and now))
        return waits.result()


def succeed(api: Api) -> Callable[[str], None]:
    def move(job_id: str) -> None:
        claim = api.caller.claim(job_id)
        api.caller.jobs.succeed(claim, render())

    return move


def test_the_answer_comes_when_the_job_is_over_and_has_its_status(api: Api) -> None:
    body = api.caller.body()
    answer = meanwhile(api, succeed(api), body, Prefer=f"respond-async, {LONG}")

    assert (answer.status_code, answer.json()["status"]) == (202, "SUCCESS")
    assert answer.headers["preference-applied"] == LONG
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['job_id']}"
    render_id = api.caller.get(answer.headers["location"]).json()["render"]["public_id"]
    assert answer.headers["link"].startswith(f'</v1/renders/{render_id}>; rel="item", <http')
    assert set(answer.json()) == {"request_id", "job_id", "status", "credits_cost"}, "only the contract's fields"
    cancelled = meanwhile(api, lambda job_id: cancel(api, job_id), body, Prefer="wait=999")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "FAILURE")
    assert cancelled.headers["preference-applied"] == LONG, "the API's limit"
    api.let_go()


def test_with_return_representation_one_call_returns_the_finished_job(api: Api) -> None:
    body = api.caller.body()
    answer = meanwhile(api, succeed(api), body, Prefer=f"{LONG}, return=representation")

    job = answer.json()
    assert (answer.status_code, job["status"]) == (202, "SUCCESS")
    assert answer.headers["preference-applied"] == f"{LONG}, return=representation"
    assert answer.headers["content-location"] == answer.headers["location"] == f"/v1/jobs/{job['job_id']}"
    shown = api.caller.get(answer.headers["content-location"]).json()
    passing = {"url", "url_expires_at"}
    assert shown.keys() == job.keys()
    assert {name: one for name, one in shown.items() if name != "render"} == {
        name: one for name, one in job.items() if name != "render"
    }
    assert {name: one for name, one in shown["render"].items() if name not in passing} == {
        name: one for name, one in job["render"].items() if name not in passing
    }
    assert job["render"]["url"] in answer.headers["link"]
    assert WorkflowAcceptedResponse.model_validate(job).credits_cost == 2, "it has the contract's fields too"
    failed = meanwhile(api, lambda job_id: cancel(api, job_id), body, Prefer=f"return=representation, {LONG}")
    assert (failed.json()["error"]["code"], failed.json()["render"]) == ("cancelled", None)
    assert "link" not in failed.headers
    at_once = api.caller.submit(body, Prefer="return=representation")
    assert at_once.headers["preference-applied"] == "return=representation"
    assert (at_once.json()["status"], at_once.json()["render"]) == ("NOT_STARTED", None)
    assert "content-location" not in api.caller.submit(body, Prefer="return=minimal, wait=0").headers
    api.let_go()


def cancel(api: Api, job_id: str) -> None:
    api.caller.jobs.cancel(job_id, client_id=api.caller.client.id)


def test_after_the_wait_an_unfinished_job_is_returned_with_its_current_status(api: Api) -> None:
    body = api.caller.body()
    start = time.monotonic()
    waiting = api.caller.submit(body, Prefer="wait=1")
    assert time.monotonic() - start >= 1.0
    once = {"Idempotency-Key": "runs"}
    api.caller.claim(api.caller.submit(body, **once).json()["job_id"])
    running = api.caller.submit(body, **once, Prefer="wait=1")

    assert (waiting.status_code, waiting.json()["status"]) == (202, "NOT_STARTED")
    assert (running.status_code, running.json()["status"]) == (202, "IN_PROGRESS")
    api.let_go()


def test_without_a_valid_preference_the_answer_comes_at_once(api: Api) -> None:
    body = api.caller.body()
    for headers in ({}, {"Prefer": "wait=x"}, {"Prefer": "respond-async"}):
        answer = api.caller.submit(body, **headers)
        assert answer.json()["status"] == "NOT_STARTED"
        assert "preference-applied" not in answer.headers
    assert api.caller.submit(body, Prefer="wait=0").headers["preference-applied"] == "wait=0"


def test_a_repeat_waits_too_and_is_charged_once(api: Api) -> None:
    body, once = api.caller.body(), {"Idempotency-Key": "waits"}
    first = api.caller.submit(body, **once).json()
    balance = api.caller.balance
    with ThreadPoolExecutor(1) as pool:
        repeat = pool.submit(api.caller.submit, body, **once, Prefer=LONG)
        time.sleep(0.3)
        succeed(api)(first["job_id"])
        second = repeat.result()
    third = api.caller.submit(body, **once, Prefer=LONG)

    assert second.json() == third.json() == first | {"status": "SUCCESS"}
    assert api.caller.submit(body, **once).json() == first
    assert api.caller.balance == balance


def test_a_refused_request_and_a_dry_run_do_not_wait(api: Api) -> None:
    wrong = api.caller.submit({}, Prefer=LONG)
    plan = api.caller.http.post(
        f"{SWAP}?dry_run=true", json=api.caller.body(), headers=api.caller.headers | {"Prefer": LONG}
    )

    assert ("body", "mood") in located(wrong)
    assert plan.status_code == 200
    assert not {"preference-applied"} & {*wrong.headers, *plan.headers}


def test_many_waiting_submits_hold_no_thread_and_no_connection(api: Api) -> None:
    # more than the pool has threads, or connections
    body = api.caller.body()
    with ThreadPoolExecutor(60) as pool:
        crowd = [pool.submit(api.caller.submit, body, Prefer=LONG) for _ in range(60)]
        until(lambda: api.notifier.streams() == 60)
        assert api.caller.get("/v1/credits").status_code == 200
        assert api.engine.pool.checkedout() <= 1  # type: ignore[attr-defined]  # the look itself
        items = api.caller.get("/v1/jobs?limit=100&status=NOT_STARTED").json()["items"]
        for job in items:
            cancel(api, job["job_id"])
        answers = [one.result() for one in crowd]
    assert {answer.json()["status"] for answer in answers} == {"FAILURE"}
    api.let_go()


def test_where_waiting_is_switched_off_the_answer_comes_at_once(tmp_path: Path, valkey_url: str) -> None:
    with serve(tmp_path, valkey_url, prefer_wait=0) as api:
        answer = api.caller.submit(api.caller.body(), Prefer="wait=20")
        assert answer.json()["status"] == "NOT_STARTED"
        assert "preference-applied" not in answer.headers
        api.caller.engine.dispose()


def test_a_database_that_goes_away_during_the_wait_makes_no_error(tmp_path: Path, valkey_url: str) -> None:
    with servers.public_folder() as folder, servers.postgresql(folder) as database:
        url = servers.make_database(database.url, "away")
        with serve(tmp_path, valkey_url, database_url=url) as api:
            body = api.caller.body()

            def vanish(job_id: str) -> None:
                api.caller.claim(job_id)
                time.sleep(3)
                database.kill()

            answer = meanwhile(api, vanish, body, Prefer="wait=12")
            assert (answer.status_code, answer.json()["status"]) == (202, "IN_PROGRESS")
            api.caller.engine.dispose()


def test_a_stopping_api_answers_waiting_submits_at_once(tmp_path: Path, valkey_url: str) -> None:
    with serve(tmp_path, valkey_url) as api:
        stop = lambda _: setattr(api.server, "should_exit", True)  # noqa: E731
        # Without the answer at the stop, the connection would be cut after ten seconds.
        answer = meanwhile(api, stop, api.caller.body(), Prefer="wait=99")
        assert answer.headers["preference-applied"] == "wait=30", "the default's limit"
        assert (answer.status_code, answer.json()["status"]) == (202, "NOT_STARTED")
        api.caller.engine.dispose()
