"""Metrics of the installation as a process sees it. Every process that checks reports the same values."""

from prometheus_client import CollectorRegistry, Gauge

from service.health.installation import State
from service.jobs.records import JobStatus, Kind

_PARTS = ("database", "queue", "store")
_UNKNOWN = float("nan")


class InstallationMetrics:
    """Gauges of the latest check. An unknown value is NaN, so that no alert on a number fires."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._part = Gauge("backdrop_part_up", "1 if the part can be used.", ["part"], registry=registry)
        self._schema = Gauge("backdrop_schema_usable", "1 if this release can use the schema.", registry=registry)
        self._held = Gauge("backdrop_quarantined", "1 for a restored copy before its release.", registry=registry)
        self._jobs = Gauge(
            "backdrop_jobs", "Unfinished jobs in the database.", ["operation", "status"], registry=registry
        )
        self._oldest = Gauge(
            "backdrop_queue_oldest_job_age_seconds",
            "Age of the oldest waiting job of a live client. 0 if none waits.",
            ["operation"],
            registry=registry,
        )
        self._messages = Gauge("backdrop_webhooks_waiting", "Waiting webhook messages.", registry=registry)
        self._message = Gauge(
            "backdrop_webhooks_oldest_message_age_seconds",
            "Age of the oldest waiting message, or 0.",
            registry=registry,
        )
        self._credits = Gauge("backdrop_credits_in_flight", "Credits that unfinished jobs cost.", registry=registry)
        self._unreconciled = Gauge(
            "backdrop_credits_unreconciled_clients",
            "Clients whose balance differs from the sum of their ledger. A sweep counts them each hour.",
            registry=registry,
        )
        self._unreconciled.set(_UNKNOWN)
        self._queued = Gauge(
            "backdrop_queue_depth", "Messages that no worker has fetched.", ["operation"], registry=registry
        )
        self._workers = Gauge(
            "backdrop_workers", "Live workers that take these jobs.", ["operation"], registry=registry
        )
        self._unmarked = Gauge(
            "backdrop_workers_unmarked", "Workers that did not start: they can't mark pictures.", registry=registry
        )
        self._sweeps = Gauge("backdrop_sweeps", "Live sweeps.", registry=registry)
        self._seconds = Gauge(
            "backdrop_database_look_seconds",
            "Seconds of the latest check of the database, or until it gave up.",
            registry=registry,
        )

    def saw(self, state: State) -> None:
        """Set all gauges from the result of a check."""
        away = {one.part for one in state.away}
        for part in _PARTS:
            self._part.labels(part).set(part not in away)
        backlog = state.backlog
        for kind in Kind:
            for status in (JobStatus.NOT_STARTED, JobStatus.IN_PROGRESS):
                count = None if backlog is None else backlog.jobs.get((kind, status), 0)
                self._jobs.labels(kind, status).set(_known(count))
            self._oldest.labels(kind).set(_known(None if backlog is None else backlog.ages.get(kind, 0.0)))
            self._queued.labels(kind).set(_known(None if state.queued is None else state.queued[kind]))
            self._workers.labels(kind).set(_known(state.takers(kind)))
        self._schema.set(_known(state.schema_usable))
        self._held.set(_known(None if backlog is None else state.held is not None))
        self._messages.set(_known(None if backlog is None else backlog.messages))
        self._message.set(_known(None if backlog is None else backlog.oldest_message))
        self._credits.set(_known(None if backlog is None else backlog.credits))
        if state.unreconciled is not None:
            self._unreconciled.set(state.unreconciled)
        self._unmarked.set(_known(None if state.unmarked is None else len(state.unmarked)))
        self._sweeps.set(_known(state.sweeps))
        self._seconds.set(_known(state.database_seconds))


def _known(value: float | None) -> float:
    return _UNKNOWN if value is None else float(value)
