"""Webhooks: a client's URL, the secrets that sign its messages, and the log of its messages."""

import base64
import contextlib
import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa

from service.accounts.clients import Accounts
from service.database.clock import db_now
from service.database.encryption import SecretCipher, SecretUnreadable
from service.database.engine import reader
from service.database.paging import EVERYTHING, Filters, Page, read_page
from service.database.tables import deliveries, webhooks
from service.webhooks.connection import is_public
from service.webhooks.outbox import SIGNING, DeliveryState, drop_waiting, earlier_secrets, lock_webhook, write_test

#: How many secrets, apart from the last two, can also sign. A message's header has a signature by each.
_RETIRED = 8
#: The id of a message.
_ID = re.compile("msg_[0-9A-Za-z]{1,26}")


class UrlInvalid(ValueError):
    """Raised when a URL can't be a webhook's."""


class NoWebhook(LookupError):
    """Raised when the client has no webhook, or only a disabled one and an enabled one is needed."""


class UnknownDelivery(LookupError):
    """Raised when the client has no message with this id."""


class DeliveryUnderWay(Exception):
    """Raised when a message that an attempt is sending right now should be sent again."""


@dataclass(frozen=True)
class WebhookEndpoint:
    """A client's webhook, without its secrets."""

    client_id: str
    url: str
    created_at: datetime
    #: When the receiver answered 410 Gone.
    disabled_at: datetime | None
    #: Until when the previous secret also signs.
    previous_until: datetime | None


@dataclass(frozen=True)
class DeliveryRecord:
    """A message as the operator and its client see it."""

    id: str
    type: str
    #: The job or the order that it is about; both None for a test.
    job_id: str | None
    order_id: str | None
    state: str
    attempts: int
    last_status: int | None
    last_error: str | None
    next_attempt_at: datetime | None
    created_at: datetime
    ended_at: datetime | None


#: The way out on a developer's machine, for callers and operators.
_ON_YOUR_OWN = "For a receiver on your own machine, read the page 'Develop on your own machine' of the docs."


