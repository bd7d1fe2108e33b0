"""Signatures: Shopify's over a request body, and our own over URLs of the directory store."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import urlencode


def shopify_signature(secret: str, body: bytes) -> str:
    """Return what Shopify puts into X-Shopify-Hmac-Sha256: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def is_signed_by_shopify(signature: str, body: bytes, secrets: Iterable[str]) -> bool:
    """Tell whether one of the live secrets made the signature. Takes the same time for every wrong one."""
    # A list, not a generator: every secret is tried, whichever fits.
    fits = [hmac.compare_digest(shopify_signature(secret, body).encode(), signature.encode()) for secret in secrets]
    return any(fits)


class UrlSigner:
    """Signs method, path and expiry of a URL, so that who holds it needs no key and can do nothing else."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def query(self, method: str, path: str, expires_at: datetime) -> str:
        """Return the query string that makes `path` good for `method` until `expires_at`."""
        expires = int(expires_at.timestamp())
        return urlencode({"expires": expires, "signature": self._signature(method, path, expires)})

    def allows(self, method: str, path: str, expires: int, signature: str) -> bool:
        """Tell whether the signature fits and has not expired."""
        expected = self._signature(method, path, expires)
        return hmac.compare_digest(expected.encode(), signature.encode()) and expires > datetime.now(UTC).timestamp()

    def _signature(self, method: str, path: str, expires: int) -> str:
        message = f"{method}\n{path}\n{expires}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
