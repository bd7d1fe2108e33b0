"""Where the server is, who asks, and how long it may be silent: what both clients send their requests with."""

from collections.abc import Mapping
from dataclasses import dataclass
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
        headers: Mapping[str, str] = call.headers
        if call.with_key:
            headers = {**headers, "Authorization": f"Bearer {self.key}"}
        return http.build_request(
            call.method,
            call.url,  # httpx puts nothing before a whole URL, as signed ones are
            params=dict(call.query) or None,
            headers=headers,
            content=call.content,
            timeout=httpx.Timeout(
                self.timeout, read=silence or self.timeout + call.patience, connect=min(self.timeout, 10.0)
            ),
        )
