"""The limits on unfinished jobs and on the queue, at the database: exact for each client under concurrency."""

from collections.abc import Callable
from contextlib import suppress

import pytest
import sqlalchemy as sa

from service.accounts.ledger import InsufficientCredits
from service.database.tables import jobs, ledger, request_logs
from service.jobs.intake import Accepted, JobIntake, QueueFull, QueueShareTaken, TooManyUnfinishedJobs
from service.settings import Settings
from testkit.polling import at_once
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop, render


def written(engine: sa.Engine) -> tuple[int, int, int]:
    """Count request logs, jobs and debits."""
    with engine.connect() as connection:
        count = sa.select(sa.func.count())
        queries = [count.select_from(request_logs), count.select_from(jobs), count.where(ledger.c.kind == "debit")]
        logs, made, debits = (int(connection.execute(query).scalar_one()) for query in queries)
        return logs, made, debits


def limited(engine: sa.Engine, *, credits: int = 1000, **limits: int) -> Shop:
    shop = Shop(engine, credits=credits)
    shop.intake = JobIntake(engine, **limits)
    return shop


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [({"unfinished_limit": 5}, TooManyUnfinishedJobs), ({"queue_limit": 10}, QueueShareTaken)],
    ids=["unfinished", "share of the queue"],
)
def test_many_simultaneous_orders_against_a_limit_of_five_leave_exactly_five(
    engine: sa.Engine, limits: dict[str, int], refusal: type[Exception]
) -> None:
    shop = limited(engine, **limits)

    def order() -> int:
        accepted = 0
        for _ in range(5):
            with suppress(refusal):
                shop.order(cost=1)
                accepted += 1
        return accepted

    assert sum(at_once(*[order] * 8)) == 5
    assert shop.balance == 995
    assert written(engine) == (5, 5, 5)


@ON_SQLITE
@pytest.mark.parametrize(
    "end",
    [
        lambda shop, accepted: shop.jobs.succeed(shop.claim(accepted), render()),
        lambda shop, accepted: shop.jobs.fail(shop.claim(accepted), "no_subject", ""),
        lambda shop, accepted: shop.jobs.cancel(accepted.job_id, client_id=shop.client.id),
    ],
    ids=["success", "failure", "cancel"],
)
def test_only_unfinished_jobs_count(engine: sa.Engine, end: Callable[[Shop, Accepted], object]) -> None:
    limited(engine, unfinished_limit=2).order()  # another client's
    shop = limited(engine, unfinished_limit=2)
    running, waiting = shop.order(), shop.order()
    shop.claim(running)
    with pytest.raises(TooManyUnfinishedJobs):
        shop.order()

    end(shop, waiting)

    shop.order()
    with pytest.raises(TooManyUnfinishedJobs):
        shop.order()


@ON_SQLITE
def test_clients_that_fill_the_queue_get_equal_shares_and_another_client_gets_in(engine: sa.Engine) -> None:
    shops = [limited(engine, queue_limit=40) for _ in range(3)]
    waiting = dict.fromkeys(range(3), 0)
    refused: set[int] = set()
    while len(refused) < 3:
        for number, shop in enumerate(shops):
            try:
                shop.order(cost=1)
                waiting[number] += 1
            except QueueShareTaken:
                refused.add(number)

    assert list(waiting.values()) == [10, 10, 10]
    assert written(engine) == (30, 30, 30)
    late = limited(engine, queue_limit=40)
    for _ in range(5):
        late.order(cost=1)
    with pytest.raises(QueueShareTaken):
        late.order(cost=1)


@ON_SQLITE
def test_sandboxes_and_live_clients_fill_a_queue_each(engine: sa.Engine) -> None:
    for sandbox in (True, False, True, False):
        shop = Shop(engine, sandbox=sandbox)
        shop.intake = JobIntake(engine, queue_limit=2)
        shop.order(cost=0)
    with pytest.raises(QueueFull):
        shop.order(cost=0)


@ON_SQLITE
def test_an_insufficient_balance_is_reported_before_a_limit(engine: sa.Engine) -> None:
    shop = limited(engine, credits=1, unfinished_limit=1)
    shop.order(cost=1)

    with pytest.raises(InsufficientCredits):
        shop.order(cost=1)


def test_zero_and_empty_settings_switch_limits_off_for_child_processes_too() -> None:
    for off in (0, None, ""):
        settings = Settings.model_validate({"submit_rate": off, "unfinished_limit": off, "queue_limit": off})
        assert (settings.submit_rate, settings.unfinished_limit, settings.queue_limit) == (0, 0, 0)
        assert settings.environment()["BACKDROP_UNFINISHED_LIMIT"] == "0"
