"""Webhook messages in the OpenAPI document. `service.webhooks.outbox` writes them."""

from typing import Annotated, Any, Literal

from litestar.openapi.spec import (
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    PathItem,
    Reference,
    RequestBody,
)
from pydantic import BaseModel, Field, RootModel

from service.jobs.records import JobStatus
from service.schemas.fields import (
    CreditsCost,
    CreditsRefunded,
    DistinctPictures,
    FileBytes,
    FileFormat,
    JobId,
    PictureHeight,
    PictureWidth,
    RenderId,
    RequestedMood,
    RequestedScene,
    RequestId,
    Sha256,
    SubmitMetadata,
    SubmitReference,
    Time,
    UsedPreset,
)
from service.schemas.orders import OrderCounts
from service.schemas.responses import JobError
from service.webhooks.order_end import OrderStatus
from service.webhooks.outbox import MessageType


class WebhookRender(BaseModel):
    """The render of a job that succeeded, or the preview of a picture that missed its limits."""

    public_id: RenderId
    output_preset: UsedPreset
    width: PictureWidth
    height: PictureHeight
    format: FileFormat
    bytes: FileBytes
    sha256: Sha256
    seed: int = Field(description="The same seed and spec give the same background.")
    warnings: list[str] = Field(description="Codes, as in a RenderView.")
    rejected_paintings: list[str] = Field(
        description="Why each rejected painting of a hub model could not be delivered: grew, withheld."
    )
    scene_type: RequestedScene
    mood: RequestedMood
    url: str = Field(
        description="Address of GET /v1/renders/{public_id}/picture. It needs a key, and works while the render exists."
    )
    download_url: str | None = Field(
        description="Download URL that needs no key, new at each attempt. Null once the render was deleted."
    )
    download_url_expires_at: Time | None = Field(description="When `download_url` stops working; null without one.")


class _EndedJob(BaseModel):
    job_id: JobId
    request_id: RequestId
    reference: SubmitReference
    metadata: SubmitMetadata
    credits_cost: CreditsCost
    credits_refunded: CreditsRefunded


class SucceededSwap(_EndedJob):
    """A swap that succeeded."""

    status: Literal[JobStatus.SUCCESS] = Field(description="Always SUCCESS in this message.")
    error: None = Field(description="Always null, as the job succeeded.")
    render: WebhookRender = Field(description="The picture that the job made.")


class SucceededCutout(_EndedJob):
    """A finished cut-out. It has no render: GET /v1/cutouts/{job_id} shows its mask."""

    status: Literal[JobStatus.SUCCESS] = Field(description="Always SUCCESS in this message.")
    error: None = Field(description="Always null, as the job succeeded.")
    render: None = Field(description="Always null, as a cut-out has no render.")


class FailedJob(_EndedJob):
    """A job that failed. Its credits were refunded."""

    status: Literal[JobStatus.FAILURE] = Field(description="Always FAILURE in this message.")
    error: JobError = Field(description="Why the job failed.")
    render: None = Field(description="Always null, as a failed job has no render.")


class FailedSwap(FailedJob):
    """A swap that failed. Its credits were refunded."""

    render: WebhookRender | None = Field(  # type: ignore[assignment]  # only a swap has a picture that misses limits
        description="The preview of a picture that missed its limits (not_accepted); otherwise null."
    )


class _Message(BaseModel):
    timestamp: Time = Field(description="When the job ended.")


class JobSucceeded(_Message):
    """A swap succeeded."""

    type: Literal[MessageType.JOB_SUCCEEDED] = Field(description="The event: a swap succeeded.")
    data: SucceededSwap = Field(description="The job that ended.")


class JobFailed(_Message):
    """A swap failed, or was cancelled."""

    type: Literal[MessageType.JOB_FAILED] = Field(description="The event: a swap failed or was cancelled.")
    data: FailedSwap = Field(description="The job that ended.")


class CutoutSucceeded(_Message):
    """A cut-out succeeded."""

    type: Literal[MessageType.CUTOUT_SUCCEEDED] = Field(description="The event: a cut-out succeeded.")
    data: SucceededCutout = Field(description="The job that ended.")


class CutoutFailed(_Message):
    """A cut-out failed, or was cancelled."""

    type: Literal[MessageType.CUTOUT_FAILED] = Field(description="The event: a cut-out failed or was cancelled.")
    data: FailedJob = Field(description="The job that ended.")


class TestData(BaseModel):
    """What a test says."""

    message_id: str = Field(description="Id of the message, as in `webhook-id`.")
    message: str = Field(description="A sentence for a person who reads it.")


class WebhookTest(BaseModel):
    """A test that POST /v1/webhook/test sent."""

    type: Literal[MessageType.WEBHOOK_TEST] = Field(description="The event: you asked for a test.")
    timestamp: Time = Field(description="When the test was requested.")
    data: TestData = Field(description="About the test.")


class CompletedOrder(BaseModel):
    """An order whose pictures are all over."""

    order_id: str = Field(description="ULID of the order, for GET /v1/orders/{order_id}.")
    request_id: RequestId
    reference: SubmitReference
    metadata: SubmitMetadata
    status: OrderStatus = Field(description="SUCCESS, PARTIAL, FAILURE or CANCELLED, as the order shows it.")
    pictures: int = Field(description="Number of pictures of the order.")
    distinct_pictures: DistinctPictures
    counts: OrderCounts = Field(description="The pictures by state; none is unfinished.")
    credits_cost: int = Field(description="Credits charged for all pictures.")
    credits_refunded: int = Field(description="Credits refunded for failed and cancelled pictures.")
    url: str = Field(description="Address of GET /v1/orders/{order_id}. It needs a key.")


class OrderCompleted(_Message):
    """Every picture of an order is over. Its jobs send no messages of their own."""

    type: Literal[MessageType.ORDER_COMPLETED] = Field(description="The event: an order is over.")
    data: CompletedOrder = Field(description="The order that ended.")


_AnyMessage = Annotated[
    JobSucceeded | JobFailed | CutoutSucceeded | CutoutFailed | OrderCompleted | WebhookTest,
    Field(discriminator="type"),
]


class WebhookMessage(RootModel[_AnyMessage]):
    """A message: a job or an order is over, or a test. `type` says which shape `data` has.

    Messages can repeat: drop a known `webhook-id`.
    """


def add_webhooks(document: OpenAPI) -> None:
    """Add the message to the document's `webhooks`, and its parts to the components."""
    made = WebhookMessage.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = made.pop("$defs")
    schemas: dict[str, Any] = document.components.schemas  # takes plain dictionaries, too
    schemas |= {name: part for name, part in parts.items() if name not in schemas} | {"WebhookMessage": made}
    body = OpenAPIMediaType(schema=Reference(ref="#/components/schemas/WebhookMessage"))
    over = Operation(
        operation_id="job_over",
        tags=["webhook"],
        summary="A job is over",
        description="Backdrop posts this to the client's webhook, signed as Standard Webhooks describe: `webhook-id`,"
        " `webhook-timestamp` and `webhook-signature`. Any 2xx is success. Backdrop retries other answers for three"
        " days, and stops at a 410.",
        request_body=RequestBody(content={"application/json": body}, required=True),
        responses={"204": OpenAPIResponse(description="The message was received")},
    )
    document.webhooks = {"job_over": PathItem(post=over)}
