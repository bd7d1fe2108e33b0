"""A receiver of webhooks: a real HTTP server in a thread, which answers as a test or a storm wants."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Received:
    """One received request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The message's id, the same in every attempt."""
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The payload, verified by the reference library. Raises WebhookVerificationError."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """The received requests, and the answer: a status, or a function that writes the answer by the handler."""

    answer: int | Callable[[BaseHTTPRequestHandler], object] = 204
    received: list[Received] = field(default_factory=list)
    url: str = ""

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Keep the request, and answer it."""
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.received.append(Received(handler.path, headers, body))
        if callable(self.answer):
            self.answer(handler)
        else:
            answer(handler, self.answer)


def answer(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    """Return a function that answers with a status, headers (`_` is replaced by `-`) and no body."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("content-length", "0")
    handler.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: many tests make the sender hang up."""


@contextlib.contextmanager
def receiving(
    respond: int | Callable[[BaseHTTPRequestHandler], object] = 204, *, tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """Run a receiver on a free port of 127.0.0.1."""
    receiver = Receiver(respond)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.handle(self)

        def do_GET(self) -> None:
            receiver.handle(self)

        def do_CONNECT(self) -> None:
            receiver.handle(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        receiver.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}/hooks?shop=1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
