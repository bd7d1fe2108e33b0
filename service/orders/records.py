"""The records of an order of many pictures, and its exceptions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from pipeline.core.order import OptionFault
from service.catalogue.cautions import Caution
from service.jobs.intake import NewJob
from service.jobs.records import Asked, Job, Render
from service.webhooks.order_end import OrderStatus, Tally


@dataclass(frozen=True)
class PhotoFault:
    """Why a photo of an order can't be used. `photo`: its place in the order's list."""

    photo: int
    code: str
    message: str
    #: The field of the photo, and the value that was received.
    field: str
    received: str


class PhotosInvalid(ValueError):
    """Raised when photos of an order can't be used, because of `faults`. Nothing was charged."""

    def __init__(self, faults: Sequence[PhotoFault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


class LookInvalid(ValueError):
    """Raised when a variant of an order can't be made with its options. Nothing was charged."""

    def __init__(self, faults: Sequence[tuple[int | None, OptionFault]]) -> None:
        """`faults`: each with the number of the variant whose own option it is about; None: the order's option."""
        super().__init__("; ".join(fault.message for _, fault in faults))
        self.faults = faults


class OrderTooLarge(ValueError):
    """Raised when an order has more pictures than one order may ever have. Nothing was charged."""

    def __init__(self, pictures: int, limit: int) -> None:
        super().__init__(f"{pictures} of {limit} pictures")
        self.pictures, self.limit = pictures, limit


class NoRoom(Exception):
    """Raised when a limit has no room for an order now. Its text names the limit. Nothing was charged."""

    code: ClassVar[str]


class TooManyUnfinished(NoRoom):
    """Raised when the client's unfinished jobs and the order's pictures together exceed the limit."""

    code = "too_many_unfinished_jobs"

    def __init__(self, pictures: int, limit: int) -> None:
        super().__init__(
            f"The order has {pictures} pictures. With them, you would have more than {limit} unfinished jobs, which is"
            " the limit. Send a smaller order, or try again when jobs have ended."
        )


class ShareTaken(NoRoom):
    """Raised when the order's pictures don't fit into the client's share of the queue."""

    code = "queue_share_taken"

    def __init__(self, pictures: int, room: int) -> None:
        super().__init__(
            f"The order has {pictures} pictures, but your share of the queue has room for {room} now. Send a smaller"
            " order, or try again when jobs have started."
        )


class QueueTooFull(NoRoom):
    """Raised when the order's pictures don't fit into the queue of all clients."""

    code = "queue_full"

    def __init__(self, pictures: int) -> None:
        super().__init__(
            f"The order has {pictures} pictures, but too many jobs of all clients are waiting. Send a smaller order, or"
            " try again later."
        )


class OrderFinished(Exception):
    """Raised when a client cancels an order whose pictures have all ended."""


@dataclass(frozen=True)
class NewOrder:
    """An accepted order with all values resolved: one job a picture."""

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
    credits_cost: int
    repeated: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class OrderPlan:
    """The effect and price of an order at this moment."""

    pictures: int
    credits_cost: int
    balance: int
    cautions: Sequence[Caution]
    faults: Sequence[PhotoFault]


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
    """A picture of an order: its job, its render if there is one, and its places in the order's lists."""

    photo: int
    variant: int
    preset: int
    job: Job
    render: Render | None
