"""The documented answers of the API's operations, with examples."""

from functools import partial
from http import HTTPStatus
from typing import Any

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError

from service.accounts.brands import TooManyBrands
from service.accounts.keys import KeyExists, LastKey, TooManyKeys
from service.accounts.ledger import InsufficientCredits
from service.cutouts.records import CutoutNotReady
from service.database.commit import OutcomeUnknown
from service.jobs.intake import IdempotencyInFlight
from service.jobs.records import JobFinished, JobStatus
from service.media.photos import PhotosFull
from service.orders.records import OrderFinished
from service.schemas.cutouts import CutoutView
from service.schemas.error_responses import HTTPValidationError, Problem
from service.schemas.orders import OrderAcceptedResponse, OrderPlanView
from service.schemas.refusals import ANSWERS
from service.schemas.responses import JobView, StoredPhoto, SwapPlan, Upload, WorkflowAcceptedResponse
from service.webhooks.endpoints import DeliveryUnderWay

#: A documented answer, without the examples that litestar invents.
documented = partial(ResponseSpec, generate_examples=False)


def _problem(status: int, code: str, detail: str, *others: tuple[str, str], **figures: int) -> ResponseSpec:
    # RFC 9110's name, which Python uses from 3.13 on.
    title = "Content Too Large" if status == 413 else HTTPStatus(status).phrase
    about = {"type": "about:blank", "status": status, "title": title, "request_id": "01J9ZC6M8H4D2F0A9B7C5E3G1K"}
    return documented(
        Problem,
        description=title,
        media_type="application/problem+json",
        examples=[
            Example(value={**about, "detail": text, "code": name, **figures})
            for name, text in ((code, detail), *others)
        ],
    )


def _answer_to(error: Exception, *others: Exception) -> ResponseSpec:
    """Return the documented answer to an error, and to others of the same status."""
    answer = ANSWERS[type(error)]
    detail, figures = answer.filled(error)
    also = ((ANSWERS[type(one)].code, ANSWERS[type(one)].filled(one)[0]) for one in others)
    return _problem(answer.status, answer.code, detail, *also, **figures)


def _body_too_large(limit: int) -> ResponseSpec:
    detail = f"The body has over {limit:,} bytes. Send a smaller one."
    return _problem(413, "body_too_large", detail, max_bytes=limit)


def _lane_full(what: str, most: int, remedy: str = "Try again", *others: tuple[str, str]) -> ResponseSpec:
    detail = f"You already have {most} {what} in progress, which is the limit. Nothing was changed. {remedy}."
    return _problem(429, f"too_many_{what}", detail, *others)


def _example(model: Any, description: str) -> ResponseSpec:
    return documented(model, description=description, examples=[Example(value=model.EXAMPLE)])


def _accepted(preferred: type[BaseModel], description: str, **shown: Any) -> ResponseSpec:
    # The preferred type comes first: generated clients try the types in order, and it has more required fields.
    either: Any = preferred | WorkflowAcceptedResponse  # litestar takes a union, though its annotation forbids it
    return documented(
        either,
        description=f"{description}. With `Prefer: return=representation`, the body is a {preferred.__name__}",
        examples=[Example(value=WorkflowAcceptedResponse.EXAMPLE | shown)],
    )


