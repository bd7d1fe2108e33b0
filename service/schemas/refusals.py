"""Which answer the API gives to which exception."""

import logging
from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.exceptions.http_exceptions import ClientException
from litestar.handlers import HTTPRouteHandler
from litestar.plugins.problem_details import ProblemDetailsException

from service.accounts import brands, keys, ledger, rate_limit
from service.catalogue.catalogue import CatalogueMissing
from service.cutouts.records import CutoutNotReady
from service.database.commit import OutcomeUnknown
from service.database.engine import DATABASE_AWAY
from service.jobs import intake, sources, submit
from service.jobs.records import JobFinished
from service.media.fetcher import FetchFailed, PhotoTooLarge
from service.media.photos import PhotosFull
from service.orders.records import OrderFinished
from service.schemas.error_responses import Fault
from service.schemas.problems import (
    Answer,
    AnyRequest,
    Invalid,
    body_too_large,
    fault,
    not_found,
    problem,
    unprocessable,
)
from service.schemas.remedies import (
    decoder_error,
    shown,
    undecodable_error,
    validation_errors,
    with_received,
)
from service.storage.objects import StoreUnavailable
from service.storage.registry import SourceNotFound
from service.webhooks.endpoints import DeliveryUnderWay, NoWebhook, UrlInvalid

logger = logging.getLogger(__name__)

