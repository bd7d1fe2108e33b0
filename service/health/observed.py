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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder

from service.health.installation import State, open_installation
from service.health.process import ProcessHealth, keep_looking
from service.jobs.records import JobStatus, Kind
from service.settings import Settings

logger = logging.getLogger(__name__)

#: Returns status, content type and body of a page for the request's Accept header.
_Page = Callable[[str], tuple[int, str, bytes]]
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
