"""The stages of an attempt, timed and traced as its progress tells of them: those of attempts that fail as well."""

import time
from dataclasses import dataclass, field

from service.telemetry.metrics import RunMetrics
from service.telemetry.tracing import Tracer


@dataclass
class StageTimer:
    """Times one attempt's stages, one after another; for the thread that runs it."""

    metrics: RunMetrics
    tracer: Tracer
    #: Seconds by stage, of those that are over, in their order; a stage that comes again adds to its own.
    seconds: dict[str, float] = field(default_factory=dict)
    #: The stage that runs, since when (Unix seconds), and by the clock that nobody sets.
    _running: tuple[str, float, float] | None = field(default=None, init=False)

    def enter(self, stage: str) -> None:
        """Begin a stage and end the one before; nothing where it runs already."""
        if self._running is None or self._running[0] != stage:
            self.end()
            self._running = stage, time.time(), time.perf_counter()

    def end(self) -> None:
        """End the stage that runs."""
        if self._running is None:
            return
        stage, started, since = self._running
        self._running, took = None, time.perf_counter() - since
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + took, 4)
        self.metrics.stage(stage, took)
        self.tracer.record(f"stage {stage}", started, started + took)
