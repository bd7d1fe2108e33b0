"""Correlation: the request, job and trace of the running code, for logs and metrics.

Uses a context variable, which coroutines and the threads that they wait for inherit.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

#: https://www.w3.org/TR/trace-context/#traceparent-header: version, trace, parent, flags. Only version 00 is accepted,
#: because the column has no room for the additions of a later one.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
#: Ids that callers may give their requests. They fit into a header, a log line and a column, and need no quotes.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


@dataclass(frozen=True)
class Correlation:
    """The ids of the current request or job. Each may be None."""

    request_id: str | None = None
    #: Whether the caller chose the request's id.
    callers_own: bool = False
    job_id: str | None = None
    #: W3C trace context of the current span. Without tracing: the caller's.
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


_NOTHING = Correlation()
_current: ContextVar[Correlation] = ContextVar("correlation", default=_NOTHING)


def current() -> Correlation:
    """Return the ids of the running code."""
    return _current.get()


@contextmanager
def correlated(correlation: Correlation) -> Iterator[None]:
    """Set these ids while the body runs."""
    token = _current.set(correlation)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def within_span(traceparent: str) -> Iterator[None]:
    """Set the span, and keep the other ids, while the body runs."""
    with correlated(replace(current(), traceparent=traceparent)):
        yield


def valid_traceparent(text: str | None) -> str | None:
    """Return a valid trace context unchanged, or None."""
    return text if text is not None and _TRACEPARENT.fullmatch(text) else None


def valid_request_id(text: str | None) -> str | None:
    """Return a caller's valid request id unchanged, or None."""
    return text if text is not None and _REQUEST_ID.fullmatch(text) else None
