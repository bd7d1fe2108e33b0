"""Transitions of jobs, their leases and their refunds, on both databases."""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from service.accounts.ledger import refund
from service.database.clock import db_now
from service.database.tables import jobs, metadata
from service.jobs.records import Claim, JobStatus, Kind, LeaseLost
from service.jobs.transitions import ENDED_AT_ONCE, Jobs
from tests.support.shop import Shop, render


def test_a_success_keeps_the_credits_and_shows_the_render(shop: Shop) -> None:
    accepted = shop.order()
    made = render()

    shop.jobs.succeed(shop.claim(accepted), made)

    found = shop.jobs.get(accepted.job_id, client_id=shop.client.id)
    assert found is not None
    job, kept = found
    assert (job.status, job.progress, job.credits_refunded) == (JobStatus.SUCCESS, 1.0, 0)
    assert kept is not None
    assert kept == shop.jobs.render(made.public_id, client_id=shop.client.id)
    assert (kept.sha256, kept.warnings, kept.source_key) == (made.sha256, ["upscaled"], "uploads/x.jpg")
    assert shop.balance == 8


def test_a_failure_gives_the_credits_back_once(shop: Shop) -> None:
    accepted = shop.order()
    claim = shop.claim(accepted)

    shop.jobs.fail(claim, "no_subject", "No product stands out.")
    with pytest.raises(LeaseLost):
        shop.jobs.fail(claim, "no_subject", "No product stands out.")

    job = shop.job(accepted)
    assert (job.status, job.error_code, job.credits_refunded) == (JobStatus.FAILURE, "no_subject", 2)
    assert shop.balance == 10


def test_the_database_itself_refuses_a_second_refund(shop: Shop) -> None:
    accepted = shop.order()
    shop.jobs.fail(shop.claim(accepted), "no_subject", "")

    with pytest.raises(sa.exc.IntegrityError), shop.engine.begin() as connection:
        refund(connection, accepted.job_id)

    assert shop.balance == 10


def test_a_message_delivered_twice_starts_one_attempt(shop: Shop) -> None:
    shop.order()
    claims: list[Claim | None] = []
    threads = [threading.Thread(target=lambda: claims.append(shop.jobs.claim())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(claim is not None for claim in claims) == 1


def test_a_job_that_is_over_can_not_be_claimed(shop: Shop) -> None:
    accepted = shop.order()
    shop.jobs.succeed(shop.claim(accepted), render())

    assert shop.jobs.claim() is None


@pytest.mark.parametrize(
    "move",
    [
        lambda jobs, claim: jobs.succeed(claim, render()),
        lambda jobs, claim: jobs.fail(claim, "x", ""),
        lambda jobs, claim: jobs.renew_lease(claim, stage="place", progress=0.5),
        lambda jobs, claim: jobs.release(claim),
    ],
    ids=["succeed", "fail", "renew_lease", "release"],
)
def test_a_worker_whose_lease_was_taken_over_changes_nothing(
    engine: sa.Engine, move: Callable[[Jobs, Claim], None]
) -> None:
    shop = Shop(engine)
    accepted = shop.order()
    slow = shop.claim(accepted)
    shop.end_lease(accepted)
    quick = shop.claim(accepted)

    with pytest.raises(LeaseLost):
        move(shop.jobs, slow)

    assert shop.job(accepted).status == JobStatus.IN_PROGRESS
    shop.jobs.succeed(quick, render())
    assert shop.job(accepted).attempt == 2
    assert shop.balance == 8


def test_a_kept_lease_is_not_taken_over(engine: sa.Engine) -> None:
    shop = Shop(engine)
    accepted = shop.order()
    claim = shop.claim(accepted)
    for step in range(4):
        shop.end_lease(accepted)
        shop.jobs.renew_lease(claim, stage="background", progress=step / 10)
        assert shop.jobs.claim() is None

    job = shop.job(accepted)
    assert (job.stage, job.progress) == ("background", 0.3)
    shop.end_lease(accepted)
    assert shop.claim(accepted).token != claim.token, "not kept, it is"


def test_a_job_that_kills_every_worker_is_failed_and_refunded(engine: sa.Engine) -> None:
    shop = Shop(engine, max_attempts=2)
    accepted = shop.order()
    for _ in range(2):
        shop.claim(accepted)
        assert shop.jobs.fail_abandoned(max_wait=60) == []
        shop.end_lease(accepted)

    assert shop.jobs.claim() is None
    assert shop.jobs.fail_abandoned(max_wait=60) == [accepted.job_id]
    assert shop.jobs.fail_abandoned(max_wait=60) == []
    assert shop.job(accepted).error_code == "worker_lost"
    assert shop.balance == 10


def test_a_job_that_nobody_starts_is_failed_and_refunded(shop: Shop) -> None:
    accepted = shop.order()

    assert shop.jobs.fail_abandoned(max_wait=60) == []
    assert shop.jobs.fail_abandoned(max_wait=0) == [accepted.job_id]
    assert shop.job(accepted).error_code == "queue_timeout"
    assert shop.balance == 10


def test_a_job_released_is_sent_again_and_its_attempt_not_counted(shop: Shop) -> None:
    accepted = shop.order()
    shop.jobs.release(shop.claim(accepted), count_attempt=False)

    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == [accepted.job_id]
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == []
    assert shop.claim(accepted).attempt == 1


def test_a_job_that_waits_for_another_attempt_is_not_sent_too_early(shop: Shop) -> None:
    accepted = shop.order()
    shop.jobs.release(shop.claim(accepted), after=60)

    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == []
    shop.end_lease(accepted)
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == [accepted.job_id]


def test_a_job_whose_worker_died_is_sent_again(engine: sa.Engine) -> None:
    shop = Shop(engine)
    accepted = shop.order()
    shop.claim(accepted)
    shop.end_lease(accepted)

    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == [accepted.job_id]
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == []


def test_a_job_whose_message_never_went_out_is_sent(shop: Shop) -> None:
    accepted = shop.order()
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=1, resend_after=0) == []
    shop.jobs.mark_unsent(accepted.job_id)

    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == [accepted.job_id]


def test_every_waiting_job_is_sent_again_when_the_queue_lost_them(shop: Shop) -> None:
    waiting = sorted(shop.order(cost=1).job_id for _ in range(3))

    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == []
    with shop.engine.begin() as connection:
        connection.execute(sa.update(jobs).values(sent_at=db_now(-100)))
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=2, resend_after=60) == waiting[:1]
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == waiting[1:]


