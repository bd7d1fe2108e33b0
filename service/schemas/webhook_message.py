"""What a webhook is told, for the OpenAPI document; `service.webhooks.outbox` writes it."""

from typing import Any, ClassVar, Literal

from litestar.openapi.spec import (
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    PathItem,
    Reference,
    RequestBody,
)
from pydantic import BaseModel, Field

from service.jobs.records import JobStatus
from service.schemas.responses import JobError, Time


class ToldRender(BaseModel):
    """The render of a job that succeeded."""

    public_id: str
    output_preset: str
    width: int
    height: int
    format: str
    bytes: int
    sha256: str
    url: str = Field(description="GET /v1/renders/{public_id}/picture, with the key: good for as long as it is kept.")


class ToldJob(BaseModel):
    """A job that is over."""

    job_id: str
    request_id: str
    reference: str | None = Field(description="The `reference` of its submit.")
    metadata: dict[str, str] = Field(description="The `metadata` of its submit.")
    status: JobStatus
    credits_cost: int
    credits_refunded: int
    error: JobError | None
    render: ToldRender | None


class WebhookMessage(BaseModel):
    """A message: a job is over. It may come more than once; drop a `webhook-id` that you have seen."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "job.failed",
        "timestamp": "2026-11-24T09:30:00Z",
        "data": {
            "job_id": "01J9ZC6M8J5X7Z9Q1W3R5T7Y9V",
            "request_id": "01J9ZC6M8H4D2F0A9B7C5E3G1K",
            "reference": "order-1042/front",
            "metadata": {"colour": "red"},
            "status": "FAILURE",
            "credits_cost": 2,
            "credits_refunded": 2,
            "error": {"code": "no_subject", "message": "No product stands out."},
            "render": None,
        },
    }

    type: Literal["job.succeeded", "job.failed"]
    timestamp: Time = Field(description="When the job ended.")
    data: ToldJob


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
