"""The port for operators: one small HTTP server in a process, beside its work, for probes and scrapes."""

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


#: Makes an answer of the request's Accept header.
Route = Callable[[str], Page]


class PortTaken(OSError):
    """Raised when the port can't be listened on; the message says which setting names it."""


@contextlib.contextmanager
def open_port(host: str, port: int, routes: Mapping[str, Route]) -> Iterator[int]:
    """Answer GET and HEAD of these paths in threads while the body runs; gives the port, a free one for 0.

    Raises PortTaken.
    """

    class Handler(BaseHTTPRequestHandler):
        #: Seconds until a connection on which nothing comes is closed.
        timeout = 10

        def do_GET(self) -> None:  # http.server's name
            """Answer with the page."""
            self._answer(with_body=True)

        def do_HEAD(self) -> None:  # http.server's name
            """Answer with the page's headers."""
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
            """Write nothing: probes come every few seconds."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, request: object, client_address: object) -> None:
            """Write nothing of a caller that has gone."""

    try:
        server = Server((host, port), Handler)
    except OSError as error:
        raise PortTaken(f"Can't listen on {host}:{port} (BACKDROP_METRICS_PORT): {error.strerror}.") from error
    thread = threading.Thread(target=server.serve_forever, name="operators' port", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
