"""The device lane's micro-batches: which requests share a call, and the effects of one on the others."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from models.lane import DeviceLane
from pipeline.core.errors import ModelFailed, OutOfMemory
from tests.models.queued import Painter, Queue, Stop, go_on, picture, queue, request
from tests.support.tiny_pipelines import conditions


def test_waiting_requests_that_fit_together_are_painted_in_one_call_up_to_the_limit(pool: ThreadPoolExecutor) -> None:
    with queue(pool, batch_size=3) as line:
        answers = [line.ask(seed) for seed in range(5)]
        line.release.set()

        for seed, answer in enumerate(answers):
            np.testing.assert_array_equal(answer.result(30), picture(seed))
        assert line.painter.batches == [[0, 1, 2], [3, 4]]


def test_a_picture_of_another_shape_or_of_a_family_that_cannot_batch_is_painted_alone(pool: ThreadPoolExecutor) -> None:
    with queue(pool, batch_size=4) as line:
        scene = conditions()
        small = replace(request(8), conditions=replace(scene, sketch=scene.sketch[:8]))
        single = Painter(batches=False)
        answers = [line.ask(1), pool.submit(line.lane.paint, line.painter, small, go_on)]
        answers += [pool.submit(line.lane.paint, single, request(seed), go_on) for seed in (9, 10)]
        answers += [line.ask(2)]
        line.release.set()

        for answer in answers:
            answer.result(30)
        assert sorted(line.painter.batches) == [[1, 2], [8]]
        assert sorted(single.batches) == [[9], [10]]


def test_a_request_that_stops_between_two_steps_leaves_its_batch_at_once(pool: ThreadPoolExecutor) -> None:
    stepped, resume = threading.Semaphore(0), threading.Event()

    def before_step() -> None:
        stepped.release()
        assert resume.wait(300)

    def stop(done: float) -> None:
        raise Stop

    with queue(pool, batch_size=4) as line:
        line.painter.before_step = before_step
        first, gone, last = line.ask(1), line.ask(2, on_step=stop), line.ask(3)
        line.release.set()
        for _ in range(2):
            resume.clear()
            assert stepped.acquire(timeout=300)
            resume.set()
        with pytest.raises(Stop):
            gone.result(30)

        np.testing.assert_array_equal(first.result(30), picture(1))
        np.testing.assert_array_equal(last.result(30), picture(3))
        assert line.painter.batches == [[1, 2, 3]]


def test_a_batch_that_exceeds_the_memory_is_halved_which_is_logged_and_remembered(
    pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    with queue(pool, batch_size=4) as line, caplog.at_level(logging.WARNING):
        line.painter.refuse = lambda requests: OutOfMemory("full") if len(requests) > 1 else None
        answers = [line.ask(seed) for seed in range(6)]
        line.release.set()

        for seed, answer in enumerate(answers):
            np.testing.assert_array_equal(answer.result(30), picture(seed))
        assert line.painter.batches == [[0, 1, 2, 3], [0, 1], [0], [1], [2, 3], [2], [3], [4], [5]]
    assert "too little memory for a batch of 4 images: halved" in caplog.text


def test_one_picture_that_exceeds_the_memory_fails_as_it_does_alone() -> None:
    lane, painter = DeviceLane(batch_size=4), Painter()
    painter.refuse = lambda requests: OutOfMemory("full")

    with pytest.raises(OutOfMemory):
        lane.paint(painter, request(1), go_on)
    lane.close()


def test_a_picture_that_breaks_its_batch_fails_alone_and_the_others_are_painted(pool: ThreadPoolExecutor) -> None:
    with queue(pool, batch_size=4) as line:
        broken = ModelFailed("a mistake of ours")
        line.painter.refuse = lambda requests: broken if any(one.seed == 2 for one in requests) else None
        answers = [line.ask(seed) for seed in range(1, 5)]
        line.release.set()

        with pytest.raises(ModelFailed):
            answers[1].result(30)
        for seed in (1, 3, 4):
            np.testing.assert_array_equal(answers[seed - 1].result(30), picture(seed))


class Gauge:
    """A device on which a picture takes this many bytes."""

    def __init__(self, room: int, each: int, painter: Painter) -> None:
        self.room, self.each, self.painter = room, each, painter

    def free(self) -> int:
        return self.room

    @contextmanager
    def measured(self) -> Iterator[list[int]]:
        taken: list[int] = []
        yield taken
        taken.append(self.each * len(self.painter.batches[-1]))


def test_no_batch_takes_more_memory_than_there_is_by_the_first_pictures_need(pool: ThreadPoolExecutor) -> None:
    lane = DeviceLane(batch_size=8)
    line = Queue(lane, pool)
    lane._memory = Gauge(room=100, each=25, painter=line.painter)
    answers = [line.ask(seed) for seed in range(7)]
    line.release.set()
    for answer in answers:
        answer.result(30)
    lane.close()

    assert line.painter.batches == [[0], [1, 2, 3], [4, 5, 6]], "three times 25 have room in four fifths of 100"
