"""A process under observation: its metrics port answers probes and scrapes, and a thread checks the installation."""

import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from service.health.installation import State, open_installation
from service.health.metrics import InstallationMetrics
from service.health.process import ProcessHealth, keep_looking
from service.settings import Settings

logger = logging.getLogger(__name__)

#: Returns status, content type and body of a page for the request's Accept header.
_Page = Callable[[str], tuple[int, str, bytes]]


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
