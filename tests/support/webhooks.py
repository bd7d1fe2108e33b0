"""Webhooks for tests: one message over the wire, a receiver's certificate, and deliveries on a database."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from service.database.clock import db_now
from service.database.tables import deliveries
from service.webhooks.connection import Resolve, resolve
from service.webhooks.delivery import DeliveryLoop, keep_delivering
from service.webhooks.endpoints import DeliveryLog, DeliveryRecord, Webhooks
from service.webhooks.outbox import Delivery, DeliveryState, Outbox
from service.webhooks.sender import SendResult, WebhookSender
from tests.support.shop import Shop, render

WAITING, DELIVERED, FAILED, DROPPED = DeliveryState
URL = "https://shop.example/hooks"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def sent(shop: Shop) -> list[DeliveryRecord]:
    """Return a client's messages, newest first."""
    return list(DeliveryLog(shop.engine).page(shop.client.id, limit=1000).items)


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


def make_server_context(folder: Path, name: str) -> ssl.SSLContext:
    """Write ca.pem and a certificate under `folder`; return the context of a server that uses it."""
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


def states(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(deliveries.c.state).order_by(deliveries.c.id)).scalars())


class Messenger:
    """Deliveries on a database, and shops whose jobs end."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.webhooks = Webhooks(engine, allow_private=True)

    def loop(self, *, lease: float = 60.0, timeout: float = 10.0, **limits: Any) -> DeliveryLoop:
        sender = WebhookSender(httpx.create_ssl_context(), timeout, allow_private=True)
        return DeliveryLoop(Outbox(self.engine, lease=lease), sender, keep=3600, **limits)

    def shop(self, url: str, *, ended: int = 1) -> Shop:
        shop = Shop(self.engine, credits=1000)
        self.webhooks.register(shop.client.name, url)
        self.end(shop, ended)
        return shop

    def end(self, shop: Shop, jobs: int = 1) -> None:
        for _ in range(jobs):
            shop.jobs.succeed(shop.claim(shop.order()), render())

    def messages(self, shop: Shop) -> list[Any]:
        return sent(shop)

    def states(self, shop: Shop) -> list[str]:
        return [message.state for message in self.messages(shop)]

    def rewind(self, seconds: float = 1e6) -> None:
        """Let time pass for waiting messages."""
        with self.engine.begin() as connection:
            waiting = deliveries.update().where(deliveries.c.state == WAITING)
            connection.execute(waiting.values(next_attempt_at=db_now(-seconds)))

    def seconds_to_next(self, shop: Shop) -> float:
        query = sa.select(deliveries.c.next_attempt_at, db_now()).where(deliveries.c.client_id == shop.client.id)
        with self.engine.connect() as connection:
            then, now = connection.execute(query).one()
            return float((then - now).total_seconds())


def run(loop: DeliveryLoop, until: Callable[[], object], timeout: float = 300.0) -> None:
    """Run DeliveryLoop until a condition holds and every attempt is written."""
    end = time.monotonic() + timeout
    while not (until() and loop.idle):
        assert time.monotonic() < end, "it took too long"
        loop.run_once(wait=0.05)


@contextmanager
def delivering(loop: DeliveryLoop, *, every: float = 0.05) -> Iterator[None]:
    """Run DeliveryLoop in a thread, as a sweep does."""
    stopping = threading.Event()
    thread = threading.Thread(target=keep_delivering, args=(loop,), kwargs={"every": every, "stopping": stopping})
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def attempt(messenger: Messenger, loop: DeliveryLoop) -> None:
    """Make one attempt at everything that is due."""
    loop.run_once(wait=0)
    run(loop, lambda: True)
