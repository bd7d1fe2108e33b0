"""The device lane: one thread that owns the networks, takes requests and answers futures.

A device does one thing at a time, and pipelines keep state, so all calls of networks go through the lane. Waiting
requests for the generator that fit together are painted in one call, a micro-batch.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from models.device import DeviceLost, is_sticky
from pipeline.core.errors import OutOfMemory
from pipeline.core.networks import FunctionSegmenter, Generator, Networks, Painted, PaintRequest, Segmenter

logger = logging.getLogger(__name__)

#: Seconds between two calls of a waiting caller's `check`.
_LOOK_EVERY = 0.2


class Left(Exception):
    """Raised in the lane at the next step of a request that its caller has withdrawn."""


@dataclass(eq=False)
class _Request:
    """One call of a network, and the future of its answer."""

    #: A generator's `paint`, called with the requests of one batch; or a brief call without arguments.
    call: Callable[..., Any]
    #: None for a brief call, which goes before paintings.
    painting: PaintRequest | None = None
    #: Requests with the same key can be painted in one call. A request without a key is painted alone.
    key: Hashable | None = None
    future: "Future[Any]" = field(default_factory=Future)
    #: Share of the steps that are done.
    done: float = 0.0
    changed: threading.Event = field(default_factory=threading.Event)
    left: bool = False

    @property
    def brief(self) -> bool:
        """Whether it goes before paintings."""
        return self.painting is None

    def step(self, done: float) -> None:
        """Record a step, in the lane's thread. Raises Left."""
        if self.left:
            raise Left
        self.done = max(self.done, done)  # a repeated call starts again from 0
        self.changed.set()


