"""Sending jobs to the workers: enqueued, or marked as unsent for the sweep."""

from service.jobs.dispatcher import Dispatcher
from service.jobs.queue import JobQueue, QueueUnavailable
from service.jobs.records import Kind
from tests.support.shop import Shop


class ShortQueue(JobQueue):
    """A queue that goes away once it has taken so many jobs; counts how often it was tried."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken: list[str] = []
        self.tries = 0

    def enqueue(self, job_id: str, kind: Kind) -> None:
        self.tries += 1
        if len(self.taken) == self.room:
            raise QueueUnavailable("away")
        self.taken.append(job_id)


def unsent(shop: Shop) -> list[str]:
    return shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60)


def test_jobs_are_enqueued_in_their_order(shop: Shop) -> None:
    ids = sorted(shop.order(cost=1).job_id for _ in range(3))
    queue = ShortQueue(room=3)

    assert Dispatcher(shop.jobs, queue).send(ids[::-1], Kind.SWAP) == ids[::-1]
    assert queue.taken == ids[::-1]
    assert unsent(shop) == []


def test_jobs_that_the_queue_does_not_take_are_left_to_the_sweep(shop: Shop) -> None:
    ids = sorted(shop.order(cost=1).job_id for _ in range(4))
    queue = ShortQueue(room=1)

    assert Dispatcher(shop.jobs, queue).send(ids, Kind.SWAP) == ids[:1]
    assert unsent(shop) == ids[1:]


def test_a_queue_that_is_away_is_tried_once(shop: Shop) -> None:
    ids = sorted(shop.order(cost=1).job_id for _ in range(3))
    queue = ShortQueue(room=0)

    assert Dispatcher(shop.jobs, queue).send(ids, Kind.SWAP) == []
    assert queue.tries == 1
    assert unsent(shop) == ids


def test_a_job_that_ended_meanwhile_is_not_marked(shop: Shop) -> None:
    accepted = shop.order(cost=1)
    shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)

    assert Dispatcher(shop.jobs, ShortQueue(room=0)).send([accepted.job_id], Kind.SWAP) == []
    assert unsent(shop) == []


def test_nothing_to_send_asks_nothing(shop: Shop) -> None:
    queue = ShortQueue(room=0)

    assert Dispatcher(shop.jobs, queue).send([], Kind.SWAP) == []
    assert queue.tries == 0
