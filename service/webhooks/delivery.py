"""The delivery loop, which is the sweep's second thread. It claims due messages, posts them and writes the results.

Each message is posted in its own thread, and only this thread uses the database. So a slow receiver blocks no database
connection, and answers survive a short failure of the database.
"""

import contextlib
import logging
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import httpx
import sqlalchemy as sa
from opentelemetry.trace import NoOpTracer, SpanKind, Tracer

from service.database.encryption import open_cipher
from service.database.engine import create_engine
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.telemetry.correlation import Correlation, correlated
from service.telemetry.metrics import WebhookMetrics
from service.telemetry.tracing import mark_failed
from service.webhooks.outbox import AttemptResult, Delivery, DeliveryState, MessageType, Outbox
from service.webhooks.sender import SendResult, WebhookSender

logger = logging.getLogger(__name__)

#: Seconds from each failed attempt to the next: the schedule of the Standard Webhooks specification, three days.
DELAYS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: Each delay grows by a random share of itself up to this one, so that messages that failed together spread out.
JITTER = 0.2
#: Maximum delay of the next attempt by a receiver's Retry-After, in seconds.
MAX_RETRY_AFTER = 86_400.0
#: Seconds added to an attempt's time limit before another sweep may repeat it: for DNS and writing the answer.
LEASE_MARGIN = 60.0
#: Seconds between two searches for messages to delete.
PRUNE_EVERY = 3600.0
#: Seconds after which a receiver counts as slow, even with a good answer.
SLOW = 1.0
#: Seconds for which a stopping sweep waits for receivers' answers.
STOP_GRACE = 5.0


def next_state(answer: SendResult, *, attempt: int, jitter: float, attempts: int = len(DELAYS) + 1) -> AttemptResult:
    """Return a message's next state after this answer, and when to retry. `jitter` is a random number from 0 to 1.

    `attempts`: the number of the last attempt.
    """
    status, error = answer.status, answer.error
    if status is not None and 200 <= status < 300:
        return AttemptResult(DeliveryState.DELIVERED, status)
    if status == 410:
        return AttemptResult(DeliveryState.DROPPED, status)
    if attempt >= attempts:
        return AttemptResult(DeliveryState.FAILED, status, error)
    after = DELAYS[attempt - 1] * (1 + JITTER * jitter)
    if status in {429, 503} and answer.retry_after is not None:
        # A receiver may only delay the next attempt, because the attempts should last for days.
        after = max(after, min(answer.retry_after, MAX_RETRY_AFTER))
    return AttemptResult(DeliveryState.WAITING, status, error, after)


