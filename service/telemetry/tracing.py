"""Tracing with OpenTelemetry, exported by OTLP over HTTP. Without an endpoint, nothing of it is imported.

A span's parent is the current span of the running code (`correlation`). So a trace continues in any thread or process
that gets its `traceparent`.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from service.settings import Settings
from service.telemetry.correlation import current, within_span

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OtelSpan

#: Seconds that a stopping process waits to send its last spans.
_FLUSH = 2.0

Kind = Literal["internal", "server", "producer", "consumer", "client"]
Value = str | bool | int | float


class TracingMissing(RuntimeError):
    """Raised if an endpoint is set but OpenTelemetry is not installed."""


class Span:
    """A running span. This base class does nothing, for use without tracing."""

    def rename(self, name: str) -> None:
        """Change its name."""

    def set(self, name: str, value: Value) -> None:
        """Set an attribute."""

    def fail(self, error_type: str) -> None:
        """Mark it as failed."""


_NO_SPAN = Span()


class Tracer:
    """Makes spans. This base class makes none. Thread-safe."""

    #: Whether it makes spans.
    on = False

    @contextmanager
    def span(self, name: str, kind: Kind = "internal", attributes: Mapping[str, Any] | None = None) -> Iterator[Span]:
        """Run the body within a span under the current one. An exception marks the span as failed."""
        yield _NO_SPAN

    def record(self, name: str, started: float, ended: float, attributes: Mapping[str, Any] | None = None) -> None:
        """Add a finished span under the current one. Times are Unix seconds."""

    def close(self) -> None:
        """Send the remaining spans, for at most two seconds."""


class OtlpTracer(Tracer):
    """Makes spans and sends them in batches from its own thread. If the collector is away, spans are lost."""

    on = True

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace import SpanKind

        self._provider = provider
        self._tracer = provider.get_tracer("backdrop")
        self._kinds = SpanKind

    @contextmanager
    def span(self, name: str, kind: Kind = "internal", attributes: Mapping[str, Any] | None = None) -> Iterator[Span]:
        """Run the body within a span under the current one. An exception marks the span as failed."""
        made = self._tracer.start_span(
            name, context=_parent(), kind=self._kinds[kind.upper()], attributes=dict(attributes or {})
        )
        context = made.get_span_context()
        traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        span = _OtlpSpan(made)
        try:
            with within_span(traceparent):
                yield span
        except BaseException as error:
            span.fail(type(error).__name__)
            raise
        finally:
            made.end()

    def record(self, name: str, started: float, ended: float, attributes: Mapping[str, Any] | None = None) -> None:
        """Add a finished span under the current one. Times are Unix seconds."""
        begun = int(1e9 * started)
        made = self._tracer.start_span(name, context=_parent(), start_time=begun, attributes=dict(attributes or {}))
        made.end(int(1e9 * ended))

    def close(self) -> None:
        """Send the remaining spans, for at most two seconds."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(_FLUSH)


class _OtlpSpan(Span):
    def __init__(self, span: "OtelSpan") -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def fail(self, error_type: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", error_type)
        self._span.set_status(Status(StatusCode.ERROR))


def _parent() -> "Context":
    """Return the current span as OpenTelemetry's context, or an empty context."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    traceparent = current().traceparent
    if traceparent is None:
        return Context()
    _, trace_id, span_id, flags = traceparent.split("-")
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(context), Context())


def open_tracer(settings: Settings, process: str) -> Tracer:
    """Return the tracer of a process ("api", "worker", "sweep"). Raises TracingMissing."""
    if not settings.otlp_endpoint:
        return Tracer()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as error:
        raise TracingMissing(
            "BACKDROP_OTLP_ENDPOINT is set, but OpenTelemetry is missing. Install backdrop[tracing], or unset it."
        ) from error
    about = {"service.name": f"backdrop-{process}", "service.version": version("backdrop")}
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.trace_share)),
        resource=Resource.create(about),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return OtlpTracer(provider)
