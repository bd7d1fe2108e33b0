"""Errors as the API tells them: 422 in the contract's shape, everything else as RFC 9457 problem details."""

import logging
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
from service.accounts.keys import MAX_KEYS, LastKey, TooManyKeys
from service.accounts.ledger import InsufficientCredits
from service.database.commit import OutcomeUnknown
from service.database.engine import DATABASE_AWAY
from service.jobs.intake import IdempotencyConflict, IdempotencyInFlight
from service.jobs.notifier import TooManyStreams
from service.jobs.records import JobFinished
from service.jobs.submit import BrandNearMiss, OutputInvalid, PreviewsOff, SourceNotFound, SourceTooLarge
from service.media.fetcher import FetchFailed, PhotoTooLarge
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
from service.telemetry.http import told_of
from service.webhooks.endpoints import UrlInvalid

logger = logging.getLogger(__name__)

#: A request whose user, auth and state have no type of their own: what the routes remember is in its state.
AnyRequest = Request[Any, Any, Any]

#: Codes of what the framework itself refuses.
_CODES = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


#: What to do where a thing is not found.
_REMEDIES = {
    "job": "GET /v1/jobs lists yours.",
    "render": "GET /v1/renders lists yours.",
    "cut-out": "GET /v1/cutouts lists yours.",
    "brand": "GET /v1/brands lists yours.",
    "key": "GET /v1/keys lists yours.",
    "webhook": "PUT /v1/webhook sets one.",
    "photo": "Check its key: POST /v1/uploads gave it.",
    "source": "Check source_image_s3_key (POST /v1/uploads gave it) or source_render_public_id (GET /v1/renders).",
    "file": "Check the URL, or ask for a new one.",
}


class _Problem(ProblemDetailsException):
    """A problem whose body names the request, as the header X-Request-Id does."""

    def to_response(self, request: AnyRequest) -> Response[dict[str, Any]]:
        """Answer it."""
        answer = super().to_response(request)
        answer.content = {**answer.content, "request_id": request_id_of(request)}
        return answer


def request_id_of(request: AnyRequest) -> str:
    """Return what an error calls its request: as its caller did, or the id that its answer's header has."""
    return told_of(request.scope).request_id or ""


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, figures: dict[str, int] | None = None
) -> ProblemDetailsException:
    """Return an exception that is answered as `application/problem+json`; `figures` are fields of their own."""
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
    """Return the 413 of a body that is longer than that many bytes."""
    return problem(
        413, "body_too_large", f"This route takes bodies of {limit:,} bytes at most.", figures={"max_bytes": limit}
    )


def unsupported_media_type(sent: str, takes: str) -> ProblemDetailsException:
    """Return the 415 of a body that is of no type that its route takes."""
    detail = (
        f"The Content-Type {shown(sent)} is not accepted here. {takes}" if sent else f"Name a Content-Type. {takes}"
    )
    return problem(415, "unsupported_media_type", detail)


def not_found(what: str) -> ProblemDetailsException:
    """Return the one 404 for things that don't exist and things that are another client's."""
    remedy = _REMEDIES.get(what, "")
    return problem(404, "not_found", f"There is no such {what}, or it is not yours. {remedy}".rstrip())


class BodiesInContext(PydanticInitPlugin):
    """Validates request bodies with a context, which litestar's own decoder does not take. Raises BodyInvalid."""

    def __init__(self, context: dict[str, Any]) -> None:
        super().__init__()
        self._context = context

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Put our decoder ahead of litestar's."""
        config = super().on_app_init(app_config)
        ours = (lambda kind: isinstance(kind, type) and issubclass(kind, BaseModel), self._decode)
        config.type_decoders = [ours, *(config.type_decoders or [])]
        config.type_encoders = {**(config.type_encoders or {}), BaseModel: _as_json}
        return config

    def _decode(self, model: type[BaseModel], value: Any) -> Any:
        try:
            return model.model_validate(value, context=self._context)
        except PydanticValidationError as error:
            raise BodyInvalid(error) from error


