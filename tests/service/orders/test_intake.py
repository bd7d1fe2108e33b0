"""Orders at the database: all or nothing, once under concurrency, and one message from the last job that ends."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from service.accounts.ledger import InsufficientCredits
from service.database.tables import deliveries, jobs, orders
from service.diagnostics.audit import Bounds, audit
from service.jobs.intake import SENT_AT_ONCE, JobIntake
from service.jobs.records import JobFinished, LeaseLost
from service.orders.records import NoRoom
from service.orders.store import Orders
from service.webhooks.endpoints import Webhooks
from testkit.polling import at_once
from tests.service.jobs.test_limits import written
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop, render


def messages(engine: sa.Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [json.loads(body) for body in connection.execute(sa.select(deliveries.c.body)).scalars()]


def test_the_same_order_sent_eight_times_at_once_is_made_and_charged_once(engine: sa.Engine) -> None:
    shop = Shop(engine, credits=1000)

    made = at_once(*[lambda: shop.order_many(20, key="once")[0]] * 8)

    assert len({one.order_id for one in made}) == 1
    assert sum(not one.repeated for one in made) == 1
    assert shop.balance == 960
    assert written(engine) == (21, 20, 20)


@pytest.mark.parametrize("credits", [39, 0])
def test_an_order_that_costs_too_much_writes_nothing(engine: sa.Engine, credits: int) -> None:
    shop = Shop(engine, credits=credits)

    with pytest.raises(InsufficientCredits) as refused:
        shop.order_many(20)

    assert (refused.value.balance, refused.value.cost, shop.balance) == (credits, 40, credits)
    assert written(engine) == (0, 0, 0)


@pytest.mark.parametrize(
    ("limits", "code", "words", "room"),
    [
        ({"unfinished_limit": 12}, "too_many_unfinished_jobs", "10 pictures, and you may have 12 unfinished jobs", 9),
        ({"queue_limit": 18}, "queue_share_taken", "10 pictures, and your share of the queue has room for 6 now", 6),
        ({"queue_limit": 12}, "queue_full", "10 pictures, and too many jobs of all clients", 3),
    ],
)
def test_an_order_counts_like_its_pictures_for_every_limit(
    engine: sa.Engine, limits: dict[str, int], code: str, words: str, room: int
) -> None:
    shop = Shop(engine, credits=1000)
    for _ in range(3):
        shop.order()
    shop.intake = JobIntake(engine, **limits)

    with pytest.raises(NoRoom, match=words) as refused:
        shop.order_many(10)

    assert (refused.value.code, shop.balance, written(engine)) == (code, 994, (3, 3, 3))
    with pytest.raises(NoRoom):
        shop.order_many(room + 1)
    shop.order_many(room)


def test_its_first_jobs_are_sent_at_once_and_the_sweep_sends_the_rest(engine: sa.Engine) -> None:
    shop = Shop(engine, credits=1000)
    _, pictures = shop.order_many(SENT_AT_ONCE + 6)

    due = shop.jobs.claim_unsent("swap", waiting=SENT_AT_ONCE, resend_after=60)  # type: ignore[arg-type]  # a kind

    assert due == pictures[SENT_AT_ONCE:]


def test_other_clients_start_between_the_pictures_of_an_order(engine: sa.Engine) -> None:
    many, few = Shop(engine, credits=1000), Shop(engine)
    many.order_many(8)
    wanted = {few.order().job_id for _ in range(2)}

    started = [many.start().job_id for _ in range(5)]

    assert wanted <= set(started)


def test_the_last_of_simultaneous_ends_writes_the_only_message(engine: sa.Engine) -> None:
    shop = Shop(engine, credits=1000)
    Webhooks(engine).register(shop.client.name, "https://shop.example/hooks")
    for _ in range(4):
        _, pictures = shop.order_many(4)
        claims = [shop.claim_of(job_id) for job_id in pictures]
        ends: list[Callable[[], None]] = [
            *(lambda claim=claim: shop.jobs.succeed(claim, render()) for claim in claims[:2]),
            *(lambda claim=claim: shop.jobs.fail(claim, "no_subject", "Nothing.") for claim in claims[2:]),
        ]  # fmt: skip
        at_once(*ends)

    found = messages(engine)
    assert [one["type"] for one in found] == ["order.completed"] * 4
    assert {one["data"]["status"] for one in found} == {"PARTIAL"}
    assert {one["data"]["credits_refunded"] for one in found} == {4}
    assert len({one["data"]["order_id"] for one in found}) == 4
    assert audit(engine, Bounds(max_attempts=2)).findings == []


def test_cancelling_while_workers_claim_refunds_exactly_what_never_began(engine: sa.Engine) -> None:
    shop = Shop(engine, credits=1000)
    Webhooks(engine).register(shop.client.name, "https://shop.example/hooks")
    order, pictures = shop.order_many(30)
    kept = Orders(engine, shop.jobs)

    def work() -> int:
        made = 0
        while claim := shop.jobs.claim():
            with suppress(LeaseLost):
                shop.jobs.succeed(claim, render())
                made += 1
        return made

    def cancel() -> int:
        kept.cancel(order.order_id, client_id=shop.client.id)
        return 0

    def cancel_one() -> int:
        with suppress(JobFinished):
            shop.jobs.cancel(pictures[-1], client_id=shop.client.id)
        return 0

    made = sum(at_once(work, work, cancel, cancel, cancel_one))

    shown = kept.get(order.order_id, client_id=shop.client.id)
    assert shown is not None
    assert (shown.tally.succeeded, shown.tally.unfinished) == (made, 0)
    assert shown.tally.cancelled == 30 - made
    assert shop.balance == 1000 - 2 * made
    assert len(messages(engine)) == 1
    assert audit(engine, Bounds(max_attempts=2)).findings == []


@ON_SQLITE
def test_a_deleted_photo_and_a_lost_worker_end_an_order_like_any_end(engine: sa.Engine) -> None:
    shop = Shop(engine, credits=100)
    order, pictures = shop.order_many(3)
    shop.claim_of(pictures[0])
    with engine.begin() as connection:
        connection.execute(jobs.update().where(jobs.c.status == "IN_PROGRESS").values(attempt=2, lease_until=None))
        connection.execute(jobs.update().values(created_at=sa.func.datetime("now", "-2 days")))
        lost = jobs.update().where(jobs.c.status == "IN_PROGRESS")
        connection.execute(lost.values(lease_until=sa.func.datetime("now", "-1 hour")))

    shop.jobs.fail_abandoned(max_wait=3600)

    with engine.connect() as connection:
        assert connection.execute(sa.select(orders.c.completed_at)).scalar_one() is not None
    shown = Orders(engine, shop.jobs).get(order.order_id, client_id=shop.client.id)
    assert shown is not None
    assert (shown.status, shown.tally.credits_refunded, shop.balance) == ("FAILURE", 6, 100)
