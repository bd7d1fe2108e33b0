"""What both clients have in common is written as flows: generators that yield steps and are sent what came of each.

A flow does no network I/O and never sleeps, so one text serves the client that blocks and the one that awaits. A step
that fails on the way to the server, or in the file system, raises inside the flow.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One request. Sending it twice is always as good as once: what makes a job carries an Idempotency-Key."""

    method: str
    #: A path under the base URL, or a signed URL.
    url: str
    query: Mapping[str, str | int | list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    #: False for signed URLs: the key is none of their host's business.
    with_key: bool = True
    #: Seconds on top of the client's own timeout in which the server may be silent.
    patience: float = 0.0


@dataclass(frozen=True)
class Send:
    """Send a request and read its answer: an httpx.Response."""

    call: Call


@dataclass(frozen=True)
class Open:
    """Send a request whose answer is read bit by bit: an httpx.Response without its body."""

    call: Call
    #: Seconds in which the server may be silent; None: the client's own.
    silence: float | None = None


@dataclass(frozen=True)
class Chunk:
    """Read on in the opened answer: bytes, empty at its end."""


@dataclass(frozen=True)
class Close:
    """Close the opened answer. The end of the flow closes it as well."""


@dataclass(frozen=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Call something that blocks, such as the file system: what it returns."""

    function: Callable[[], Any]


Step = Send | Open | Chunk | Close | Pause | Work
Flow = Generator[Step, Any, T]

#: What a step may raise inside a flow.
STEP_ERRORS = (httpx.HTTPError, httpx.InvalidURL, OSError)
