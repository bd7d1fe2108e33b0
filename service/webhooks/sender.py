"""The webhook sender: one signed POST a message, without redirects, proxy and cookies, reading little of the answer."""

import contextlib
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpcore
from standardwebhooks import Webhook

from service.telemetry.correlation import current
from service.webhooks import connection
from service.webhooks.connection import Bounds, CheckedBackend, Resolve
from service.webhooks.endpoints import check_url
from service.webhooks.outbox import Delivery

#: Seconds to connect, for each address of the receiver.
CONNECT_TIMEOUT = 5.0
#: Maximum number of bytes of the answer to read, with headers.
MAX_ANSWER_BYTES = 16 * 1024


@dataclass(frozen=True)
class SendResult:
    """The result of one request: the answer's status, or the reason why there is none."""

    status: int | None = None
    error: str | None = None
    #: Seconds of the receiver's Retry-After, if any.
    retry_after: float | None = None
    #: Seconds that the attempt took.
    seconds: float = 0.0


@dataclass(frozen=True)
class WebhookSender:
    """Sends messages by HTTP POST. Thread-safe; one instance serves the whole process. Durations are seconds."""

    tls: ssl.SSLContext
    #: From the DNS look-up to the last byte read. Only the look-up itself can take longer.
    timeout: float
    allow_private: bool = False
    resolve: Resolve = connection.resolve

    def send(self, delivery: Delivery) -> SendResult:
        """Make one attempt. Never raises: a failure is a result, too."""
        try:
            return self._exchange(delivery)
        except Exception as error:  # noqa: BLE001  # a foreign server can cause any failure
            text = f"{type(error).__name__}: {error}".rstrip(": ")
            # The text may quote the receiver, and goes to the database and a terminal.
            return SendResult(error="".join(letter if letter.isprintable() else "?" for letter in text))

    def _exchange(self, delivery: Delivery) -> SendResult:
        url = check_url(delivery.url, allow_private=self.allow_private)
        bounds = Bounds(self.timeout, MAX_ANSWER_BYTES)
        backend = CheckedBackend(bounds, allow_private=self.allow_private, resolve=self.resolve)
        with (
            httpcore.ConnectionPool(ssl_context=self.tls, network_backend=backend) as pool,
            pool.stream(
                "POST",
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=[("Host", url.netloc), *_headers(delivery)],
                content=delivery.body.encode(),
                extensions={"timeout": {"connect": CONNECT_TIMEOUT}},
            ) as response,
        ):
            answer = SendResult(response.status, retry_after=_retry_after(response))
            # The status is known. The rest is read so that the receiver can finish undisturbed.
            with contextlib.suppress(httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
                for _ in response.iter_stream():
                    pass
            return answer


def _headers(delivery: Delivery) -> list[tuple[str, str]]:
    signatures = (Webhook(secret).sign(delivery.id, delivery.started_at, delivery.body) for secret in delivery.secrets)
    return [
        ("Content-Type", "application/json"),
        ("User-Agent", "Backdrop-Webhooks"),
        ("Connection", "close"),
        ("webhook-id", delivery.id),
        ("webhook-timestamp", str(int(delivery.started_at.timestamp()))),
        ("webhook-signature", " ".join(signatures)),
        *([("traceparent", traceparent)] if (traceparent := current().traceparent) else []),
    ]


def _retry_after(response: httpcore.Response) -> float | None:
    """Return Retry-After in seconds. A date counts from the receiver's own Date, not from this machine's clock."""
    headers = {name.lower(): value.decode("latin-1").strip() for name, value in response.headers}
    value = headers.get(b"retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return (parsedate_to_datetime(value) - parsedate_to_datetime(headers.get(b"date", ""))).total_seconds()
    except (ValueError, OverflowError, TypeError):  # TypeError: one of them has no zone
        return None
