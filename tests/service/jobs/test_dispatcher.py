"""Sending jobs to the workers: enqueued, or marked as unsent for the sweep."""

import pytest

from service.jobs.dispatcher import Dispatcher
from service.jobs.queue import JobQueue, QueueUnavailable
from service.jobs.records import Kind
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop


class ShortQueue(JobQueue):
    """A queue that goes away after `takes` jobs and counts the attempts."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken: list[str] = []
        self.tries = 0

    def enqueue(self, job_id: str, kind: Kind) -> None:
        self.tries += 1
        if len(self.taken) == self.room:
            raise QueueUnavailable("away")
        self.taken.append(job_id)


@ON_SQLITE
@pytest.mark.parametrize(("room", "tries"), [(3, 3), (1, 2), (0, 1)], ids=["there", "goes away", "away"])
def test_a_job_that_the_queue_refuses_is_left_to_the_sweep_and_not_tried_again(
    shop: Shop, room: int, tries: int
) -> None:
    ids = [shop.order(cost=1).job_id for _ in range(3)][::-1]
    over = shop.order(cost=1)
    shop.jobs.cancel(over.job_id, client_id=shop.client.id)
    queue = ShortQueue(room)
    dispatcher = Dispatcher(shop.jobs, queue)

    assert dispatcher.send(ids, Kind.SWAP) == queue.taken == ids[:room]
    assert queue.tries == tries
    assert dispatcher.send([], Kind.SWAP) == dispatcher.send([over.job_id], Kind.SWAP) == []
    assert shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == sorted(ids[room:])
