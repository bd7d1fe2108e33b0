"""Logs, metrics and traces of an attempt: a line at its end, its stages, and its span."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import NoOpTracer, SpanKind, Tracer

from service.jobs.queue import QUEUES
from service.jobs.records import Claim, Kind, LeaseLost, NewCutout, NewRender
from service.telemetry.correlation import Correlation, correlated
from service.telemetry.metrics import RunMetrics
from service.telemetry.tracing import mark_failed

logger = logging.getLogger("service.job")


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


@dataclass
class Observed:
    """The facts about one attempt for its log line, metrics and span."""

    stages: StageTimer
    #: "success", "failure", "again", "handed_back", "lease_lost", or "broken" for an unexpected end.
    outcome: str = "broken"
    #: The error code of an attempt without a picture.
    error: str | None = None
    #: For each of a hub model's paintings: the reason for its rejection, or None if it was accepted.
    paintings: list[str | None] = field(default_factory=list)
    #: Width and height of the picture in pixels.
    size: tuple[int, int] | None = None

    def succeeded(self, made: NewRender | NewCutout) -> None:
        """Record a finished picture."""
        self.outcome, self.size = "success", (made.width, made.height)
        if isinstance(made, NewRender):
            tried = made.report.get("provenance", {}).get("tried", ())
            self.paintings = [row.get("rejected") for row in tried if "seconds" in row]

    def came_to(self, outcome: str, error: str | None = None) -> None:
        """Record an end without a picture."""
        self.outcome, self.error = outcome, error


@dataclass(frozen=True)
class RunObserver:
    """Observes the attempts of one worker. Thread-safe."""

    metrics: RunMetrics = field(default_factory=RunMetrics)
    tracer: Tracer = field(default_factory=NoOpTracer)
    #: The worker's name, "host:pid", in the log lines and rows of its jobs.
    worker: str = ""

    @contextmanager
    def attempt(self, claim: Claim) -> Iterator[Observed]:
        """Observe an attempt. Log lines of the body get the job's ids. Exceptions pass through."""
        request_id = claim.caller_request_id or claim.request_id
        with correlated(Correlation(request_id, job_id=claim.job_id, traceparent=claim.traceparent)):
            queue = QUEUES[Kind(claim.kind)]
            attributes: dict[str, str | int] = {
                "messaging.system": "redis",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": queue,
                "messaging.message.id": claim.job_id,
                "backdrop.job.attempt": claim.attempt,
                "backdrop.job.operation": claim.operation.value,
            }
            with self.tracer.start_as_current_span(
                f"process {queue}", kind=SpanKind.CONSUMER, attributes=attributes
            ) as span:
                observed, started = Observed(StageTimer(self.metrics, self.tracer, claim.stages)), time.perf_counter()
                if claim.waited is not None:
                    self.metrics.waited(claim.kind, claim.waited)
                    span.set_attribute("backdrop.job.wait", claim.waited)
                self.metrics.in_flight.inc()
                try:
                    yield observed
                except LeaseLost:
                    observed.came_to("lease_lost")
                    raise
                finally:
                    self.metrics.in_flight.dec()
                    seconds = time.perf_counter() - started
                    self.metrics.attempt(claim.kind, observed.outcome, seconds)
                    self.metrics.painted(observed.paintings)
                    if observed.error is not None:
                        mark_failed(span, observed.error)
                    self._log(claim, observed, seconds)

    def _log(self, claim: Claim, observed: Observed, seconds: float) -> None:
        ended = {"success": "SUCCESS", "failure": f"FAILURE {observed.error}"}.get(observed.outcome, observed.outcome)
        facts: dict[str, Any] = {
            "client_id": claim.client_id,
            "operation": claim.kind,
            "preset": claim.spec.get("output_preset"),
            "size": observed.size and "{}x{}".format(*observed.size),
            "attempt": claim.attempt,
            "outcome": observed.outcome,
            "error": observed.error,
            "wait": claim.waited,
            "seconds": round(seconds, 3),
            "stages": observed.stages.seconds,
            "worker": self.worker,
        }
        facts = {name: value for name, value in facts.items() if value is not None}
        # In the text, too, because the text format has no fields.
        also = " ".join(f"{name}={facts[name]}" for name in ("preset", "size", "wait", "client_id") if name in facts)
        slowest = ", ".join(f"{stage} {took:.2f}" for stage, took in observed.stages.seconds.items() if took >= 0.05)
        logger.info(
            "job %s: %s, attempt %d, %.2f s (%s) %s",
            *(claim.job_id, ended, claim.attempt, seconds, slowest, also),
            extra=facts,
        )
