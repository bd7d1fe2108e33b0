"""The rules of jobs and credits, on both databases."""

import threading
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from service.accounts.ledger import InsufficientCredits, refund
from service.database.clock import db_now
from service.database.engine import create_engine, is_migrated, migrate
from service.database.tables import jobs, metadata
from service.jobs.intake import Accepted, IdempotencyConflict
from service.jobs.records import Claim, JobStatus, LeaseLost
from service.jobs.transitions import Jobs
from service.settings import Settings
from tests.support.shop import Shop, render


@pytest.fixture
def shop(engine: sa.Engine) -> Shop:
    return Shop(engine)


def test_an_order_is_charged_and_waits(shop: Shop) -> None:
    accepted = shop.order(cost=3)

    assert shop.balance == 7
    assert shop.job(accepted).status == JobStatus.NOT_STARTED
    assert len(accepted.job_id) == len(accepted.request_id) == 26


def test_an_order_that_costs_more_than_the_balance_writes_nothing(shop: Shop) -> None:
    with pytest.raises(InsufficientCredits):
        shop.order(cost=11)

    assert shop.balance == 10
    with shop.engine.connect() as connection:
        for table in ("jobs", "request_logs"):
            assert connection.execute(sa.select(sa.func.count()).select_from(metadata.tables[table])).scalar() == 0


