"""The stages of a run: its progress, and the time that each stage took."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pipeline.core.networks import Progress


class Stages:
    """Reports progress and measures time, stage by stage.

    `shares` gives each stage's share of the total time, 0–1. `clock` returns seconds.
    """

    def __init__(self, shares: Mapping[str, float], progress: Progress, clock: Callable[[], float]):
        self._shares, self._progress, self._clock = shares, progress, clock
        self._stage, self._before = "", 0.0
        #: Seconds by stage.
        self.timings: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Return a context in which the stage runs."""
        self._stage = stage
        self._progress(stage, self._before)
        started = self._clock()
        yield
        self.timings[stage] = round(self._clock() - started, 4)
        self._before += self._shares[stage]

    def step(self, done: float) -> None:
        """Report the share 0–1 of the running stage that is done."""
        self._progress(self._stage, self._before + self._shares[self._stage] * min(1.0, max(0.0, done)))
