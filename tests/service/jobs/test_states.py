"""States of jobs: the place in the queue, and a number for each change, on both databases."""

import asyncio
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from service.database.tables import jobs, request_logs
from service.jobs.notifier import JobNotifier
from service.jobs.records import JobStatus
from service.jobs.states import FARTHEST, JobStates
from tests.support.shop import Shop


def test_places_far_back_are_reported_as_the_maximum_and_counted_no_further(engine: sa.Engine) -> None:
    shop = Shop(engine)
    last = shop.order(cost=1)
    names = [f"{number:026d}" for number in range(FARTHEST + 1)]  # made at the same moment: their ids decide
    with engine.begin() as connection:
        log = dict(connection.execute(sa.select(request_logs)).mappings().one())
        job = dict(connection.execute(sa.select(jobs)).mappings().one())
        connection.execute(request_logs.insert(), [log | {"request_id": name} for name in names])
        connection.execute(jobs.insert(), [job | {"id": name, "request_id": name} for name in names])

    states = JobStates(engine).of([*(names[place] for place in (0, 7, 999, 1000)), last.job_id])

    places = [states[name].queue_position for name in sorted(states)]
    assert places == [0, 7, 999, FARTHEST, FARTHEST]


def test_every_write_of_a_jobs_row_is_counted(engine: sa.Engine) -> None:
    shop = Shop(engine)
    job_id = shop.order().job_id
    seen: list[int] = []

    def look() -> None:
        state = JobStates(engine).of_client(job_id, shop.client.id)
        assert state is not None
        seen.append(state.event_id)

    moves: list[Callable[[], Any]] = [lambda: shop.jobs.mark_unsent(job_id), shop.jobs.claim]
    for move in (lambda: None, *moves):
        move()
        look()
    claim = shop.jobs.cancel(job_id, client_id=shop.client.id)
    assert claim is not None
    look()

    assert seen == sorted(set(seen))
    state = JobStates(engine).of_client(job_id, shop.client.id)
    assert state is not None
    assert (state.status, state.over, state.credits_refunded) == (JobStatus.FAILURE, True, 2)


# Watching jobs


def test_all_watchers_share_one_query(engine: sa.Engine) -> None:
    shop = Shop(engine, credits=100)
    ids = [shop.order(cost=1).job_id for _ in range(20)]
    statements: list[str] = []
    states = JobStates(engine)

    def see(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.extend([statement] if statement.startswith("SELECT") else [])

    sa.event.listen(engine, "before_cursor_execute", see)

    async def watch() -> int:
        one = JobNotifier(states.of, every=0.1)
        subscriptions = [one.subscribe(job_id) for job_id in ids for _ in range(5)]
        news = await asyncio.gather(*(subscription.next_state(60) for subscription in subscriptions))
        assert [state.queue_position for state in news if state is not None][::5] == list(range(20))
        statements.clear()
        await asyncio.sleep(1.05)
        asked = len(statements)
        for subscription in subscriptions:
            subscription.close()
        for _ in range(20):  # the last query may be late
            statements.clear()
            await asyncio.sleep(0.5)
            if not statements:
                break
        assert statements == [], "no watcher is left"
        one.close()
        return asked

    # About ten queries, more where this thread wakes late. Separate watchers would make a thousand.
    assert 1 <= asyncio.run(watch()) <= 100