def test_two_hundred_simultaneous_orders_never_overdraw(shop: Shop) -> None:
    outcomes: list[str] = []

    def submit_twenty() -> None:
        for _ in range(20):
            try:
                shop.order(cost=1)
            except InsufficientCredits:
                outcomes.append("refused")
            else:
                outcomes.append("accepted")

    threads = [threading.Thread(target=submit_twenty) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("accepted") == 10
    assert outcomes.count("refused") == 190
    assert shop.balance == 0


def test_the_database_itself_refuses_a_negative_balance(shop: Shop) -> None:
    with pytest.raises(sa.exc.IntegrityError), shop.engine.begin() as connection:
        connection.execute(metadata.tables["clients"].update().values(balance=-1))


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
    shop = Shop(engine, lease=0.05)
    accepted = shop.order()
    slow = shop.claim(accepted)
    time.sleep(0.1)
    quick = shop.claim(accepted)

    with pytest.raises(LeaseLost):
        move(shop.jobs, slow)

    assert shop.job(accepted).status == JobStatus.IN_PROGRESS
    shop.jobs.succeed(quick, render())
    assert shop.job(accepted).attempt == 2
    assert shop.balance == 8


def test_a_kept_lease_is_not_taken_over(engine: sa.Engine) -> None:
    shop = Shop(engine, lease=0.4)
    accepted = shop.order()
    claim = shop.claim(accepted)
    for step in range(4):
        time.sleep(0.15)
        shop.jobs.renew_lease(claim, stage="background", progress=step / 10)
        assert shop.jobs.claim() is None

    job = shop.job(accepted)
    assert (job.stage, job.progress) == ("background", 0.3)


def test_a_job_that_kills_every_worker_is_failed_and_refunded(engine: sa.Engine) -> None:
    shop = Shop(engine, lease=0.05, max_attempts=2)
    accepted = shop.order()
    for _ in range(2):
        shop.claim(accepted)
        assert shop.jobs.fail_abandoned(max_wait=60) == []
        time.sleep(0.1)

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

    assert shop.jobs.claim_unsent(waiting=0, resend_after=60) == [accepted.job_id]
    assert shop.jobs.claim_unsent(waiting=0, resend_after=60) == []
    assert shop.claim(accepted).attempt == 1


def test_a_job_that_waits_for_another_attempt_is_not_sent_too_early(shop: Shop) -> None:
    accepted = shop.order()
    shop.jobs.release(shop.claim(accepted), after=0.3)

    assert shop.jobs.claim_unsent(waiting=0, resend_after=60) == []
    time.sleep(0.4)
    assert shop.jobs.claim_unsent(waiting=0, resend_after=60) == [accepted.job_id]


def test_a_job_whose_worker_died_is_sent_again(engine: sa.Engine) -> None:
    shop = Shop(engine, lease=0.05)
    accepted = shop.order()
    shop.claim(accepted)
    time.sleep(0.1)

    assert shop.jobs.claim_unsent(waiting=0, resend_after=60) == [accepted.job_id]
    assert shop.jobs.claim_unsent(waiting=0, resend_after=60) == []


def test_a_job_whose_message_never_went_out_is_sent(shop: Shop) -> None:
    accepted = shop.order()
    assert shop.jobs.claim_unsent(waiting=1, resend_after=0) == []
    shop.jobs.mark_unsent(accepted.job_id)

    assert shop.jobs.claim_unsent(waiting=0, resend_after=60) == [accepted.job_id]


def test_every_waiting_job_is_sent_again_when_the_queue_lost_them(shop: Shop) -> None:
    waiting = sorted(shop.order(cost=1).job_id for _ in range(3))

    assert shop.jobs.claim_unsent(waiting=0, resend_after=60) == []
    with shop.engine.begin() as connection:
        connection.execute(sa.update(jobs).values(sent_at=db_now(-100)))
    assert shop.jobs.claim_unsent(waiting=2, resend_after=60) == waiting[:1]
    assert shop.jobs.claim_unsent(waiting=0, resend_after=60) == waiting[1:]


def test_sweeps_that_run_at_once_send_a_job_once(shop: Shop) -> None:
    waiting = sorted(shop.order(cost=0).job_id for _ in range(5))
    with shop.engine.begin() as connection:
        connection.execute(metadata.tables["jobs"].update().values(sent_at=db_now(-100)))
    sent: list[str] = []
    threads = [
        threading.Thread(target=lambda: sent.extend(shop.jobs.claim_unsent(waiting=0, resend_after=60)))
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


def test_the_same_idempotency_key_and_body_get_the_first_answer(shop: Shop) -> None:
    first = shop.order(idempotency_key="k")
    second = shop.order(idempotency_key="k")

    assert second.repeated
    assert (second.job_id, second.request_id, second.credits_cost) == (first.job_id, first.request_id, 2)
    assert shop.balance == 8


def test_the_same_idempotency_key_with_another_body_is_refused(shop: Shop) -> None:
    shop.order(idempotency_key="k")

    with pytest.raises(IdempotencyConflict):
        shop.order(idempotency_key="k", body_sha256="other")

    assert shop.balance == 8


def test_an_idempotency_key_belongs_to_one_client(engine: sa.Engine) -> None:
    first, second = Shop(engine), Shop(engine)

    assert first.order(idempotency_key="k").job_id != second.order(idempotency_key="k").job_id


def test_the_same_request_sent_ten_times_at_once_is_charged_once(shop: Shop) -> None:
    answers: list[Accepted] = []
    threads = [threading.Thread(target=lambda: answers.append(shop.order(idempotency_key="k"))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({answer.job_id for answer in answers}) == 1
    assert len(answers) == 10
    assert shop.balance == 8


def test_another_clients_job_and_render_do_not_exist(engine: sa.Engine) -> None:
    mine, other = Shop(engine), Shop(engine)
    accepted = mine.order()
    made = render()
    mine.jobs.succeed(mine.claim(accepted), made)

    assert other.jobs.get(accepted.job_id, client_id=other.client.id) is None
    assert other.jobs.render(made.public_id, client_id=other.client.id) is None


def test_times_come_from_the_databases_clock(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        now, later = connection.execute(sa.select(db_now(), db_now(60.5))).one()

    assert now.tzinfo is not None
    assert (later - now).total_seconds() == pytest.approx(60.5, abs=0.1)


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(engine: sa.Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_and_from_two_processes_at_once_is_harmless(database_url: str) -> None:
    url = Settings(database_url=database_url).sqlalchemy_url
    errors: list[BaseException] = []

    def bring_up_to_date() -> None:
        engine = create_engine(url)
        try:
            migrate(engine)
        except Exception as error:  # noqa: BLE001  # any at all fails the test
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=bring_up_to_date) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    engine = create_engine(url)
    assert is_migrated(engine)
    engine.dispose()
