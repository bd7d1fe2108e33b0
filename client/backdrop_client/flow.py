"""Flows, the shared code of both clients: generators that yield steps and receive each step's result.

A flow does no network I/O and never sleeps, so the same code serves the blocking and the awaiting client. A step that
fails at the network or file system raises its error inside the flow. Below are also the words of calls: JSON, keys of
repeats, and names in paths.
"""

import json
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

T = TypeVar("T")
JSON = {"Content-Type": "application/json"}


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


def once(idempotency_key: str | None) -> str:
    """Return the given key, or a new one."""
    # An empty key is sent, and the API refuses it. A generated key would charge each try.
    return str(uuid.uuid4()) if idempotency_key is None else idempotency_key


def in_json(body: dict[str, Any]) -> bytes:
    """Return a body as bytes."""
    return json.dumps(body, ensure_ascii=False).encode()


def quoted(name: str) -> str:
    """Return a name for a path."""
    return quote(name, safe="")


def sent(value: Any) -> str | list[str] | None:
    """Return a filter's value for the query; None leaves it out."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return [f"{name}:{one}" for name, one in value.items()] or None
    if isinstance(value, bool):
        return "true" if value else None
    return value if value is None or isinstance(value, str) else list(value) or None
