"""Webhooks for tests: one message over the wire, the certificate of a receiver, the rows of messages."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import sqlalchemy as sa

from service.database.tables import deliveries
from service.webhooks.addresses import resolve
from service.webhooks.connection import Resolve
from service.webhooks.outbox import Delivery
from service.webhooks.sender import SendResult, WebhookSender

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


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


URL = "https://shop.example/hooks"


def states(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(deliveries.c.state).order_by(deliveries.c.id)).scalars())