def check_url(text: str, *, allow_private: bool) -> httpx.URL:
    """Return the parsed URL of a webhook. Raises UrlInvalid.

    `allow_private` also allows http and private addresses. A host's name is only resolved when Backdrop connects.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise UrlInvalid(f"{text!r} is not a valid URL: {str(error).rstrip('.')}. Check it.") from error
    if url.scheme != "https" and not (allow_private and url.scheme == "http"):
        raise UrlInvalid(
            "The URL must start with https:// on this installation, to protect the messages. Give an address for which"
            f" your receiver has a certificate. {_ON_YOUR_OWN}"
        )
    if not url.host:
        raise UrlInvalid("The URL has no host. Send one like https://example.com/hooks.")
    if url.userinfo:
        raise UrlInvalid("The URL must not contain a user or password. The receiver checks the signature instead.")
    if url.fragment:
        raise UrlInvalid("The URL must not have a #fragment, which would not be sent. Remove it.")
    if len(text) > 2048:
        raise UrlInvalid(f"The URL has {len(text)} characters. Use at most 2048.")
    if not allow_private and _is_private(url.host):
        raise UrlInvalid(f"{url.host} is not on the public internet. Give a public address. {_ON_YOUR_OWN}")
    return url


def _is_private(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:  # a name, not an address: those that RFC 6761 and RFC 6762 keep for one machine or network
        return f".{host.rstrip('.').lower()}".endswith((".localhost", ".local"))


class Webhooks:
    """The webhooks in the database. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine, cipher: SecretCipher | None = None, *, allow_private: bool = False) -> None:
        self._engine = engine
        self._cipher = cipher or SecretCipher()
        self._reader = reader(engine)
        self._accounts = Accounts(engine)
        self._allow_private = allow_private

    def register(self, name: str, url: str) -> tuple[WebhookEndpoint, str]:
        """Send the client's messages to `url` from now on, waiting ones too; return the webhook and its new secret.

        Raises UnknownClient and UrlInvalid.
        """
        check_url(url, allow_private=self._allow_private)
        client, secret = self._accounts.named(name), _new_secret()
        fresh = {
            "url": url,
            "secret": self._cipher.encrypt(secret),
            # A former receiver must not be able to sign for the new one.
            "secret_previous": None,
            "previous_until": None,
            "secrets_retired": None,
            "rotation_key": None,
            "created_at": db_now(),
            "disabled_at": None,
        }
        with self._engine.begin() as connection:
            of_client = webhooks.c.client_id == client.id
            if connection.execute(webhooks.update().where(of_client).values(**fresh)).rowcount == 0:
                connection.execute(webhooks.insert().values(client_id=client.id, **fresh))
        return self.all()[client.id], secret

    def put(self, name: str, url: str) -> tuple[WebhookEndpoint, str | None]:
        """Send the client's messages to `url` as `register` does, or only enable the webhook if it has this URL.

        Returns the webhook and its new secret, or None for the secret if the URL was set already. Raises UnknownClient
        and UrlInvalid.
        """
        check_url(url, allow_private=self._allow_private)
        client = self._accounts.named(name)
        same = sa.and_(webhooks.c.client_id == client.id, webhooks.c.url == url)
        with self._engine.begin() as connection:
            kept = connection.execute(webhooks.update().where(same).values(disabled_at=None)).rowcount == 1
        if kept:
            return self.all()[client.id], None
        try:
            return self.register(name, url)
        except sa.exc.IntegrityError:  # two requests have set the client's first webhook at once
            return self.register(name, url)

    def clear(self, name: str) -> None:
        """Delete the client's webhook and drop its waiting messages. Raises UnknownClient and NoWebhook."""
        client = self._accounts.named(name)
        with self._engine.begin() as connection:
            cleared = connection.execute(webhooks.delete().where(webhooks.c.client_id == client.id))
            if cleared.rowcount == 0:
                raise _no_webhook(name)
            drop_waiting(connection, client.id)

    def rotate(self, name: str, *, grace: float, key: str | None = None) -> tuple[WebhookEndpoint, str]:
        """Return the webhook with a new secret. Earlier secrets also sign until their grace ends.

        `grace`: seconds for which the previous secret also signs, and the limit for older ones; 0 ends all immediately.
        `key`: the caller's own name for this rotation; repeating it returns the same secret and changes nothing. Raises
        UnknownClient and NoWebhook.
        """
        client, secret = self._accounts.named(name), _new_secret()
        own = webhooks.c.client_id == client.id
        with self._engine.begin() as connection:
            query = sa.select(*SIGNING, webhooks.c.rotation_key).where(own)
            row = connection.execute(query.with_for_update(key_share=True)).first()
            if row is None:
                raise _no_webhook(name)
            if key is not None and key == row.rotation_key:
                with contextlib.suppress(SecretUnreadable):
                    return self._found(connection, client.id), self._cipher.decrypt(row.secret)
            older: list[tuple[str, str]] = []
            with contextlib.suppress(SecretUnreadable):  # an unreadable secret signs nothing, so the new one suffices
                end = row.now + timedelta(seconds=grace)
                older = [(one, min(end, until).isoformat()) for one, until in earlier_secrets(row, self._cipher)]
            connection.execute(
                webhooks.update()
                .where(own)
                .values(
                    secret=self._cipher.encrypt(secret),
                    secret_previous=webhooks.c.secret,
                    previous_until=db_now(grace),
                    secrets_retired=self._cipher.encrypt(json.dumps(older[:_RETIRED])) if older else None,
                    rotation_key=key,
                )
            )
            return self._found(connection, client.id), secret

    def find(self, name: str) -> WebhookEndpoint | None:
        """Return the client's webhook; None if it has none. Raises UnknownClient."""
        return self.all().get(self._accounts.named(name).id)

    @staticmethod
    def _found(connection: sa.Connection, client_id: str) -> WebhookEndpoint:
        fields = (webhooks.c[field] for field in WebhookEndpoint.__dataclass_fields__)
        return WebhookEndpoint(*connection.execute(sa.select(*fields).where(webhooks.c.client_id == client_id)).one())

    def all(self) -> dict[str, WebhookEndpoint]:
        """Return all webhooks by client id."""
        with self._reader.connect() as connection:
            rows = connection.execute(sa.select(*(webhooks.c[field] for field in WebhookEndpoint.__dataclass_fields__)))
            return {row.client_id: WebhookEndpoint(*row) for row in rows}

    def resend(self, name: str, delivery_id: str) -> None:
        """Send a message again with the same id and a new set of attempts.

        Raises UnknownClient, NoWebhook (also for a disabled webhook), UnknownDelivery, and DeliveryUnderWay.
        """
        client = self._accounts.named(name)
        own = sa.and_(deliveries.c.id == delivery_id, deliveries.c.client_id == client.id)
        # After the lease, its sweep is dead.
        under_way = sa.and_(deliveries.c.lease_token.is_not(None), deliveries.c.next_attempt_at > db_now())
        again = {"state": DeliveryState.WAITING, "attempts": 0, "lease_token": None, "ended_at": None}
        with self._engine.begin() as connection:
            if not lock_webhook(connection, client.id):
                raise _no_webhook(name)
            sent = deliveries.update().where(own, ~under_way).values(**again, next_attempt_at=db_now())
            if connection.execute(sent).rowcount:
                return
            if connection.execute(sa.select(deliveries.c.id).where(own)).first() is not None:
                raise DeliveryUnderWay(f"An attempt at {delivery_id} is under way. Try again when it has ended.")
        raise UnknownDelivery(f"{name!r} has no message {delivery_id!r}. Check the id.")

    def test(self, name: str) -> str:
        """Write a test message for the client's receiver, and return its id. It is tried once.

        Raises UnknownClient, and NoWebhook also for a disabled webhook.
        """
        client = self._accounts.named(name)
        with self._engine.begin() as connection:
            if not lock_webhook(connection, client.id):
                raise _no_webhook(name)
            return write_test(connection, client.id)


