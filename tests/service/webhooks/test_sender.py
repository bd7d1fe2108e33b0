"""One message over the wire: to real servers that behave well, badly, and as an attacker's would."""

import base64
import hashlib
import hmac
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from benchmarks.storm.receiver import Receiver, answer, receiving
from benchmarks.storm.servers import free_port
from service.webhooks.addresses import resolve
from service.webhooks.connection import Resolve
from service.webhooks.outbox import Delivery
from service.webhooks.sender import MAX_ANSWER_BYTES, SendResult, WebhookSender

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()


def delivery(url: str, *, secrets: tuple[str, ...] = (SECRET,), body: str = '{"type":"job.succeeded"}') -> Delivery:
    return Delivery("msg_01J9ZC6M8J5X7Z9Q1W3R5T7Y9V", "client", url, secrets, body, "token", 1, datetime.now(UTC))


def post(
    url: str,
    *,
    secrets: tuple[str, ...] = (SECRET,),
    timeout: float = 10.0,
    allow_private: bool = True,
    resolve: Resolve = resolve,
    tls: ssl.SSLContext | None = None,
) -> SendResult:
    context = tls or ssl.create_default_context()
    return WebhookSender(context, timeout, allow_private, resolve).send(delivery(url, secrets=secrets))


def test_a_message_is_posted_as_the_specification_says() -> None:
    with receiving(200) as receiver:
        assert post(receiver.url) == SendResult(200)

    (came,) = receiver.received
    assert came.path == "/hooks?shop=1"
    assert came.headers["content-type"] == "application/json"
    assert came.headers["host"] == receiver.url.split("/")[2]
    assert came.id == "msg_01J9ZC6M8J5X7Z9Q1W3R5T7Y9V"
    assert came.verified(SECRET) == {"type": "job.succeeded"}


def test_the_signature_is_the_specifications_own_sum() -> None:
    """Without the reference library, which also signs: HMAC-SHA256 over id, timestamp and body."""
    with receiving() as receiver:
        post(receiver.url)

    (came,) = receiver.received
    signed = f"{came.id}.{came.headers['webhook-timestamp']}.".encode() + came.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert came.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(came.headers["webhook-timestamp"]) - time.time()) < 60


def test_the_reference_librarys_published_example_is_signed_alike() -> None:
    sent_at = datetime.fromtimestamp(1614265330, UTC)

    signature = Webhook(SECRET).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at, '{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_rotation_both_secrets_verify() -> None:
    with receiving() as receiver:
        post(receiver.url, secrets=(SECRET, OLD_SECRET))
        post(receiver.url, secrets=(SECRET,))

    both, new = receiver.received
    assert both.verified(SECRET) == both.verified(OLD_SECRET) == new.verified(SECRET)
    with pytest.raises(WebhookVerificationError):
        new.verified(OLD_SECRET)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiving() as target, receiving(lambda handler: answer(handler, status, Location=target.url)) as receiver:
        assert post(receiver.url).status == status

    assert len(receiver.received) == 1
    assert target.received == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver, receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert post(receiver.url) == SendResult(204)

    assert proxy.received == []


# Receivers that take their time, or too much of ours


def trickle(handler: BaseHTTPRequestHandler, start: bytes) -> None:
    """Write the start of an answer, then a byte now and then, for half a minute."""
    handler.wfile.write(start)
    for _ in range(600):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def test_an_answer_whose_headers_trickle_in_is_given_up_when_the_time_is_up() -> None:
    with receiving(lambda handler: trickle(handler, b"HTTP/1.1 200 OK\r\nx-slow: ")) as receiver:
        started = time.monotonic()
        got = post(receiver.url, timeout=1.0)

    assert got.status is None
    assert got.error is not None
    assert "Timeout" in got.error
    assert 0.9 < time.monotonic() - started < 5


def test_an_answer_whose_body_trickles_in_has_said_its_status() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
    with receiving(lambda handler: trickle(handler, head)) as receiver:
        started = time.monotonic()
        assert post(receiver.url, timeout=1.0) == SendResult(200)

    assert time.monotonic() - started < 5


def test_a_receiver_that_never_answers_is_given_up() -> None:
    over = threading.Event()
    with receiving(lambda _: over.wait(30)) as receiver:
        started = time.monotonic()
        got = post(receiver.url, timeout=0.5)
        over.set()

    assert (got.status, got.error) == (None, "ReadTimeout: timed out")
    assert time.monotonic() - started < 5


