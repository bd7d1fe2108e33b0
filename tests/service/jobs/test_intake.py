"""Accepting a job: charged, and never beyond the balance."""

import pytest
import sqlalchemy as sa

from service.accounts.ledger import InsufficientCredits
from service.database.tables import metadata
from service.jobs.records import JobStatus
from tests.support.databases import ON_SQLITE
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
