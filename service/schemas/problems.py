"""The two shapes of an error answer: 422 in the contract's shape, all others as RFC 9457 problem details."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.plugins.problem_details import ProblemDetailsException

from service.accounts.rate_limit import Quota
from service.schemas.error_responses import Fault
from service.schemas.remedies import shown, with_received
from service.telemetry.http import correlation_of

logger = logging.getLogger(__name__)

#: A request of any user, auth and state type. Routes keep what they remember in its state.
AnyRequest = Request[Any, Any, Any]

#: The remedy when a thing was not found.
_REMEDIES = {
    "job": "GET /v1/jobs lists your jobs.",
    "order": "GET /v1/orders lists your orders.",
    "sheet": "The order has fewer sheets. Ask for an earlier page.",
    "render": "GET /v1/renders lists your renders.",
    "cut-out": "GET /v1/cutouts lists your cut-outs.",
    "brand": "GET /v1/brands lists your brands.",
    "key": "GET /v1/keys lists your keys.",
    "webhook": "Set one with PUT /v1/webhook.",
    "delivery": "GET /v1/webhook/deliveries lists your deliveries.",
    "receipt": "GET /v1/data/deletions lists your receipts.",
    "photo": "Check its key, which POST /v1/uploads returned.",
    "source": "Check source_image_s3_key (from POST /v1/uploads) or source_render_public_id (from GET /v1/renders).",
    "file": "Check the URL, or request a new one.",
}


class _Problem(ProblemDetailsException):
    """A problem whose body has the request's id, as the header X-Request-Id does."""

    def to_response(self, request: AnyRequest) -> Response[dict[str, Any]]:
        """Return the answer."""
        answer = super().to_response(request)
        answer.content = {**answer.content, "request_id": request_id_of(request)}
        return answer


def request_id_of(request: AnyRequest) -> str:
    """Return the request's id: the caller's own, or the one in the answer's X-Request-Id."""
    return correlation_of(request.scope).request_id or ""


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, figures: dict[str, int] | None = None
) -> ProblemDetailsException:
    """Return an exception that is answered as `application/problem+json`. `figures` become extra fields of the body."""
    title = HTTPStatus(status).phrase
    return _Problem(
        status_code=status,
        type_="about:blank",
        title=title,
        detail=detail,
        extra={"code": code, **(figures or {})},
        headers=headers,
    )


def body_too_large(limit: int) -> ProblemDetailsException:
    """Return the 413 of a body longer than `limit` bytes."""
    return problem(
        413, "body_too_large", f"The body has over {limit:,} bytes. Send a smaller one.", figures={"max_bytes": limit}
    )


def unsupported_media_type(sent: str, takes: str) -> ProblemDetailsException:
    """Return the 415 of a body of a type that its route does not take."""
    detail = (
        f"The Content-Type {shown(sent)} is not accepted here. {takes}"
        if sent
        else f"The Content-Type is missing. {takes}"
    )
    return problem(415, "unsupported_media_type", detail)


def not_found(what: str) -> ProblemDetailsException:
    """Return the same 404 for a thing that does not exist and for another client's."""
    remedy = _REMEDIES.get(what, "")
    return problem(404, "not_found", f"There is no such {what}, or it is not yours. {remedy}".rstrip())


@dataclass(frozen=True)
class Answer:
    """The problem with which the API answers an exception. `{error}` in the detail is the exception."""

    status: int
    code: str
    detail: str
    #: Seconds for Retry-After.
    retry_after: int | None = None
    #: Extra fields of the body, each with the exception's attribute that fills it.
    figures: Mapping[str, str] = field(default_factory=dict)
    #: Retry-After waits for the end of the rate window, too (draft-ietf-httpapi-ratelimit-headers-11).
    after_window: bool = False

    def __call__(self, request: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
        """Return the answer to the exception."""
        if self.status >= 500 and not self.after_window:  # a part is down, which operators should see
            logger.error("%s: %s", self.code, error, exc_info=error if self.status == 500 else None)
        headers = None
        if self.retry_after is not None:
            quota: Quota | None = request.state.get("quota") if self.after_window else None
            headers = {"Retry-After": str(max(self.retry_after, quota.reset if quota else 0))}
        detail, figures = self.filled(error)
        return problem(self.status, self.code, detail, headers, figures).to_response(request)

    def filled(self, error: Exception) -> tuple[str, dict[str, int]]:
        """Return the detail and the figures for this exception."""
        figures = {name: int(getattr(error, attribute)) for name, attribute in self.figures.items()}
        return self.detail.format(error=error), figures


class Invalid(Exception):
    """Raised for a request that does not fit. `faults` are as `unprocessable` takes them."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


def wrong(loc: Sequence[str | int], code: str, message: str) -> Invalid:
    """Return the exception for one fault."""
    return Invalid([{"loc": loc, "msg": message, "type": code}])


def unprocessable(request: AnyRequest, errors: list[Fault]) -> Response[Any]:
    """Return a 422 in the contract's shape with the fields of a problem; only `detail` differs from one.

    An error's `code` equals its `type` unless the error has its own.
    """
    body = {
        "detail": [{**one, "code": one.get("code", one["type"])} for one in errors],
        "status": 422,
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "code": "invalid",
        "request_id": request_id_of(request),
    }
    return Response(body, status_code=422, media_type="application/json")


def fault(
    loc: Sequence[str | int],
    code: str,
    message: str,
    received: Callable[[AnyRequest, Any], object] | None = None,
) -> Callable[[AnyRequest, Exception], Response[Any]]:
    """Return the handler of an exception that is one fault. `{error}` in its texts is the exception."""

    def handle(request: AnyRequest, error: Exception) -> Response[Any]:
        place = [part.format(error=error) if isinstance(part, str) else part for part in loc]
        text = message.format(error=error)
        text = text if received is None else with_received(text, received(request, error))
        return unprocessable(request, [{"loc": place, "msg": text, "type": code.format(error=error)}])

    return handle
