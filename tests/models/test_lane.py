"""The device lane: one thread for all calls, its priorities and micro-batches, and the effects of callers on others."""

import logging
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.device import DeviceLost
from models.lane import DeviceLane
from pipeline.core.errors import ModelFailed, OutOfMemory
from pipeline.core.networks import Networks, PaintRequest, painted
from testkit.polling import until
from testkit.still_life import Darkener, by_colour
from tests.models.queued import Painter, Queue, Stop, go_on, picture, queue, request
from tests.support.tiny_pipelines import conditions


def test_all_calls_are_made_in_one_thread_one_after_another(pool: ThreadPoolExecutor) -> None:
    lane, inside, most = DeviceLane(), [0], [0]

    def call() -> int:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        inside[0] -= 1
        return threading.get_ident()

    threads = {future.result() for future in [pool.submit(lane.call, call, go_on) for _ in range(50)]}
    lane.close()

    assert most == [1]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_networks_on_the_lane_are_called_there_and_otherwise_unchanged(pool: ThreadPoolExecutor) -> None:
    lane, painter = DeviceLane(), Painter()
    threads: set[int] = set()

    class Segmenter:
        side = 77

        def __call__(self, image: Any) -> Any:
            threads.add(threading.get_ident())
            return by_colour(image)

    networks = lane.networks(Networks(Segmenter(), painter, {"segmenter": "s"}), go_on)
    photo = np.random.default_rng(0).integers(0, 255, (20, 20, 3)).astype(np.uint8)

    np.testing.assert_array_equal(networks.segmenter(photo), by_colour(photo))
    np.testing.assert_array_equal(networks.generator.paint([request(5)]), [picture(5)])
    assert threads == painter.threads != {threading.get_ident()}
    assert networks.segmenter.side == 77
    assert networks.generator.capabilities == painter.capabilities
    assert (networks.second_segmenter, networks.versions) == (None, {"segmenter": "s"})
    lane.close()


def test_networks_outside_the_lane_are_called_in_the_callers_thread() -> None:
    all_of_them = Networks(by_colour, Painter(), second_segmenter=by_colour)
    for segmenting in (False, True):
        lane = DeviceLane(segmenting=segmenting)
        networks = lane.networks(all_of_them, go_on)
        lane.close()

        assert networks.generator is not all_of_them.generator
        assert (networks.segmenter is by_colour) is not segmenting
        assert (networks.second_segmenter is by_colour) is not segmenting


def test_a_generator_without_batches_paints_on_the_lane_one_by_one() -> None:
    lane, reported = DeviceLane(batch_size=4), list[float]()
    generator = lane.networks(Networks(by_colour, Darkener()), go_on).generator
    asked = PaintRequest("", "", conditions(), 1, reported.append)

    light = painted(generator, asked)
    lane.close()

    np.testing.assert_array_equal(light, painted(Darkener(), asked))
    assert reported[-1] == 1


def test_a_cutout_goes_before_waiting_paintings(pool: ThreadPoolExecutor) -> None:
    with queue(pool) as line:
        paintings = [line.ask(seed) for seed in range(2)]
        painted_before = pool.submit(line.lane.call, lambda: list(line.painter.batches), go_on)
        until(lambda: len(line.lane._waiting) == 3)
        line.release.set()

        assert painted_before.result(30) == []
        assert [one.result(30).mean() for one in paintings] == [picture(seed).mean() for seed in range(2)]


def test_a_cutout_waits_for_a_step_of_a_painting_and_not_for_its_end(pool: ThreadPoolExecutor) -> None:
    with queue(pool) as line:
        stepping, asked = threading.Event(), threading.Event()

        def before_step() -> None:
            stepping.set()
            assert asked.wait(300)

        line.painter.before_step = before_step
        reported = list[float]()
        painting = line.ask(1, on_step=reported.append)
        line.release.set()
        assert stepping.wait(300)
        cut_out = pool.submit(line.lane.call, lambda: (painting.done(), threading.get_ident()), go_on)
        until(lambda: len(line.lane._waiting) == 1)
        asked.set()

        assert cut_out.result(30) == (False, next(iter(line.painter.threads)))
        np.testing.assert_array_equal(painting.result(30), picture(1))


