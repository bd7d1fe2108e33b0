"""What the API answers where a request is wrong or cannot be done: the two shapes of an error."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NotRequired, TypedDict

from pydantic import BaseModel, Field


class Fault(TypedDict):
    """One thing wrong with a request, as it is found; without `code`, `type` is the stable name."""

    loc: Sequence[str | int]
    msg: str
    type: str
    code: NotRequired[str]


class ValidationError(BaseModel):
    """One thing wrong with a request."""

    loc: list[str | int] = Field(description="Where: body, header, query or path, then the field, then the index.")
    msg: str = Field(description="What is wrong and what would be right.")
    type: str = Field(description="Name of the error, as pydantic has it.")
    code: str = Field(description="Stable name of the error, to be gone by.")


class HTTPValidationError(BaseModel):
    """Everything wrong with a request, at once."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "detail": [{"loc": ["body", "scene_type"], "msg": "Field required", "type": "missing", "code": "missing"}],
        "status": 422,
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "code": "invalid",
        "request_id": "01J9ZC6M8H4D2F0A9B7C5E3G1K",
    }

    detail: list[ValidationError]
    # The fields of a problem, so that one reader does for both.
    status: Literal[422] = Field(description="The HTTP status code.")
    title: str
    code: Literal["invalid"] = Field(description="Stable name of the problem; each error has its own.")
    type: str = "about:blank"
    request_id: str = Field(description="The request, as X-Request-Id names it.")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    status: int = Field(description="The HTTP status code.")
    title: str
    detail: str = Field(description="A sentence for a person, with the remedy.")
    code: str = Field(description="Stable name of the problem.")
    type: str = "about:blank"
    request_id: str = Field(description="The request, as X-Request-Id names it.")
    balance: int | None = Field(None, description="Of a 402: the credits that the client has.")
    credits_cost: int | None = Field(None, description="Of a 402: the credits that the request costs.")
    max_bytes: int | None = Field(None, description="Of a 413: how long a body of this route may be.")
