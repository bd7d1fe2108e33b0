"""A sandbox's client at the API and a worker: it pays nothing, its pictures are marked, and it orders its errors."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from ulid import ULID

from pipeline.core.spec import Limits
from pipeline.photo.decode import decode
from service.catalogue.spec_versions import SPEC_VERSION
from service.database.tables import deliveries, jobs, ledger
from service.diagnostics.audit import Bounds, audit
from service.jobs.plan import FAILURES, REFUSALS
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.webhooks.endpoints import Webhooks
from testkit.still_life import PHOTO, networks
from tests.service.api.test_previews import ask
from tests.service.orders.test_orders import body_of, ordered
from tests.support.caller import Caller, assert_problem, located
from tests.support.worker import job_runner


@pytest.fixture
def sandbox(http: Any, settings: Settings) -> Iterator[Caller]:
    one = Caller(http, settings, f"ci-{ULID()}", credits=0, sandbox=True)
    yield one
    one.jobs.fail_abandoned(max_wait=-1)  # so that the next test's worker finds only its own job


def body(caller: Caller, **changes: Any) -> dict[str, Any]:
    return caller.body(source_image_s3_key=caller.upload(PHOTO), output_preset="open_graph") | changes


def done(caller: Caller, answer: httpx.Response) -> dict[str, Any]:
    """Let a worker carry out the job of a submit, and return it as the API shows it."""
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    job_runner(caller.engine, caller.jobs, open_buckets(caller.settings), networks()).run(job_id)
    job: dict[str, Any] = caller.get(f"/v1/jobs/{job_id}").json()
    return job


def assert_uncharged(caller: Caller) -> None:
    with caller.engine.connect() as connection:
        assert connection.execute(sa.select(ledger).where(ledger.c.client_id == caller.client.id)).all() == []
    assert audit(caller.engine, Bounds(max_attempts=3)).findings == []


def test_every_key_of_a_sandbox_has_its_own_prefix_and_a_live_clients_has_not(sandbox: Caller, caller: Caller) -> None:
    for one, prefix in ((sandbox, "bd_test_"), (caller, "bd_")):
        made = one.http.post("/v1/keys", headers=one.headers).json()["key"]
        rotated = one.accounts.rotate_key(one.client.name, keep_old=3600)[1]
        for key in (one.headers["Authorization"].removeprefix("Bearer "), made, rotated):
            assert re.fullmatch(prefix + r"[A-Za-z0-9_-]{43}", key)
        assert one.get("/v1/credits").json()["sandbox"] is (one is sandbox)


def test_a_sandbox_gets_no_credits(sandbox: Caller) -> None:
    name = sandbox.client.name
    with pytest.raises(ValueError, match=rf"'{name}' is a sandbox, which pays nothing \(received 5 credits\)"):
        sandbox.accounts.grant(name, 5)
    with pytest.raises(ValueError, match="'more' is a sandbox"):
        sandbox.accounts.add("more", credits=1, sandbox=True)
    assert "more" not in [one.name for one in sandbox.accounts.all()]
    assert_uncharged(sandbox)


def test_the_same_photo_and_request_give_the_same_marked_picture_for_nothing(sandbox: Caller, caller: Caller) -> None:
    first, again = (
        done(sandbox, ask(sandbox, body(sandbox), metadata=f"run:{n}", width=480, height=252)) for n in (1, 2)
    )
    live = done(caller, ask(caller, body(caller), width=480, height=252, seed=first["seed"]))

    assert (first["status"], first["credits_cost"], first["seed"]) == ("SUCCESS", 0, again["seed"])
    assert first["render"]["sha256"] == again["render"]["sha256"]
    sizes = [(one["render"]["width"], one["render"]["height"]) for one in (first, live)]
    assert sizes[0] == sizes[1]
    for part in ("palette", "fidelity", "preset", "cutout"):
        assert first["render"]["report"][part] == live["render"]["report"][part]
    marked, plain = (
        decode(open_buckets(caller.settings)[1].get(key, max_bytes=10_000_000), Limits()).rgb.astype(int)
        for key in (f"renders/{one.client.id}/{job['job_id']}-1.jpg" for one, job in ((sandbox, first), (caller, live)))
    )
    changed = np.abs(marked - plain).max(axis=2) > 24
    assert 0.05 < changed.mean() < 0.6
    thirds = [part for rows in np.array_split(changed, 3) for part in np.array_split(rows, 3, axis=1)]
    assert min(part.mean() for part in thirds) > 0.02, "the word is everywhere"
    other = ask(sandbox, body(sandbox, mood="dramatic")).json()["job_id"]
    assert sandbox.get(f"/v1/jobs/{other}").json()["seed"] != first["seed"]
    assert_uncharged(sandbox)
    with caller.engine.connect() as connection:
        made = (
            sa.select(jobs.c.spec_version).where(jobs.c.id.in_([first["job_id"], live["job_id"]])).order_by(jobs.c.id)
        )
        assert connection.execute(made).scalars().all() == [SPEC_VERSION, 1], "an older worker would make it live"


def test_an_order_in_a_sandbox_is_free_and_repeats_its_seeds(sandbox: Caller) -> None:
    asked = body_of(sandbox, variants=3)
    plan = ordered(sandbox, asked, "?dry_run=true").json()
    assert (plan["credits_cost"], plan["warnings"], plan["affordable"]) == (0, [], True)
    seeds = []
    for _ in range(2):
        order_id = ordered(sandbox, body_of(sandbox, variants=3)).json()["order_id"]
        shown = sandbox.get(f"/v1/orders/{order_id}?limit=100").json()
        assert (shown["credits_cost"], shown["pictures"]) == (0, 12)
        seeds.append({(one["photo"], one["variant"], one["output_preset"]): one["seed"] for one in shown["items"]})
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0].values())) == 3, "one a variant, for every photo and preset"
    assert_uncharged(sandbox)


@pytest.mark.parametrize("code", ["no_subject", "worker_lost"])
def test_a_failure_to_order_ends_the_job_with_its_code_and_a_webhook(sandbox: Caller, code: str) -> None:
    Webhooks(sandbox.engine, allow_private=True).register(sandbox.client.name, "http://127.0.0.1:9/hook")
    job = done(sandbox, ask(sandbox, body(sandbox), metadata=f"simulate:{code}"))

    assert (job["status"], job["attempt"], job["render"], job["metadata"]) == ("FAILURE", 1, None, {"simulate": code})
    assert job["error"] == {"code": code, "message": f"The sandbox simulates {code}, as `metadata.simulate` asked."}
    with sandbox.engine.connect() as connection:
        of_job = sa.select(deliveries.c.client_id).where(deliveries.c.job_id == job["job_id"])
        assert connection.execute(of_job).scalars().all() == [sandbox.client.id]
    assert_uncharged(sandbox)


def test_a_refusal_of_the_picture_to_order_keeps_a_preview_and_the_report(sandbox: Caller) -> None:
    job = done(sandbox, ask(sandbox, body(sandbox), metadata="simulate:not_accepted", width=480, height=252))

    assert (job["status"], job["error"]["code"], job["render"]["preview"]) == ("FAILURE", "not_accepted", True)
    assert job["render"]["report"]["acceptance"]["accepted"] is False
    assert_uncharged(sandbox)


def test_a_refusal_to_order_is_the_real_answer_and_leaves_nothing(sandbox: Caller) -> None:
    expected = {"insufficient_credits": 402, "rate_limited": 429, "too_many_unfinished_jobs": 429, "queue_full": 503}
    assert set(REFUSALS) == set(expected)
    for code, status in expected.items():
        order = body_of(sandbox, photos=1, metadata={"simulate": code})
        refused = [ask(sandbox, metadata=f"simulate:{code}"), ordered(sandbox, order)]
        for answer in refused:
            assert_problem(answer, status, code)
            assert ("retry-after" in answer.headers) is (status != 402)
            assert ("r=0;" in answer.headers["ratelimit"]) is (code == "rate_limited")
        assert code != "insufficient_credits" or refused[0].json()["credits_cost"] > 0
    assert sandbox.get("/v1/jobs").json()["items"] == []
    assert_uncharged(sandbox)


def test_a_picture_of_an_order_fails_alone(sandbox: Caller) -> None:
    asked = body_of(sandbox, presets=["open_graph"])
    asked["photos"][1]["metadata"] = {"simulate": "time_limit"}
    order_id = ordered(sandbox, asked).json()["order_id"]
    with sandbox.engine.connect() as connection:
        its = sa.select(jobs.c.spec).where(jobs.c.order_id == order_id).order_by(jobs.c.id)
        specs = connection.execute(its).scalars()
        assert [spec.get("simulate") for spec in specs] == [None, "time_limit"]


def test_an_unknown_error_to_order_is_refused_and_names_the_known_ones(sandbox: Caller) -> None:
    answer = ask(sandbox, metadata="simulate:no_sunshine")
    assert located(answer) == {("query", "metadata.simulate")}
    text = answer.json()["detail"][0]["msg"]
    assert "no_sunshine" in text
    assert all(code in text for code in (*FAILURES, *REFUSALS))
    assert located(ask(sandbox, metadata="simulate:no_sunshine", dry_run="true"))
    asked = body_of(sandbox, metadata={"simulate": "one"})
    asked["photos"][1]["metadata"] = {"simulate": "two"}
    places = {("body", "metadata", "simulate"), ("body", "photos", 1, "metadata", "simulate")}
    assert located(ordered(sandbox, asked)) == places


def test_to_a_live_client_simulate_is_only_metadata(caller: Caller) -> None:
    for word in ("no_subject", "queue_full", "no_sunshine"):
        accepted = ask(caller, metadata=f"simulate:{word}")
        assert (accepted.status_code, accepted.json()["credits_cost"]) == (202, 2)
        with caller.engine.connect() as connection:
            its = sa.select(jobs.c.spec).where(jobs.c.id == accepted.json()["job_id"])
            spec = connection.execute(its).scalar_one()
        assert (spec["metadata"], spec.get("simulate"), spec.get("sandbox")) == ({"simulate": word}, None, None)
