"""Flows, the shared code of both clients: generators that yield steps and receive each step's result.

A flow does no network I/O and never sleeps, so the same code serves the blocking and the awaiting client. A step that
fails at the network or file system raises its error inside the flow.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One request. It can be sent twice without harm, because requests that create jobs have an Idempotency-Key."""

    method: str
    #: A path under the base URL, or a signed URL.
    url: str
    query: Mapping[str, str | int | list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    #: False for signed URLs, because another host must not get the key.
    with_key: bool = True
    #: Seconds of silence allowed in addition to the client's timeout.
    patience: float = 0.0


@dataclass(frozen=True)
class Send:
    """Send a request and read its answer: an httpx.Response."""

    call: Call


@dataclass(frozen=True)
class Open:
    """Send a request whose answer is read in parts: an httpx.Response without its body."""

    call: Call
    #: Seconds of silence allowed. None: the client's timeout.
    silence: float | None = None


@dataclass(frozen=True)
class Chunk:
    """Read the next part of the opened answer: bytes, empty at the end."""


@dataclass(frozen=True)
class Close:
    """Close the opened answer. The flow's end closes it, too."""


@dataclass(frozen=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Call a blocking function, such as file access. The result is its return value."""

    function: Callable[[], Any]


Step = Send | Open | Chunk | Close | Pause | Work
Flow = Generator[Step, Any, T]

#: Errors that a step may raise inside a flow.
STEP_ERRORS = (httpx.HTTPError, httpx.InvalidURL, OSError)