#: Codes of the framework's own refusals.
_CODES = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
#: Exceptions that need no code of their own, only a text.
ANSWERS: dict[type[Exception], Answer] = {
    ledger.InsufficientCredits: Answer(
        402,
        "insufficient_credits",
        "The balance of {error.balance} does not cover the cost of {error.cost}. Nothing was charged. Ask the operator"
        " for credits.",
        figures={"balance": "balance", "credits_cost": "cost"},
    ),
    submit.PreviewsOff: Answer(
        403,
        "previews_off",
        "Previews are switched off on this installation. Order the picture itself, or ask the operator to"
        " switch them on.",
    ),
    intake.IdempotencyInFlight: Answer(
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
    brands.TooManyBrands: Answer(
        409, "too_many_brands", f"You have the maximum of {brands.MAX_BRANDS} brands. Delete one first."
    ),
    keys.TooManyKeys: Answer(409, "too_many_keys", f"You have the maximum of {keys.MAX_KEYS} keys. Delete one first."),
    keys.KeyExists: Answer(
        409,
        "key_exists",
        "An earlier request with this Idempotency-Key made the key {error.key_id}, whose text can't be shown again. If"
        " you lost it, delete that key and send a new Idempotency-Key.",
    ),
    keys.LastKey: Answer(
        409,
        "last_key",
        "This is your last key that never expires. Create another key first: POST /v1/keys.",
    ),
    PhotosFull: Answer(
        409,
        "photos_full",
        "You store {error.stored:,} bytes of photos, and your quota is {error.quota:,}. Nothing was stored. Delete"
        " photos with DELETE /v1/uploads/{{key}}, or wait until old ones expire.",
    ),
    PhotoTooLarge: Answer(
        413,
        "photo_too_large",
        "The photo has more than {error.limit:,} bytes. Send a smaller one.",
        figures={"max_bytes": "limit"},
    ),
    intake.TooManyUnfinishedJobs: Answer(
        429,
        "too_many_unfinished_jobs",
        "You have {error.limit} unfinished jobs, which is the limit. Nothing was charged. Try again when a job has"
        " ended, or cancel one.",
        retry_after=10,  # about the time of a job
        after_window=True,
    ),
    intake.QueueShareTaken: Answer(
        429,
        "queue_share_taken",
        "{error.waiting} of your jobs are waiting, which is your current share of the queue. Nothing was charged. Try"
        " again when one has started, or cancel one.",
        retry_after=10,
        after_window=True,
    ),
    OutcomeUnknown: Answer(
        500,
        "outcome_unknown",
        "The database failed during this request, which may have been charged. Send it again with the same"
        " Idempotency-Key. Without a key, check GET /v1/credits first.",
    ),
    intake.QueueFull: Answer(
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


def _on_undecodable(request: AnyRequest, error: Exception) -> Response[Any]:
    return unprocessable(request, [undecodable_error(request, error)])


def _on_client(request: AnyRequest, error: ClientException) -> Response[Any]:
    if type(error) is ClientException and decoder_error(error) is not None:
        return _on_undecodable(request, error)
    return _on_http(request, error)


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


def _on_rate_limited(request: AnyRequest, error: rate_limit.RateLimited) -> Response[Any]:
    quota = request.state.quota = error.quota  # for the RateLimit fields of the answer
    many, remedy = f"You sent more than {quota.limit} {quota.policy} in {quota.window} s.", "Try again"
    if quota.policy == "refused":
        many = (
            f"More than {quota.limit} of your pictures in {quota.window} s missed the limits of their orders (accept)."
        )
        remedy = "Send accept=none or a preview, or try again"
    detail = f"{many} Nothing was charged. {remedy} in {quota.reset} s."
    return problem(429, "rate_limited", detail, {"Retry-After": str(quota.reset)}).to_response(request)


def _on_bad_options(request: AnyRequest, error: sources.OptionsInvalid) -> Response[Any]:
    found: list[Fault] = []
    for one in error.faults:
        received = request.query_params.get(one.field) if one.received is None else one.received
        text = one.message if received is None else with_received(one.message, received)
        found.append({"loc": ["query", one.field], "msg": text, "type": one.code})
    return unprocessable(request, found)


def _on_unexpected(request: AnyRequest, error: Exception) -> Response[Any]:
    logger.error("unexpected error", exc_info=error)
    detail = "The server failed unexpectedly. Nothing was charged unless an answer confirmed it. Try again later."
    return problem(500, "internal_error", detail).to_response(request)


#: All handlers are plain functions, as litestar answers 500 for an async handler.
EXCEPTION_HANDLERS: dict[Any, Any] = {
    **ANSWERS,
    ValidationException: lambda request, error: unprocessable(request, validation_errors(request, error)),
    ClientException: _on_client,
    HTTPException: _on_http,
    UnicodeDecodeError: _on_undecodable,
    RecursionError: _on_undecodable,
    Invalid: lambda request, error: unprocessable(request, error.faults),
    intake.IdempotencyConflict: fault(
        ["header", "Idempotency-Key"],
        "idempotency_conflict",
        "This Idempotency-Key was used on {error.used_at:%Y-%m-%d} {error.differs}. Send a new key",
    ),
    sources.SourceTooLarge: fault(
        ["body", "source_image_s3_key"],
        "photo_too_large",
        "The photo has more than {error.limit:,} bytes. Upload a smaller one.",
    ),
    FetchFailed: fault(["body", "url"], "{error.code}", "{error}", lambda request, _: request.state.url),
    UrlInvalid: fault(["body", "url"], "url_invalid", "{error}", lambda request, _: request.state.url),
    submit.BrandNearMiss: fault(
        ["body", "pilot_brand"],
        "near_miss",
        "You have no brand with this name. Did you mean {error.meant}?",
        lambda _, error: error.name,
    ),
    brands.BrandNameInvalid: fault(
        ["path", "name"],
        "brand_name",
        f"A brand's name should have 1 to {brands.MAX_NAME_LENGTH} characters, without control characters or slashes",
        lambda request, _: request.path_params["name"],
    ),
    sources.OptionsInvalid: _on_bad_options,
    rate_limit.RateLimited: _on_rate_limited,
    SourceNotFound: lambda request, _: not_found("source").to_response(request),
    NoWebhook: lambda request, _: not_found("webhook").to_response(request),
    ProblemDetailsException: lambda request, error: error.to_response(request),
    Exception: _on_unexpected,
}
