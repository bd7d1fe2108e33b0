"""Many jobs together, or one alone, who goes first."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.worker.attempt import Stopping
from service.worker.isolation import Isolation


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


class Place:
    """A job that has, or wants, a place, until it is told to leave."""

    def __init__(self, isolation: Isolation, pool: ThreadPoolExecutor, *, alone: bool) -> None:
        self.entered, self.leave, self.stopping = threading.Event(), threading.Event(), threading.Event()
        self.isolation, self.want_alone = isolation, alone
        self.done = pool.submit(self.run)

    def check(self) -> None:
        if self.stopping.is_set():
            raise Stopping

    def run(self) -> None:
        place = self.isolation.alone(self.check) if self.want_alone else self.isolation.together(self.stopping)
        with place:
            self.entered.set()
            self.leave.wait(30)


def test_one_that_is_to_run_alone_waits_for_the_others_and_later_ones_wait_for_it(pool: ThreadPoolExecutor) -> None:
    isolation = Isolation()
    first, second = (Place(isolation, pool, alone=False) for _ in range(2))
    assert first.entered.wait(30)
    assert second.entered.wait(30)

    alone = Place(isolation, pool, alone=True)
    first.leave.set()
    assert not alone.entered.wait(0.1), "the second one is still there"
    late = Place(isolation, pool, alone=False)
    assert not late.entered.wait(0.1), "the one that waits to be alone goes first"

    second.leave.set()
    assert alone.entered.wait(30)
    assert not late.entered.wait(0.1)
    alone.leave.set()
    assert late.entered.wait(30)
    late.leave.set()


def test_who_waits_to_be_alone_stops_when_it_is_told_to_and_is_in_nobodys_way(pool: ThreadPoolExecutor) -> None:
    isolation = Isolation()
    first = Place(isolation, pool, alone=False)
    assert first.entered.wait(30)
    alone = Place(isolation, pool, alone=True)

    alone.stopping.set()
    with pytest.raises(Stopping):
        alone.done.result(30)

    second = Place(isolation, pool, alone=False)
    assert second.entered.wait(30)
    for one in (first, second):
        one.leave.set()


def test_a_worker_that_is_to_stop_waits_for_nobody(pool: ThreadPoolExecutor) -> None:
    isolation = Isolation()
    alone = Place(isolation, pool, alone=True)
    assert alone.entered.wait(30)
    waiting = Place(isolation, pool, alone=False)

    waiting.stopping.set()

    assert waiting.entered.wait(30)
    for one in (alone, waiting):
        one.leave.set()