class DeviceLane:
    """The lane of one process. Thread-safe.

    - `batch_size`: most images in one call of the generator.
    - `batch_wait`: seconds that an image waits for others that fit.
    - `segmenting`: whether the lane also runs the segmenters, which otherwise run in the callers' own threads.
    - `on_lost`: called once when this process loses the device. Every call fails with DeviceLost from then on.
    - `on_painted`: called in the lane's thread with the number of images of each call of the generator.
    """

    def __init__(
        self,
        *,
        batch_size: int = 1,
        batch_wait: float = 0.005,
        segmenting: bool = True,
        on_lost: Callable[[], None] = lambda: None,
        on_painted: Callable[[int], None] = lambda pictures: None,
    ) -> None:
        self._batch_size = batch_size
        self._batch_wait = batch_wait
        self._segmenting = segmenting
        self._on_lost = on_lost
        self._on_painted = on_painted
        self._lost = False
        self._closed = False
        self._waiting = deque[_Request]()
        self._changed = threading.Condition()
        #: By key: the most images that had room together.
        self._room: dict[Hashable, int] = {}
        #: Seconds in which it has worked.
        self.busy = 0.0
        self._thread = threading.Thread(target=self._work, name="device-lane", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread after its current work, and cancel the requests that wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    # The callers' side

    def networks(self, networks: Networks, check: Callable[[], None]) -> Networks:
        """Return networks whose calls go through the lane.

        While a caller waits, its thread calls `check` repeatedly. An error of `check` withdraws the request and is
        raised.
        """
        networks = replace(networks, generator=_GeneratorOnLane(networks.generator, self, check))
        if not self._segmenting:
            return networks

        def on_lane(segmenter: Segmenter) -> Segmenter:
            return FunctionSegmenter(lambda image: self.call(lambda: segmenter(image), check), segmenter.side)

        second, witness = networks.second_segmenter, networks.witness
        return replace(
            networks,
            segmenter=on_lane(networks.segmenter),
            second_segmenter=None if second is None else on_lane(second),
            witness=None if witness is None else on_lane(witness),
        )

    def call(self, call: Callable[[], Any], check: Callable[[], None]) -> Any:
        """Run `call` in the lane and return its answer; raises its errors, those of `check`, and DeviceLost."""
        return self._answer(_Request(call), check, lambda done: None)

    def paint(self, generator: Generator, request: PaintRequest, check: Callable[[], None]) -> Painted:
        """Paint with a generator, perhaps in a batch with others. `on_step` is called in this thread."""
        waiting = _Request(generator.paint, key=request.alike if generator.capabilities.batches else None)

        def on_painted(done: float) -> None:
            waiting.step(done)
            self._do_brief()

        waiting.painting = replace(request, on_step=on_painted)
        answer: Painted = self._answer(waiting, check, request.on_step)
        return answer

    def _answer(self, request: _Request, check: Callable[[], None], on_step: Callable[[float], None]) -> Any:
        request.future.add_done_callback(lambda _: request.changed.set())
        with self._changed:
            if self._lost:
                raise DeviceLost(_LOST)
            self._waiting.append(request)
            self._changed.notify_all()
        reported = 0.0
        try:
            while not request.future.done():
                request.changed.wait(_LOOK_EVERY)
                request.changed.clear()
                check()
                if (done := request.done) > reported:
                    on_step(reported := done)
        except BaseException:
            request.left = True
            request.future.cancel()
            raise
        if request.done > reported:
            on_step(request.done)
        return request.future.result()

    # The lane's side

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            batch = [one for one in batch if one.future.set_running_or_notify_cancel()]
            if batch:
                started = time.perf_counter()
                self._do(batch)
                self.busy += time.perf_counter() - started
            del batch  # frees its images before the next request comes

    def _do_brief(self) -> None:
        """Do the brief calls that wait, between two steps of a painting. Raises DeviceLost."""
        while True:
            with self._changed:
                brief = next((one for one in self._waiting if one.brief), None)
                if brief is not None:
                    self._waiting.remove(brief)
            if brief is None:
                break
            if brief.future.set_running_or_notify_cancel():
                self._do([brief])
        if self._lost:
            raise DeviceLost(_LOST)

    def _next(self) -> list[_Request] | None:
        """Take the next request, in order of arrival, and the requests that fit into its batch.

        Brief calls go first, here and between the steps of a painting. A job whose cut-out waited behind paintings
        would request its own painting too late to keep the device busy. Paintings do not starve, since each job makes
        only few brief calls.
        """
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                for request in self._waiting:
                    request.future.cancel()
                return None
            first = next((one for one in self._waiting if one.brief), self._waiting[0])
            self._waiting.remove(first)
            batch, most = [first], self._most(first.key)
            until = time.monotonic() + self._batch_wait
            while True:
                fitting = [one for one in self._waiting if one.key == first.key and not one.left][: most - len(batch)]
                for one in fitting:
                    self._waiting.remove(one)
                batch += fitting
                left = until - time.monotonic()
                if len(batch) >= most or left <= 0:
                    return batch
                self._changed.wait(left)

    def _most(self, key: Hashable | None) -> int:
        """Return the most images of a key in one call."""
        return 1 if key is None else min(self._batch_size, self._room.get(key, self._batch_size))

    def _do(self, batch: list[_Request]) -> None:
        """Run a batch, and answer its requests. An error in a request's call is its answer."""
        if self._lost:
            answers: list[Any] = [DeviceLost(_LOST)] * len(batch)
        elif batch[0].brief:
            answers = [_outcome(batch[0].call)]
        else:
            answers = self._paint(batch)
        if not self._lost and any(isinstance(answer, BaseException) and is_sticky(answer) for answer in answers):
            answers = self._lose(answers)
        for request, answer in zip(batch, answers, strict=True):
            if isinstance(answer, BaseException):
                request.future.set_exception(answer)
            else:
                request.future.set_result(answer)

    def _paint(self, batch: list[_Request]) -> list[Any]:
        """Paint a batch; halve it if it needs too much memory, and paint one by one if it fails."""
        key, call, requests = batch[0].key, batch[0].call, [one.painting for one in batch]
        answers = _outcome(lambda: call(requests))
        if not isinstance(answers, BaseException):
            self._on_painted(len(answers))
            return list(answers)
        if len(batch) == 1 or not isinstance(answers, Exception) or is_sticky(answers):
            return [answers] * len(batch)
        if isinstance(answers, OutOfMemory):
            half = len(batch) // 2
            self._room[key] = max(1, half)
            logger.warning("too little memory for a batch of %d images: halved from now on", len(batch))
        else:
            half = 1
            logger.warning("a batch of %d images failed, so each image is tried alone: %s", len(batch), answers)
        parts = [batch[start : start + half] for start in range(0, len(batch), half)]
        return [answer for part in parts for answer in self._paint(part)]

    def _lose(self, answers: list[Any]) -> list[Any]:
        error = next(one for one in answers if isinstance(one, BaseException) and is_sticky(one))
        with self._changed:
            self._lost = True
        logger.critical("%s", _LOST, exc_info=error)
        self._on_lost()
        return [DeviceLost(_LOST) if isinstance(one, BaseException) else one for one in answers]


_LOST = "This process can no longer use its device and must be restarted."


def _outcome(call: Callable[[], Any]) -> Any:
    """Return the result of a call, or the error that it raises."""
    try:
        return call()
    except BaseException as error:  # noqa: BLE001  # it is the answer to the request
        return error


class _GeneratorOnLane:
    """A generator that paints through the lane, and raises the errors of its requests."""

    def __init__(self, generator: Generator, lane: DeviceLane, check: Callable[[], None]) -> None:
        self.capabilities = generator.capabilities
        self._generator, self._lane, self._check = generator, lane, check

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted]:
        return [self._lane.paint(self._generator, request, self._check) for request in requests]
