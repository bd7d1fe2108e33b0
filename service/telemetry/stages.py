"""Timing and tracing of an attempt's stages, by its progress. Includes attempts that fail."""

import time
from dataclasses import dataclass, field

from opentelemetry.trace import Tracer

from service.telemetry.metrics import RunMetrics


@dataclass
class StageTimer:
    """Times the stages of one attempt in turn. For the attempt's own thread."""

    metrics: RunMetrics
    tracer: Tracer
    #: Seconds of each finished stage, in order. A repeated stage adds to its first time.
    seconds: dict[str, float] = field(default_factory=dict)
    #: The running stage, its start in Unix seconds, and its start on the monotonic clock.
    _running: tuple[str, float, float] | None = field(default=None, init=False)

    def enter(self, stage: str) -> None:
        """End the running stage and start this one. Does nothing if it already runs."""
        if self._running is None or self._running[0] != stage:
            self.end()
            self._running = stage, time.time(), time.perf_counter()

    def end(self) -> None:
        """End the running stage."""
        if self._running is None:
            return
        stage, started, since = self._running
        self._running, took = None, time.perf_counter() - since
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + took, 4)
        self.metrics.stage(stage, took)
        span = self.tracer.start_span(f"stage {stage}", start_time=int(1e9 * started))
        span.end(int(1e9 * (started + took)))
