"""The stages of a run: how far it is, and how long each took."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pipeline.core.networks import Progress


class Stages:
    """Tells progress and measures time, stage by stage.

    `shares` has each stage's share 0–1 of the time of all, `clock` gives seconds.
    """

    def __init__(self, shares: Mapping[str, float], progress: Progress, clock: Callable[[], float]):
        self._shares, self._progress, self._clock = shares, progress, clock
        self._stage, self._before = "", 0.0
        #: Seconds by stage.
        self.timings: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Run a stage: what is in the context."""
        self._stage = stage
        self._progress(stage, self._before)
        started = self._clock()
        yield
        self.timings[stage] = round(self._clock() - started, 4)
        self._before += self._shares[stage]

    def step(self, done: float) -> None:
        """Pass on the share 0–1 of the running stage that is done."""
        self._progress(self._stage, self._before + self._shares[self._stage] * min(1.0, max(0.0, done)))
