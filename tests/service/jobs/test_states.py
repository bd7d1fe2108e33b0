"""States of jobs: the place in the queue, and a number for each change, on both databases."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from service.database.tables import jobs, request_logs
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
