"""The end of an order: the tally of its pictures, and the message that the end of its last job writes, exactly once."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.database.clock import db_now
from service.database.tables import UNFINISHED, jobs, orders
from service.webhooks.outbox import MessageType, as_text, insert_message, lock_webhook

#: The code of a job that its client cancelled, alone or with its order.
CANCELLED = "cancelled"


class OrderStatus(StrEnum):
    """The status of an order."""

    NOT_STARTED = "NOT_STARTED"  #: No picture has begun.
    IN_PROGRESS = "IN_PROGRESS"  #: Some pictures are not over yet.
    SUCCESS = "SUCCESS"  #: Every picture was made.
    PARTIAL = "PARTIAL"  #: Some pictures were made; the others failed or were cancelled, and are refunded.
    FAILURE = "FAILURE"  #: No picture was made, and at least one failed.
    CANCELLED = "CANCELLED"  #: Every picture was cancelled.


@dataclass(frozen=True)
class Tally:
    """An order's pictures by state, and their credits."""

    not_started: int = 0
    in_progress: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    #: Sum of the progress of unfinished pictures.
    begun: float = 0.0
    #: Number of its jobs. Each makes one picture, which may be delivered for several places.
    jobs: int = 0
    credits_refunded: int = 0

    @property
    def unfinished(self) -> int:
        """Number of pictures that are not over."""
        return self.not_started + self.in_progress

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of pictures by state."""
        names = ("not_started", "in_progress", "succeeded", "failed", "cancelled")
        return {name: getattr(self, name) for name in names}

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1."""
        ended = self.succeeded + self.failed + self.cancelled
        return (ended + self.begun) / max(1, ended + self.unfinished)

    @property
    def status(self) -> OrderStatus:
        """The status of the whole order."""
        if self.unfinished:
            begun = self.in_progress or self.succeeded or self.failed or self.cancelled
            return OrderStatus.IN_PROGRESS if begun else OrderStatus.NOT_STARTED
        if self.succeeded:
            return OrderStatus.PARTIAL if self.failed or self.cancelled else OrderStatus.SUCCESS
        return OrderStatus.FAILURE if self.failed else OrderStatus.CANCELLED


def _some(*which: sa.ColumnElement[bool]) -> sa.Exists:
    return sa.exists().where(jobs.c.order_id == orders.c.id, *which)


#: SQL of `Tally.status`, for lists.
STATUS = sa.case(
    (orders.c.completed_at.is_(None) & _some(jobs.c.status != "NOT_STARTED"), OrderStatus.IN_PROGRESS),
    (orders.c.completed_at.is_(None), OrderStatus.NOT_STARTED),
    (~_some(jobs.c.status == "FAILURE"), OrderStatus.SUCCESS),
    (_some(jobs.c.status == "SUCCESS"), OrderStatus.PARTIAL),
    (_some(jobs.c.error_code != CANCELLED), OrderStatus.FAILURE),
    else_=OrderStatus.CANCELLED,
)
_NAMES = {"NOT_STARTED": "not_started", "IN_PROGRESS": "in_progress", "SUCCESS": "succeeded", "FAILURE": "failed"}


def tallies(connection: sa.Connection, order_ids: Collection[str]) -> dict[str, Tally]:
    """Return the tally of each order."""
    cancelled = sa.func.coalesce(jobs.c.error_code == CANCELLED, sa.false())
    query = (
        sa.select(
            jobs.c.order_id,
            jobs.c.status,
            cancelled.label("cancelled"),
            sa.func.count().label("jobs"),
            sa.func.sum(jobs.c.places).label("places"),
            sa.func.sum(jobs.c.progress * jobs.c.places).label("progress"),
            # By the ledger's rules, a failed job is refunded whole, in the transaction that ends it.
            sa.func.sum(jobs.c.credits_cost).label("cost"),
        )
        .where(jobs.c.order_id.in_(order_ids))
        .group_by(jobs.c.order_id, jobs.c.status, cancelled)
    )
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for row in connection.execute(query):
        tally, name = found[row.order_id], "cancelled" if row.cancelled else _NAMES[row.status]
        tally[name] = int(row.places)
        tally["jobs"] = tally.get("jobs", 0) + row.jobs
        if row.status == "IN_PROGRESS":
            tally["begun"] = float(row.progress)
        elif row.status == "FAILURE":
            tally["credits_refunded"] = tally.get("credits_refunded", 0) + int(row.cost)
    return {order_id: Tally(**found[order_id]) for order_id in order_ids}


def end_orders(connection: sa.Connection, order_ids: Collection[str], *, public_url: str = "") -> None:
    """Complete those of the orders whose last job has just ended, in the transaction that ends it.

    Each gets its time of completion and the client's message, if the client has a webhook. The order's row is locked
    before its jobs are counted. So of two transactions that end its last two jobs, the second sees both ends.
    """
    for order_id in sorted(order_ids):
        locked = sa.select(orders).where(orders.c.id == order_id).with_for_update(key_share=True)
        order = connection.execute(locked).mappings().one()
        left = sa.select(jobs.c.id).where(jobs.c.order_id == order_id, UNFINISHED).limit(1)
        if order["completed_at"] is not None or connection.execute(left).first() is not None:
            continue
        completed = orders.update().where(orders.c.id == order_id).values(completed_at=db_now())
        at = connection.execute(completed.returning(orders.c.completed_at)).scalar_one()
        if lock_webhook(connection, order["client_id"]):
            tally = tallies(connection, [order_id])[order_id]
            body = _message(order, at, tally, public_url)
            insert_message(connection, f"msg_{ULID()}", body, client_id=order["client_id"], order_id=order_id)


def _message(order: sa.RowMapping, at: datetime, tally: Tally, public_url: str) -> dict[str, Any]:
    return {
        "type": MessageType.ORDER_COMPLETED,
        "timestamp": as_text(at),
        "data": {
            "order_id": order["id"],
            "request_id": order["request_id"],
            "reference": order["reference"],
            "metadata": order["metadata"],
            "status": tally.status,
            "pictures": order["pictures"],
            "distinct_pictures": tally.jobs,
            "counts": tally.counts,
            "credits_cost": order["credits_cost"],
            "credits_refunded": tally.credits_refunded,
            "url": f"{public_url.rstrip('/')}/v1/orders/{order['id']}",
        },
    }
