"""A device lane that stays busy until it is released, and a generator that takes batches."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from models.lane import DeviceLane
from pipeline.core.networks import Capabilities, PaintRequest
from testkit.polling import until
from tests.support.tiny_pipelines import conditions


class Stop(Exception):
    pass


def go_on() -> None:
    pass


class Painter:
    """A generator that takes batches: a picture is the mean of its sketch and its seed, after two steps."""

    def __init__(self, *, batches: bool = True) -> None:
        self.capabilities = Capabilities(size=64, batches=batches)
        self.batches: list[list[int]] = []
        self.threads: set[int] = set()
        #: Called before each step.
        self.before_step: Callable[[], None] = go_on
        #: Raised by a call with this many pictures, or with a picture of this seed.
        self.refuse: Callable[[Sequence[PaintRequest]], BaseException | None] = lambda requests: None

    def paint(self, requests: Sequence[PaintRequest]) -> list[Any]:
        self.threads.add(threading.get_ident())
        self.batches.append([one.seed for one in requests])
        if error := self.refuse(requests):
            raise error
        answers: list[Any] = [np.full((2, 2, 3), one.seed + one.conditions.sketch.mean()) for one in requests]
        for step in (0.5, 1.0):
            self.before_step()
            for number, one in enumerate(requests):
                if not isinstance(answers[number], BaseException):
                    try:
                        one.on_step(step)
                    except Exception as error:  # noqa: BLE001  # it is the answer
                        answers[number] = error
        return answers


class Queue:
    """A lane that stays busy until it is released, and the requests that wait for it."""

    def __init__(self, lane: DeviceLane, pool: ThreadPoolExecutor) -> None:
        self.lane, self.pool, self.painter = lane, pool, Painter()
        self.release = threading.Event()
        busy = threading.Event()

        def hold() -> None:
            busy.set()
            self.release.wait(300)

        self.holding = pool.submit(lane.call, hold, go_on)
        assert busy.wait(300)

    def ask(
        self, seed: int, check: Callable[[], None] = go_on, on_step: Callable[[float], None] = lambda done: None
    ) -> "Future[Any]":
        waiting = len(self.lane._waiting)
        future = self.pool.submit(self.lane.paint, self.painter, request(seed, on_step), check)
        until(lambda: len(self.lane._waiting) > waiting)
        return future


def request(seed: int, on_step: Callable[[float], None] = lambda done: None) -> PaintRequest:
    return PaintRequest("a wall", "text", conditions(), seed, on_step)


def picture(seed: int) -> Any:
    return np.full((2, 2, 3), seed + conditions().sketch.mean())


@contextmanager
def queue(pool: ThreadPoolExecutor, **options: Any) -> Iterator[Queue]:
    lane = DeviceLane(**options)
    yield Queue(lane, pool)
    lane.close()
