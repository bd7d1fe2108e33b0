"""The transactional outbox: a job's end writes a message, which stays until it is delivered or given up.

    waiting ──2xx──▶ delivered
       │ ├─────────▶ failed     the last attempt failed
       │ └─────────▶ dropped    the receiver answered 410, or its webhook was deleted
       └──▶ waiting             another answer, or none: retry later

Sweeps claim messages as workers claim jobs, under a lease with a fencing token. If a sweep dies, another repeats the
attempt after the lease. So a receiver may get a message twice, but always gets it.

The body is fixed, except for the picture's download URL: each claim signs a new one and stores it with the body. A URL
for the whole span of attempts would have to live for days, and S3 limits it to the life of its credentials. Receivers
compare ids, not bodies. The log shows the body of the latest attempt.
"""

import json
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.accounts.ledger import refunded
from service.database.clock import ago, db_now
from service.database.encryption import SecretCipher, SecretUnreadable
from service.database.engine import reader
from service.database.tables import deliveries, jobs, renders, webhooks
from service.storage.objects import ObjectError, SignedUrl

logger = logging.getLogger(__name__)

#: Seconds until the next look at a message whose secret can't be decrypted.
SECRET_WAIT = 60.0
#: Maximum number of messages that one transaction deletes.
_PRUNED_AT_ONCE = 500


class DeliveryState(StrEnum):
    """The state of a message."""

    WAITING = "waiting"  #: Waits for its next attempt, or is being sent while claimed.
    DELIVERED = "delivered"  #: The receiver answered 2xx.
    FAILED = "failed"  #: All attempts failed. Kept for inspection.
    DROPPED = "dropped"  #: Its webhook was deleted or answered 410.


class MessageType(StrEnum):
    """The event of a message. Cut-outs have their own types, because they have no render."""

    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    CUTOUT_SUCCEEDED = "cutout.succeeded"
    CUTOUT_FAILED = "cutout.failed"
    WEBHOOK_TEST = "webhook.test"  #: Sent on the client's request, and tried once.
    ORDER_COMPLETED = "order.completed"


@dataclass(frozen=True)
class Delivery:
    """The right to one attempt at sending a message, until the lease ends."""

    id: str
    client_id: str
    url: str
    #: All of them sign, newest first.
    secrets: tuple[str, ...]
    body: str
    token: str
    attempt: int
    #: The attempt's time, by the database's clock.
    started_at: datetime
    #: None: the message is about no single job, and has no trace.
    job_id: str | None = None
    traceparent: str | None = None
    #: A `MessageType`, or one of a newer release.
    type: str = ""


@dataclass(frozen=True)
class AttemptResult:
    """The result of an attempt. `after`: seconds until the next attempt of a message that still waits."""

    state: DeliveryState
    status: int | None
    error: str | None = None
    after: float | None = None


#: The columns that `earlier_secrets` reads.
SIGNING = (
    *(webhooks.c[name] for name in ("secret", "secret_previous", "previous_until", "secrets_retired")),
    db_now().label("now"),
)
_WAITING = deliveries.c.state == DeliveryState.WAITING
_ENABLED = webhooks.c.disabled_at.is_(None)
_DUE = sa.and_(_WAITING, _ENABLED, deliveries.c.next_attempt_at <= db_now())
#: Columns of a message in an end state.
_OVER: dict[str, Any] = {"ended_at": db_now(), "lease_token": None, "next_attempt_at": None}
#: Signs a picture's download URL, given its key and content type.
Sign = Callable[[str, str], SignedUrl]
#: Fields of a render in a message; none of them expires.
_RENDER = ("public_id", "output_preset", "width", "height", "format", "bytes", "sha256", "seed", "warnings")
#: Fields of the job's spec in a message.
_ASKED = ("scene_type", "mood")


