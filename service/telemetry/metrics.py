"""Metrics for Prometheus: what each kind of process counts and times, on a registry of its own.

Names and units follow https://prometheus.io/docs/practices/naming/. No client, job or scene is a label: each value of
a label is a series for ever. Observations carry the trace's id as an exemplar, where there is one.
"""

import json
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterable
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

#: Seconds of what a job takes: from a cut-out that is cached to a hub model on a CPU.
_JOB = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)
#: Seconds that a job waits: up to a day, after which it is refunded.
_WAIT = (0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400)
#: Codes of failures that are ours, not the photo's: those that the rule BackdropFailures counts.
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
    """Return a registry with what every process has: memory, CPU time, open files, start, Python, our version."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    Info("backdrop_build", "The release, and what the process does.", registry=registry).info(
        {"version": version("backdrop"), "commit": build_commit(), "process": kind}
    )
    return registry


def build_commit() -> str:
    """Return the commit that this code is of, "unknown" where nothing says it.

    Asked in turn: the file that an image's build writes, what pip kept of a repository's address (PEP 610), and git.
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
    """Jobs as whoever makes or ends them counts them: API, workers and sweeps. Safe in threads."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._submitted = Counter(
            "backdrop_jobs_submitted", "Jobs that were accepted.", ["operation"], registry=registry
        )
        self._finished = Counter(
            "backdrop_jobs_finished", "Jobs that ended.", ["operation", "status", "error_type"], registry=registry
        )
        self._took = Histogram(
            "backdrop_job_duration_seconds",
            "From a job's submit to its success.",
            ["operation"],
            buckets=_WAIT,
            registry=registry,
        )
        self._judged = Counter(
            "backdrop_jobs_judged",
            "Successes, by whether they took at most 3 times the median of their operation here.",
            ["operation", "in_time"],
            registry=registry,
        )
        #: What the latest successes took, by operation.
        self._latest: dict[str, deque[float]] = {}
        self._refunds = Counter("backdrop_refunds", "Jobs whose credits were given back.", registry=registry)
        self._refunded = Counter("backdrop_refunded_credits", "Credits that were given back.", registry=registry)
        # From the start on, so that a rate has a zero to rise from: a series that begins at 1 never rose.
        for operation in ("swap", "preview", "cutout"):
            self._judged.labels(operation, "no")
            self._finished.labels(operation, "SUCCESS", "")
            for code in OUR_FAULT:
                self._finished.labels(operation, "FAILURE", code)

    def submitted(self, operation: str) -> None:
        """Count a job that was accepted: "swap", "preview" or "cutout"."""
        self._submitted.labels(operation).inc(exemplar=current().exemplar)

    def finished(self, operation: str, status: str, error_type: str) -> None:
        """Count a job's end. `error_type`: its error's code, "" of a success."""
        self._finished.labels(operation, status, error_type).inc(exemplar=current().exemplar)

    def took(self, operation: str, seconds: float) -> None:
        """Time a success from its submit on, and judge it by the median of the 500 before; the first 20 are not."""
        self._took.labels(operation).observe(seconds, exemplar=current().exemplar)
        latest = self._latest.setdefault(operation, deque(maxlen=500))
        if len(latest) >= 20:
            self._judged.labels(operation, "yes" if seconds <= 3 * median(list(latest)) else "no").inc()
        latest.append(seconds)

    def refunded(self, credits: int) -> None:
        """Count a refund; of nothing, none."""
        if credits:
            self._refunds.inc()
            self._refunded.inc(credits)


class RunMetrics:
    """A worker's own work. Safe in threads."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._wait = Histogram(
            "backdrop_job_wait_seconds",
            "From a job's submit to its first attempt.",
            ["operation"],
            buckets=_WAIT,
            registry=registry,
        )
        self._stage = Histogram(
            "backdrop_stage_duration_seconds", "A stage of an attempt.", ["stage"], buckets=_JOB, registry=registry
        )
        self._attempt = Histogram(
            "backdrop_attempt_duration_seconds",
            "An attempt, by how it ended.",
            ["operation", "outcome"],
            buckets=_JOB,
            registry=registry,
        )
        self.in_flight = Gauge("backdrop_jobs_in_flight", "Jobs that the worker carries.", registry=registry)
        self.slots = Gauge("backdrop_worker_slots", "Jobs that the worker carries at most.", registry=registry)
        self.load_seconds = Gauge("backdrop_networks_load_seconds", "Loading the networks took.", registry=registry)
        self._batch = Histogram(
            "backdrop_lane_batch_size",
            "Pictures that the generator painted in one call.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=registry,
        )
        self._lookups = Counter(
            "backdrop_cache_lookups", "Looks for what was kept.", ["cache", "outcome"], registry=registry
        )
        self._paintings = Counter(
            "backdrop_paintings", "A hub model's paintings, by what became of them.", ["outcome"], registry=registry
        )
        self._fallbacks = Counter(
            "backdrop_generator_fallbacks", "Pictures whose paintings were all rejected.", registry=registry
        )
        for outcome in ("passed", "grew", "withheld"):
            self._paintings.labels(outcome)

    def waited(self, operation: str, seconds: float) -> None:
        """Time a job's wait for its first attempt."""
        self._wait.labels(operation).observe(seconds, exemplar=current().exemplar)

    def stage(self, stage: str, seconds: float) -> None:
        """Time a stage of an attempt, whatever comes of it."""
        self._stage.labels(stage).observe(seconds, exemplar=current().exemplar)

    def attempt(self, operation: str, outcome: str, seconds: float) -> None:
        """Time an attempt: "success", "failure", "again", "handed_back", "lease_lost"."""
        self._attempt.labels(operation, outcome).observe(seconds, exemplar=current().exemplar)

    def batch(self, pictures: int) -> None:
        """Count the pictures of one call of the generator."""
        self._batch.observe(pictures)

    def painted(self, rejected: list[str | None]) -> None:
        """Count a hub model's paintings for one picture: why each was rejected, None of one that was not."""
        for reason in rejected:
            self._paintings.labels(reason or "passed").inc()
        if rejected and all(rejected):
            self._fallbacks.inc()

    def looked_up(self, cache: str, hit: bool) -> None:
        """Count a look for what was kept: "cutouts" or "scenes"."""
        self._lookups.labels(cache, "hit" if hit else "miss").inc()


