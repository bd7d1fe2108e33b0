"""The transactional outbox: messages that are written with a job's end, and held until their receiver has them.

    waiting ──2xx──▶ delivered
       │ ├─────────▶ failed     the last attempt did not get through
       │ └─────────▶ dropped    the receiver said 410, or its webhook was cleared
       └──▶ waiting             any other answer, or none: again, later

A message is claimed as a job is: under a lease with a fencing token, by any number of sweeps. An attempt whose sweep
died is made again when its lease is over, so a receiver can see a message twice, but never not at all.
"""

import json
import logging
from collections.abc import Collection
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

logger = logging.getLogger(__name__)

#: Seconds until a message is looked at again whose secret can't be decrypted.
SECRET_WAIT = 60.0
#: How many messages one transaction deletes.
_PRUNED_AT_ONCE = 500


class DeliveryState(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"  #: To be sent when its next attempt is due; being sent, while it is claimed.
    DELIVERED = "delivered"  #: The receiver answered 2xx.
    FAILED = "failed"  #: Every attempt failed. Kept for inspection.
    DROPPED = "dropped"  #: Its receiver wants nothing more.


class MessageType(StrEnum):
    """What a message is about. Cut-outs have their own types, because a cut-out makes no picture."""

    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    CUTOUT_SUCCEEDED = "cutout.succeeded"
    CUTOUT_FAILED = "cutout.failed"


@dataclass(frozen=True)
class Delivery:
    """The right to make one attempt at a message, until the lease is over."""

    id: str
    client_id: str
    url: str
    #: Each of them signs; the newest first.
    secrets: tuple[str, ...]
    body: str
    token: str
    attempt: int
    #: The attempt's time, by the database's clock.
    started_at: datetime
    job_id: str = ""
    #: The trace that its job is part of.
    traceparent: str | None = None


@dataclass(frozen=True)
class AttemptResult:
    """The result of an attempt. `after`: seconds until the next one, of a message that still waits."""

    state: DeliveryState
    status: int | None
    error: str | None = None
    after: float | None = None


#: What `earlier_secrets` reads.
SIGNING = (
    *(webhooks.c[name] for name in ("secret", "secret_previous", "previous_until", "secrets_retired")),
    db_now().label("now"),
)
_WAITING = deliveries.c.state == DeliveryState.WAITING
_ENABLED = webhooks.c.disabled_at.is_(None)
_DUE = sa.and_(_WAITING, _ENABLED, deliveries.c.next_attempt_at <= db_now())
#: Columns of a message in an end state.
_OVER: dict[str, Any] = {"ended_at": db_now(), "lease_token": None, "next_attempt_at": None}
#: What a receiver is told of a render: nothing that expires.
_RENDER = ("public_id", "output_preset", "width", "height", "format", "bytes", "sha256", "seed", "warnings")
#: What was asked for, of its job's spec.
_ASKED = ("scene_type", "mood")


def write_message(connection: sa.Connection, job_id: str, *, public_url: str = "") -> None:
    """Write the message of a job that has just ended, in the transaction that ends it.

    `public_url`: where callers reach the API; empty: the picture's address is told without it.

    Nothing is written for a client without a webhook. A second message of the same job breaks the unique constraint,
    and the transaction.
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
            # Against whoever disables or clears the webhook at this moment: either the message is there to be dropped,
            # or it is not written.
            .with_for_update(read=True, of=webhooks)
        )
        .mappings()
        .first()
    )
    if job is None:
        return
    what = "job" if job["operation"] == "swap" else job["operation"]
    kind = MessageType(f"{what}.{'succeeded' if job['status'] == 'SUCCESS' else 'failed'}")
    connection.execute(
        deliveries.insert().values(
            id=f"msg_{ULID()}",
            client_id=job["client_id"],
            job_id=job_id,
            type=kind,
            body=json.dumps(_message(kind, job_id, job, public_url), separators=(",", ":")),
            state=DeliveryState.WAITING,
            attempts=0,
            next_attempt_at=db_now(),
        )
    )


def _message(kind: MessageType, job_id: str, job: sa.RowMapping, public_url: str) -> dict[str, Any]:
    finished: datetime = job["finished_at"]
    render = None
    if job["public_id"] is not None:
        # The API's own address, good for as long as the render is kept: a message may arrive days after its writing.
        address = f"{public_url.rstrip('/')}/v1/renders/{job['public_id']}/picture"
        rejected = [row["rejected"] for row in job["tried"] or () if "rejected" in row]
        render = {name: job[name] for name in (*_RENDER, *_ASKED)} | {"rejected_paintings": rejected, "url": address}
    code, text = job["error_code"], job["error_message"]
    return {
        "type": kind,
        "timestamp": finished.astimezone(UTC).isoformat().replace("+00:00", "Z"),
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


def drop_waiting(connection: sa.Connection, client_id: str) -> int:
    """End what still waits for a client whose webhook is gone; returns how many messages those were.

    The caller has changed the webhook's row in the same transaction: `write_message` waits for it.
    """
    dropped = connection.execute(
        deliveries.update()
        .where(deliveries.c.client_id == client_id, _WAITING)
        .values(state=DeliveryState.DROPPED, **_OVER)
    )
    return dropped.rowcount


def earlier_secrets(row: Any, cipher: SecretCipher) -> list[tuple[str, datetime]]:
    """Return a webhook's secrets before its own that sign as well, newest first, each with the end of its grace.

    `row` has the columns of SIGNING. Raises SecretUnreadable.
    """
    if row.previous_until is None or row.previous_until <= row.now:
        return []  # no older secret has a longer grace
    found = [(cipher.decrypt(row.secret_previous), row.previous_until)]
    stored = json.loads(cipher.decrypt(row.secrets_retired)) if row.secrets_retired else []
    older = ((secret, datetime.fromisoformat(until)) for secret, until in stored)
    return found + [(secret, until) for secret, until in older if until > row.now]


class Outbox:
    """The sender's side. Lives as long as the process; safe in threads."""

    def __init__(self, engine: sa.Engine, cipher: SecretCipher | None = None, *, lease: float) -> None:
        self._engine = engine
        self._cipher = cipher or SecretCipher()
        self._reader = reader(engine)
        #: Seconds for which a claimed message is its claimer's.
        self.lease = lease

    def claim(self, *, exclude: Collection[str] = ()) -> Delivery | None:
        """Take the message that has been due for longest, of no client in `exclude`; None when none is due.

        Those of a client whose secret can't be decrypted wait, and no attempt is counted: the setting is to be mended.
        """
        query = (
            sa.select(
                *(deliveries.c[name] for name in ("id", "client_id", "job_id", "body", "attempts")),
                jobs.c.traceparent,
                webhooks.c.url,
                *SIGNING,
            )
            .join(webhooks, webhooks.c.client_id == deliveries.c.client_id)
            .join(jobs, jobs.c.id == deliveries.c.job_id)
            .where(_DUE, deliveries.c.client_id.not_in(exclude))
            .order_by(deliveries.c.next_attempt_at)
            .limit(1)
        )
        with self._reader.connect() as connection:
            # On SQLite the claim below is a write, even where it finds nothing.
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
                    logger.error("client %s: %d messages wait, unsigned. %s", row.client_id, waiting, error)
                    continue
                token = str(ULID())
                connection.execute(
                    deliveries.update()
                    .where(deliveries.c.id == row.id)
                    .values(
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
                row.body,
                token,
                row.attempts + 1,
                row.now,
                job_id=row.job_id,
                traceparent=row.traceparent,
            )

    @staticmethod
    def _put_off(connection: sa.Connection, client_id: str, error: str) -> int:
        """Let the client's messages that are due wait, and return how many those are."""
        # What another sweep looks at just now is left to it: two that lock the same rows could wait crosswise.
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
        """Write what an attempt came to; False when the lease was lost, and nothing was written."""
        with self._engine.begin() as connection:
            return _record(connection, delivery, result)

    def disable(self, delivery: Delivery, result: AttemptResult) -> bool:
        """Disable the webhook that wants nothing more, and drop this message and all that wait, in one transaction.

        False, and nothing is written, when the webhook is another by now, or disabled already.
        """
        with self._engine.begin() as connection:
            # First the webhook's row, then the messages': two refusals at once must not wait for each other.
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
        """Delete the messages that ended `after` seconds ago or earlier; returns how many those were."""
        # What another sweep deletes at this moment is left to it.
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
