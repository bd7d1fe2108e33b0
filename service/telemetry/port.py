"""The metrics port: a small HTTP server in each process, for probes and scrapes."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Page:
    """An answer."""

    status: int
    content_type: str
    body: bytes


#: Returns a page for the request's Accept header.
Route = Callable[[str], Page]


class PortTaken(OSError):
    """Raised if the process can't listen on the port. The message names the setting."""


@contextlib.contextmanager
def open_port(host: str, port: int, routes: Mapping[str, Route]) -> Iterator[int]:
    """Answer GET and HEAD of these paths in threads while the body runs. Yields the port, for 0 a free one.

    Raises PortTaken.
    """

    class Handler(BaseHTTPRequestHandler):
        #: Seconds after which an idle connection is closed.
        timeout = 10

        def do_GET(self) -> None:  # http.server's name
            """Answer with the page and its headers."""
            self._answer(with_body=True)

        def do_HEAD(self) -> None:  # http.server's name
            """Answer with the page's headers only."""
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            route = routes.get(self.path.partition("?")[0])
            none = Page(404, "text/plain; charset=utf-8", "\n".join(("Here are:", *sorted(routes), "")).encode())
            page = none if route is None else route(self.headers.get("Accept", ""))
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            if with_body:
                self.wfile.write(page.body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing, because probes come every few seconds."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, request: object, client_address: object) -> None:
            """Log nothing about callers that disconnected."""

    try:
        server = Server((host, port), Handler)
    except OSError as error:
        raise PortTaken(
            f"Can't listen on {host}:{port}: {error.strerror}. Choose another BACKDROP_METRICS_PORT."
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="operators' port", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