def write_message(connection: sa.Connection, job_id: str, *, public_url: str = "") -> None:
    """Write the message of a job that has just ended, in the transaction that ends it.

    `public_url`: the URL at which callers reach the API; if empty, the picture's address is only a path.

    A client without a webhook gets no message. A second message of a job violates the unique constraint and fails the
    transaction.
    """
    job = (
        connection.execute(
            sa.select(
                *(jobs.c[name] for name in ("client_id", "request_id", "status", "credits_cost", "finished_at")),
                *(jobs.c[name] for name in ("reference", "operation", "error_code", "error_message")),
                *(renders.c[name] for name in _RENDER),
                renders.c.report["provenance"]["tried"].label("tried"),
                *(jobs.c.spec[name].as_string().label(name) for name in _ASKED),
                jobs.c.spec["metadata"].label("metadata"),
                refunded().label("credits_refunded"),
            )
            .join(webhooks, sa.and_(webhooks.c.client_id == jobs.c.client_id, _ENABLED))
            .outerjoin(renders, renders.c.job_id == jobs.c.id)
            .where(jobs.c.id == job_id)
            # Locks the webhook against a concurrent deletion: the message is either written before and dropped, or not
            # written.
            .with_for_update(read=True, of=webhooks)
        )
        .mappings()
        .first()
    )
    if job is None:
        return
    what = "job" if job["operation"] == "swap" else job["operation"]
    kind = MessageType(f"{what}.{'succeeded' if job['status'] == 'SUCCESS' else 'failed'}")
    body = _message(kind, job_id, job, public_url)
    insert_message(connection, f"msg_{ULID()}", body, client_id=job["client_id"], job_id=job_id)


def _message(kind: MessageType, job_id: str, job: sa.RowMapping, public_url: str) -> dict[str, Any]:
    finished: datetime = job["finished_at"]
    render = None
    if job["public_id"] is not None:
        # The API's own address works as long as the render exists; a message may arrive days later.
        address = f"{public_url.rstrip('/')}/v1/renders/{job['public_id']}/picture"
        rejected = [row["rejected"] for row in job["tried"] or () if "rejected" in row]
        render = {name: job[name] for name in (*_RENDER, *_ASKED)} | {"rejected_paintings": rejected, "url": address}
        render |= {"download_url": None, "download_url_expires_at": None}  # each attempt fills them in
    code, text = job["error_code"], job["error_message"]
    return {
        "type": kind,
        "timestamp": as_text(finished),
        "data": {
            "job_id": job_id,
            "request_id": job["request_id"],
            "reference": job["reference"],
            "metadata": job["metadata"] or {},
            "status": job["status"],
            "credits_cost": job["credits_cost"],
            "credits_refunded": int(job["credits_refunded"]),  # PostgreSQL's sum is a Decimal
            "error": None if code is None else {"code": code, "message": text},
            "render": render,
        },
    }


def write_test(connection: sa.Connection, client_id: str) -> str:
    """Write a test message to the client's enabled webhook, whose row the caller has locked; return its id."""
    message_id = f"msg_{ULID()}"
    now: datetime = connection.execute(sa.select(db_now())).scalar_one()
    about = {"message_id": message_id, "message": "This is a test. No job has ended."}
    body = {"type": MessageType.WEBHOOK_TEST, "timestamp": as_text(now), "data": about}
    insert_message(connection, message_id, body, client_id=client_id)
    return message_id


def lock_webhook(connection: sa.Connection, client_id: str) -> bool:
    """Return whether the client has an enabled webhook, and lock it, so that no message waits for a deleted one."""
    query = sa.select(webhooks.c.client_id).where(webhooks.c.client_id == client_id, _ENABLED)
    return connection.execute(query.with_for_update(read=True)).first() is not None


def insert_message(connection: sa.Connection, message_id: str, body: dict[str, Any], **about: str) -> None:
    """Write a message that is due now. `about`: its client_id, and the job_id or order_id that it has."""
    connection.execute(
        deliveries.insert().values(
            id=message_id,
            type=body["type"],
            body=json.dumps(body, separators=(",", ":")),
            state=DeliveryState.WAITING,
            attempts=0,
            next_attempt_at=db_now(),
            **about,
        )
    )


