"""The API's error answers: 422 in the contract's shape, all others as RFC 9457 problem details."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.config.app import AppConfig
from litestar.exceptions import HTTPException, ValidationException
from litestar.exceptions.http_exceptions import ClientException
from litestar.handlers import HTTPRouteHandler
from litestar.plugins.problem_details import ProblemDetailsException
from litestar.plugins.pydantic import PydanticInitPlugin
from pydantic import BaseModel
from pydantic import ValidationError as PydanticValidationError

from service.accounts.brands import MAX_BRANDS, MAX_NAME_LENGTH, BrandNameInvalid, TooManyBrands
from service.accounts.keys import MAX_KEYS, KeyExists, LastKey, TooManyKeys
from service.accounts.ledger import InsufficientCredits
from service.accounts.rate_limit import Quota, RateLimited
from service.catalogue.catalogue import CatalogueMissing
from service.cutouts.records import CutoutNotReady
from service.database.commit import OutcomeUnknown
from service.database.engine import DATABASE_AWAY
from service.jobs.intake import (
    IdempotencyConflict,
    IdempotencyInFlight,
    QueueFull,
    QueueShareTaken,
    TooManyUnfinishedJobs,
)
from service.jobs.records import JobFinished
from service.jobs.submit import BrandNearMiss, OptionsInvalid, PreviewsOff, SourceNotFound, SourceTooLarge
from service.media.fetcher import FetchFailed, PhotoTooLarge
from service.orders.records import OrderFinished
from service.schemas.error_responses import Fault
from service.schemas.remedies import (
    BodyInvalid,
    decoder_error,
    shown,
    undecodable_error,
    validation_errors,
    with_received,
)
from service.storage.objects import StoreUnavailable
from service.telemetry.http import correlation_of
from service.webhooks.endpoints import DeliveryUnderWay, NoWebhook, UrlInvalid

logger = logging.getLogger(__name__)

#: A request of any user, auth and state type. Routes keep what they remember in its state.
AnyRequest = Request[Any, Any, Any]

#: Codes of the framework's own refusals.
_CODES = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


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
        if self.status == 503 and not self.after_window:  # a part is down, which operators should see
            logger.error("%s: %s", self.code, error)
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


#: Exceptions that need no code of their own, only a text.
ANSWERS: dict[type[Exception], Answer] = {
    InsufficientCredits: Answer(
        402,
        "insufficient_credits",
        "The balance of {error.balance} does not cover the cost of {error.cost}. Nothing was charged. Ask the operator"
        " for credits.",
        figures={"balance": "balance", "credits_cost": "cost"},
    ),
    PreviewsOff: Answer(
        403,
        "previews_off",
        "Previews are switched off on this installation. Order the picture itself, or ask the operator to enable"
        " BACKDROP_PREVIEWS.",
    ),
    IdempotencyInFlight: Answer(
        409,
        "idempotency_in_flight",
        "The first request with this Idempotency-Key is still in progress. Try again in a second.",
        retry_after=1,
    ),
    JobFinished: Answer(409, "job_finished", "The job is over ({error.status}), so it can't be cancelled."),
    CutoutNotReady: Answer(
        409,
        "cutout_not_ready",
        "The cut-out can't be edited yet: its job is {error.status}. Edit it once the job is SUCCESS.",
    ),
    DeliveryUnderWay: Answer(
        409,
        "delivery_under_way",
        "An attempt at this message is under way. Try again when it has ended.",
        retry_after=5,
    ),
    OrderFinished: Answer(409, "order_finished", "The order is over, so it can't be cancelled."),
    TooManyBrands: Answer(409, "too_many_brands", f"You have the maximum of {MAX_BRANDS} brands. Delete one first."),
    TooManyKeys: Answer(409, "too_many_keys", f"You have the maximum of {MAX_KEYS} keys. Delete one first."),
    KeyExists: Answer(
        409,
        "key_exists",
        "An earlier request with this Idempotency-Key made the key {error.key_id}, whose text can't be shown again. If"
        " you lost it, delete that key and send a new Idempotency-Key.",
    ),
    LastKey: Answer(
        409,
        "last_key",
        "This is your last key that never expires. Create another key first: POST /v1/keys.",
    ),
    PhotoTooLarge: Answer(
        413,
        "photo_too_large",
        "The photo has more than {error.limit:,} bytes. Send a smaller one.",
        figures={"max_bytes": "limit"},
    ),
    TooManyUnfinishedJobs: Answer(
        429,
        "too_many_unfinished_jobs",
        "You have {error.limit} unfinished jobs, which is the limit. Nothing was charged. Try again when a job has"
        " ended, or cancel one.",
        retry_after=10,  # about the time of a job
        after_window=True,
    ),
    QueueShareTaken: Answer(
        429,
        "queue_share_taken",
        "{error.waiting} of your jobs are waiting, which is your current share of the queue. Nothing was charged. Try"
        " again when one has started, or cancel one.",
        retry_after=10,
        after_window=True,
    ),
    QueueFull: Answer(
        503,
        "queue_full",
        "The queue is full: too many jobs of all clients are waiting. Nothing was charged. Try again later.",
        retry_after=30,  # about the time in which a queue gets visibly shorter
        after_window=True,
    ),
    CatalogueMissing: Answer(
        503,
        "catalogue_missing",
        "The catalogue {error} of this client is not loaded yet. Nothing was charged. Try again later.",
        retry_after=60,
    ),
    StoreUnavailable: Answer(
        503, "store_unavailable", "The object store does not answer. Nothing was charged. Try again.", retry_after=5
    ),
    **dict.fromkeys(
        DATABASE_AWAY,
        Answer(
            503, "database_unavailable", "The database does not answer. Nothing was charged. Try again.", retry_after=5
        ),
    ),
}


class BodiesInContext(PydanticInitPlugin):
    """Validates request bodies with a context, which litestar's own decoder can't. Raises BodyInvalid.

    `context` is called for each body, in its request's task.
    """

    def __init__(self, context: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._context = context

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Put this decoder before litestar's."""
        config = super().on_app_init(app_config)
        own = (lambda kind: isinstance(kind, type) and issubclass(kind, BaseModel), self._decode)
        config.type_decoders = [own, *(config.type_decoders or [])]
        config.type_encoders = {**(config.type_encoders or {}), BaseModel: _as_json}
        return config

    def _decode(self, model: type[BaseModel], value: Any) -> Any:
        try:
            return model.model_validate(value, context=self._context())
        except PydanticValidationError as error:
            raise BodyInvalid(error) from error


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


