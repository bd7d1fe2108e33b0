"""Correlation: the request, job and trace of the running code, for logs and metrics.

Kept in OpenTelemetry's context, which coroutines and the threads that they wait for inherit.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from opentelemetry.context import Context, attach, create_key, detach, get_value, set_value
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

#: Ids that callers may give their requests. They fit into a header, a log line and a column, and need no quotes.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


@dataclass(frozen=True)
class Correlation:
    """The ids of the current request or job. Each may be None."""

    request_id: str | None = None
    #: Whether the caller chose the request's id.
    callers_own: bool = False
    job_id: str | None = None
    #: W3C trace context of the current span. Without tracing: the caller's. An invalid one counts as none.
    traceparent: str | None = None

    @property
    def trace_id(self) -> str | None:
        """The trace's id, 32 hexadecimal digits."""
        return None if self.traceparent is None else self.traceparent[3:35]

    @property
    def exemplar(self) -> dict[str, str] | None:
        """The exemplar of an observation, by which its trace can be found, or None."""
        if self.traceparent is None or not int(self.traceparent[-2:], 16) & 1:
            return None
        return {"trace_id": self.traceparent[3:35]}

    def ids(self) -> dict[str, str]:
        """Return the ids that are set, under their names in log lines."""
        named = {"request_id": self.request_id, "job_id": self.job_id, "trace_id": self.trace_id}
        return {name: value for name, value in named.items() if value is not None}


_KEY, _TRACES = create_key("correlation"), TraceContextTextMapPropagator()


def current() -> Correlation:
    """Return the ids of the running code."""
    found, headers = get_value(_KEY), dict[str, str]()
    _TRACES.inject(headers)
    ids = found if isinstance(found, Correlation) else Correlation()
    return replace(ids, traceparent=headers.get("traceparent"))


@contextmanager
def correlated(correlation: Correlation) -> Iterator[None]:
    """Set these ids while the body runs, and make the trace context the parent of its spans."""
    parent = _TRACES.extract({"traceparent": correlation.traceparent or ""}, Context())
    token = attach(set_value(_KEY, correlation, parent))
    try:
        yield
    finally:
        detach(token)


def valid_request_id(text: str | None) -> str | None:
    """Return a caller's valid request id unchanged, or None."""
    return text if text is not None and _REQUEST_ID.fullmatch(text) else None
