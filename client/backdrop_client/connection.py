"""Where the server is, who asks, and how long it may be silent: what both clients send their requests with."""

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from importlib.metadata import version

import httpx

from backdrop_client.flow import Call


@dataclass(frozen=True)
class Connection:
    """The server's base URL and the caller's key. Raises ValueError where they can't be."""

    url: str
    key: str
    #: Seconds in which the server may be silent.
    timeout: float
    #: The client's secret, which signs what changes something; None: nothing is signed.
    signing_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parsed = httpx.URL(self.url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise ValueError(
                f"{self.url!r} is no base URL; one reads https://backdrop.example or http://localhost:8000."
            )
        if not self.key or not self.key.isascii() or not self.key.isprintable() or " " in self.key:
            raise ValueError("The key is none: `backdrop clients add NAME` prints one.")

    def headers(self) -> dict[str, str]:
        """Return what every request carries."""
        return {"User-Agent": f"backdrop-client/{version('backdrop-client')}"}

    def request(
        self, http: httpx.Client | httpx.AsyncClient, call: Call, silence: float | None = None
    ) -> httpx.Request:
        """Return a call as a request of httpx. `silence`: seconds, in place of the timeout."""
        request = http.build_request(
            call.method,
            call.url,  # httpx puts nothing before a whole URL, as signed ones are
            params=dict(call.query) or None,
            headers=dict(call.headers),
            content=call.content,
            timeout=httpx.Timeout(
                self.timeout, read=silence or self.timeout + call.patience, connect=min(self.timeout, 10.0)
            ),
        )
        if call.with_key:
            request.headers["Authorization"] = f"Bearer {self.key}"
            if self.signing_secret and call.method != "GET":
                # A proxy takes the base URL's own path away.
                target = request.url.raw_path.removeprefix(http.base_url.raw_path.rstrip(b"/"))
                request.headers["X-Backdrop-Signature"] = _signature(
                    self.signing_secret, call.method, target, call.content or b""
                )
        return request


def _signature(secret: str, method: str, target: bytes, body: bytes) -> str:
    """Return the header's value, good for five minutes: each try is signed anew."""
    now = int(time.time())
    lines = f"{now}\n{method}\n".encode() + target + b"\n" + body
    return f"t={now},v1={hmac.digest(secret.encode(), lines, hashlib.sha256).hex()}"
