"""Parts of the OpenAPI document that the types don't give: answers, examples, security."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Any, ClassVar, get_origin, get_type_hints

from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPI,
    OpenAPIFormat,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
    SecurityScheme,
)
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError

from pipeline import report
from pipeline.core.spec import Limits
from service.accounts.brands import TooManyBrands
from service.accounts.keys import KeyExists, LastKey, TooManyKeys
from service.accounts.ledger import InsufficientCredits
from service.cutouts.records import CutoutNotReady
from service.jobs.records import JobFinished, JobStatus
from service.orders.records import OrderFinished
from service.schemas.cutouts import CutoutView
from service.schemas.error_responses import HTTPValidationError, Problem
from service.schemas.orders import OrderAcceptedResponse, OrderPlanView
from service.schemas.problems import ANSWERS
from service.schemas.responses import JobView, StoredPhoto, SwapPlan, Upload, WorkflowAcceptedResponse
from service.storage.objects import SVG_TYPE, UPLOAD_TYPES
from service.webhooks.endpoints import DeliveryUnderWay

SECURED: list[dict[str, list[str]]] = [{"bearer": []}]
#: Markdown's name of each language, in the order of the document.
_LANGUAGES = {"curl": "sh", "python": "python"}


@dataclass
class Documented(Operation):
    """An operation without the 400 that litestar adds and this API never answers. Its 429 and 503 have Retry-After.

    It also marks the body as required and pictures as binary, for client generators.
    """

    def __post_init__(self) -> None:
        """Remove the 400 and describe the rest."""
        answers = self.responses or {}
        answers.pop("400", None)
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = True
        for answer in answers.values():
            for kind, media in (getattr(answer, "content", None) or {}).items():
                if kind.startswith(("image/", "application/zip")) and isinstance(media.schema, Schema):
                    media.schema.format = OpenAPIFormat.BINARY
        for later in [answers[status] for status in ("429", "503") if status in answers]:
            assert isinstance(later, OpenAPIResponse)
            later.headers = {**(later.headers or {}), "Retry-After": _FIELDS["Retry-After"]}


@dataclass
class BodyOptional(Documented):
    """An operation whose body may be omitted, as every field has a default."""

    def __post_init__(self) -> None:
        """Mark the body as optional."""
        super().__post_init__()
        assert isinstance(self.request_body, RequestBody)
        self.request_body.required = False


@dataclass
class Submitted(Documented):
    """An operation behind admission control: its answers have rate limit fields."""

    #: The header fields of its 202.
    of_accepted: ClassVar[list[str]] = [
        *("Location", "Preference-Applied", "Content-Location", "Link", "Idempotent-Replayed"),
        "Backdrop-Warnings",
    ]

    def __post_init__(self) -> None:
        """Describe the header fields."""
        super().__post_init__()
        for status, answer in (self.responses or {}).items():
            assert isinstance(answer, OpenAPIResponse)
            names = _RATE_FIELDS + {"202": self.of_accepted, "409": ["Retry-After"]}.get(status, [])
            answer.headers = {**(answer.headers or {}), **{name: _FIELDS[name] for name in names}}
            if status == "202" and not isinstance(self, Ordered):
                # A JobView or CutoutView has all fields of a WorkflowAcceptedResponse, so both schemas match it.
                schema = (answer.content or {})["application/json"].schema
                assert isinstance(schema, Schema)
                schema.any_of, schema.one_of = schema.one_of, None


@dataclass
class Ordered(Submitted):
    """The operation that accepts an order of many pictures, whose answer does not wait for them."""

    of_accepted: ClassVar[list[str]] = ["Location", "Idempotent-Replayed", "Backdrop-Warnings"]


@dataclass
class Tabular(Documented):
    """An operation that answers CSV, too."""

    def __post_init__(self) -> None:
        """Add the CSV."""
        super().__post_init__()
        answer: Any = (self.responses or {})["200"]
        answer.content["text/csv"] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))


@dataclass
class Receiving(Documented):
    """An operation that takes a photo's bytes, plain or as multipart, as well as JSON."""

    def __post_init__(self) -> None:
        """Describe these bodies."""
        super().__post_init__()
        body = self.request_body
        assert isinstance(body, RequestBody)
        photo = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="The photo's bytes.")
        form = Schema(type=OpenAPIType.OBJECT, properties={"file": photo}, required=["file"])
        form.additional_properties = False
        body.content = {**body.content, "multipart/form-data": OpenAPIMediaType(schema=form)}
        body.content |= {content_type: OpenAPIMediaType(schema=photo) for content_type in (*UPLOAD_TYPES, SVG_TYPE)}


