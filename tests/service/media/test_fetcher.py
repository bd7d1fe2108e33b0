"""Photos from clients' URLs: real servers that behave well, are slow or endless, or redirect elsewhere."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from service.media.fetcher import MAX_REDIRECTS, Fetcher, FetchFailed, PhotoTooLarge
from service.webhooks import connection
from service.webhooks.connection import is_public
from testkit.receiver import answer, receiving
from testkit.servers import free_port

PHOTO = b"\xff\xd8\xff" + bytes(5000) + b"\xff\xd9"


def fetcher(**changes: Any) -> Fetcher:
    usual: dict[str, Any] = {"tls": ssl.create_default_context(), "timeout": 5.0, "max_bytes": 10_000}
    return Fetcher(**usual | {"allow_private": True} | changes)


def sends(data: bytes, *, length: int | None = None) -> Callable[[BaseHTTPRequestHandler], None]:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if length != -1:
            handler.send_header("content-length", str(len(data) if length is None else length))
        handler.end_headers()
        handler.wfile.write(data)

    return respond


def refused(fetch: Fetcher, url: str) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        fetch.fetch(url)
    return caught.value


def test_a_photo_is_fetched_without_revealing_the_client() -> None:
    with receiving(sends(PHOTO)) as receiver:
        assert fetcher().fetch(receiver.url) == PHOTO

    (came,) = receiver.received
    assert set(came.headers) == {"host", "accept", "accept-encoding", "user-agent", "connection"}


def test_a_refusal_does_not_reveal_whether_an_internal_name_exists() -> None:
    def resolve(host: str, _: int) -> list[str]:
        if host == "billing.internal":
            return ["10.4.0.17"]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    fetch = fetcher(allow_private=False, resolve=resolve)
    there, not_there = (refused(fetch, f"http://{name}.internal/") for name in ("billing", "nothing"))

    assert (there.code, str(there)) == (not_there.code, str(not_there))
    assert there.code == "url_not_public"
    assert "10.4.0.17" not in str(there)
    assert "send the photo's bytes" in str(there)


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example"])
def test_an_invalid_name_is_refused_as_a_missing_one_is(host: str) -> None:
    assert refused(fetcher(), f"http://{host}/").code == "url_not_public"


def test_a_redirect_is_checked_as_the_url_is_and_reaches_nothing_private(monkeypatch: pytest.MonkeyPatch) -> None:
    # This machine's first address counts as public here, its second does not.
    monkeypatch.setattr(connection, "is_public", lambda address: address == "127.0.0.1" or is_public(address))
    names = {"localhost.example": ["127.0.0.1", "::1"]}
    fetch = fetcher(allow_private=False, resolve=lambda host, _: names.get(host, [host]))
    with receiving(sends(PHOTO)) as inner:
        assert fetch.fetch(inner.url) == PHOTO
        for host in ("127.0.0.2", "169.254.169.254", "localhost.example"):
            where = f"http://{host}:{inner.port}/latest"
            with receiving(partial(answer, status=302, location=where)) as outer:
                assert refused(fetch, outer.url).code == "url_not_public"
        assert len(inner.received) == 1


def test_redirects_are_followed_up_to_a_limit() -> None:
    def twice(handler: BaseHTTPRequestHandler) -> None:
        hops = int(handler.path.rpartition("=")[2] or 0) if "=" in handler.path else 0
        if hops < 2:
            answer(handler, 301, location=f"/hop?n={hops + 1}")
        else:
            sends(PHOTO)(handler)

    with receiving(twice) as receiver:
        base = receiver.url.partition("?")[0]
        assert fetcher().fetch(base) == PHOTO
    with receiving(lambda handler: answer(handler, 302, location="/again")) as receiver:
        assert refused(fetcher(), receiver.url).code == "too_many_redirects"
    assert len(receiver.received) == MAX_REDIRECTS + 1
    with receiving(lambda handler: answer(handler, 302, location="file:///etc/passwd")) as receiver:
        assert refused(fetcher(), receiver.url).code == "url_invalid"


@pytest.mark.parametrize("length", [None, -1], ids=["said before", "found out"])
def test_a_file_that_is_too_large_is_not_read_to_its_end(length: int | None) -> None:
    sent = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        sends(b"\xff\xd8\xff" + bytes(9_997) + b"\xff\xd9", length=length)(handler)
        sent.set()

    with receiving(respond) as receiver, pytest.raises(PhotoTooLarge) as caught:
        fetcher().fetch(receiver.url)
    assert caught.value.limit == 10_000


def test_a_server_that_drips_is_dropped_at_the_timeout() -> None:
    all_sent = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(600):
            handler.wfile.write(b"\xff")
            handler.wfile.flush()
            time.sleep(0.05)
        all_sent.set()

    with receiving(drip) as receiver:
        said = refused(fetcher(timeout=0.5), receiver.url)
        assert not all_sent.is_set()

    assert said.code == "url_too_slow"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://shop.example/a.jpg", "url_invalid"),
        ("file:///etc/passwd", "url_invalid"),
        ("shop.example/a.jpg", "url_invalid"),
        ("https://", "url_invalid"),
        ("https://user:word@shop.example/a.jpg", "url_invalid"),
        ("https://shop.example:99999/a.jpg", "url_invalid"),
        ("http://\u0000/", "url_invalid"),
        ("https://no-such-host.invalid/a.jpg", "url_not_public"),
    ],
)
def test_an_invalid_url_is_refused_with_its_reason(url: str, code: str) -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError("unknown")

    assert refused(fetcher(resolve=nowhere), url).code == code


def test_a_missing_page_is_reported_with_its_status() -> None:
    with receiving(404) as receiver:
        said = refused(fetcher(), receiver.url)

    assert said.code == "url_refused"
    assert "404" in str(said)


def test_a_public_host_that_does_not_answer_is_unreachable() -> None:
    assert refused(fetcher(), f"http://127.0.0.1:{free_port()}/").code == "url_unreachable"
