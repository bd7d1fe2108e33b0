"""The records of an order of many pictures, and its exceptions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.catalogue.cautions import Caution
from service.jobs.intake import NewJob, QueueShareTaken, Refusal, TooManyUnfinishedJobs
from service.jobs.records import Asked, Job, Render
from service.webhooks.order_end import OrderStatus, Tally


@dataclass(frozen=True)
class OrderFault:
    """A fault of an order: its place in the body, a stable code, and a sentence with the remedy."""

    loc: tuple[str | int, ...]
    code: str
    message: str
    #: The received value; None: the message has it.
    received: Any = None


class OrderInvalid(ValueError):
    """Raised when an order can't be made, because of `faults`. Nothing was charged."""

    def __init__(self, faults: Iterable[OrderFault]) -> None:
        self.faults = list(dict.fromkeys(faults))
        super().__init__("; ".join(fault.message for fault in self.faults))


class NoRoom(Exception):
    """Raised when a limit has no room for an order now, with a sentence that names it. Nothing was charged."""

    def __init__(self, refusal: Refusal, pictures: int) -> None:
        match refusal:
            case TooManyUnfinishedJobs():
                self.code, why = "too_many_unfinished_jobs", f"and you may have {refusal.limit} unfinished jobs in all"
            case QueueShareTaken():
                self.code, why = "queue_share_taken", f"and your share of the queue has room for {refusal.room} now"
            case _:
                self.code, why = "queue_full", "and too many jobs of all clients are waiting"
        super().__init__(f"The order has {pictures} pictures, {why}. Send a smaller order, or try again later.")


class OrderFinished(Exception):
    """Raised when a client cancels an order whose pictures have all ended."""


@dataclass(frozen=True)
class NewOrder:
    """An accepted order with all values resolved: a job for each picture that differs from the others."""

    request_id: str
    client_id: str
    asked: Asked
    idempotency_key: str | None
    pilot_brand: str | None
    reference: str | None
    metadata: dict[str, str]
    jobs: Sequence[NewJob]

    @property
    def cost(self) -> int:
        """The price in credits."""
        return sum(job.credits_cost for job in self.jobs)


@dataclass(frozen=True)
class AcceptedOrder:
    """The answer to an order. `repeated` if it was given before for the same idempotency key."""

    order_id: str
    request_id: str
    pictures: int
    #: Number of pictures that differ: each has one job and one debit.
    distinct_pictures: int
    credits_cost: int
    repeated: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class OrderPlan:
    """The effect and price of an order at this moment."""

    pictures: int
    distinct_pictures: int
    credits_cost: int
    balance: int
    cautions: Sequence[Caution]
    faults: Sequence[OrderFault]


@dataclass(frozen=True)
class Order:
    """An order as its client sees it."""

    id: str
    request_id: str
    reference: str | None
    metadata: dict[str, str]
    pictures: int
    credits_cost: int
    created_at: datetime
    completed_at: datetime | None
    cancelled_at: datetime | None
    tally: Tally

    @property
    def status(self) -> OrderStatus:
        """The status of the whole order."""
        return self.tally.status


@dataclass(frozen=True)
class Picture:
    """A picture of an order: its job, its render if there is one, and its place in the order's lists.

    Several places may have the same job, each with its own scene, seed and pairs; the first has the credits.
    """

    photo: int
    variant: int
    preset: int
    job: Job
    render: Render | None

    @property
    def file(self) -> Render | None:
        """The picture to deliver; None also where the render is the preview of a refused picture."""
        return None if self.render is None or self.render.preview else self.render
