"""The stages of an attempt, timed and traced as its progress tells of them: those of attempts that fail as well."""

import time
from collections.abc import Callable

from service.telemetry.metrics import RunMetrics
from service.telemetry.tracing import Tracer


class StageTimer:
    """Times one attempt's stages, one after another; for the thread that runs it. `clock` gives Unix seconds."""

    def __init__(self, metrics: RunMetrics, tracer: Tracer, clock: Callable[[], float] = time.time) -> None:
        self._metrics, self._tracer, self._clock = metrics, tracer, clock
        self._running: tuple[str, float] | None = None
        #: Seconds by stage, of those that are over.
        self.seconds: dict[str, float] = {}

    def enter(self, stage: str) -> None:
        """Begin a stage and end the one before; nothing where it runs already."""
        if self._running is None or self._running[0] != stage:
            self.end()
            self._running = stage, self._clock()

    def end(self) -> None:
        """End the stage that runs."""
        if self._running is None:
            return
        (stage, started), ended = self._running, self._clock()
        self._running = None
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + ended - started, 4)
        self._metrics.stage(stage, ended - started)
        self._tracer.record(f"stage {stage}", started, ended)
