"""Metrics for Prometheus: counts and durations of each kind of process, on its own registry.

Names and units follow https://prometheus.io/docs/practices/naming/. No client, job or scene is a label, because each
value of a label makes a new series. Observations have the trace's id as an exemplar, if there is a trace.
"""

import json
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import distribution, version
from pathlib import Path
from statistics import median

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.telemetry.correlation import current

#: Bounds in seconds of a job's duration, from a cached cut-out to a hub model on a CPU.
_JOB = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)
#: Bounds in seconds of a job's wait, up to a day. After that it is refunded by default.
_WAIT = (0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400)
#: Error codes of failures that Backdrop caused, and not the photo. The rule BackdropFailures counts them.
OUR_FAULT = (
    "internal_error",
    "model_failed",
    "generator_rejected",
    "out_of_memory",
    "worker_lost",
    "store_unavailable",
    "time_limit",
    "queue_timeout",
)


def process_registry(kind: str) -> CollectorRegistry:
    """Return a registry with the metrics of every process: memory, CPU time, open files, start, Python, release."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    Info("backdrop_build", "The release, and the kind of process.", registry=registry).info(
        {"version": version("backdrop"), "commit": build_commit(), "process": kind}
    )
    return registry


def build_commit() -> str:
    """Return the commit of this code, or "unknown".

    Tries the file that an image's build writes, pip's record of a repository's address (PEP 610), and git.
    """
    code = Path(__file__).parents[1]
    if (written := code / "COMMIT").is_file():
        return written.read_text().strip() or "unknown"
    origin = json.loads(distribution("backdrop").read_text("direct_url.json") or "{}")
    if commit := origin.get("vcs_info", {}).get("commit_id"):
        return str(commit)
    if (code.parent / ".git").exists() and (git := shutil.which("git")):
        asked = subprocess.run([git, "-C", code.parent, "rev-parse", "HEAD"], capture_output=True, text=True)
        return asked.stdout.strip() or "unknown"
    return "unknown"


class JobMetrics:
    """Job counts of the processes that make or end jobs: API, workers and sweeps. Thread-safe."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        counter = partial(Counter, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self._submitted = counter("backdrop_jobs_submitted", "Accepted jobs.", ["operation"])
        self._finished = counter("backdrop_jobs_finished", "Jobs that ended.", ["operation", "status", "error_type"])
        self._took = histogram(
            "backdrop_job_duration_seconds", "Time from a job's submit to its success.", ["operation"], buckets=_WAIT
        )
        self._judged = counter(
            "backdrop_jobs_judged",
            "Successes, by whether they took at most 3 times the median of their operation in this process.",
            ["operation", "in_time"],
        )
        #: Durations of the latest successes, by operation.
        self._latest: dict[str, deque[float]] = {}
        self._refunds = counter("backdrop_refunds", "Refunded jobs.")
        self._refunded = counter("backdrop_refunded_credits", "Refunded credits.")
        # Create the series at zero, because Prometheus can't see the rise of a series that begins at 1.
        for operation in ("swap", "preview", "cutout"):
            self._judged.labels(operation, "no")
            self._finished.labels(operation, "SUCCESS", "")
            for code in OUR_FAULT:
                self._finished.labels(operation, "FAILURE", code)

    def submitted(self, operation: str) -> None:
        """Count an accepted job: "swap", "preview" or "cutout"."""
        self._submitted.labels(operation).inc(exemplar=current().exemplar)

    def finished(self, operation: str, status: str, error_type: str) -> None:
        """Count a job's end. `error_type`: its error code, or "" for a success."""
        self._finished.labels(operation, status, error_type).inc(exemplar=current().exemplar)

    def took(self, operation: str, seconds: float) -> None:
        """Record a success's time since its submit. From the 21st on, compare it with the median of the last 500."""
        self._took.labels(operation).observe(seconds, exemplar=current().exemplar)
        latest = self._latest.setdefault(operation, deque(maxlen=500))
        if len(latest) >= 20:
            self._judged.labels(operation, "yes" if seconds <= 3 * median(list(latest)) else "no").inc()
        latest.append(seconds)

    def refunded(self, credits: int) -> None:
        """Count a refund. Ignores refunds of zero credits."""
        if credits:
            self._refunds.inc()
            self._refunded.inc(credits)


