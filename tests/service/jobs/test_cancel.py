"""Cancelling: a job that is not over ends once, refunded once, whoever else ends it at the same moment."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from service.database.tables import jobs, ledger, renders
from service.jobs.records import Claim, JobFinished, JobStatus, Kind, LeaseLost
from service.jobs.transitions import Jobs
from service.settings import Settings
from tests.support.caller import Caller, assert_problem, told
from tests.support.shop import Shop, render


def test_a_job_that_waits_is_cancelled_and_refunded(shop: Shop) -> None:
    accepted = shop.order(cost=3)

    found = shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)

    assert found is not None
    job, no_render = found
    assert (job.status, job.error_code, job.credits_refunded) == (JobStatus.FAILURE, "cancelled", 3)
    assert job.finished_at is not None
    assert no_render is None
    assert shop.balance == 10


def test_a_cancelled_job_is_never_started_sent_or_settled(shop: Shop) -> None:
    accepted = shop.order()
    shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)

    assert shop.jobs.claim() is None
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=0) == []
    assert shop.jobs.fail_abandoned(max_wait=0) == []
    assert shop.job(accepted).error_code == "cancelled"
    assert shop.balance == 10


@pytest.mark.parametrize(
    "move",
    [
        lambda jobs, claim: jobs.succeed(claim, render()),
        lambda jobs, claim: jobs.fail(claim, "model_failed", ""),
        lambda jobs, claim: jobs.renew_lease(claim, stage="place", progress=0.5),
        lambda jobs, claim: jobs.release(claim),
    ],
    ids=["succeed", "fail", "renew_lease", "release"],
)
def test_the_worker_of_a_cancelled_job_changes_nothing(shop: Shop, move: Callable[[Jobs, Claim], None]) -> None:
    accepted = shop.order()
    claim = shop.claim(accepted)
    shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)

    with pytest.raises(LeaseLost):
        move(shop.jobs, claim)

    job = shop.job(accepted)
    assert (job.status, job.error_code, job.stage) == (JobStatus.FAILURE, "cancelled", None)
    assert shop.balance == 10


@pytest.mark.parametrize(
    ("end", "status", "balance"),
    [
        (lambda shop, claim: shop.jobs.succeed(claim, render()), "SUCCESS", 8),
        (lambda shop, claim: shop.jobs.fail(claim, "no_subject", ""), "FAILURE", 10),
        (lambda shop, claim: cancels(shop, claim), "FAILURE", 10),
    ],
    ids=["succeeded", "failed", "cancelled"],
)
def test_a_job_that_is_over_can_not_be_cancelled(
    shop: Shop, end: Callable[[Shop, Claim], None], status: str, balance: int
) -> None:
    accepted = shop.order()
    end(shop, shop.claim(accepted))
    before = shop.job(accepted)

    with pytest.raises(JobFinished, match=status):
        shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)

    assert shop.job(accepted) == before
    assert shop.balance == balance


def test_an_id_with_a_nul_is_no_job_and_no_render(shop: Shop) -> None:
    assert shop.jobs.cancel("a\0", client_id=shop.client.id) is None
    assert shop.jobs.get("a\0", client_id=shop.client.id) is None
    assert shop.jobs.render("a\0", client_id=shop.client.id) is None


def test_only_its_own_client_can_cancel_a_job(engine: sa.Engine) -> None:
    mine, other = Shop(engine), Shop(engine)
    accepted = mine.order()

    assert other.jobs.cancel(accepted.job_id, client_id=other.client.id) is None
    assert other.jobs.cancel("none", client_id=other.client.id) is None
    assert mine.job(accepted).status == JobStatus.NOT_STARTED
    assert (mine.balance, other.balance) == (8, 10)


# Races

Rival = Callable[[Shop, Claim], object]


def cancels(shop: Shop, claim: Claim) -> object:
    return shop.jobs.cancel(claim.job_id, client_id=shop.client.id)


@pytest.mark.parametrize(
    ("rivals", "ends"),
    [
        ([cancels, lambda shop, claim: shop.jobs.succeed(claim, render())], {"cancelled", None}),
        ([cancels, lambda shop, claim: shop.jobs.fail(claim, "no_subject", "")], {"cancelled", "no_subject"}),
        ([cancels, lambda shop, claim: shop.jobs.fail_abandoned(max_wait=0)], {"cancelled", "worker_lost"}),
        ([cancels] * 10, {"cancelled"}),
    ],
    ids=["succeed", "fail", "the sweep", "ten cancels"],
)
@pytest.mark.parametrize("round_", range(4))
def test_whoever_ends_a_job_at_once_with_a_cancel_it_ends_once(
    engine: sa.Engine, rivals: list[Rival], ends: set[str | None], round_: int
) -> None:
    shop = Shop(engine, lease=0.0, max_attempts=1)  # over at once: the sweep may settle it too
    claim = shop.claim(shop.order())
    outcomes: list[object] = []

    def move(rival: Rival) -> None:
        try:
            moved = rival(shop, claim)
        except (JobFinished, LeaseLost) as late:
            outcomes.append(late)
        else:
            outcomes.append([] if moved == [] else "ended")  # a sweep that comes late finds nothing

    threads = [threading.Thread(target=move, args=(rival,)) for rival in (rivals if round_ % 2 else rivals[::-1])]
    with engine.begin() as connection:
        # Whoever holds the row makes all of them wait at the same place; they go together when it lets go.
        connection.execute(jobs.update().where(jobs.c.id == claim.job_id).values(stage="held"))
        for thread in threads:
            thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()

    assert len(outcomes) == len(rivals)
    assert outcomes.count("ended") == 1, outcomes
    with engine.connect() as connection:
        (row,) = connection.execute(sa.select(jobs.c.status, jobs.c.error_code))
        refunds = connection.execute(sa.select(sa.func.count()).where(ledger.c.kind == "refund")).scalar_one()
        kept = connection.execute(sa.select(sa.func.count()).select_from(renders)).scalar_one()
    assert row.error_code in ends
    failed = row.status == JobStatus.FAILURE
    assert (refunds, kept, shop.balance) == ((1, 0, 10) if failed else (0, 1, 8))


# At the API


def cancel(caller: Caller, job_id: str) -> Any:
    return caller.http.delete(f"/v1/jobs/{job_id}", headers=caller.headers)


def test_a_cancelled_job_is_answered_as_it_will_be_shown(caller: Caller) -> None:
    accepted = caller.submit(caller.body()).json()

    answer = cancel(caller, accepted["job_id"])

    assert answer.status_code == 200
    assert answer.json() == caller.get(f"/v1/jobs/{accepted['job_id']}").json()
    job = answer.json()
    assert (job["status"], job["error"]["code"], job["render"]) == ("FAILURE", "cancelled", None)
    assert job["credits_refunded"] == accepted["credits_cost"] > 0
    assert caller.balance == 100


def test_a_second_cancel_is_a_conflict_and_refunds_nothing(caller: Caller) -> None:
    accepted = caller.submit(caller.body()).json()
    cancel(caller, accepted["job_id"])

    assert_problem(cancel(caller, accepted["job_id"]), 409, "job_finished")
    assert caller.balance == 100


def test_a_foreign_job_and_none_are_cancelled_with_the_same_404(caller: Caller, http: Any, settings: Settings) -> None:
    accepted = caller.submit(caller.body()).json()
    other = Caller(http, settings, "canceller", credits=10)

    foreign, none = cancel(other, accepted["job_id"]), cancel(other, "none")

    assert_problem(foreign, 404, "not_found")
    assert told(foreign) == told(none)
    assert_problem(http.delete(f"/v1/jobs/{accepted['job_id']}"), 401, "unauthorized")
    assert caller.get(f"/v1/jobs/{accepted['job_id']}").json()["status"] == "NOT_STARTED"
