"""The two shapes of an error: validation errors, and problems."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NotRequired, TypedDict

from pydantic import BaseModel, Field


class Fault(TypedDict):
    """One fault of a request, as found. Without `code`, `type` is the stable name."""

    loc: Sequence[str | int]
    msg: str
    type: str
    code: NotRequired[str]


class ValidationError(BaseModel):
    """One fault of a request."""

    loc: list[str | int] = Field(description="Place of the fault: body, header, query or path, then field, then index.")
    msg: str = Field(description="What is wrong, what was received, and what to do.")
    type: str = Field(description="Name of the error as pydantic gives it.")
    code: str = Field(description="Stable name of the error. Programs should use it.")


class HTTPValidationError(BaseModel):
    """All faults of a request at once."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "detail": [{"loc": ["body", "scene_type"], "msg": "Field required", "type": "missing", "code": "missing"}],
        "status": 422,
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "code": "invalid",
        "request_id": "01J9ZC6M8H4D2F0A9B7C5E3G1K",
    }

    detail: list[ValidationError] = Field(description="Every fault of the request.")
    # The fields of a Problem, so that clients can read both shapes alike.
    status: Literal[422] = Field(description="The HTTP status code.")
    title: str = Field(description="The HTTP status in words.")
    code: Literal["invalid"] = Field(description="Stable name of the problem. Each fault has its own code.")
    type: str = Field("about:blank", description="Always about:blank: `code` names the problem.")
    request_id: str = Field(description="The request's id, as in X-Request-Id.")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    status: int = Field(description="The HTTP status code.")
    title: str = Field(description="The HTTP status in words.")
    detail: str = Field(description="A sentence for a person: what is wrong and what to do.")
    code: str = Field(description="Stable name of the problem.")
    type: str = Field("about:blank", description="Always about:blank: `code` names the problem.")
    request_id: str = Field(description="The request's id, as in X-Request-Id.")
    balance: int | None = Field(None, description="With a 402: the client's credits.")
    credits_cost: int | None = Field(None, description="With a 402: the credits that the request costs.")
    max_bytes: int | None = Field(None, description="With a 413: the largest body that this route accepts, in bytes.")
