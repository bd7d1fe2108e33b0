"""The fetcher: downloads a photo from a client's URL, only from the public internet.

It resolves and checks each hop of a redirect, and connects to the checked address (`service.webhooks.connection`). Time
and bytes are limited for all hops together.
"""

import ssl
from dataclasses import dataclass
from typing import Literal

import httpcore
import httpx

from service.webhooks import connection
from service.webhooks.connection import AddressForbidden, Bounds, CheckedBackend, NameUnknown, Resolve

#: Seconds to connect, for each address of a host.
CONNECT_TIMEOUT = 5.0
MAX_REDIRECTS = 5
#: Bytes allowed for headers and framing in addition to the photo.
_OVERHEAD = 1 << 20

Reason = Literal[
    "url_invalid", "url_not_public", "url_unreachable", "url_refused", "url_too_slow", "too_many_redirects"
]


class FetchFailed(Exception):
    """Raised when a URL gives no photo, with a stable `code` and a message with the remedy."""

    def __init__(self, code: Reason, message: str) -> None:
        super().__init__(message)
        self.code = code


class PhotoTooLarge(ValueError):
    """Raised when a photo has more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


@dataclass(frozen=True)
class Fetcher:
    """Fetches photos. Thread-safe; one instance serves the whole process."""

    tls: ssl.SSLContext
    #: Seconds from the first DNS look-up to the last byte; only a look-up itself can take longer.
    timeout: float
    #: Maximum size of a photo in bytes.
    max_bytes: int
    #: For development only: allow addresses that are not public.
    allow_private: bool = False
    resolve: Resolve = connection.resolve

    def fetch(self, text: str) -> bytes:
        """Return the bytes at a URL. Raises FetchFailed and PhotoTooLarge."""
        bounds = Bounds(self.timeout, 2 * self.max_bytes + _OVERHEAD)
        try:
            return self._follow(text, bounds)
        except (AddressForbidden, NameUnknown) as error:
            # The same answer to both, without the address, so that callers can't explore the internal network.
            raise FetchFailed(
                "url_not_public",
                "The URL's host, or a host that it redirects to, has no public address. Check the host's name, use a"
                " URL that anyone can download, or send the photo's bytes.",
            ) from error
        except httpcore.TimeoutException as error:
            raise FetchFailed(
                "url_too_slow",
                f"The photo did not arrive within {self.timeout:g} s. Try again, or send the photo's bytes.",
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise FetchFailed(
                "url_unreachable",
                f"The URL can't be fetched: {_printable(error)}. Try again, or send the photo's bytes.",
            ) from error

    def _follow(self, text: str, bounds: Bounds) -> bytes:
        url = _checked(text)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._get(url, bounds)
            if isinstance(answer, bytes):
                return answer
            try:
                url = _checked(str(url.join(answer)))
            except httpx.InvalidURL as error:
                raise FetchFailed(
                    "url_invalid", "The URL redirects to an invalid URL. Use the photo's own URL."
                ) from error
        raise FetchFailed(
            "too_many_redirects", f"The URL redirects more than {MAX_REDIRECTS} times. Use the photo's own URL."
        )

    def _get(self, url: httpx.URL, bounds: Bounds) -> bytes | str:
        """Return the body, or the Location of a redirect."""
        backend = CheckedBackend(bounds, allow_private=self.allow_private, resolve=self.resolve)
        with (
            httpcore.ConnectionPool(ssl_context=self.tls, network_backend=backend) as pool,
            pool.stream(
                "GET",
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=[
                    ("Host", url.netloc),
                    ("Accept", "image/*"),
                    ("Accept-Encoding", "identity"),
                    ("User-Agent", "Backdrop"),
                    ("Connection", "close"),
                ],
                extensions={"timeout": {"connect": CONNECT_TIMEOUT}},
            ) as response,
        ):
            headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            if response.status in {301, 302, 303, 307, 308} and b"location" in headers:
                return headers[b"location"]
            if response.status != 200:
                raise FetchFailed(
                    "url_refused",
                    f"The URL answered {response.status}, not 200. Use a URL that anyone can download.",
                )
            length = headers.get(b"content-length", "")
            if length.isascii() and length.isdigit() and len(length) < 20 and int(length) > self.max_bytes:
                raise PhotoTooLarge(self.max_bytes)
            data = bytearray()
            for chunk in response.iter_stream():
                data += chunk
                if len(data) > self.max_bytes:
                    raise PhotoTooLarge(self.max_bytes)
            return bytes(data)


def _checked(text: str) -> httpx.URL:
    """Return the parsed URL. Raises FetchFailed for a URL that may not be fetched."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise FetchFailed("url_invalid", f"The URL is invalid: {_printable(error)}. Check it.") from error
    if url.scheme not in {"http", "https"} or not url.host or not 0 < (url.port or 443) < 65536:
        raise FetchFailed("url_invalid", "The URL should look like https://example.com/photo.jpg. Check it.")
    if url.userinfo:
        raise FetchFailed(
            "url_invalid", "The URL must not contain a user or password. Use a signed URL, or send the photo's bytes."
        )
    return url


def _printable(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200].rstrip(".")
