"""Accepting a job: charged once and never beyond the balance, on both databases."""

from collections import Counter
from itertools import chain

import pytest
import sqlalchemy as sa

from service.accounts.ledger import InsufficientCredits
from service.database.tables import metadata
from service.jobs.intake import IdempotencyConflict
from service.jobs.records import JobStatus
from tests.support.databases import ON_SQLITE
from tests.support.polling import at_once
from tests.support.shop import Shop


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


def test_many_simultaneous_orders_never_overdraw(shop: Shop) -> None:
    def order() -> list[str]:
        outcomes = []
        for _ in range(5):
            try:
                shop.order(cost=1)
                outcomes.append("accepted")
            except InsufficientCredits:
                outcomes.append("refused")
        return outcomes

    assert Counter(chain(*at_once(*[order] * 8))) == {"accepted": 10, "refused": 30}
    assert shop.balance == 0
    with pytest.raises(sa.exc.IntegrityError), shop.engine.begin() as connection:  # the database itself refuses it
        connection.execute(metadata.tables["clients"].update().values(balance=-1))


@ON_SQLITE
def test_the_same_idempotency_key_and_body_get_the_first_answer_and_another_body_is_refused(shop: Shop) -> None:
    first = shop.order(idempotency_key="k")
    second = shop.order(idempotency_key="k")

    assert second.repeated
    assert (second.job_id, second.request_id, second.credits_cost) == (first.job_id, first.request_id, 2)
    with pytest.raises(IdempotencyConflict):
        shop.order(idempotency_key="k", body_sha256="other")
    assert shop.balance == 8
    assert Shop(shop.engine).order(idempotency_key="k").job_id != first.job_id, "another client's key is another"


def test_the_same_request_sent_ten_times_at_once_is_charged_once(shop: Shop) -> None:
    answers = at_once(*[lambda: shop.order(idempotency_key="k")] * 10)

    assert len({answer.job_id for answer in answers}) == 1
    assert shop.balance == 8
