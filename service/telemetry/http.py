"""The ASGI middleware around the API: a metric, a log line and, with tracing, a span for each request."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry.trace import Span, SpanKind, Tracer
from prometheus_client import CollectorRegistry, Gauge, Histogram
from ulid import ULID

from service.telemetry.correlation import Correlation, correlated, current, valid_request_id
from service.telemetry.tracing import mark_failed

#: ASGI's scopes and events are mappings. Every framework has its own types for them.
Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
logger = logging.getLogger("service.request")

#: Seconds. The bounds follow OpenTelemetry's conventions for HTTP, up to the limit of `Prefer: wait`. 0.3 is the SLO's.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.3, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30)
#: Label of requests without a route. Their paths as labels would make series without end.
_UNROUTED = "unrouted"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpMetrics:
    """Requests, with names from OpenTelemetry's semantic conventions. Thread-safe."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._duration = Histogram(
            "http_server_request_duration_seconds",
            "Duration of HTTP requests. For an event stream: until it starts.",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.active = Gauge("http_server_active_requests", "HTTP requests in progress.", registry=registry)
        #: Cached by labels, because looking up a series costs more than observing a value.
        self._series: dict[tuple[str, str, int], Histogram] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record a request's duration."""
        key = method, route, status
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._duration.labels(method, route, str(status))
        series.observe(seconds, exemplar=current().exemplar)


class ObservedApp:
    """The app with metrics, logs and traces. Code inside it can read the request's ids."""

    def __init__(self, app: Callable[[Scope, Any, Any], Awaitable[None]], metrics: HttpMetrics, tracer: Tracer) -> None:
        self._app, self._metrics, self._tracer = app, metrics, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Other events go to the app unchanged."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        about = {"http.request.method": scope["method"], "url.path": scope["path"]}
        with (
            correlated(correlation_of(scope)),
            self._tracer.start_as_current_span(scope["method"], kind=SpanKind.SERVER, attributes=about) as span,
        ):
            await self._answer(scope, receive, send, span)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        started, status, streams = time.perf_counter(), 500, None

        async def noted(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                if any(value.startswith(b"text/event-stream") for name, value in message["headers"]):
                    streams = time.perf_counter() - started
            await send(message)

        self._metrics.active.inc()
        try:
            await self._app(scope, receive, noted)
        finally:
            self._metrics.active.dec()
            seconds = time.perf_counter() - started
            route = str(scope.get("path_template") or _UNROUTED)
            # Its caller waits for a job, so its duration does not measure the API's speed.
            waits = any(name == b"prefer" and b"wait" in value for name, value in scope["headers"])
            method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
            self._metrics.answered(
                method, f"{route} (wait)" if waits else route, status, seconds if streams is None else streams
            )
            self._log(scope, method, route, status, seconds)
            span.update_name(f"{method} {route}" if route != _UNROUTED else method)
            span.set_attributes({"http.response.status_code": status, "http.route": route})
            if status >= 500:
                mark_failed(span, str(status))

    @staticmethod
    def _log(scope: Scope, method: str, route: str, status: int, seconds: float) -> None:
        level = logging.DEBUG if route.startswith("/health") else logging.INFO
        if not logger.isEnabledFor(level):
            return
        state = scope["state"]
        client = state.get("client")
        about = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
        about |= {"client_id": client.id} if client is not None else {}
        about |= {"job_id": state["job_id"]} if "job_id" in state else {}
        # Escaped as in JSON, because the caller chose the path.
        path = scope["path"].encode("unicode_escape").decode("ascii")
        logger.log(level, "%s %s %d in %.1f ms", method, path, status, 1000 * seconds, extra=about)


def correlation_of(scope: Scope) -> Correlation:
    """Return a request's correlation: its caller's id and trace if they are valid, or a new id.

    Stores the new id in the scope's state as `request_id`. It names the row of a submit, even if the caller has an id.
    """
    asked = traceparent = None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            asked = valid_request_id(value.decode("latin-1"))
        elif name == b"traceparent":
            traceparent = value.decode("latin-1")
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        state["request_id"] = str(ULID())
    own: str = state["request_id"]
    return Correlation(asked or own, callers_own=asked is not None, traceparent=traceparent)
