"""One message over the wire: to real servers that behave well, badly, and as an attacker's would."""

import base64
import hashlib
import hmac
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler

import pytest
from standardwebhooks import WebhookVerificationError

from service.webhooks.sender import MAX_ANSWER_BYTES, SendResult
from testkit.receiver import answer, receiving
from testkit.servers import free_port
from tests.support.webhooks import SECRET, post

OLD_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()


def test_a_message_is_posted_as_specified() -> None:
    with receiving(200) as receiver:
        assert post(receiver.url) == SendResult(200)

    (came,) = receiver.received
    assert came.path == "/hooks?shop=1"
    assert came.headers["content-type"] == "application/json"
    assert came.headers["host"] == receiver.url.split("/")[2]
    assert came.id == "msg_01J9ZC6M8J5X7Z9Q1W3R5T7Y9V"
    assert came.verified(SECRET) == {"type": "job.succeeded"}
    # Without the reference library, which also signs: HMAC-SHA256 over id, timestamp and body.
    signed = f"{came.id}.{came.headers['webhook-timestamp']}.".encode() + came.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert came.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(came.headers["webhook-timestamp"]) - time.time()) < 60


def test_during_a_rotation_both_secrets_verify() -> None:
    with receiving() as receiver:
        post(receiver.url, secrets=(SECRET, OLD_SECRET))
        post(receiver.url, secrets=(SECRET,))

    both, new = receiver.received
    assert both.verified(SECRET) == both.verified(OLD_SECRET) == new.verified(SECRET)
    with pytest.raises(WebhookVerificationError):
        new.verified(OLD_SECRET)


def test_a_redirect_is_not_followed() -> None:
    statuses = [301, 302, 303, 307, 308]
    with receiving() as target, receiving() as receiver:
        for status in statuses:
            receiver.answer = partial(answer, status=status, Location=target.url)
            assert post(receiver.url).status == status

    assert (len(receiver.received), target.received) == (len(statuses), [])


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver, receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert post(receiver.url) == SendResult(204)

    assert proxy.received == []


# Slow or endless receivers


class Trickle:
    """Write the start of an answer, then a byte now and then, for half a minute."""

    def __init__(self, start: bytes) -> None:
        self.start = start
        self.all_sent = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(self.start)
        for _ in range(600):
            handler.wfile.write(b"x")
            time.sleep(0.05)
        self.all_sent.set()


def test_an_answer_whose_headers_trickle_in_is_given_up_at_the_timeout() -> None:
    trickle = Trickle(b"HTTP/1.1 200 OK\r\nx-slow: ")
    with receiving(trickle) as receiver:
        started = time.monotonic()
        got = post(receiver.url, timeout=1.0)
        assert time.monotonic() - started > 0.9
        assert not trickle.all_sent.is_set()

    assert got.status is None
    assert got.error is not None
    assert "Timeout" in got.error


def test_an_answer_whose_body_trickles_in_counts_by_its_status() -> None:
    trickle = Trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    with receiving(trickle) as receiver:
        assert post(receiver.url, timeout=1.0) == SendResult(200)
        assert not trickle.all_sent.is_set()


def test_a_receiver_that_never_answers_is_given_up() -> None:
    over = threading.Event()
    with receiving(lambda _: over.wait(60)) as receiver:  # and then, without an answer, hangs up
        got = post(receiver.url, timeout=0.5)
        over.set()

    assert (got.status, got.error) == (None, "ReadTimeout: timed out")


def test_little_is_read_of_a_huge_answer() -> None:
    written = []

    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while True:
            written.append(handler.wfile.write(bytes(100_000)))

    with receiving(pour) as receiver:
        assert post(receiver.url) == SendResult(200)

    # The kernel buffers a few megabytes: sent bytes may exceed the read ones.
    assert sum(written) < 50_000_000


def test_an_answer_of_endless_headers_or_continues_is_given_up() -> None:
    for start, more in (
        (b"HTTP/1.1 200 OK\r\n", b"x-more: of the same\r\n" * MAX_ANSWER_BYTES),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_ANSWER_BYTES),
    ):

        def pour(handler: BaseHTTPRequestHandler, data: bytes = start + more) -> None:
            handler.wfile.write(data)

        with receiving(pour) as receiver:
            assert post(receiver.url).error == "ReadError: the answer is too long"


@pytest.mark.parametrize(
    "garbage",
    [b"", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 2\x1b[2J00 OK\r\n\r\n"],
    ids=["nothing", "mail", "escape"],
)
def test_an_answer_that_is_no_http_is_a_printable_error(garbage: bytes) -> None:
    with receiving(lambda handler: handler.wfile.write(garbage)) as receiver:
        got = post(receiver.url)

    assert got.status is None
    assert got.error is not None
    assert got.error.startswith("RemoteProtocolError")
    assert got.error.isprintable()


def test_a_missing_receiver_is_an_error() -> None:
    got = post(f"http://127.0.0.1:{free_port()}/")

    assert got.error is not None
    assert got.error.startswith("ConnectError")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "120"}, 120.0),
        ({"Retry_After": "Wed, 21 Oct 2026 07:28:30 GMT"}, 30.0),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({"Retry_After": "21 Oct 2026 07:28:00 +99999999999"}, None),
        ({"Retry_After": "²"}, None),
        ({"Retry_After": "9" * 400}, float("inf")),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_against_the_receivers_own_clock(
    headers: dict[str, str], seconds: float | None
) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(503)
        handler.send_header("Date", "Wed, 21 Oct 2026 07:28:00 GMT")
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    with receiving(respond) as receiver:
        assert post(receiver.url) == SendResult(503, retry_after=seconds)
