"""Signatures: HMACs over the URLs of the directory store."""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlencode


class UrlSigner:
    """Signs method, path and expiry of a URL, so that its owner needs no key and can do nothing else."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def query(self, method: str, path: str, expires_at: datetime) -> str:
        """Return the query string that allows `method` on `path` until `expires_at`."""
        expires = int(expires_at.timestamp())
        return urlencode({"expires": expires, "signature": self._signature(method, path, expires)})

    def allows(self, method: str, path: str, expires: int, signature: str) -> bool:
        """Return whether the signature is right and has not expired."""
        expected = self._signature(method, path, expires)
        return hmac.compare_digest(expected.encode(), signature.encode()) and expires > datetime.now(UTC).timestamp()

    def _signature(self, method: str, path: str, expires: int) -> str:
        message = f"{method}\n{path}\n{expires}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
