"""Watching jobs: one query of the database serves all watchers."""

import asyncio
from typing import Any

import sqlalchemy as sa

from service.jobs.notifier import JobNotifier
from service.jobs.states import JobStates
from tests.support.shop import Shop


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
        assert statements == [], "nobody watches"
        one.close()
        return asked

    # About ten queries, more where this thread wakes late. Separate watchers would make a thousand.
    assert 1 <= asyncio.run(watch()) <= 100
