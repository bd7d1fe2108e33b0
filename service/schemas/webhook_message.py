"""A webhook's messages, for the OpenAPI document; `service.webhooks.outbox` writes them."""

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
from service.schemas.responses import JobError, Time
from service.webhooks.outbox import MessageType


class WebhookRender(BaseModel):
    """The render of a job that succeeded."""

    public_id: str
    output_preset: str
    width: int
    height: int
    format: str
    bytes: int
    sha256: str
    seed: int = Field(description="The same seed and spec make the same background again.")
    warnings: list[str] = Field(description="Codes, as in a RenderView.")
    rejected_paintings: list[str] = Field(
        description="Why each rejected painting of a hub model could not be delivered: grew, withheld."
    )
    scene_type: str | None = Field(description="The scene that was asked for: a name of the catalogue, or free text.")
    mood: str | None = Field(description="The mood that was asked for: a name of the catalogue, or free text.")
    url: str = Field(description="GET /v1/renders/{public_id}/picture, with the key: good for as long as it is kept.")


class _EndedJob(BaseModel):
    job_id: str
    request_id: str
    reference: str | None = Field(description="The `reference` of its submit.")
    metadata: dict[str, str] = Field(description="The `metadata` of its submit.")
    credits_cost: int
    credits_refunded: int


class SucceededSwap(_EndedJob):
    """A swap that made its picture."""

    status: Literal[JobStatus.SUCCESS]
    error: None
    render: WebhookRender


class SucceededCutout(_EndedJob):
    """A finished cut-out. It has no render: GET /v1/cutouts/{job_id} shows its mask."""

    status: Literal[JobStatus.SUCCESS]
    error: None
    render: None


class FailedJob(_EndedJob):
    """A job that failed. Its credits were refunded."""

    status: Literal[JobStatus.FAILURE]
    error: JobError
    render: None


class _Message(BaseModel):
    timestamp: Time = Field(description="When the job ended.")


class JobSucceeded(_Message):
    """A swap succeeded."""

    type: Literal[MessageType.JOB_SUCCEEDED]
    data: SucceededSwap


class JobFailed(_Message):
    """A swap failed, or was cancelled."""

    type: Literal[MessageType.JOB_FAILED]
    data: FailedJob


class CutoutSucceeded(_Message):
    """A cut-out succeeded."""

    type: Literal[MessageType.CUTOUT_SUCCEEDED]
    data: SucceededCutout


class CutoutFailed(_Message):
    """A cut-out failed, or was cancelled."""

    type: Literal[MessageType.CUTOUT_FAILED]
    data: FailedJob


_AnyMessage = Annotated[JobSucceeded | JobFailed | CutoutSucceeded | CutoutFailed, Field(discriminator="type")]


class WebhookMessage(RootModel[_AnyMessage]):
    """A message: a job is over. `type` says which shape `data` has. Messages can repeat: drop a known `webhook-id`."""


def add_webhooks(document: OpenAPI) -> None:
    """Describe the message in the document's `webhooks`, and its parts in the components."""
    made = WebhookMessage.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = made.pop("$defs")
    schemas: dict[str, Any] = document.components.schemas  # plain ones will do
    schemas |= {name: part for name, part in parts.items() if name not in schemas} | {"WebhookMessage": made}
    body = OpenAPIMediaType(schema=Reference(ref="#/components/schemas/WebhookMessage"))
    told = Operation(
        operation_id="job_over",
        tags=["webhook"],
        summary="A job is over",
        description="Posted to the client's webhook, signed as Standard Webhooks say: `webhook-id`, `webhook-timestamp`"
        " and `webhook-signature`. Any 2xx is success; anything else is tried again for three days, and 410 ends it.",
        request_body=RequestBody(content={"application/json": body}, required=True),
        responses={"204": OpenAPIResponse(description="It has come.")},
    )
    document.webhooks = {"job_over": PathItem(post=told)}
