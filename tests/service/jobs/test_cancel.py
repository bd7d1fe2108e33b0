"""Cancelling: an unfinished job ends once and is refunded once, whichever other move ends it at the same moment."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from service.database.tables import jobs, ledger, renders
from service.jobs.records import Claim, JobFinished, JobStatus, LeaseLost
from tests.support.caller import Caller, assert_problem
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop, render


@ON_SQLITE
def test_cancelling_more_pictures_of_an_order_takes_no_more_statements(shop: Shop) -> None:
    shop.accounts.grant(shop.client.name, 80)
    statements: list[str] = []
    sa.event.listen(shop.engine, "before_cursor_execute", lambda *one: statements.append(one[2]))
    counts = []
    for count in (2, 40):
        order, _ = shop.order_many(count)
        statements.clear()
        shop.jobs.cancel_waiting(order.order_id, client_id=shop.client.id)
        counts.append(len(statements))

    assert counts[0] == counts[1]
    assert shop.accounts.named(shop.client.name).balance == 90


def cancels(shop: Shop, claim: Claim) -> object:
    return shop.jobs.cancel(claim.job_id, client_id=shop.client.id)


# Races

Rival = Callable[[Shop, Claim], object]


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
@pytest.mark.parametrize("turned", [False, True])
def test_a_job_ends_once_when_a_cancel_meets_another_end(
    engine: sa.Engine, rivals: list[Rival], ends: set[str | None], turned: bool
) -> None:
    shop = Shop(engine, lease=0.0, max_attempts=1)  # over at once: the sweep may settle it too
    claim = shop.claim(shop.order())

    def move(rival: Rival) -> object:
        try:
            moved = rival(shop, claim)
        except (JobFinished, LeaseLost) as late:
            return late
        return [] if moved == [] else "ended"  # a late sweep finds nothing

    with ThreadPoolExecutor(len(rivals)) as pool:
        with engine.begin() as connection:
            # The open transaction locks the row, so all moves wait for it and start together when it commits.
            connection.execute(jobs.update().where(jobs.c.id == claim.job_id).values(stage="held"))
            moves = [pool.submit(move, rival) for rival in (rivals[::-1] if turned else rivals)]
            time.sleep(0.1)
        outcomes = [one.result() for one in moves]

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


def test_a_cancelled_job_is_answered_as_it_is_shown_later_and_a_second_cancel_is_a_conflict(caller: Caller) -> None:
    accepted = caller.submit(caller.body()).json()

    answer = cancel(caller, accepted["job_id"])

    assert answer.status_code == 200
    assert answer.json() == caller.get(f"/v1/jobs/{accepted['job_id']}").json()
    job = answer.json()
    assert (job["status"], job["error"]["code"], job["render"]) == ("FAILURE", "cancelled", None)
    assert job["credits_refunded"] == accepted["credits_cost"] > 0
    assert_problem(cancel(caller, accepted["job_id"]), 409, "job_finished")
    assert caller.balance == 100