def _new_secret() -> str:
    """Return a Standard Webhooks secret: 256 random bits."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _no_webhook(name: str) -> NoWebhook:
    return NoWebhook(f"{name!r} has no enabled webhook. Set one with PUT /v1/webhook.")


_RECORDS = sa.select(*(deliveries.c[name] for name in DeliveryRecord.__dataclass_fields__))


class DeliveryLog:
    """The log in the database. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._reader = reader(engine)

    def page(
        self,
        client_id: str,
        *,
        limit: int,
        cursor: str | None = None,
        filters: Filters = EVERYTHING,
        type: str | None = None,
        job_id: str | None = None,
        order_id: str | None = None,
    ) -> Page[DeliveryRecord]:
        """Return a page of a client's messages: at most `limit`, older than the cursor.

        Of the filters, the states (`status`) and the times apply.
        """
        asked: dict[sa.Column[Any], object] = {deliveries.c.client_id: client_id, deliveries.c.type: type}
        asked |= {deliveries.c.job_id: job_id, deliveries.c.order_id: order_id}
        narrowed = [*filters.created(deliveries.c.id, deliveries.c.created_at, "msg_")]
        narrowed += filters.statuses(deliveries.c.state)
        return read_page(self._reader, _RECORDS, deliveries.c.id, _record, asked, limit, cursor, narrowed)

    def get(self, client_id: str, delivery_id: str) -> tuple[DeliveryRecord, str] | None:
        """Return a client's message and its body; None if it has no message with this id."""
        if not _ID.fullmatch(delivery_id):
            return None  # PostgreSQL refuses a NUL
        query = _RECORDS.add_columns(deliveries.c.body)
        with self._reader.connect() as connection:
            own = sa.and_(deliveries.c.id == delivery_id, deliveries.c.client_id == client_id)
            row = connection.execute(query.where(own)).mappings().first()
        return None if row is None else (_record(row), row["body"])


def _record(row: Any) -> DeliveryRecord:
    return DeliveryRecord(**{name: row[name] for name in DeliveryRecord.__dataclass_fields__})