class RunMetrics:
    """Metrics of a worker's own work. Thread-safe."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self._wait = histogram(
            "backdrop_job_wait_seconds", "Time from a job's submit to its first attempt.", ["operation"], buckets=_WAIT
        )
        self._stage = histogram(
            "backdrop_stage_duration_seconds", "Duration of a stage of an attempt.", ["stage"], buckets=_JOB
        )
        self._attempt = histogram(
            "backdrop_attempt_duration_seconds",
            "Duration of an attempt, by its outcome.",
            ["operation", "outcome"],
            buckets=_JOB,
        )
        self.in_flight = gauge("backdrop_jobs_in_flight", "Jobs that the worker runs.")
        self.slots = gauge("backdrop_worker_slots", "Most jobs that the worker runs at once.")
        self.load_seconds = gauge("backdrop_networks_load_seconds", "Time to load the networks.")
        self._batch = histogram(
            "backdrop_lane_batch_size", "Pictures that the generator painted in one call.", buckets=(1, 2, 4, 8, 16, 32)
        )
        self._lookups = counter("backdrop_cache_lookups", "Lookups in the cache.", ["cache", "outcome"])
        self._paintings = counter("backdrop_paintings", "A hub model's paintings, by outcome.", ["outcome"])
        self._fallbacks = counter("backdrop_generator_fallbacks", "Pictures whose paintings were all rejected.")
        for outcome in ("passed", "grew", "withheld"):
            self._paintings.labels(outcome)

    def waited(self, operation: str, seconds: float) -> None:
        """Record a job's wait for its first attempt."""
        self._wait.labels(operation).observe(seconds, exemplar=current().exemplar)

    def stage(self, stage: str, seconds: float) -> None:
        """Record the duration of a stage, also if it fails."""
        self._stage.labels(stage).observe(seconds, exemplar=current().exemplar)

    def attempt(self, operation: str, outcome: str, seconds: float) -> None:
        """Record an attempt's duration: "success", "failure", "again", "handed_back", "lease_lost"."""
        self._attempt.labels(operation, outcome).observe(seconds, exemplar=current().exemplar)

    def batch(self, pictures: int) -> None:
        """Count the pictures of one call of the generator."""
        self._batch.observe(pictures)

    def painted(self, rejected: list[str | None]) -> None:
        """Count a hub model's paintings for one picture. `rejected`: the reason for each, or None if accepted."""
        for reason in rejected:
            self._paintings.labels(reason or "passed").inc()
        if rejected and all(rejected):
            self._fallbacks.inc()

    def looked_up(self, cache: str, hit: bool) -> None:
        """Count a lookup in the cache: "cutouts" or "scenes"."""
        self._lookups.labels(cache, "hit" if hit else "miss").inc()


class WebhookMetrics:
    """Metrics of a sweep's webhook deliveries. Thread-safe."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._attempts = Histogram(
            "backdrop_webhook_attempt_duration_seconds",
            "Duration of an attempt to deliver a webhook, by the message's state after it.",
            ["state"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
            registry=registry,
        )
        # Create the series at zero, or the rule BackdropWebhooksFail would miss the first failure.
        self._attempts.labels("failed")

    def attempt(self, state: str, seconds: float) -> None:
        """Record an attempt: "delivered", "waiting" (another attempt follows), "failed" or "dropped"."""
        self._attempts.labels(state).observe(seconds, exemplar=current().exemplar)


class DeviceCollector(Collector):
    """Metrics of the device, read at each scrape: busy time of its lane, and peak memory."""

    def __init__(self, device: str, busy: Callable[[], float], peak_memory: Callable[[], int]) -> None:
        """`busy` returns seconds, `peak_memory` bytes."""
        self._device, self._busy, self._peak_memory = device, busy, peak_memory

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering reads no values."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Yield the two metrics."""
        busy = CounterMetricFamily(
            "backdrop_lane_busy_seconds", "Seconds in which the lane was busy.", labels=["device"]
        )
        busy.add_metric([self._device], self._busy())
        yield busy
        memory = GaugeMetricFamily(
            "backdrop_device_peak_memory_bytes",
            "Peak memory in bytes: torch's on CUDA, the process's on a CPU.",
            labels=["device"],
        )
        memory.add_metric([self._device], self._peak_memory())
        yield memory
