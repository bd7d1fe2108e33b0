"""The leases of all jobs in flight are renewed together, and who has lost its lease is told."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from service.database.tables import jobs
from service.jobs.records import Claim
from service.worker.leases import LeaseRenewal
from tests.support.polling import until
from tests.support.shop import Shop


@pytest.fixture
def shop(engine: sa.Engine) -> Shop:
    return Shop(engine)


def leases(shop: Shop) -> dict[str, Any]:
    with shop.engine.connect() as connection:
        return {row.id: row.lease_until for row in connection.execute(sa.select(jobs.c.id, jobs.c.lease_until))}


def three(shop: Shop) -> list[Claim]:
    return [shop.claim(shop.order(cost=1)) for _ in range(3)]


def test_several_leases_are_renewed_by_one_statement_and_those_that_are_lost_are_named(shop: Shop) -> None:
    cancelled, released, held = three(shop)
    shop.jobs.cancel(cancelled.job_id, client_id=shop.client.id)
    shop.jobs.release(released)
    before = leases(shop)
    updates: list[str] = []
    sa.event.listen(shop.engine, "before_cursor_execute", lambda *seen: updates.append(seen[2]))

    lost = shop.jobs.renew_leases([cancelled, released, held])

    assert lost == {cancelled.token, released.token}
    after = leases(shop)
    assert after[held.job_id] > before[held.job_id]
    assert {job_id: after[job_id] for job_id in after if job_id != held.job_id} == {
        job_id: before[job_id] for job_id in before if job_id != held.job_id
    }
    assert sum(statement.startswith("UPDATE") for statement in updates) == 1


def test_a_lease_that_another_worker_has_by_now_is_left_alone(shop: Shop) -> None:
    mine = shop.claim(shop.order())
    shop.jobs.release(mine)
    theirs = shop.jobs.claim()
    assert theirs is not None
    before = leases(shop)

    assert shop.jobs.renew_leases([mine]) == {mine.token}
    assert leases(shop) == before


def test_all_jobs_in_flight_share_one_thread_which_ends_with_the_last_of_them(shop: Shop) -> None:
    def renewing() -> int:
        return sum("_renew" in thread.name for thread in threading.enumerate())

    first, second, third = three(shop)
    before = leases(shop)
    renewal = LeaseRenewal(shop.jobs, interval=0.05)
    with renewal.renewed(first) as lost_first:
        with renewal.renewed(second) as lost_second, renewal.renewed(third):
            until(lambda: all(leases(shop)[claim.job_id] > before[claim.job_id] for claim in (first, second, third)))
            assert renewing() == 1
            shop.jobs.cancel(second.job_id, client_id=shop.client.id)
            assert lost_second.wait(30)
        assert not lost_first.is_set()
        assert renewing() == 1
    assert renewing() == 0
