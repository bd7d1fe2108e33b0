"""Correlation: which request, job and trace the running code works for, wherever it logs or measures.

In a context variable: coroutines and the threads that they wait for have it by themselves.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

#: https://www.w3.org/TR/trace-context/#traceparent-header: version, trace, parent, flags. Of a later version the rest
#: could not be kept in the column, so only this one is taken.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
#: What a caller may call its request: what fits into a header, a log line and a column, and quotes nothing.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


@dataclass(frozen=True)
class Correlation:
    """The ids of what is worked for; None: of nothing that has one."""

    request_id: str | None = None
    #: Whether the caller chose it.
    callers_own: bool = False
    job_id: str | None = None
    #: W3C trace context of the span that runs, or of the caller where nothing is traced here.
    traceparent: str | None = None

    @property
    def trace_id(self) -> str | None:
        """The trace, 32 hexadecimal digits."""
        return None if self.traceparent is None else self.traceparent[3:35]

    @property
    def exemplar(self) -> dict[str, str] | None:
        """What an observation is marked with, so that a trace can be found by it; None where none is kept."""
        if self.traceparent is None or not int(self.traceparent[-2:], 16) & 1:
            return None
        return {"trace_id": self.traceparent[3:35]}

    def ids(self) -> dict[str, str]:
        """Return the ids that there are, as log lines name them."""
        named = {"request_id": self.request_id, "job_id": self.job_id, "trace_id": self.trace_id}
        return {name: value for name, value in named.items() if value is not None}


_NOTHING = Correlation()
_current: ContextVar[Correlation] = ContextVar("correlation", default=_NOTHING)


def current() -> Correlation:
    """Return what the running code works for."""
    return _current.get()


@contextmanager
def correlated(correlation: Correlation) -> Iterator[None]:
    """Work for this while the body runs."""
    token = _current.set(correlation)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def within_span(traceparent: str) -> Iterator[None]:
    """Work for the same, within that span, while the body runs."""
    with correlated(replace(current(), traceparent=traceparent)):
        yield


def valid_traceparent(text: str | None) -> str | None:
    """Return a trace context as it came, or None where it is none."""
    return text if text is not None and _TRACEPARENT.fullmatch(text) else None


def valid_request_id(text: str | None) -> str | None:
    """Return a caller's id of its request, or None where it is none that is kept."""
    return text if text is not None and _REQUEST_ID.fullmatch(text) else None
