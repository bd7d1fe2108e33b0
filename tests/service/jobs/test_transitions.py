"""Transitions of jobs, their leases and their refunds. For any order see `test_state_machine.py`."""

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from service.accounts.ledger import refund
from service.database.clock import db_now
from service.database.tables import jobs
from service.jobs.records import Claim, JobStatus, Kind, LeaseLost
from service.jobs.transitions import ENDED_AT_ONCE
from tests.support.databases import ON_SQLITE
from tests.support.polling import at_once
from tests.support.shop import Shop, render


def test_a_success_keeps_the_credits_and_shows_the_render(shop: Shop) -> None:
    accepted = shop.order()
    made = render()

    shop.jobs.succeed(shop.claim(accepted), made)

    job, kept = shop.found(accepted)
    assert (job.status, job.progress, job.credits_refunded) == (JobStatus.SUCCESS, 1.0, 0)
    assert kept is not None
    assert kept == shop.jobs.render(made.public_id, client_id=shop.client.id)
    assert (kept.sha256, kept.warnings, kept.source_key) == (made.sha256, ["upscaled"], "uploads/x.jpg")
    assert (shop.balance, shop.jobs.claim()) == (8, None)


def test_a_failure_refunds_the_credits_once_and_the_database_refuses_a_second_refund(shop: Shop) -> None:
    accepted = shop.order()
    claim = shop.claim(accepted)

    shop.jobs.fail(claim, "no_subject", "No product stands out.")
    with pytest.raises(LeaseLost):
        shop.jobs.fail(claim, "no_subject", "No product stands out.")
    with pytest.raises(sa.exc.IntegrityError), shop.engine.begin() as connection:
        refund(connection, shop.client.id, {accepted.job_id: 2})

    job = shop.job(accepted)
    assert (job.status, job.error_code, job.credits_refunded) == (JobStatus.FAILURE, "no_subject", 2)
    assert shop.balance == 10


def test_a_message_delivered_twice_starts_one_attempt(shop: Shop) -> None:
    shop.order()

    assert sum(claim is not None for claim in at_once(*[shop.jobs.claim] * 8)) == 1


MOVES: dict[str, Callable[[Shop, Claim], None]] = {
    "succeed": lambda shop, claim: shop.jobs.succeed(claim, render()),
    "fail": lambda shop, claim: shop.jobs.fail(claim, "x", ""),
    "renew": lambda shop, claim: shop.jobs.renew_lease(claim, stage="place", progress=0.5),
    "release": lambda shop, claim: shop.jobs.release(claim),
}


@ON_SQLITE
@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("cancelled", [False, True], ids=["taken over", "cancelled"])
def test_a_worker_whose_lease_is_lost_changes_nothing(shop: Shop, move: str, cancelled: bool) -> None:
    accepted = shop.order()
    slow = shop.claim(accepted)
    if cancelled:
        shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)
    else:
        shop.end_lease(accepted)
        shop.claim(accepted)
    before, balance = shop.job(accepted), shop.balance

    with pytest.raises(LeaseLost):
        MOVES[move](shop, slow)

    assert (shop.job(accepted), shop.balance) == (before, balance)


def test_a_renewed_lease_is_not_taken_over(shop: Shop) -> None:
    accepted = shop.order()
    claim = shop.claim(accepted)
    for step in range(4):
        shop.end_lease(accepted)
        shop.jobs.renew_lease(claim, stage="background", progress=step / 10)
        assert shop.jobs.claim() is None

    job = shop.job(accepted)
    assert (job.stage, job.progress) == ("background", 0.3)
    shop.end_lease(accepted)
    assert shop.claim(accepted).token != claim.token, "without renewal it is"