def test_of_a_huge_answer_little_is_read() -> None:
    written = []

    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while True:
            written.append(handler.wfile.write(bytes(100_000)))

    with receiving(pour) as receiver:
        assert post(receiver.url) == SendResult(200)

    # What the sockets hold, not what was sent: the kernel buffers a few megabytes.
    assert sum(written) < 50_000_000


def test_an_answer_that_is_all_headers_is_given_up() -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"x-more: of the same\r\n" * MAX_ANSWER_BYTES)

    with receiving(pour) as receiver:
        assert post(receiver.url).error == "ReadError: the answer is too long"


def test_an_answer_that_only_says_continue_is_given_up() -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        while True:
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    with receiving(pour) as receiver:
        assert post(receiver.url).error == "ReadError: the answer is too long"


@pytest.mark.parametrize(
    "garbage",
    [b"", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 2\x1b[2J00 OK\r\n\r\n"],
    ids=["nothing", "mail", "escape"],
)
def test_what_is_no_http_is_an_error_that_a_terminal_can_show(garbage: bytes) -> None:
    with receiving(lambda handler: handler.wfile.write(garbage)) as receiver:
        got = post(receiver.url)

    assert got.status is None
    assert got.error is not None
    assert got.error.startswith("RemoteProtocolError")
    assert got.error.isprintable()


def test_a_receiver_that_is_not_there_is_an_error() -> None:
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


# Where a message must not go


def port_of(receiver: Receiver) -> str:
    return receiver.url.split(":")[2].split("/")[0]


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]"]
)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_this_machine_is_not_reached_however_it_is_written(host: str, scheme: str) -> None:
    with receiving() as receiver:
        got = post(f"{scheme}://{host}:{port_of(receiver)}/", allow_private=False)

    assert receiver.received == []
    assert got.status is None
    assert got.error is not None
    assert got.error.startswith(("AddressForbidden", "UrlInvalid"))
    assert scheme == "http" or "public internet" in got.error


def test_a_name_with_one_private_address_among_its_addresses_is_not_reached() -> None:
    with receiving() as receiver:
        url = f"https://shop.example:{port_of(receiver)}/"
        got = post(url, allow_private=False, resolve=lambda *_: ["1.1.1.1", "127.0.0.1"])

    assert receiver.received == []
    assert got.error == "AddressForbidden: shop.example leads to 127.0.0.1, which is not on the public internet"


def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_asked_for_once() -> None:
    asked: list[str] = []

    def once(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiving() as receiver:
        assert post(f"http://shop.invalid:{port_of(receiver)}/hooks", resolve=once) == SendResult(204)

    # No resolver knows this name: another look-up would have failed.
    assert asked == ["shop.invalid"]
    assert receiver.received[0].headers["host"] == f"shop.invalid:{port_of(receiver)}"


def test_where_one_address_does_not_answer_the_next_is_tried() -> None:
    with receiving() as receiver:
        url = f"http://shop.invalid:{port_of(receiver)}/"
        assert post(url, resolve=lambda *_: ["127.0.0.2", "127.0.0.1"]) == SendResult(204)


def test_a_name_that_does_not_resolve_is_an_error() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    got = post("https://shop.invalid/", resolve=unknown)

    assert got.error == "ConnectError: shop.invalid does not resolve: [Errno -2] Name or service not known"


def make_server_context(folder: Path, name: str) -> ssl.SSLContext:
    """Write ca.pem and a certificate under `folder`; return the context of a server that shows it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def test_tls_verifies_the_name_although_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    server = make_server_context(tmp_path, "shop.example")
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    with receiving(tls=server) as receiver:
        here: Resolve = lambda *_: ["127.0.0.1"]  # noqa: E731  # as short as what it stands for
        right = post(f"https://shop.example:{port_of(receiver)}/", tls=trusting, resolve=here)
        wrong = post(f"https://other.example:{port_of(receiver)}/", tls=trusting, resolve=here)
        untrusted = post(f"https://shop.example:{port_of(receiver)}/", resolve=here)

    assert right == SendResult(204)
    assert wrong.error is not None
    assert "certificate is not valid for 'other.example'" in wrong.error
    assert untrusted.error is not None
    assert "self-signed certificate" in untrusted.error
    assert len(receiver.received) == 1


def test_a_receiver_that_stalls_in_the_tls_handshake_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        got = post(f"https://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.5)

    assert got.status is None
    assert time.monotonic() - started < 5