def _as_json(model: BaseModel) -> Any:
    return model.model_dump()  # not in JSON mode: a report is JSON already, which msgspec copies


class QueryInvalid(Exception):
    """Raised when a query has parameters that its route does not take. `errors` are as `unprocessable` takes them."""

    def __init__(self, errors: list[Fault]) -> None:
        super().__init__(errors)
        self.errors = errors


def _on_bad_query(request: AnyRequest, error: QueryInvalid) -> Response[Any]:
    return unprocessable(request, error.errors)


def _on_validation(request: AnyRequest, error: ValidationException) -> Response[Any]:
    return unprocessable(request, validation_errors(request, error))


def _on_client(request: AnyRequest, error: ClientException) -> Response[Any]:
    if type(error) is ClientException and decoder_error(error) is not None:
        return on_undecodable(request, error)
    return _on_http(request, error)


def on_undecodable(request: AnyRequest, error: Exception) -> Response[Any]:
    """Return the answer to a body that is not JSON, with the position of the fault and the remedy."""
    return unprocessable(request, [undecodable_error(request, error)])


def _on_http(request: AnyRequest, error: HTTPException) -> Response[Any]:
    code = _CODES.get(error.status_code, "refused")
    if error.status_code == 413:
        handler = request.scope["route_handler"]
        limit = handler.resolve_request_max_body_size() if isinstance(handler, HTTPRouteHandler) else None
        assert limit is not None, "only a route with a limit answers 413"
        return body_too_large(limit).to_response(request)
    detail = error.detail
    if error.status_code == 404:
        detail = f"There is no {request.method} {shown(request.url.path)}. GET /schema/openapi.json lists all routes."
    elif error.status_code == 405:
        allowed = sorted((error.headers or {}).get("allow", "").split(", "))
        detail = f"The method {request.method} is not allowed on this path. Use one of {', '.join(allowed)}."
    return problem(error.status_code, code, detail, error.headers).to_response(request)