def unprocessable(request: AnyRequest, errors: list[Fault]) -> Response[Any]:
    """Return a 422 in the contract's shape, with the fields of a problem beside it: `detail` alone differs.

    An error's `code` is its `type`, unless it has one of its own.
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
    return model.model_dump()  # not as JSON: a report is JSON already, which msgspec copies


class QueryInvalid(Exception):
    """Raised when a query has parameters that its route does not take: `errors`, as `unprocessable` takes them."""

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
    """Answer a body that is no JSON, with the position where it stops being it, and what to send."""
    return unprocessable(request, [undecodable_error(request, error)])


def _on_http(request: AnyRequest, error: HTTPException) -> Response[Any]:
    code = _CODES.get(error.status_code, "refused")
    if error.status_code == 413:
        handler = request.scope["route_handler"]
        limit = handler.resolve_request_max_body_size() if isinstance(handler, HTTPRouteHandler) else None
        assert limit is not None, "what has no limit is never too large"
        return body_too_large(limit).to_response(request)
    detail = error.detail
    if error.status_code == 404:
        detail = f"There is no {request.method} {shown(request.url.path)}. GET /schema/openapi.json lists all routes."
    elif error.status_code == 405:
        allowed = sorted((error.headers or {}).get("allow", "").split(", "))
        detail = f"{request.method} is not allowed on this path. Send one of {', '.join(allowed)}."
    return problem(error.status_code, code, detail, error.headers).to_response(request)


def _on_no_credits(request: AnyRequest, error: InsufficientCredits) -> Response[Any]:
    detail = (
        f"The balance of {error.balance} does not cover the cost of {error.cost}. Nothing was charged; ask for a grant"
        " of credits."
    )
    figures = {"balance": error.balance, "credits_cost": error.cost}
    return problem(402, "insufficient_credits", detail, figures=figures).to_response(request)


def _on_conflict(request: AnyRequest, error: IdempotencyConflict) -> Response[Any]:
    text = f"This Idempotency-Key was used on {error.used_at:%Y-%m-%d} {error.differs}. Send a new key"
    return unprocessable(request, [{"loc": ["header", "Idempotency-Key"], "msg": text, "type": "idempotency_conflict"}])


def _on_in_flight(request: AnyRequest, _: IdempotencyInFlight) -> Response[Any]:
    detail = "The first request with this Idempotency-Key is still being answered. Try again in a second."
    return problem(409, "idempotency_in_flight", detail, {"Retry-After": "1"}).to_response(request)


def _on_finished(request: AnyRequest, error: JobFinished) -> Response[Any]:
    detail = f"The job is over ({error.status}): there is nothing to cancel."
    return problem(409, "job_finished", detail).to_response(request)


def _on_no_source(request: AnyRequest, _: SourceNotFound) -> Response[Any]:
    return not_found("source").to_response(request)


def _on_large_source(request: AnyRequest, error: SourceTooLarge) -> Response[Any]:
    text = f"The photo weighs more than {error.limit} bytes. Upload a smaller one."
    return unprocessable(request, [{"loc": ["body", "source_image_s3_key"], "msg": text, "type": "photo_too_large"}])


def _on_large_photo(request: AnyRequest, error: PhotoTooLarge) -> Response[Any]:
    detail = f"The photo weighs more than {error.limit:,} bytes. Send a smaller one."
    return problem(413, "photo_too_large", detail, figures={"max_bytes": error.limit}).to_response(request)


def _on_fetch_failed(request: AnyRequest, error: FetchFailed) -> Response[Any]:
    return unprocessable(
        request, [{"loc": ["body", "url"], "msg": with_received(str(error), request.state.url), "type": error.code}]
    )


def _on_near_brand(request: AnyRequest, error: BrandNearMiss) -> Response[Any]:
    text = with_received(f"You have no brand of that name. Did you mean {error.meant}?", error.name)
    return unprocessable(request, [{"loc": ["body", "pilot_brand"], "msg": text, "type": "near_miss"}])


def _on_previews_off(request: AnyRequest, _: PreviewsOff) -> Response[Any]:
    detail = "This installation makes no previews: its operator has switched them off (BACKDROP_PREVIEWS)."
    return problem(403, "previews_off", detail).to_response(request)


def _on_bad_output(request: AnyRequest, error: OutputInvalid) -> Response[Any]:
    sent = request.query_params
    found: list[Fault] = [
        {
            "loc": ["query", one.field],
            "msg": with_received(one.message, sent[one.field]) if one.field in sent else one.message,
            "type": one.code,
        }
        for one in error.faults
    ]
    return unprocessable(request, found)


def _on_bad_brand_name(request: AnyRequest, _: BrandNameInvalid) -> Response[Any]:
    text = f"A brand's name should have 1 to {MAX_NAME_LENGTH} characters, no control characters and no slash"
    text = with_received(text, request.path_params["name"])
    return unprocessable(request, [{"loc": ["path", "name"], "msg": text, "type": "brand_name"}])


def _on_too_many_brands(request: AnyRequest, _: TooManyBrands) -> Response[Any]:
    detail = f"You have {MAX_BRANDS} brands. Delete one first."
    return problem(409, "too_many_brands", detail).to_response(request)


def _on_too_many_keys(request: AnyRequest, _: TooManyKeys) -> Response[Any]:
    return problem(409, "too_many_keys", f"You have {MAX_KEYS} keys. Delete one first.").to_response(request)


def _on_last_key(request: AnyRequest, _: LastKey) -> Response[Any]:
    detail = "You would be left without a key that lasts. Make another one first: POST /v1/keys."
    return problem(409, "last_key", detail).to_response(request)


def _on_bad_webhook(request: AnyRequest, error: UrlInvalid) -> Response[Any]:
    return unprocessable(
        request,
        [{"loc": ["body", "url"], "msg": with_received(error.reason, request.state.url), "type": "url_invalid"}],
    )


def _on_too_many_streams(request: AnyRequest, error: TooManyStreams) -> Response[Any]:
    detail = (
        f"You hold {error.limit} streams of events, and no more may be open at once. Close one, or ask"
        f" GET /v1/jobs/{{job_id}}."
    )
    return problem(429, "too_many_streams", detail, {"Retry-After": "10"}).to_response(request)


def _on_store(request: AnyRequest, error: StoreUnavailable) -> Response[Any]:
    logger.error("object store unavailable: %s", error)
    detail = "The object store does not answer. Nothing was charged; try again."
    return problem(503, "store_unavailable", detail, {"Retry-After": "5"}).to_response(request)


def _on_database(request: AnyRequest, error: Exception) -> Response[Any]:
    logger.error("database unavailable: %s", error)
    detail = "The database does not answer. Nothing was charged; try again."
    return problem(503, "database_unavailable", detail, {"Retry-After": "5"}).to_response(request)


def _on_outcome_unknown(request: AnyRequest, error: OutcomeUnknown) -> Response[Any]:
    logger.error("an order's outcome is unknown", exc_info=error)
    detail = (
        "The database went away while it took this request, which may have been charged. Send it again with the same"
        " Idempotency-Key; without one, look at GET /v1/credits first."
    )
    return problem(500, "outcome_unknown", detail).to_response(request)


def _on_unexpected(request: AnyRequest, error: Exception) -> Response[Any]:
    logger.error("unexpected error", exc_info=error)
    detail = "Something broke on our side. Nothing was charged unless an answer said so."
    return problem(500, "internal_error", detail).to_response(request)


#: Which answer each exception gets. All plain functions: litestar answers 500 for an async handler.
EXCEPTION_HANDLERS: dict[Any, Any] = {
    ValidationException: _on_validation,
    ClientException: _on_client,
    HTTPException: _on_http,
    UnicodeDecodeError: on_undecodable,
    RecursionError: on_undecodable,
    InsufficientCredits: _on_no_credits,
    IdempotencyConflict: _on_conflict,
    IdempotencyInFlight: _on_in_flight,
    JobFinished: _on_finished,
    SourceNotFound: _on_no_source,
    SourceTooLarge: _on_large_source,
    PhotoTooLarge: _on_large_photo,
    FetchFailed: _on_fetch_failed,
    BrandNearMiss: _on_near_brand,
    PreviewsOff: _on_previews_off,
    OutputInvalid: _on_bad_output,
    QueryInvalid: _on_bad_query,
    BrandNameInvalid: _on_bad_brand_name,
    TooManyBrands: _on_too_many_brands,
    TooManyKeys: _on_too_many_keys,
    LastKey: _on_last_key,
    UrlInvalid: _on_bad_webhook,
    TooManyStreams: _on_too_many_streams,
    StoreUnavailable: _on_store,
    OutcomeUnknown: _on_outcome_unknown,
    **dict.fromkeys(DATABASE_AWAY, _on_database),
    ProblemDetailsException: lambda request, error: error.to_response(request),
    Exception: _on_unexpected,
}