def failed_within_a_painting(line: Queue, error: Exception) -> "tuple[Future[Any], Future[Any]]":
    """Start a painting, and a cut-out that raises an error between its steps; return both."""
    cut_outs = list["Future[Any]"]()
    ready = threading.Event()

    def fail() -> None:
        raise error

    def before_step() -> None:
        if not cut_outs:
            cut_outs.append(line.pool.submit(line.lane.call, fail, go_on))
            until(lambda: len(line.lane._waiting) == 1)
            ready.set()

    line.painter.before_step = before_step
    painting = line.ask(1)
    line.release.set()
    assert ready.wait(300)
    return painting, cut_outs[0]


def test_a_cutout_that_fails_within_a_painting_fails_alone(pool: ThreadPoolExecutor) -> None:
    with queue(pool) as line:
        painting, cut_out = failed_within_a_painting(line, ValueError("no product"))

        np.testing.assert_array_equal(painting.result(30), picture(1))
        with pytest.raises(ValueError, match="no product"):
            cut_out.result(30)


def test_a_device_lost_by_a_cutout_within_a_painting_is_lost_for_both_and_reported_once(
    pool: ThreadPoolExecutor,
) -> None:
    reported = list[bool]()
    with queue(pool, on_lost=lambda: reported.append(True)) as line:
        error = RuntimeError("CUDA error: an illegal memory access was encountered")
        painting, cut_out = failed_within_a_painting(line, error)

        with pytest.raises(DeviceLost):
            painting.result(30)
        with pytest.raises(DeviceLost):
            cut_out.result(30)
        assert reported == [True]


def test_a_request_that_stops_while_it_waits_is_not_painted(pool: ThreadPoolExecutor) -> None:
    stopped = threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise Stop

    with queue(pool, batch_size=4) as line:
        first, gone, last = line.ask(1), line.ask(2, check), line.ask(3)
        stopped.set()
        with pytest.raises(Stop):
            gone.result(30)
        line.release.set()

        assert [first.result(30).mean(), last.result(30).mean()] == [picture(1).mean(), picture(3).mean()]
        assert line.painter.batches == [[1, 3]]


def test_steps_are_reported_in_the_callers_thread() -> None:
    lane, threads = DeviceLane(), set[int]()

    lane.paint(Painter(), request(1, lambda done: threads.add(threading.get_ident())), go_on)
    lane.close()

    assert threads == {threading.get_ident()}


def test_a_lost_device_fails_every_later_call_and_is_reported_once(
    pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    lost: list[int] = []
    with queue(pool, batch_size=2, on_lost=lambda: lost.append(1)) as line:
        sticky = "CUDA error: an illegal memory access was encountered"
        line.painter.refuse = lambda requests: ModelFailed(f"The network failed: {sticky}")
        answers = [line.ask(seed) for seed in range(5)]
        line.release.set()

        for answer in answers:
            with pytest.raises(DeviceLost):
                answer.result(30)
        with pytest.raises(DeviceLost):
            line.lane.call(go_on, go_on)
        assert lost == [1]
        assert line.painter.batches == [[0, 1]], "a batch that lost the device is not tried again"
    assert sticky in caplog.text


def test_too_little_memory_of_the_device_does_not_count_as_its_loss() -> None:
    lane = DeviceLane(on_lost=lambda: pytest.fail("it is not lost"))

    def call() -> None:
        raise RuntimeError("CUDA error: out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        lane.call(call, go_on)
    assert lane.call(lambda: 5, go_on) == 5
    lane.close()


def test_a_closed_lane_cancels_waiting_requests(pool: ThreadPoolExecutor) -> None:
    lane = DeviceLane()
    line = Queue(lane, pool)
    waiting = line.ask(1)
    closing = pool.submit(lane.close)
    until(lambda: lane._closed)
    line.release.set()
    closing.result(30)

    with pytest.raises(CancelledError):
        waiting.result(30)
    assert line.painter.batches == []


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