def _on_rate_limited(request: AnyRequest, error: RateLimited) -> Response[Any]:
    quota = request.state.quota = error.quota  # for the RateLimit fields of the answer
    many, remedy = f"You sent more than {quota.limit} {quota.policy} in {quota.window} s.", "Try again"
    if quota.policy == "refused":
        many = (
            f"More than {quota.limit} of your pictures in {quota.window} s missed the limits of their orders (accept)."
        )
        remedy = "Send accept=none or a preview, or try again"
    detail = f"{many} Nothing was charged. {remedy} in {quota.reset} s."
    return problem(429, "rate_limited", detail, {"Retry-After": str(quota.reset)}).to_response(request)


def _on_conflict(request: AnyRequest, error: IdempotencyConflict) -> Response[Any]:
    text = f"This Idempotency-Key was used on {error.used_at:%Y-%m-%d} {error.differs}. Send a new key"
    return unprocessable(request, [{"loc": ["header", "Idempotency-Key"], "msg": text, "type": "idempotency_conflict"}])


def _on_large_source(request: AnyRequest, error: SourceTooLarge) -> Response[Any]:
    text = f"The photo has more than {error.limit:,} bytes. Upload a smaller one."
    return unprocessable(request, [{"loc": ["body", "source_image_s3_key"], "msg": text, "type": "photo_too_large"}])


def _on_fetch_failed(request: AnyRequest, error: FetchFailed) -> Response[Any]:
    return unprocessable(
        request, [{"loc": ["body", "url"], "msg": with_received(str(error), request.state.url), "type": error.code}]
    )


def _on_near_brand(request: AnyRequest, error: BrandNearMiss) -> Response[Any]:
    text = with_received(f"You have no brand with this name. Did you mean {error.meant}?", error.name)
    return unprocessable(request, [{"loc": ["body", "pilot_brand"], "msg": text, "type": "near_miss"}])


def _on_bad_options(request: AnyRequest, error: OptionsInvalid) -> Response[Any]:
    found: list[Fault] = []
    for one in error.faults:
        received = request.query_params.get(one.field) if one.received is None else one.received
        text = one.message if received is None else with_received(one.message, received)
        found.append({"loc": ["query", one.field], "msg": text, "type": one.code})
    return unprocessable(request, found)


def _on_bad_brand_name(request: AnyRequest, _: BrandNameInvalid) -> Response[Any]:
    text = f"A brand's name should have 1 to {MAX_NAME_LENGTH} characters, without control characters or slashes"
    text = with_received(text, request.path_params["name"])
    return unprocessable(request, [{"loc": ["path", "name"], "msg": text, "type": "brand_name"}])


def _on_bad_webhook(request: AnyRequest, error: UrlInvalid) -> Response[Any]:
    return unprocessable(
        request,
        [{"loc": ["body", "url"], "msg": with_received(str(error), request.state.url), "type": "url_invalid"}],
    )


def _on_outcome_unknown(request: AnyRequest, error: OutcomeUnknown) -> Response[Any]:
    logger.error("an order's outcome is unknown", exc_info=error)
    detail = (
        "The database failed during this request, which may have been charged. Send it again with the same"
        " Idempotency-Key. Without a key, check GET /v1/credits first."
    )
    return problem(500, "outcome_unknown", detail).to_response(request)


def _on_unexpected(request: AnyRequest, error: Exception) -> Response[Any]:
    logger.error("unexpected error", exc_info=error)
    detail = "The server failed unexpectedly. Nothing was charged unless an answer confirmed it. Try again later."
    return problem(500, "internal_error", detail).to_response(request)


#: All handlers are plain functions, as litestar answers 500 for an async handler.
EXCEPTION_HANDLERS: dict[Any, Any] = {
    **ANSWERS,
    ValidationException: _on_validation,
    ClientException: _on_client,
    HTTPException: _on_http,
    UnicodeDecodeError: on_undecodable,
    RecursionError: on_undecodable,
    IdempotencyConflict: _on_conflict,
    RateLimited: _on_rate_limited,
    SourceNotFound: lambda request, _: not_found("source").to_response(request),
    NoWebhook: lambda request, _: not_found("webhook").to_response(request),
    SourceTooLarge: _on_large_source,
    FetchFailed: _on_fetch_failed,
    BrandNearMiss: _on_near_brand,
    OptionsInvalid: _on_bad_options,
    QueryInvalid: _on_bad_query,
    BrandNameInvalid: _on_bad_brand_name,
    UrlInvalid: _on_bad_webhook,
    OutcomeUnknown: _on_outcome_unknown,
    ProblemDetailsException: lambda request, error: error.to_response(request),
    Exception: _on_unexpected,
}