def test_a_sweep_ends_many_jobs_in_transactions_of_some(shop: Shop) -> None:
    waiting = sorted(shop.order(cost=0).job_id for _ in range(ENDED_AT_ONCE + 5))
    steps: list[str] = []

    def see(*call: Any) -> None:
        if call[2].startswith("UPDATE jobs SET status"):
            steps.append("end")

    def committed(_: sa.Connection) -> None:
        steps.append("commit")

    sa.event.listen(shop.engine, "before_cursor_execute", see)
    sa.event.listen(shop.engine, "commit", committed)
    assert sorted(shop.jobs.fail_abandoned(max_wait=0)) == waiting
    sa.event.remove(shop.engine, "before_cursor_execute", see)
    sa.event.remove(shop.engine, "commit", committed)

    first, second = (place for place, step in enumerate(steps) if step == "end")
    assert "commit" in steps[first:second]


def test_a_claim_is_repeated_after_a_deadlock_and_nothing_else(shop: Shop) -> None:
    accepted = shop.order()
    errors = [psycopg.errors.DeadlockDetected(), psycopg.errors.SerializationFailure()]

    def fail(*_: object) -> None:
        if errors:
            raise sa.exc.OperationalError("UPDATE", None, errors.pop())

    sa.event.listen(shop.engine, "before_cursor_execute", fail)
    claim = shop.jobs.claim()
    assert claim is not None
    assert claim.job_id == accepted.job_id
    errors.append(psycopg.errors.AdminShutdown())
    with pytest.raises(sa.exc.OperationalError):
        shop.jobs.claim()
    sa.event.remove(shop.engine, "before_cursor_execute", fail)


def test_sweeps_that_run_at_once_send_a_job_once(shop: Shop) -> None:
    waiting = sorted(shop.order(cost=0).job_id for _ in range(5))
    with shop.engine.begin() as connection:
        connection.execute(metadata.tables["jobs"].update().values(sent_at=db_now(-100)))
    sent: list[str] = []
    threads = [
        threading.Thread(target=lambda: sent.extend(shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60)))
        for _ in range(4)
    ]
    with shop.engine.begin() as connection:  # all of them are to find the jobs before one of them takes any
        connection.execute(metadata.tables["jobs"].update().values(stage=None))
        for thread in threads:
            thread.start()
        time.sleep(0.3)
    for thread in threads:
        thread.join()

    assert sorted(sent) == waiting


def test_another_clients_job_and_render_do_not_exist(engine: sa.Engine) -> None:
    mine, other = Shop(engine), Shop(engine)
    accepted = mine.order()
    made = render()
    mine.jobs.succeed(mine.claim(accepted), made)

    assert other.jobs.get(accepted.job_id, client_id=other.client.id) is None
    assert other.jobs.render(made.public_id, client_id=other.client.id) is None
