"""Accepting a job: charged once and never beyond the balance, on both databases."""

import threading

import pytest
import sqlalchemy as sa

from service.accounts.ledger import InsufficientCredits
from service.database.tables import metadata
from service.jobs.intake import Accepted, IdempotencyConflict
from service.jobs.records import JobStatus
from tests.support.shop import Shop


def test_an_order_is_charged_and_waits(shop: Shop) -> None:
    accepted = shop.order(cost=3)

    assert shop.balance == 7
    assert shop.job(accepted).status == JobStatus.NOT_STARTED
    assert len(accepted.job_id) == len(accepted.request_id) == 26


def test_an_order_that_costs_more_than_the_balance_writes_nothing(shop: Shop) -> None:
    with pytest.raises(InsufficientCredits) as refused:
        shop.order(cost=11)

    assert (refused.value.balance, refused.value.cost) == (10, 11)
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