_RATE_FIELDS = ["RateLimit-Policy", "RateLimit"]
_FIELDS = {
    "RateLimit-Policy": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=['"submits";q=300;w=60']),
        description="Submits (q) that a client may send in a window of w seconds. Absent if the request did not count.",
    ),
    "RateLimit": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=['"submits";r=299;t=60']),
        description="Submits that are left (r) for the next t seconds. Absent if the request did not count.",
    ),
    "Location": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=["/v1/jobs/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V"]),
        description="Path of the job, cut-out or order to GET.",
    ),
    "Preference-Applied": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=["wait=20", "wait=20, return=representation"]),
        description="The preferences that were applied: the seconds of `wait`, and `return=representation`. Absent if"
        " none was.",
    ),
    "Content-Location": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=["/v1/jobs/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V"]),
        description="Path whose GET returns this body: the job or the cut-out. Absent if the body is a plain"
        " WorkflowAcceptedResponse.",
    ),
    "Link": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING),
        description='Present if the job has succeeded: its render (rel="item") and its picture (rel="enclosure").',
    ),
    "Idempotent-Replayed": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, enum=["true"]),
        description="Present if this is the repeated answer to an earlier request with this `Idempotency-Key`. Nothing"
        " was charged again.",
    ),
    "Backdrop-Warnings": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=["scene_in_words, mood_in_words"]),
        description="Codes of warnings about probably unintended input. The job's `warnings` explain each. Use"
        " `dry_run` to get them before anything is charged. Absent without warnings, and in repeated answers.",
    ),
    "Retry-After": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.INTEGER, minimum=1), description="Seconds to wait before you try again."
    ),
}


