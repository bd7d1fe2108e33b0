"""The fetcher: GETs a photo from a URL that a client names, from the public internet and nowhere else.

Each hop of a redirect is resolved and checked anew, and connected to by the address that was checked
(`service.webhooks.connection`). Time and bytes are bounded for all hops together.
"""

import ssl
from dataclasses import dataclass
from typing import Literal

import httpcore
import httpx

from service.webhooks import addresses
from service.webhooks.connection import AddressForbidden, Bounds, CheckedBackend, NameUnknown, Resolve

#: Seconds that a host may take to accept a connection, at each of its addresses.
CONNECT_TIMEOUT = 5.0
#: Redirects that are followed.
MAX_REDIRECTS = 5
#: Bytes of headers and framing on top of the photo's own.
_OVERHEAD = 1 << 20

Reason = Literal[
    "url_invalid", "url_not_public", "url_unreachable", "url_refused", "url_too_slow", "too_many_redirects"
]


class FetchFailed(Exception):
    """Raised when there is no photo to be had from a URL: a stable `code`, and words with the remedy."""

    def __init__(self, code: Reason, message: str) -> None:
        super().__init__(message)
        self.code = code


class PhotoTooLarge(ValueError):
    """Raised when a photo weighs more than is taken: `limit`, in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


@dataclass(frozen=True)
class Fetcher:
    """Fetches photos. Lives as long as the process; safe in threads."""

    tls: ssl.SSLContext
    #: Seconds from the first look-up to the last byte; only a look-up itself can take longer.
    timeout: float
    #: The heaviest photo, in bytes.
    max_bytes: int
    #: For development only: addresses that are not public will do.
    allow_private: bool = False
    resolve: Resolve = addresses.resolve

    def fetch(self, text: str) -> bytes:
        """Return what lies under a URL. Raises FetchFailed and PhotoTooLarge."""
        bounds = Bounds(self.timeout, 2 * self.max_bytes + _OVERHEAD)
        try:
            return self._follow(text, bounds)
        except (AddressForbidden, NameUnknown) as error:
            # One answer to both, without the address: else a caller could list the names of our own network.
            raise FetchFailed(
                "url_not_public",
                "The URL's host, or one that it redirects to, has no address on the public internet. Check the"
                " host's name, name a photo that anyone can download, or send its bytes.",
            ) from error
        except httpcore.TimeoutException as error:
            raise FetchFailed(
                "url_too_slow",
                f"The photo did not come within {self.timeout:g} s. Try again, or send its bytes.",
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise FetchFailed(
                "url_unreachable", f"The URL can't be fetched: {_printable(error)}. Try again, or send the bytes."
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
                raise FetchFailed("url_invalid", "The URL redirects to what is no URL.") from error
        raise FetchFailed(
            "too_many_redirects", f"The URL redirects more than {MAX_REDIRECTS} times. Name the photo's own URL."
        )

    def _get(self, url: httpx.URL, bounds: Bounds) -> bytes | str:
        """Return the body, or where a redirect leads."""
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
                    f"The URL answered {response.status}, not 200. Name a photo that anyone can download.",
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
    """Return the URL, parsed. Raises FetchFailed for what is none that may be fetched."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise FetchFailed("url_invalid", f"That is no URL: {_printable(error)}.") from error
    if url.scheme not in {"http", "https"} or not url.host or not 0 < (url.port or 443) < 65536:
        raise FetchFailed("url_invalid", "A photo's URL reads https://example.com/photo.jpg, or http://.")
    if url.userinfo:
        raise FetchFailed(
            "url_invalid", "A photo's URL holds no user or password: use a signed URL, or send its bytes."
        )
    return url


def _printable(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200].rstrip(".")
