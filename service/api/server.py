"""The uvicorn server of the API, which ends event streams before it shuts down.

uvicorn alone waits for a client for ever, on any number of connections. `Connection` limits the time of a request's
head and the connections of an address, and requires a minimum rate of reading. `PacedBodies` requires one of a body.
"""

import asyncio
import json
import logging
import signal
import socket
import sys
import time
from collections import defaultdict
from types import FrameType
from typing import Any

import uvicorn
from opentelemetry.trace import NoOpTracer, Tracer
from prometheus_client import CollectorRegistry
from ulid import ULID
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.admission import SHORT_RETRY_AFTER, network
from service.api.app import create_app
from service.health.process import ProcessHealth
from service.jobs.notifier import JobNotifier
from service.schemas.problems import problem
from service.settings import Settings
from service.supervisor.processes import StopRequest
from service.telemetry.http import HttpMetrics, Message, ObservedApp, Receive, Scope, Send
from service.telemetry.metrics import JobMetrics

logger = logging.getLogger(__name__)

#: Seconds that an idle connection stays open: longer than load balancers keep theirs (AWS, nginx: 60). Otherwise they
#: would send a request into a connection that is closing, and answer 502.
KEEP_ALIVE = 75
#: Seconds for a request's head, from the connection's or the request's first byte.
HEAD_SECONDS = 20.0
#: Each PACE_BYTES of a body or an answer, and the rest at its end, must arrive within PACE_SECONDS: 8 KiB a second,
#: which the slowest mobile networks reach.
PACE_BYTES, PACE_SECONDS = 160 * 1024, 20.0
#: Seconds after which a handler's thread hands Python's lock to the event loop, which needs it several times a request.
#: Python's default of 5 ms, each time and for each computing thread, would delay all other requests.
SWITCH_INTERVAL = 0.001
#: Bytes that wait in the kernel. With its default of megabytes, a slow reader looks like a silent one for minutes.
_UNSENT = 128 * 1024


class PacedBodies:
    """Wraps the app: a body that arrives too slowly or breaks off gets a 408."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the app, with a deadline for each part of its body."""
        whole, due, came = scope["type"] != "http", 0.0, PACE_BYTES

        async def paced() -> Message:
            nonlocal whole, due, came
            if whole:  # the next message is the end of the connection, perhaps hours later
                return await receive()
            if came >= PACE_BYTES:
                due, came = asyncio.get_running_loop().time() + PACE_SECONDS, 0
            try:
                async with asyncio.timeout_at(due):
                    message = await receive()
            except TimeoutError:
                rate = f"less than {PACE_BYTES:,} bytes in {PACE_SECONDS:g} s"
                detail = f"The body arrived too slowly: {rate}. Nothing was charged. Send it again on a faster network."
                raise problem(408, "body_too_slow", detail, {"Connection": "close"}) from None
            if message["type"] == "http.disconnect":
                detail = "The connection ended before the body was complete. Nothing was charged. Send it again."
                raise problem(408, "body_incomplete", detail)
            came += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            return message

        await self._app(scope, paced, send)


