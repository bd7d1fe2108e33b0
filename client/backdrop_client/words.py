"""What calls are written in: JSON, keys of repeats, and names in paths."""

import json
import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

JSON = {"Content-Type": "application/json"}


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
