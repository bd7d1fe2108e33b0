"""The API's answers about orders of many pictures. `service.orders.request` has the body of an order."""

from typing import Any, ClassVar, Literal

from litestar.datastructures import State
from pydantic import BaseModel, Field

from service.orders.records import Order, OrderPlan, Picture
from service.schemas.fields import (
    CurrentStatus,
    DistinctPictures,
    DownloadUrl,
    FileBytes,
    FileFormat,
    JobId,
    NextCursor,
    PictureHeight,
    PictureWidth,
    Progress,
    RenderId,
    Sha256,
    Stage,
    SubmitMetadata,
    SubmitReference,
    Time,
    UrlExpiry,
)
from service.schemas.problems import AnyRequest
from service.schemas.responses import JobError, PlanWarning
from service.schemas.serialize import serialize_job
from service.webhooks.order_end import OrderStatus


class OrderCounts(BaseModel):
    """An order's pictures by state."""

    not_started: int = Field(description="Pictures that wait for a worker.")
    in_progress: int = Field(description="Pictures that a worker has begun.")
    succeeded: int = Field(description="Pictures that were made.")
    failed: int = Field(description="Pictures that failed and were refunded.")
    cancelled: int = Field(description="Pictures that you cancelled, which were refunded.")


class OrderPhotoFault(BaseModel):
    """Why a photo can't be used. The order itself would be refused."""

    photo: int = Field(description="Place of the photo in `photos`, from 0.")
    code: str = Field(description="Stable name of the fault: source_not_found or photo_too_large.")
    message: str = Field(description="What is wrong and what to do, for a person.")


class OrderPlanView(BaseModel):
    """The effect and price of an order at this moment. Nothing was charged or stored."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "pictures": 4, "distinct_pictures": 4, "credits_cost": 8, "balance": 100, "affordable": True, "warnings": [],
        "faults": [],
    }  # fmt: skip

    pictures: int = Field(description="Number of pictures: photos x variants x presets.")
    distinct_pictures: DistinctPictures
    credits_cost: int = Field(description="Credits that the order would deduct, for all pictures together.")
    balance: int = Field(description="The client's current credits.")
    affordable: bool = Field(description="Whether the balance covers the cost.")
    warnings: list[PlanWarning] = Field(description="What to know before you pay, each warning once.")
    faults: list[OrderPhotoFault] = Field(description="Photos that can't be used. Empty if all can.")


class OrderAcceptedResponse(BaseModel):
    """The order was accepted and charged. Follow it at GET /v1/orders/{order_id}."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "order_id": "01J9ZC6M8J5X7Z9Q1W3R5T7Y9V",
        "request_id": "01J9ZC6M8H4D2F0A9B7C5E3G1K",
        "status": "NOT_STARTED",
        "pictures": 4,
        "distinct_pictures": 4,
        "credits_cost": 8,
    }

    order_id: str = Field(description="ULID of the order, for GET /v1/orders/{order_id}.")
    request_id: str = Field(description="26-character ULID of the request.")
    status: Literal["NOT_STARTED"] = Field("NOT_STARTED", description="The order's status at the submit.")
    pictures: int = Field(description="Number of pictures: photos x variants x presets.")
    distinct_pictures: DistinctPictures
    credits_cost: int = Field(description="Credits charged, one debit a job. Failed pictures are refunded.")


class OrderSummary(BaseModel):
    """An order: its status, its counts and its credits."""

    order_id: str = Field(description="ULID of the order.")
    request_id: str = Field(description="26-character ULID of the request that made the order.")
    status: OrderStatus = Field(
        description="NOT_STARTED, IN_PROGRESS, or the end: SUCCESS (every picture was made), PARTIAL (some were),"
        " FAILURE (none was), CANCELLED (you cancelled all of them)."
    )
    pictures: int = Field(description="Number of pictures of the order.")
    distinct_pictures: DistinctPictures
    counts: OrderCounts = Field(description="The pictures by state.")
    progress: Progress
    credits_cost: int = Field(description="Credits charged for all pictures.")
    credits_refunded: int = Field(description="Credits refunded for failed and cancelled pictures.")
    created_at: Time = Field(description="When the order was submitted.")
    completed_at: Time | None = Field(description="When its last picture ended; null before that.")
    cancelled_at: Time | None = Field(description="When you cancelled it; null if you did not.")
    reference: SubmitReference
    metadata: SubmitMetadata


class OrderRender(BaseModel):
    """The file of a picture. GET /v1/renders/{public_id} has its measurements."""

    public_id: RenderId
    width: PictureWidth
    height: PictureHeight
    format: FileFormat
    bytes: FileBytes
    sha256: Sha256
    url: DownloadUrl
    url_expires_at: UrlExpiry
    warnings: list[str] = Field(description="Codes of probably unintended input, and of doubts about the picture.")


class OrderPicture(BaseModel):
    """A picture of an order: its place in the order's lists, its job and its file.

    Pictures with the same job are the same, and have the same file.
    """

    photo: int = Field(description="Place of its photo in `photos`, from 0.")
    variant: int = Field(description="Number of its variant, from 0.")
    output_preset: str = Field(description="The preset that the picture is made for.")
    job_id: JobId
    status: CurrentStatus
    stage: Stage
    progress: Progress
    scene_type: str = Field(description="The scene: a name of the catalogue, or free text.")
    mood: str = Field(description="The light: a name of the catalogue, or free text.")
    seed: int = Field(description="The seed, which a single swap with the same spec can repeat.")
    reference: SubmitReference
    metadata: SubmitMetadata
    credits_cost: int = Field(
        description="Credits charged for this picture; 0 if an earlier picture of the order has the same job."
    )
    credits_refunded: int = Field(description="Credits refunded because it failed or was cancelled; otherwise 0.")
    error: JobError | None = Field(description="Why it failed; null unless the status is FAILURE.")
    render: OrderRender | None = Field(
        description="The file. Null until SUCCESS, and once you deleted it. If the error is not_accepted: a preview of"
        " the refused picture, which the archive leaves out."
    )


class OrderView(OrderSummary):
    """An order with a page of its pictures."""

    items: list[OrderPicture] = Field(description="The pictures of this page, in the order in which they start.")
    next_cursor: NextCursor


class OrderPage(BaseModel):
    """A page of orders, newest first."""

    items: list[OrderSummary] = Field(description="The orders of this page, newest first.")
    next_cursor: NextCursor


def serialize_order_plan(plan: OrderPlan) -> OrderPlanView:
    """Return an order's plan for an answer."""
    faults = [vars(one) | {"photo": one.loc[1]} for one in plan.faults]
    more = {"affordable": plan.balance >= plan.credits_cost, "warnings": [vars(one) for one in plan.cautions]}
    return OrderPlanView(**vars(plan) | more | {"faults": faults})


def summary(order: Order) -> dict[str, Any]:
    """Return the fields of an OrderSummary, among others."""
    tally = order.tally
    more = {"status": tally.status, "counts": tally.counts, "progress": tally.progress}
    more["distinct_pictures"] = tally.jobs
    return vars(order) | more | {"order_id": order.id, "credits_refunded": tally.credits_refunded}


def serialize_picture(request: AnyRequest, state: State, picture: Picture) -> OrderPicture:
    """Return a picture for an answer, with a new download URL."""
    job = serialize_job(request, state, picture.job, picture.render)
    render = None if job.render is None else dict(job.render)
    return OrderPicture(**dict(job) | {"photo": picture.photo, "variant": picture.variant, "render": render})