def _problem(status: int, code: str, detail: str, *others: tuple[str, str], **figures: int) -> ResponseSpec:
    # RFC 9110's name, which Python uses from 3.13 on.
    title = "Content Too Large" if status == 413 else HTTPStatus(status).phrase
    about = {"type": "about:blank", "status": status, "title": title, "request_id": "01J9ZC6M8H4D2F0A9B7C5E3G1K"}
    return ResponseSpec(
        Problem,
        description=title,
        media_type="application/problem+json",
        generate_examples=False,
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
    return ResponseSpec(
        model, description=description, generate_examples=False, examples=[Example(value=model.EXAMPLE)]
    )


def _accepted(preferred: type[BaseModel], description: str, **shown: Any) -> ResponseSpec:
    # The preferred type comes first: generated clients try the types in order, and it has more required fields.
    either: Any = preferred | WorkflowAcceptedResponse  # litestar takes a union, though its annotation forbids it
    return ResponseSpec(
        either,
        description=f"{description}. With `Prefer: return=representation`, the body is a {preferred.__name__}",
        generate_examples=False,
        examples=[Example(value=WorkflowAcceptedResponse.EXAMPLE | shown)],
    )


_NO_DATABASE = ("database_unavailable", "The database does not answer. Nothing was charged. Try again.")
PLANNED = _example(SwapPlan, "The plan that `dry_run` asked for. Nothing was charged, stored or queued")
ACCEPTED = _accepted(JobView, "Accepted: the credits are charged and the job is queued. Follow the job")
ACCEPTED_FREE = _accepted(
    CutoutView, "Accepted: the free job is queued. Follow the job, or GET `Location`", credits_cost=0
)
INVALID = _example(HTTPValidationError, "Validation Error: all faults of the request")
UNAUTHORIZED = _problem(
    401,
    "unauthorized",
    "The key is missing or invalid. Send a valid key as `Authorization: Bearer <key>`.",
)
MISDIRECTED = _problem(
    421,
    "host_not_trusted",
    "The request's Host header does not name this API, so the answer can't contain links. Use the API's own address, or"
    " ask its operator to set BACKDROP_PUBLIC_URL to the address that callers use.",
)
NOT_SIGNED = _problem(
    401,
    "unauthorized",
    "The key is missing or invalid. Send a valid key as `Authorization: Bearer <key>`.",
    ("signature_required", "This client must sign its changes, and the header X-Backdrop-Signature is missing."),
    (
        "signature_invalid",
        "X-Backdrop-Signature is 900 s old, and at most 300 s are allowed. Check your clock and sign again.",
    ),
)
INSUFFICIENT_CREDITS = _answer_to(InsufficientCredits(balance=1, cost=2))
PREVIEWS_OFF = _problem(403, "previews_off", "Previews are switched off on this installation.")
NOT_FOUND = _problem(404, "not_found", "There is no such thing, or it is not yours.")
CONFLICT = _problem(
    409,
    "idempotency_in_flight",
    "The first request with this Idempotency-Key is still in progress. Try again in a second.",
)
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
STREAM = ResponseSpec(
    _TEXT,
    description="Server-Sent Events as text. Each event has three fields. `id` is a number that grows within a stream,"
    " for `Last-Event-ID`. `event` is job. `data` is one line of JSON: job_id, status, stage, progress (0 to 1),"
    " attempt, queue_position, error (null, or code and message) and credits_refunded. `queue_position` is how many"
    " jobs run before this one: 1000 for 1000 or more, null once it has started. Lines that begin with a colon only"
    " keep the connection alive.",
    media_type="text/event-stream",
    generate_examples=False,
    examples=[
        Example(
            value="id: 59998000\nevent: job\n"
            'data: {"job_id":"01J9ZC6M8J5X7Z9Q1W3R5T7Y9V","status":"IN_PROGRESS","stage":"background","progress":0.23,'
            '"attempt":1,"queue_position":null,"error":null,"credits_refunded":0}\n\n'
        )
    ],
)
THUMBNAIL = ResponseSpec(bytes, description="The thumbnail", media_type="image/webp", generate_examples=False)
ZIP = ResponseSpec(bytes, description="The ZIP", media_type="application/zip", generate_examples=False)
ORDER_SHEET = ResponseSpec(bytes, description="The sheet", media_type="image/webp", generate_examples=False)
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
UPLOADED = ResponseSpec(
    _EITHER,
    description="An Upload says where to PUT the bytes; a StoredPhoto was fetched or received",
    generate_examples=False,
    examples=[Example(value=StoredPhoto.EXAMPLE)],
)
TOO_MANY_UPLOADS = _lane_full(
    "fetches",
    4,
    "Try again, or send the bytes",
    ("too_many_uploads", "All 32 places for uploads are in use. Nothing was changed. Try again."),
)
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
IN_DOUBT = _problem(
    500,
    "outcome_unknown",
    "The database failed during this request, which may have been charged. Send it again with the same Idempotency-Key."
    " Without a key, check GET /v1/credits first.",
)


def openapi_config(version: str, photos: Limits) -> OpenAPIConfig:
    """Return the document's configuration. It is served at /schema/openapi.json; pages load nothing from elsewhere."""
    return OpenAPIConfig(
        title="Backdrop",
        version=version,
        description="Send a product photo and a spec. Backdrop returns the unchanged product on a generated"
        " background.\n\n"
        f"A photo may have up to {photos.max_bytes:,} bytes and {photos.max_pixels / 1e6:g} megapixels, and needs at"
        f" least {photos.min_side} pixels on each side.",
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="A key from `backdrop clients add`. If the operator requires signatures (`backdrop"
                    " clients set-shopify-secret NAME --require`), send `X-Backdrop-Signature` with each change, too.",
                )
            }
        ),
        render_plugins=[JsonRenderPlugin()],
        use_handler_docstrings=True,
    )