_NO_DATABASE = ("database_unavailable", "The database does not answer. Nothing was charged. Try again.")
PLANNED = _example(SwapPlan, "The plan that `dry_run` asked for. Nothing was charged, stored or queued")
ACCEPTED = _accepted(JobView, "Accepted: the credits are charged and the job is queued. Follow the job")
ACCEPTED_FREE = _accepted(
    CutoutView, "Accepted: the free job is queued. Follow the job, or GET `Location`", credits_cost=0
)
INVALID = _example(HTTPValidationError, "Validation Error: all faults of the request")
_NO_KEY = (
    401,
    "unauthorized",
    "The key is missing or invalid. Send a valid key as `Authorization: Bearer <key>`.",
)
UNAUTHORIZED = _problem(*_NO_KEY)
MISDIRECTED = _problem(
    421,
    "host_not_trusted",
    "The request's Host header does not name this API, so the answer can't contain links. Use the API's own address, or"
    " ask its operator to trust this one.",
)
NOT_SIGNED = _problem(
    *_NO_KEY,
    ("signature_required", "This client must sign its changes, and the header X-Shopify-Hmac-Sha256 is missing."),
    (
        "signature_invalid",
        "X-Shopify-Hmac-Sha256 does not match the body, or the client has no Shopify secret. Sign the raw body.",
    ),
)
INSUFFICIENT_CREDITS = _answer_to(InsufficientCredits(balance=1, cost=2))
PREVIEWS_OFF = _problem(403, "previews_off", "Previews are switched off on this installation.")
NOT_FOUND = _problem(404, "not_found", "There is no such thing, or it is not yours.")
CONFLICT = _answer_to(IdempotencyInFlight())
ORDER_PLANNED = _example(OrderPlanView, "The plan that `dry_run` asked for. Nothing was charged, stored or queued")
ORDER_ACCEPTED = _example(OrderAcceptedResponse, "Accepted: every picture is charged and queued. Follow the order")
ORDER_FINISHED = _answer_to(OrderFinished())
ORDER_TOO_LARGE = _body_too_large(1_048_576)
JOB_FINISHED = _answer_to(JobFinished(JobStatus.SUCCESS))
CUTOUT_NOT_READY = _answer_to(CutoutNotReady(JobStatus.IN_PROGRESS))
MASK_TOO_LARGE = _body_too_large(16_777_216)
NOT_A_PHOTO_TYPE = _problem(
    415,
    "unsupported_media_type",
    "The Content-Type 'application/pdf' is not accepted here. Send the photo's bytes (image/jpeg, image/png, …),"
    " multipart/form-data with the part `file`, or application/json with `content_type` or `url`.",
)
DELIVERY_UNDER_WAY = _answer_to(DeliveryUnderWay())
TOO_MANY_BRANDS = _answer_to(TooManyBrands())
NO_NEW_KEY = _answer_to(TooManyKeys(), KeyExists("key_0123456789abcdef"))
LAST_KEY = _answer_to(LastKey())
TOO_LARGE = _body_too_large(65_536)
_OVER_RATE = (429, "rate_limited", "You sent more than 300 submits in 60 s. Nothing was charged. Try again in 12 s.")
RATE_LIMITED = _problem(*_OVER_RATE)
TOO_MANY = _problem(
    *_OVER_RATE,
    ("too_many_unfinished_jobs", "You have 2000 unfinished jobs, which is the limit. Nothing was charged."),
    (
        "queue_share_taken",
        "454 of your jobs are waiting, which is your current share of the queue. Nothing was charged.",
    ),
)
#: No schema: readers of events use each event's own, and client generators leave the text as it is.
_TEXT: Any = Any
STREAM = documented(
    _TEXT,
    description="Server-Sent Events as text. Each event has three fields. `id` is a number that grows within a stream,"
    " for `Last-Event-ID`. `event` is job. `data` is one line of JSON: job_id, status, stage, progress (0 to 1),"
    " attempt, queue_position, error (null, or code and message) and credits_refunded. `queue_position` is how many"
    " jobs run before this one: 1000 for 1000 or more, null once it has started. Lines that begin with a colon only"
    " keep the connection alive.",
    media_type="text/event-stream",
    examples=[
        Example(
            value="id: 59998000\nevent: job\n"
            'data: {"job_id":"01J9ZC6M8J5X7Z9Q1W3R5T7Y9V","status":"IN_PROGRESS","stage":"background","progress":0.23,'
            '"attempt":1,"queue_position":null,"error":null,"credits_refunded":0}\n\n'
        )
    ],
)
THUMBNAIL = documented(bytes, description="The thumbnail", media_type="image/webp")
ZIP = documented(bytes, description="The ZIP", media_type="application/zip")
ORDER_SHEET = documented(bytes, description="The sheet", media_type="image/webp")
NO_NEWS = ResponseSpec(None, description="The job is over, and `Last-Event-ID` was its last event.")
TOO_MANY_STREAMS = _lane_full("streams", 100, "Close one, or poll GET /v1/jobs/{job_id}")
UNAVAILABLE = _problem(
    503,
    "store_unavailable",
    "The object store does not answer. Nothing was charged. Try again.",
    _NO_DATABASE,
    (
        "queue_full",
        "The queue is full: too many jobs of all clients are waiting. Nothing was charged. Try again later.",
    ),
    ("signature_unchecked", "The signature can't be checked at the moment. Try again later."),
    ("catalogue_missing", "The catalogue acme of this client is not loaded yet. Nothing was charged. Try again later."),
    ("quarantined", "This installation was restored and is not released yet. Nothing was charged. Try again later."),
)
#: Litestar takes a union, though its annotation forbids it.
_EITHER: Any = Upload | StoredPhoto
UPLOADED = documented(
    _EITHER,
    description="An Upload says where to PUT the bytes; a StoredPhoto was fetched or received",
    examples=[Example(value=StoredPhoto.EXAMPLE)],
)
PHOTOS_FULL = _answer_to(PhotosFull(21_500_000_000, 21_474_836_480))
TOO_MANY_UPLOADS = _lane_full(
    "fetches",
    4,
    "Try again, or send the bytes",
    ("too_many_uploads", "All 32 places for uploads are in use. Nothing was changed. Try again."),
)
TOO_MANY_CALLS = _lane_full("calls", 256, "Send fewer")
TOO_MANY_ARCHIVES = _lane_full("archives", 2, "Finish or end one")
TOO_MANY_CHECKS = _lane_full("checks", 4)
TOO_MANY_MASKS = _lane_full("masks", 4)
TOO_MANY_REPORTS = _lane_full("reports", 2)
TOO_MANY_SHEETS = _lane_full("sheets", 4)
TOO_MANY_EXPORTS, TOO_MANY_DELETIONS = _lane_full("exports", 1), _lane_full("deletions", 1, "Try again", _OVER_RATE[1:])
TOO_MANY_THUMBNAILS = _lane_full("thumbnails", 100)
PICTURE = ResponseSpec(None, description="The picture is at `Location`, a short-lived download URL.")
UNAVAILABLE_STORE = _problem(
    503,
    "store_unavailable",
    "The object store does not answer. Nothing was deleted. Try again.",
    _NO_DATABASE,
)
DATABASE_AWAY = _answer_to(OperationalError("", None, Exception()))
STORE_AWAY = _problem(
    503,
    "store_unavailable",
    "The object store does not answer. Try again.",
    _NO_DATABASE,
)
IN_DOUBT = _answer_to(OutcomeUnknown())
#: The answers of each route that makes jobs.
SUBMIT = {409: CONFLICT, 429: TOO_MANY, 500: IN_DOUBT, 503: UNAVAILABLE}
