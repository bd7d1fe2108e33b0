"""The limits on unfinished jobs and on the queue, at the database: exact for a client, whatever comes at once."""

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from service.accounts.ledger import InsufficientCredits
from service.database.tables import jobs, ledger, request_logs
from service.jobs.intake import Accepted, JobIntake, QueueFull, QueueShareTaken, TooManyUnfinishedJobs
from service.settings import Settings
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


def at_once(shop: Shop, refusal: type[Exception]) -> list[str]:
    """Order two hundred times in twenty threads; return "accepted" or "refused" of each."""
    outcomes: list[str] = []
    start = threading.Barrier(20)

    def submit_ten() -> None:
        start.wait()
        for _ in range(10):
            try:
                shop.order(cost=1)
            except refusal:
                outcomes.append("refused")
            else:
                outcomes.append("accepted")

    threads = [threading.Thread(target=submit_ten) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_two_hundred_simultaneous_orders_against_a_limit_of_five_leave_exactly_five(engine: sa.Engine) -> None:
    shop = limited(engine, unfinished_limit=5)
    outcomes = at_once(shop, TooManyUnfinishedJobs)

    assert (outcomes.count("accepted"), outcomes.count("refused")) == (5, 195)
    assert shop.balance == 995
    assert written(engine) == (5, 5, 5)


@pytest.mark.parametrize(
    "end",
    [
        lambda shop, accepted: shop.jobs.succeed(shop.claim(accepted), render()),
        lambda shop, accepted: shop.jobs.fail(shop.claim(accepted), "no_subject", ""),
        lambda shop, accepted: shop.jobs.cancel(accepted.job_id, client_id=shop.client.id),
    ],
    ids=["success", "failure", "cancel"],
)
def test_only_jobs_that_are_not_over_count(engine: sa.Engine, end: Callable[[Shop, Accepted], object]) -> None:
    shop = limited(engine, unfinished_limit=2)
    running, waiting = shop.order(), shop.order()
    shop.claim(running)
    with pytest.raises(TooManyUnfinishedJobs):
        shop.order()

    end(shop, waiting)

    shop.order()
    with pytest.raises(TooManyUnfinishedJobs):
        shop.order()


def test_one_clients_jobs_do_not_count_for_another(engine: sa.Engine) -> None:
    busy, other = limited(engine, unfinished_limit=1), limited(engine, unfinished_limit=1)
    busy.order()

    other.order()


def test_the_queue_takes_so_many_waiting_jobs_of_all_clients(engine: sa.Engine) -> None:
    first, second = limited(engine, queue_limit=2), limited(engine, queue_limit=2)
    waits = first.order()
    second.order()
    with pytest.raises(QueueFull):
        second.order()

    first.claim(waits)  # what a worker has taken waits no longer

    first.order()
    assert written(engine) == (3, 3, 3)


def test_however_many_clients_fill_the_queue_each_gets_the_same_and_another_one_gets_in(engine: sa.Engine) -> None:
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


def test_simultaneous_orders_of_one_client_pass_its_share_by_none(engine: sa.Engine) -> None:
    shop = limited(engine, queue_limit=10)
    outcomes = at_once(shop, QueueShareTaken)

    assert (outcomes.count("accepted"), written(engine)) == (5, (5, 5, 5))


def test_the_repeat_of_an_accepted_order_is_refused_by_no_limit(engine: sa.Engine) -> None:
    shop = limited(engine, unfinished_limit=1, queue_limit=1)
    first = shop.order(idempotency_key="k")

    again = shop.order(idempotency_key="k")

    assert (again.job_id, again.repeated) == (first.job_id, True)
    with pytest.raises(QueueFull):
        shop.order()


def test_a_balance_that_is_too_low_is_told_before_a_limit(engine: sa.Engine) -> None:
    shop = limited(engine, credits=1, unfinished_limit=1)
    shop.order(cost=1)

    with pytest.raises(InsufficientCredits):
        shop.order(cost=1)


def test_no_limit_is_set_by_nought_or_nothing_and_reaches_the_child_processes() -> None:
    for off in (0, None, ""):
        settings = Settings.model_validate({"submit_rate": off, "unfinished_limit": off, "queue_limit": off})
        assert (settings.submit_rate, settings.unfinished_limit, settings.queue_limit) == (0, 0, 0)
        assert settings.environment()["BACKDROP_UNFINISHED_LIMIT"] == "0"
