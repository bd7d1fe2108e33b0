"""A collector of traces: a real HTTP server that accepts OTLP and keeps the received spans."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from testkit.receiver import Quiet, serving


@dataclass(frozen=True)
class Collected:
    """A span as received."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]


@dataclass
class Collector:
    """The collector's address, and the received spans."""

    url: str = ""
    spans: list[Collected] = field(default_factory=list)

    def named(self, name: str) -> Collected:
        """Return the only span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def take(self, body: bytes) -> None:
        """Keep the spans of a request's body."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            (service,) = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                given = ((one.key, one.value) for one in span.attributes)
                attributes = {key: getattr(value, str(value.WhichOneof("value"))) for key, value in given}
                ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                self.spans.append(Collected(service, span.name, *ids, attributes))


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on a free port of 127.0.0.1."""
    collector = Collector()

    class Handler(Quiet):
        def do_POST(self) -> None:
            """Accept the spans."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    with serving(Handler) as port:
        collector.url = f"http://127.0.0.1:{port}"
        yield collector
