"""A process under observation: its metrics port answers probes and scrapes, and a thread checks the installation.

Every process that checks reports the same metrics of the installation.
"""

import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder

from service.health.installation import State, open_installation
from service.health.process import ProcessHealth, keep_looking
from service.jobs.records import JobStatus, Kind
from service.settings import Settings
from service.telemetry.metrics import process_registry
from service.telemetry.tracing import tracing

logger = logging.getLogger(__name__)

#: Returns status, content type and body of a page for the request's Accept header.
_Page = Callable[[str], tuple[int, str, bytes]]
_PARTS = ("database", "queue", "store")
_UNKNOWN = float("nan")


#: The gauges of an installation by their names, each with its help and its labels.
_GAUGES = {
    "backdrop_part_up": ("1 if the part can be used.", ["part"]),
    "backdrop_schema_usable": ("1 if this release can use the schema.", []),
    "backdrop_quarantined": ("1 for a restored copy before its release.", []),
    "backdrop_jobs": ("Unfinished jobs in the database.", ["operation", "status"]),
    "backdrop_queue_oldest_job_age_seconds": (
        "Age of the oldest waiting job of a live client. 0 if none waits.",
        ["operation"],
    ),
    "backdrop_webhooks_waiting": ("Waiting webhook messages.", []),
    "backdrop_webhooks_oldest_message_age_seconds": ("Age of the oldest waiting message, or 0.", []),
    "backdrop_credits_in_flight": ("Credits that unfinished jobs cost.", []),
    "backdrop_credits_unreconciled_clients": (
        "Clients whose balance differs from the sum of their ledger. A sweep counts them each hour.",
        [],
    ),
    "backdrop_queue_depth": ("Messages that no worker has fetched.", ["operation"]),
    "backdrop_workers": ("Live workers that take these jobs.", ["operation"]),
    "backdrop_workers_unmarked": ("Workers that did not start: they can't mark pictures.", []),
    "backdrop_sweeps": ("Live sweeps.", []),
    "backdrop_database_look_seconds": ("Seconds of the latest check of the database, or until it gave up.", []),
}


class InstallationMetrics:
    """Gauges of the latest check. An unknown value is NaN, so that no alert on a number fires."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauges = {
            name: Gauge(name, about, labels, registry=registry) for name, (about, labels) in _GAUGES.items()
        }
        self._set("credits_unreconciled_clients", None)

    def _set(self, name: str, value: float | None, *labels: str) -> None:
        gauge = self._gauges[f"backdrop_{name}"]
        (gauge.labels(*labels) if labels else gauge).set(_UNKNOWN if value is None else float(value))

    def saw(self, state: State) -> None:
        """Set all gauges from the result of a check."""
        away = {one.part for one in state.away}
        for part in _PARTS:
            self._set("part_up", part not in away, part)
        backlog = state.backlog
        for kind in Kind:
            for status in (JobStatus.NOT_STARTED, JobStatus.IN_PROGRESS):
                count = None if backlog is None else backlog.jobs.get((kind, status), 0)
                self._set("jobs", count, kind, status)
            age = None if backlog is None else backlog.ages.get(kind, 0.0)
            self._set("queue_oldest_job_age_seconds", age, kind)
            self._set("queue_depth", None if state.queued is None else state.queued[kind], kind)
            self._set("workers", state.takers(kind), kind)
        self._set("schema_usable", state.schema_usable)
        self._set("quarantined", None if backlog is None else state.held is not None)
        self._set("webhooks_waiting", None if backlog is None else backlog.messages)
        self._set("webhooks_oldest_message_age_seconds", None if backlog is None else backlog.oldest_message)
        self._set("credits_in_flight", None if backlog is None else backlog.credits)
        if state.unreconciled is not None:
            self._set("credits_unreconciled_clients", state.unreconciled)
        self._set("workers_unmarked", None if state.unmarked is None else len(state.unmarked))
        self._set("sweeps", state.sweeps)
        self._set("database_look_seconds", state.database_seconds)


@dataclass(frozen=True)
class Process:
    """This process as operators see it."""

    health: ProcessHealth
    registry: CollectorRegistry
    tracer: Tracer


@contextlib.contextmanager
def observed_process(settings: Settings, kind: str) -> Iterator[Process]:
    """Observe this process, "api", "worker" or "sweep", while the body runs: its traces, metrics and health."""
    health, registry = ProcessHealth(kind), process_registry(kind)
    with tracing(settings, kind) as tracer, observed(settings, health, registry):
        yield Process(health, registry, tracer)


@contextlib.contextmanager
def observed(settings: Settings, health: ProcessHealth, registry: CollectorRegistry) -> Iterator[None]:
    """Open the process's port with these metrics while the body runs. Does nothing without a metrics port.

    If the port is taken, the process exits with an error in the log and a status that means "don't restart".
    """
    if settings.metrics_port is None:
        yield
        return
    over, metrics = threading.Event(), InstallationMetrics(registry)

    def saw(state: State) -> None:
        health.saw(state)
        metrics.saw(state)

    thread = threading.Thread(
        target=keep_looking,
        args=(open_installation(settings), saw, over),
        kwargs={"reconciles": health.kind == "sweep"},
        name="look",
        daemon=True,
    )

    def scraped(accept: str) -> tuple[int, str, bytes]:
        # In the OpenMetrics format, which has exemplars, if the scraper accepts it.
        encode, content_type = choose_encoder(accept)
        return 200, content_type, encode(registry)

    pages: dict[str, _Page] = {
        "/health/live": lambda accept: _report(*health.live()),
        "/health/ready": lambda accept: _report(*health.ready()),
        "/metrics": scraped,
    }
    host, port = settings.metrics_host, settings.metrics_port
    try:
        server = _server(host, port, pages)
    except OSError as error:
        said = f"Can't listen on {host}:{port}: {error.strerror}. Choose another BACKDROP_METRICS_PORT."
        logger.error("%s", said)
        raise SystemExit(os.EX_CONFIG) from error
    threading.Thread(target=server.serve_forever, name="operators' port", daemon=True).start()
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(2.0)  # no longer, because a part that is away delays the thread by some seconds
        server.shutdown()
        server.server_close()


def _report(well: bool, report: dict[str, Any]) -> tuple[int, str, bytes]:
    return 200 if well else 503, "application/json", json.dumps(report).encode()


def _server(host: str, port: int, pages: Mapping[str, _Page]) -> ThreadingHTTPServer:
    """Return a server of these pages, each request in a thread. Raises OSError."""

    class Handler(BaseHTTPRequestHandler):
        #: Seconds after which an idle connection is closed.
        timeout = 10

        def do_GET(self) -> None:  # http.server's name
            """Answer with the page. HEAD gets only its headers."""
            page = pages.get(self.path.partition("?")[0])
            none = 404, "text/plain; charset=utf-8", "\n".join(("Here are:", *pages, "")).encode()
            status, content_type, body = none if page is None else page(self.headers.get("Accept", ""))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815  # http.server's name

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing, because probes come every few seconds."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, request: object, client_address: object) -> None:
            """Log nothing about callers that disconnected."""

    return Server((host, port), Handler)
