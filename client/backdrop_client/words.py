"""What calls are written in: JSON, keys of repeats, and names in paths."""

import json
import uuid
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
