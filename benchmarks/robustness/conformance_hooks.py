"""What Schemathesis must be told of this API: a random Shopify signature ends every request at its first check."""

import hashlib
from typing import Any

import schemathesis

from service.api.auth import SHOPIFY_HEADER


@schemathesis.hook
def map_headers(_: Any, headers: dict[str, Any] | None) -> dict[str, Any] | None:
    """Leave the signature in one request of eight, so that most come further than a 401."""
    if not headers:
        return headers
    name = next((name for name in headers if name.lower() == SHOPIFY_HEADER.lower()), None)
    if name is None or hashlib.sha256(repr(headers[name]).encode()).digest()[0] < 32:
        return headers
    return {key: value for key, value in headers.items() if key != name}


@schemathesis.hook
def before_call(_: Any, _case: Any, kwargs: dict[str, Any]) -> None:
    """Follow no redirect: where a picture lies is the store's to answer, whose answers no document of ours names."""
    kwargs["allow_redirects"] = False