class Connection(HttpToolsProtocol):
    """A connection with a deadline for each request's head, and at most `peer_limit` connections of one address.

    If the client takes an answer too slowly, Backdrop aborts the connection.

    If an address reaches the limit, Backdrop closes its longest-silent connection that waits for the client. If all
    of them are being answered, it refuses the new connection. So slow connections can't lock out an address.
    """

    #: Maximum number of connections per address; 0 for no limit.
    peer_limit = 0
    #: The open connections by address, as `network` counts it.
    peers: defaultdict[str, set["Connection"]]
    _peer = ""
    _heard = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None

    @classmethod
    def limited(cls, peer_limit: int) -> type["Connection"]:
        """Return the connection class of one server."""
        return type("LimitedConnection", (cls,), {"peer_limit": peer_limit, "peers": defaultdict(set)})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Accept a connection, or refuse it."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        self._heard = self.loop.time()
        self._peer = network(self.client[0]) if self.client else ""
        self._await_head()
        others = self.peers[self._peer]
        others.add(self)
        if self._peer and 0 < self.peer_limit < len(others):
            silent = min(
                (one for one in others if one is not self and one.waits), key=lambda one: one._heard, default=None
            )
            if silent is None:
                detail = (
                    f"Your address already has {self.peer_limit} connections, all in use. Close some, or reuse them."
                )
                self._refuse(429, "too_many_connections", detail)
            else:
                silent.transport.abort()
                others.discard(silent)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from its address's set."""
        super().connection_lost(exc)
        self._stop_timer()
        self.peers[self._peer].discard(self)
        if not self.peers[self._peer]:
            del self.peers[self._peer]

    @property
    def waits(self) -> bool:
        """Whether the server waits for the client to send something."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def data_received(self, data: bytes) -> None:
        """Note the time, and parse the bytes."""
        self._heard = self.loop.time()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start the deadline of a request's head."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """Stop the deadline and let the app answer. The body may still be arriving."""
        self._stop_timer()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Start the deadline of a reader: the buffer is full, and nothing more is written until it is nearly empty."""
        super().pause_writing()
        self._await_reader()

    def _await_reader(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
        most = self.transport.get_write_buffer_size() - PACE_BYTES
        self._reader_timer = self.loop.call_later(PACE_SECONDS, self._check_reader, most)

    def _check_reader(self, most: int) -> None:
        paused = self.flow.write_paused  # unless the client has taken all of it, or has gone
        if paused and self.transport.get_write_buffer_size() > most:
            logger.info("closed a connection: its client took less than %d bytes in %g s", PACE_BYTES, PACE_SECONDS)
            self.transport.abort()
        elif paused:
            self._await_reader()

    def _await_head(self) -> None:
        self._stop_timer()
        detail = f"The request's head did not arrive within {HEAD_SECONDS:g} s. Send the request again."
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408, "head_too_slow", detail)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer a request that never reached the app, and close the connection."""
        refused = problem(status, code, detail)
        named = {"type": "about:blank", "title": refused.title, "status": status, "detail": detail, "code": code}
        name = str(ULID())
        body = json.dumps(named | {"request_id": name})
        head = f"HTTP/1.1 {status} {refused.title}\r\nContent-Type: application/problem+json\r\nX-Request-Id: {name}"
        head += f"\r\nContent-Length: {len(body)}\r\nRetry-After: {SHORT_RETRY_AFTER}\r\nConnection: close\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write((head + body).encode())
            self.transport.close()


class Server(uvicorn.Server):
    """Serves the API until SIGINT or SIGTERM."""

    def __init__(
        self,
        settings: Settings,
        health: ProcessHealth,
        registry: CollectorRegistry | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._health = health
        registry = registry or CollectorRegistry()
        #: The app itself, without the layers that observe it.
        self.app = create_app(settings, JobMetrics(registry))
        self._notifier: JobNotifier = self.app.state.notifier
        self._stopping = StopRequest()
        self._delay = settings.shutdown_delay
        #: When the server stops after a delayed SIGTERM, in monotonic seconds; None: no SIGTERM, or no delay.
        self._stops_at: float | None = None
        super().__init__(
            uvicorn.Config(
                # Observes the whole app, so that requests without a route are counted too.
                ObservedApp(PacedBodies(self.app), HttpMetrics(registry), tracer or NoOpTracer()),
                http=Connection.limited(settings.peer_connections),
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=10,
                timeout_keep_alive=KEEP_ALIVE,
                server_header=False,
                proxy_headers=False,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Report not ready and stop. The first SIGTERM takes effect after the delay of the settings."""
        first = not self._stopping.is_set()
        self._stopping.on_signal(sig)
        self.app.state.stopping = True
        self._health.is_not_ready("The API is shutting down.")
        if first and sig == signal.SIGTERM and self._delay:
            self._stops_at = time.monotonic() + self._delay
        else:
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and report ready."""
        await super().startup(sockets)
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._health.is_ready()

    async def on_tick(self, counter: int) -> bool:
        """Note that the event loop is alive."""
        self._health.beat()
        if self._stops_at is not None and time.monotonic() >= self._stops_at:
            self._stops_at = None
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Log the reason and end streams and waiting submits, then let uvicorn end the other requests."""
        logger.info("stopping: %s", self._stopping.reason)
        self._notifier.close()
        await super().shutdown(sockets)
