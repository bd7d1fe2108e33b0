"""Tracing with OpenTelemetry, exported by OTLP over HTTP. Without an endpoint, OpenTelemetry makes no spans.

A span's parent is the current span of the running code (`correlation`). So a trace continues in any thread or process
that gets its `traceparent`.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from importlib.metadata import version

from opentelemetry.trace import NoOpTracer, Span, StatusCode, Tracer

from service.settings import Settings

logger = logging.getLogger(__name__)

#: Seconds that a stopping process waits to send its last spans.
_FLUSH = 2.0


@contextlib.contextmanager
def tracing(settings: Settings, process: str) -> Iterator[Tracer]:
    """Yield the tracer of a process ("api", "worker", "sweep"). At the end, send its last spans for at most 2 seconds.

    Spans are sent in batches from a thread. If the collector is away, they are lost. If an endpoint is set but
    OpenTelemetry's SDK is missing, the process exits with an error in the log and a status that means "don't restart".
    """
    if not settings.otlp_endpoint:
        yield NoOpTracer()
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as error:
        logger.error(
            "BACKDROP_OTLP_ENDPOINT is set, but OpenTelemetry is missing. Install backdrop[tracing], or unset it."
        )
        raise SystemExit(os.EX_CONFIG) from error
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.trace_share)),
        resource=Resource.create({"service.name": f"backdrop-{process}", "service.version": version("backdrop")}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield provider.get_tracer("backdrop")
    finally:
        last = threading.Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(_FLUSH)


def mark_failed(span: Span, error_type: str) -> None:
    """Mark a span as failed."""
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)
