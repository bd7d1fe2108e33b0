"""A receiver of webhooks: a real HTTP server in a thread, which answers as a test or a storm wants."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

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

    @property
    def port(self) -> int | None:
        return urlsplit(self.url).port

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


class Quiet(BaseHTTPRequestHandler):
    """A handler that logs nothing."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: many tests make the sender hang up."""


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler], *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run a server in a thread, and yield its port: a free one of 127.0.0.1."""
    with _Server(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def receiving(
    respond: int | Callable[[BaseHTTPRequestHandler], object] = 204, *, tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """Run a receiver on a free port of 127.0.0.1."""
    receiver = Receiver(respond)

    class Handler(Quiet):
        def do_POST(self) -> None:
            receiver.handle(self)

        do_GET = do_CONNECT = do_POST  # noqa: N815  # the library's names

    with serving(Handler, tls=tls) as port:
        receiver.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{port}/hooks?shop=1"
        yield receiver
