"""The connection of both clients: base URL, key and timeout."""

from dataclasses import dataclass
from importlib.metadata import version

import httpx

from backdrop_client.flow import Call


@dataclass(frozen=True)
class Connection:
    """The server's base URL and the caller's key. Raises ValueError if one of them is invalid."""

    url: str
    key: str
    #: Seconds that the server may stay silent.
    timeout: float

    def __post_init__(self) -> None:
        parsed = httpx.URL(self.url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise ValueError(
                f"The base URL {self.url!r} is invalid. Use https://backdrop.example or http://localhost:8000."
            )
        if not self.key or not self.key.isascii() or not self.key.isprintable() or " " in self.key:
            raise ValueError("The key is invalid. Use the key that `backdrop clients add NAME` printed.")

    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        return {"User-Agent": f"backdrop-client/{version('backdrop-client')}"}

    def request(
        self, http: httpx.Client | httpx.AsyncClient, call: Call, silence: float | None = None
    ) -> httpx.Request:
        """Return a call as an httpx request. `silence`: seconds that replace the timeout."""
        request = http.build_request(
            call.method,
            call.url,  # httpx does not prepend the base URL to a complete URL, such as a signed one
            params=dict(call.query) or None,
            headers=dict(call.headers),
            content=call.content,
            timeout=httpx.Timeout(
                self.timeout, read=silence or self.timeout + call.patience, connect=min(self.timeout, 10.0)
            ),
        )
        if call.with_key:
            request.headers["Authorization"] = f"Bearer {self.key}"
        return request