def test_one_statement_renews_several_leases_and_names_the_lost_ones(shop: Shop) -> None:
    cancelled, released, taken, held = (shop.claim(shop.order(cost=1)) for _ in range(4))
    shop.jobs.cancel(cancelled.job_id, client_id=shop.client.id)
    for claim in (released, taken):
        shop.jobs.release(claim)
    shop.claim_of(taken.job_id)

    def leases() -> dict[str, Any]:
        with shop.engine.connect() as connection:
            return {row.id: row.lease_until for row in connection.execute(sa.select(jobs.c.id, jobs.c.lease_until))}

    before, updates = leases(), list[str]()
    sa.event.listen(shop.engine, "before_cursor_execute", lambda *seen: updates.append(seen[2]))

    lost = shop.jobs.renew_leases([cancelled, released, taken, held])

    assert lost == {cancelled.token, released.token, taken.token}
    after = leases()
    assert [job_id for job_id in after if after[job_id] != before[job_id]] == [held.job_id]
    assert sum(statement.startswith("UPDATE") for statement in updates) == 1


@ON_SQLITE
def test_a_job_that_kills_every_worker_and_a_job_that_no_worker_starts_are_failed_and_refunded(
    engine: sa.Engine,
) -> None:
    shop = Shop(engine, max_attempts=2)
    deadly, left = shop.order(), shop.order()
    for _ in range(2):
        shop.claim(deadly)
        assert shop.jobs.fail_abandoned(max_wait=60) == []
        shop.end_lease(deadly)

    assert shop.jobs.fail_abandoned(max_wait=60) == [deadly.job_id]
    assert shop.jobs.fail_abandoned(max_wait=0) == [left.job_id]
    assert shop.jobs.fail_abandoned(max_wait=0) == []
    assert [shop.job(one).error_code for one in (deadly, left)] == ["worker_lost", "queue_timeout"]
    assert (shop.balance, shop.jobs.claim()) == (10, None)


@ON_SQLITE
def test_every_waiting_job_is_sent_again_when_the_queue_lost_them(shop: Shop) -> None:
    waiting = sorted(shop.order(cost=1).job_id for _ in range(3))

    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == []
    with shop.engine.begin() as connection:
        connection.execute(sa.update(jobs).values(sent_at=db_now(-100)))
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=2, resend_after=60) == waiting[:1]
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == waiting[1:]


@ON_SQLITE
def test_a_sweep_ends_many_jobs_in_transactions_of_a_few(shop: Shop) -> None:
    waiting = sorted(shop.order(cost=0).job_id for _ in range(ENDED_AT_ONCE + 5))
    steps: list[str] = []

    def see(*call: Any) -> None:
        if call[2].startswith("UPDATE jobs SET status"):
            steps.append("end")

    sa.event.listen(shop.engine, "before_cursor_execute", see)
    sa.event.listen(shop.engine, "commit", lambda _: steps.append("commit"))
    assert sorted(shop.jobs.fail_abandoned(max_wait=0)) == waiting

    first, second = (place for place, step in enumerate(steps) if step == "end")
    assert "commit" in steps[first:second]


@ON_SQLITE
def test_a_claim_is_repeated_after_a_deadlock_and_after_nothing_else(shop: Shop) -> None:
    accepted = shop.order()
    errors = [psycopg.errors.DeadlockDetected(), psycopg.errors.SerializationFailure()]

    def fail(*_: object) -> None:
        if errors:
            raise sa.exc.OperationalError("UPDATE", None, errors.pop())

    sa.event.listen(shop.engine, "before_cursor_execute", fail)
    assert shop.start().job_id == accepted.job_id
    errors.append(psycopg.errors.AdminShutdown())
    with pytest.raises(sa.exc.OperationalError):
        shop.jobs.claim()


def test_simultaneous_sweeps_send_a_job_once(shop: Shop) -> None:
    waiting = sorted(shop.order(cost=0).job_id for _ in range(5))

    def hold() -> list[str]:  # all of them must find the jobs before one of them takes any
        with shop.engine.begin() as connection:
            connection.execute(jobs.update().values(stage=None))
            time.sleep(0.3)
        return []

    def sweep() -> list[str]:
        time.sleep(0.1)
        return shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60)

    with shop.engine.begin() as connection:
        connection.execute(jobs.update().values(sent_at=db_now(-100)))
    assert sorted(job_id for sent in at_once(hold, *[sweep] * 4) for job_id in sent) == waiting