@dataclass
class DeliveryLoop:
    """The delivery loop's body. One thread calls it. Durations are seconds."""

    outbox: Outbox
    sender: WebhookSender
    #: Age at which ended messages are deleted.
    keep: float
    #: Maximum number of concurrent attempts, in total and per client.
    slots: int = 16
    slots_a_client: int = 4
    metrics: WebhookMetrics = field(default_factory=WebhookMetrics)
    tracer: Tracer = field(default_factory=NoOpTracer)
    #: The receivers' answers; None only ends the wait.
    _answers: queue.SimpleQueue[tuple[Delivery, SendResult] | None] = field(
        default_factory=queue.SimpleQueue, init=False
    )
    #: Attempts without a written answer: the client and the start (monotonic seconds), by message.
    _under_way: dict[str, tuple[str, float]] = field(default_factory=dict, init=False)
    #: Whether the last attempt got a 2xx within SLOW, by client.
    _quick: dict[str, bool] = field(default_factory=dict, init=False)
    _prune_at: float = field(default=0.0, init=False)

    def run_once(self, *, wait: float) -> None:
        """Run the loop's body once: start due messages, then wait up to `wait` seconds for an answer and write it.

        Raises SQLAlchemyError. A message that was sent but not recorded is sent again after its lease.
        """
        self._prune()
        while self._has_room():
            delivery = self.outbox.claim(exclude=self._excluded_clients())
            if delivery is None:
                break
            self._under_way[delivery.id] = delivery.client_id, time.monotonic()
            # A daemon thread, so that the process can end before a receiver answers. The lease covers that case.
            threading.Thread(target=self._send, args=(delivery,), daemon=True).start()
        self.record_answer(wait=min(wait, SLOW) if self._under_way else wait)

    def _has_room(self) -> bool:
        """Return whether a slot is free. A slow attempt frees its slot, but at most twice `slots` attempts run."""
        slow = sum(started < time.monotonic() - SLOW for _, started in self._under_way.values())
        return len(self._under_way) - slow < self.slots and len(self._under_way) < 2 * self.slots

    def _excluded_clients(self) -> set[str]:
        """Return the clients that have used their share of the slots.

        A client whose last attempt failed or was slow, or that had no attempt yet, gets one slot. All slow clients
        together get half of the slots. So known slow receivers, however many, can't delay the others.
        """
        now = time.monotonic()
        attempts = Counter(client for client, _ in self._under_way.values())
        slow = {client for client, quick in self._quick.items() if not quick}
        slow |= {client for client, started in self._under_way.values() if started < now - SLOW}
        quick = {client for client, was in self._quick.items() if was} - slow
        full = {client for client, held in attempts.items() if held >= (self.slots_a_client if client in quick else 1)}
        return full | slow if sum(attempts[client] for client in slow) >= max(1, self.slots // 2) else full

    def _send(self, delivery: Delivery) -> None:
        with correlated(_correlation_of(delivery)):
            attributes: dict[str, str | int] = {
                "http.request.method": "POST",
                "backdrop.webhook.attempt": delivery.attempt,
            }
            with self.tracer.start_as_current_span("POST webhook", kind=SpanKind.CLIENT, attributes=attributes) as span:
                started = time.perf_counter()
                answer = self.sender.send(delivery)
                if answer.status is None:
                    mark_failed(span, "no_answer")
                else:
                    span.set_attribute("http.response.status_code", answer.status)
        self._answers.put((delivery, replace(answer, seconds=time.perf_counter() - started)))

    def record_answer(self, *, wait: float) -> None:
        """Write one answer if it arrives within `wait` seconds. Raises SQLAlchemyError."""
        try:
            answered = self._answers.get(timeout=wait)
        except queue.Empty:
            return
        if answered is None:
            return
        delivery, answer = answered
        # Its sender waits for the answer to a test, and repeats it.
        most = {"attempts": 1} if delivery.type == MessageType.WEBHOOK_TEST else {}
        result = next_state(answer, attempt=delivery.attempt, jitter=random.random(), **most)
        self._quick[delivery.client_id] = result.state == DeliveryState.DELIVERED and answer.seconds <= SLOW
        _, started = self._under_way[delivery.id]
        try:
            with correlated(_correlation_of(delivery)):
                self._write(delivery, result)
        except sa.exc.SQLAlchemyError:
            # The database is unavailable or read-only: keep the answer while the lease lasts. After that the message is
            # sent again.
            if time.monotonic() - started < self.outbox.lease:
                self._answers.put(answered)
            else:
                del self._under_way[delivery.id]
            raise
        del self._under_way[delivery.id]
        with correlated(_correlation_of(delivery)):
            self.metrics.attempt(result.state, answer.seconds)

    def _write(self, delivery: Delivery, result: AttemptResult) -> None:
        if result.state == DeliveryState.DROPPED:
            if self.outbox.disable(delivery, result):
                logger.warning("client %s: its webhook answered 410 and is disabled", delivery.client_id)
                return
            # The client has set another URL since then, so the message goes there.
            result = AttemptResult(DeliveryState.WAITING, result.status, after=DELAYS[0])
        got = result.error or f"HTTP {result.status}"
        if self.outbox.record(delivery, result):
            logger.info("message %s: attempt %d, %s: %s", delivery.id, delivery.attempt, got, result.state)
        else:
            logger.warning("message %s: lease lost, attempt %d (%s) not recorded", delivery.id, delivery.attempt, got)

    def _prune(self) -> None:
        if time.monotonic() < self._prune_at:
            return
        if pruned := self.outbox.prune(after=self.keep):
            logger.info("deleted %d old messages", pruned)
        self._prune_at = time.monotonic() + PRUNE_EVERY

    @property
    def idle(self) -> bool:
        """Whether the answers of all attempts are written."""
        return not self._under_way

    def wake(self) -> None:
        """End the wait for an answer. Any thread may call it."""
        self._answers.put(None)


def _correlation_of(delivery: Delivery) -> Correlation:
    return Correlation(job_id=delivery.job_id, traceparent=delivery.traceparent)


def build_delivery_loop(
    settings: Settings, metrics: WebhookMetrics | None = None, tracer: Tracer | None = None
) -> DeliveryLoop:
    """Build the delivery loop for the settings' database."""
    lease = settings.webhook_timeout + LEASE_MARGIN
    pictures, address = open_buckets(settings)[1], settings.public_url or ""
    outbox = Outbox(
        create_engine(settings.sqlalchemy_url),
        open_cipher(settings),
        lease=lease,
        sign=lambda key, content_type: pictures.download_url(key, content_type, address),
    )
    # httpx's default: the certificate authorities of certifi or SSL_CERT_FILE.
    sender = WebhookSender(httpx.create_ssl_context(), settings.webhook_timeout, settings.webhook_allow_private)
    return DeliveryLoop(
        outbox,
        sender,
        keep=settings.webhook_keep_days * 86_400,
        metrics=metrics or WebhookMetrics(),
        tracer=tracer or NoOpTracer(),
    )


def keep_delivering(
    loop: DeliveryLoop, *, every: float, stopping: threading.Event, may_act: Callable[[], bool] = lambda: True
) -> None:
    """Run the loop until `stopping`, then write the answers that arrive within STOP_GRACE.

    It retries after any failure, so that messages wait but are not lost. They also wait while the installation is in
    quarantine (`may_act`).
    """
    while not stopping.is_set():
        try:
            if may_act():
                loop.run_once(wait=every)
            else:
                stopping.wait(every)
        except Exception:
            logger.exception("delivery failed, will be retried")
            stopping.wait(every)
    end = time.monotonic() + STOP_GRACE
    while not loop.idle and (left := end - time.monotonic()) > 0:
        try:
            loop.record_answer(wait=left)
        except Exception:
            logger.exception("an answer was not written, its message may be sent again")
            time.sleep(min(left, 0.5))


@contextlib.contextmanager
def delivering(
    settings: Settings,
    stopping: threading.Event,
    metrics: WebhookMetrics | None = None,
    tracer: Tracer | None = None,
    may_act: Callable[[], bool] = lambda: True,
) -> Iterator[None]:
    """Run the delivery loop in a thread while the body runs."""
    loop = build_delivery_loop(settings, metrics, tracer)
    arguments = {"every": settings.sweep_every, "stopping": stopping, "may_act": may_act}
    thread = threading.Thread(target=keep_delivering, args=(loop,), kwargs=arguments, daemon=True)
    thread.start()
    logger.info("webhook delivery started")
    try:
        yield
    finally:
        stopping.set()
        loop.wake()
        thread.join(STOP_GRACE + 1)