def as_text(time: datetime) -> str:
    """Return a time as messages have it: RFC 3339 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def drop_waiting(connection: sa.Connection, client_id: str) -> None:
    """Drop the waiting messages of a client whose webhook is gone.

    The caller must have changed the webhook's row in the same transaction, so that `write_message` waits for it.
    """
    connection.execute(
        deliveries.update()
        .where(deliveries.c.client_id == client_id, _WAITING)
        .values(state=DeliveryState.DROPPED, **_OVER)
    )


def earlier_secrets(row: Any, cipher: SecretCipher) -> list[tuple[str, datetime]]:
    """Return a webhook's earlier secrets that still sign, newest first, each with the end of its grace.

    `row` has the columns of SIGNING. Raises SecretUnreadable.
    """
    if row.previous_until is None or row.previous_until <= row.now:
        return []  # older secrets have no longer grace
    found = [(cipher.decrypt(row.secret_previous), row.previous_until)]
    stored = json.loads(cipher.decrypt(row.secrets_retired)) if row.secrets_retired else []
    older = ((secret, datetime.fromisoformat(until)) for secret, until in stored)
    return found + [(secret, until) for secret, until in older if until > row.now]


class Outbox:
    """The sender's side of the outbox. Thread-safe; one instance serves the whole process."""

    def __init__(
        self, engine: sa.Engine, cipher: SecretCipher | None = None, *, lease: float, sign: Sign | None = None
    ) -> None:
        self._engine = engine
        self._sign = sign
        self._cipher = cipher or SecretCipher()
        self._reader = reader(engine)
        #: Seconds for which a claim is exclusive.
        self.lease = lease

    def claim(self, *, exclude: Collection[str] = ()) -> Delivery | None:
        """Claim the message that has been due for longest, of no client in `exclude`; None if none is due.

        Messages of a client whose secret can't be decrypted wait, without counting an attempt, until the setting is
        repaired.
        """
        query = (
            sa.select(
                *(deliveries.c[name] for name in ("id", "client_id", "job_id", "type", "body", "attempts")),
                jobs.c.traceparent,
                renders.c.key,
                renders.c.content_type,
                webhooks.c.url,
                *SIGNING,
            )
            .join(webhooks, webhooks.c.client_id == deliveries.c.client_id)
            .outerjoin(jobs, jobs.c.id == deliveries.c.job_id)
            .outerjoin(renders, sa.and_(renders.c.job_id == jobs.c.id, renders.c.deleted_at.is_(None)))
            .where(_DUE, deliveries.c.client_id.not_in(exclude))
            .order_by(deliveries.c.next_attempt_at)
            .limit(1)
        )
        with self._reader.connect() as connection:
            # On SQLite the claim below takes the write lock even if it finds nothing.
            if connection.execute(query.with_only_columns(deliveries.c.id)).first() is None:
                return None
        while True:
            with self._engine.begin() as connection:
                row = connection.execute(query.with_for_update(of=deliveries, skip_locked=True)).first()
                if row is None:
                    return None
                try:
                    earlier = (secret for secret, _ in earlier_secrets(row, self._cipher))
                    secrets = (self._cipher.decrypt(row.secret), *earlier)
                except SecretUnreadable as error:
                    waiting = self._put_off(connection, row.client_id, str(error))
                    logger.error("client %s: %d messages can't be signed and wait. %s", row.client_id, waiting, error)
                    continue
                token, body = str(ULID()), self._with_download(row)
                connection.execute(
                    deliveries.update()
                    .where(deliveries.c.id == row.id)
                    .values(
                        body=body,
                        attempts=deliveries.c.attempts + 1,
                        lease_token=token,
                        next_attempt_at=db_now(self.lease),
                    )
                )
            return Delivery(
                row.id,
                row.client_id,
                row.url,
                secrets,
                body,
                token,
                row.attempts + 1,
                row.now,
                job_id=row.job_id or "",
                traceparent=row.traceparent,
                type=row.type,
            )

    def _with_download(self, row: Any) -> str:
        """Return a message's body with a new download URL of its picture, or null if there is none."""
        message: dict[str, Any] = json.loads(row.body)
        render, sign = message.get("data", {}).get("render"), self._sign
        if not render or sign is None:
            return str(row.body)
        url = expires_at = None
        if row.key is not None:
            try:
                signed = sign(row.key, row.content_type)
                url, expires_at = signed.url, as_text(signed.expires_at)
            except ObjectError as error:  # no credentials: the message matters more
                logger.error("message %s: its picture's URL can't be signed. %s", row.id, error)
        message["data"]["render"] = render | {"download_url": url, "download_url_expires_at": expires_at}
        return json.dumps(message, separators=(",", ":"))

    @staticmethod
    def _put_off(connection: sa.Connection, client_id: str, error: str) -> int:
        """Delay the client's due messages, and return their number."""
        # Skip rows that another sweep has locked: two that lock the same rows could deadlock.
        due = (
            sa.select(deliveries.c.id)
            .join(webhooks, webhooks.c.client_id == deliveries.c.client_id)
            .where(_DUE, deliveries.c.client_id == client_id)
            .with_for_update(of=deliveries, skip_locked=True)
            .correlate(None)
        )
        values = {"next_attempt_at": db_now(SECRET_WAIT), "last_error": error[:300]}
        return connection.execute(deliveries.update().where(deliveries.c.id.in_(due)).values(**values)).rowcount

    def record(self, delivery: Delivery, result: AttemptResult) -> bool:
        """Write the result of an attempt; return False, and write nothing, if the lease was lost."""
        with self._engine.begin() as connection:
            return _record(connection, delivery, result)

    def disable(self, delivery: Delivery, result: AttemptResult) -> bool:
        """Disable the webhook that answered 410, and drop its message and all waiting ones, in one transaction.

        Returns False and writes nothing if the webhook has another URL by now, or is disabled already.
        """
        with self._engine.begin() as connection:
            # The webhook's row first, then the messages', so that two concurrent calls can't deadlock.
            disabled = connection.execute(
                webhooks.update()
                .where(webhooks.c.client_id == delivery.client_id, webhooks.c.url == delivery.url, _ENABLED)
                .values(disabled_at=db_now())
            )
            if disabled.rowcount != 1:
                return False
            _record(connection, delivery, result)
            drop_waiting(connection, delivery.client_id)
            return True

    def prune(self, *, after: float) -> int:
        """Delete the messages that ended at least `after` seconds ago, and return their number."""
        # Rows that another sweep is deleting are skipped.
        old = sa.select(deliveries.c.id).where(deliveries.c.ended_at <= ago(after)).limit(_PRUNED_AT_ONCE)
        pruned = 0
        while True:
            with self._engine.begin() as connection:
                ids = connection.execute(old.with_for_update(skip_locked=True)).scalars().all()
                connection.execute(deliveries.delete().where(deliveries.c.id.in_(ids)))
            pruned += len(ids)
            if len(ids) < _PRUNED_AT_ONCE:
                return pruned


def _record(connection: sa.Connection, delivery: Delivery, result: AttemptResult) -> bool:
    values: dict[str, Any] = {
        "state": result.state,
        "last_status": result.status,
        "last_error": None if result.error is None else result.error[:300],
    }
    waits = {"lease_token": None, "next_attempt_at": db_now(result.after or 0.0)}
    recorded = connection.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery.id, deliveries.c.lease_token == delivery.token, _WAITING)
        .values(**values | (waits if result.state == DeliveryState.WAITING else _OVER))
    )
    return recorded.rowcount == 1