def add_signatures(document: OpenAPI) -> None:
    """Describe the signature headers on every operation that changes something of a client."""
    text = Schema(type=OpenAPIType.STRING)
    own = Schema(type=OpenAPIType.STRING, pattern=r"^t=\d{1,12},v[12]=[0-9a-f]{64}$")
    headers = [
        Parameter(
            name="X-Shopify-Hmac-Sha256",
            param_in="header",
            schema=text,
            description="Base64 HMAC-SHA256 of the raw body with the client's Shopify secret. Checked if present.",
        ),
        Parameter(
            name="X-Backdrop-Signature",
            param_in="header",
            schema=own,
            description="`t=<Unix seconds>,v2=<hex HMAC-SHA256>`, by the same secret, over six lines. They are v2, t,"
            " the method, path with query as sent, the Idempotency-Key or nothing, and the raw body. `v1`, of earlier"
            " releases, lacks the first and the fifth line. At most 300 s old. Checked if present; required if the"
            " operator requires signatures.",
        ),
    ]
    for path in (document.paths or {}).values():
        for operation in (path.put, path.post, path.delete, path.patch):
            if operation is not None and operation.security == SECURED:
                operation.parameters = [*(operation.parameters or []), *headers]


def describe_report(document: OpenAPI) -> None:
    """Describe the report's fields, as litestar drops the text of an `Annotated`."""
    for record in (one for one in vars(report).values() if isinstance(one, type) and is_dataclass(one)):
        schema = document.components.schemas[record.__name__]
        assert isinstance(schema, Schema)
        for name, kind in get_type_hints(record, include_extras=True).items():
            field = (schema.properties or {})[name]
            if get_origin(kind) is not Annotated:
                continue
            if not isinstance(field, Schema):
                # A reference gets its description as litestar gives one to a pydantic field.
                assert schema.properties is not None
                field = schema.properties[name] = Schema(all_of=[field])
            field.description = kind.__metadata__[0]


def close_schemas(document: OpenAPI) -> None:
    """Mark the bodies that refuse unknown fields, as litestar drops that part of a pydantic model."""
    closed = ("BackgroundSwapWithSpecRequest", "UploadRequest", "BrandRequest", "CutoutRequest", "KeptSubjects")
    orders = ("OrderRequest", "OrderPhoto", "OrderVariant")
    for name in (*closed, *orders, "KeyRequest", "WebhookRequest", "RotationRequest"):
        schema = document.components.schemas[name]
        assert isinstance(schema, Schema)
        schema.additional_properties = False


def load_examples() -> dict[str, dict[str, str]]:
    """Return the code samples by operation id, then by `curl` and `python`."""
    text = (files("service") / "reference" / "examples.toml").read_text("utf-8")
    return {operation: dict(samples) for operation, samples in tomllib.loads(text).items()}


def add_examples(document: OpenAPI, examples: Mapping[str, Mapping[str, str]]) -> None:
    """Add each operation's samples to its description, as Markdown, which all viewers show.

    An operation without a summary gets the start of its description, up to the first full stop or colon.
    """
    for operation in _operations(document):
        samples = examples.get(operation.operation_id or "", {})
        blocks = [f"```{_LANGUAGES[name]}\n{samples[name].strip()}\n```" for name in _LANGUAGES if name in samples]
        described = operation.description or ""
        if " " not in (operation.summary or ""):  # litestar's own: the handler's name
            operation.summary = described.partition(".")[0].partition(":")[0]
        operation.description = "\n\n".join([described, *blocks]).strip()


def _operations(document: OpenAPI) -> Iterator[Operation]:
    for path in (document.paths or {}).values():
        for method in ("get", "put", "post", "delete", "patch"):
            operation = getattr(path, method)
            if operation is not None:
                yield operation