class WebhookMetrics:
    """A sweep's deliveries. Safe in threads."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._attempts = Histogram(
            "backdrop_webhook_attempt_duration_seconds",
            "An attempt to deliver a webhook, by the state that its message has then.",
            ["state"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
            registry=registry,
        )
        # From the start on: the rule BackdropWebhooksFail would not see the first that fails.
        self._attempts.labels("failed")

    def attempt(self, state: str, seconds: float) -> None:
        """Time an attempt: "delivered", "waiting" (it is tried again), "failed" or "dropped"."""
        self._attempts.labels(state).observe(seconds, exemplar=current().exemplar)


class DeviceCollector(Collector):
    """The device, read at each scrape: how long its lane has worked, and the most memory that was taken."""

    def __init__(self, device: str, busy: Callable[[], float], peak_memory: Callable[[], int]) -> None:
        """`busy` gives seconds, `peak_memory` bytes."""
        self._device, self._busy, self._peak_memory = device, busy, peak_memory

    def describe(self) -> Iterable[Metric]:
        """Say nothing ahead: nothing is read when it is registered."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Give the two metrics."""
        busy = CounterMetricFamily("backdrop_lane_busy_seconds", "Seconds in which the lane worked.", labels=["device"])
        busy.add_metric([self._device], self._busy())
        yield busy
        memory = GaugeMetricFamily(
            "backdrop_device_peak_memory_bytes",
            "The most memory taken: of CUDA torch's, of a CPU the process's.",
            labels=["device"],
        )
        memory.add_metric([self._device], self._peak_memory())
        yield memory
