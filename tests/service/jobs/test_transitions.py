"""Transitions of jobs, their leases and their refunds. For any order see `test_state_machine.py`."""

import time
from dataclasses import replace
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from service.accounts.ledger import InsufficientCredits, refund
from service.database.clock import db_now
from service.database.tables import jobs, metadata
from service.diagnostics.audit import Bounds, audit
from service.jobs.records import Claim, JobStatus, Kind, LeaseLost, NewRender
from service.jobs.transitions import ENDED_AT_ONCE
from testkit.polling import at_once
from tests.support.databases import ON_SQLITE
from tests.support.shop import REPORT, Shop, render


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


# Accepting a job


@ON_SQLITE
def test_an_order_is_charged_and_an_order_above_the_balance_writes_nothing(shop: Shop) -> None:
    accepted = shop.order(cost=3)
    assert shop.balance == 7
    assert shop.job(accepted).status == JobStatus.NOT_STARTED
    assert len(accepted.job_id) == len(accepted.request_id) == 26

    with pytest.raises(InsufficientCredits) as refused:
        shop.order(cost=8)

    assert (refused.value.balance, refused.value.cost) == (7, 8)
    assert shop.balance == 7
    with shop.engine.connect() as connection:
        for table in ("jobs", "request_logs"):
            assert connection.execute(sa.select(sa.func.count()).select_from(metadata.tables[table])).scalar() == 1


# Pictures that miss their limits


MISSED = {"limit": "palette_mean", "measured": 7.2, "bound": 5.0}
TRIES = [["palette_mean"], ["palette_mean", "text"], ["palette_mean"]]


def preview() -> NewRender:
    """Return what a worker stores of a refused picture."""
    return replace(render(), preview=True, report=REPORT | {"acceptance": {"accepted": False, "missed": [MISSED]}})


def refuse(shop: Shop, claim: Claim) -> None:
    claim.missed[:] = TRIES
    shop.jobs.fail(claim, "not_accepted", "palette_mean: 7.2 is above 5.", preview())


def test_a_refused_picture_is_refunded_and_its_job_keeps_a_preview_with_the_report(shop: Shop) -> None:
    accepted = shop.order(cost=2)
    refuse(shop, shop.claim(accepted))

    job, kept = shop.found(accepted)
    assert (job.status, job.error_code, job.credits_refunded, shop.balance) == ("FAILURE", "not_accepted", 2, 10)
    assert kept is not None
    assert (kept.preview, b"palette_mean" in bytes(kept.report)) == (True, True)
    with shop.engine.connect() as connection:
        assert connection.execute(sa.select(jobs.c.tries, jobs.c.missed)).one() == (3, TRIES)
    assert audit(shop.engine, Bounds(max_attempts=2)).findings == []


def test_a_refusal_by_a_worker_that_lost_its_lease_changes_nothing(shop: Shop) -> None:
    accepted = shop.order(cost=2)
    stale = shop.claim(accepted)
    shop.end_lease(accepted)
    winner = shop.claim(accepted)
    with pytest.raises(LeaseLost):
        refuse(shop, stale)
    assert (shop.found(accepted)[1], shop.balance) == (None, 8)

    winner.missed.append([])
    shop.jobs.succeed(winner, render())

    with pytest.raises(LeaseLost):
        refuse(shop, stale)
    assert (shop.job(accepted).status, shop.render(accepted).preview, shop.balance) == (JobStatus.SUCCESS, False, 8)
    with shop.engine.connect() as connection:
        assert connection.execute(sa.select(jobs.c.tries, jobs.c.missed)).one() == (1, [[]])
