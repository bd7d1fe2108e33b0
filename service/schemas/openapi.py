"""What the OpenAPI document says beside the types: answers, examples, security."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Any, get_origin, get_type_hints

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
from service.accounts.keys import LastKey, TooManyKeys
from service.accounts.ledger import InsufficientCredits
from service.cutouts.records import CutoutNotReady
from service.jobs.notifier import TooManyStreams
from service.jobs.records import JobFinished, JobStatus
from service.schemas.cutouts import CutoutView
from service.schemas.error_responses import HTTPValidationError, Problem
from service.schemas.problems import ANSWERS
from service.schemas.responses import JobView, StoredPhoto, SwapPlan, Upload, WorkflowAcceptedResponse
from service.storage.objects import UPLOAD_TYPES

SECURED: list[dict[str, list[str]]] = [{"bearer": []}]
#: Markdown's name of each language, in the order in which they are shown.
_LANGUAGES = {"curl": "sh", "python": "python"}


@dataclass
class Documented(Operation):
    """An operation without the 400 that litestar adds and this API never answers. 429 and 503 say when to try again.

    Its body is required, and its pictures are bytes: generators of clients go by both.
    """

    def __post_init__(self) -> None:
        """Drop the answer, and describe the rest."""
        answers = self.responses or {}
        answers.pop("400", None)
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = True
        for answer in answers.values():
            for kind, media in (getattr(answer, "content", None) or {}).items():
                if kind.startswith("image/") and isinstance(media.schema, Schema):
                    media.schema.format = OpenAPIFormat.BINARY
        for later in [answers[status] for status in ("429", "503") if status in answers]:
            assert isinstance(later, OpenAPIResponse)
            later.headers = {**(later.headers or {}), "Retry-After": _FIELDS["Retry-After"]}


@dataclass
class BodyOptional(Documented):
    """An operation whose body has a default for every field, and may be left out."""

    def __post_init__(self) -> None:
        """Say so."""
        super().__post_init__()
        assert isinstance(self.request_body, RequestBody)
        self.request_body.required = False


@dataclass
class Submitted(Documented):
    """An operation behind admission: its answers say where the client stands, and when to come back."""

    def __post_init__(self) -> None:
        """Describe the header fields."""
        super().__post_init__()
        for status, answer in (self.responses or {}).items():
            assert isinstance(answer, OpenAPIResponse)
            names = _RATE_FIELDS + {"202": _OF_ACCEPTED, "409": ["Retry-After"]}.get(status, [])
            answer.headers = {**(answer.headers or {}), **{name: _FIELDS[name] for name in names}}
            if status == "202":
                # What a caller prefers has all fields of a WorkflowAcceptedResponse too: both schemas fit it.
                schema = (answer.content or {})["application/json"].schema
                assert isinstance(schema, Schema)
                schema.any_of, schema.one_of = schema.one_of, None


@dataclass
class Receiving(Documented):
    """An operation that takes a photo's bytes, as they are or as multipart, beside its JSON."""

    def __post_init__(self) -> None:
        """Describe that body."""
        super().__post_init__()
        body = self.request_body
        assert isinstance(body, RequestBody)
        photo = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="The photo's bytes.")
        form = Schema(type=OpenAPIType.OBJECT, properties={"file": photo}, required=["file"])
        form.additional_properties = False
        body.content = {**body.content, "multipart/form-data": OpenAPIMediaType(schema=form)}
        body.content |= {content_type: OpenAPIMediaType(schema=photo) for content_type in UPLOAD_TYPES}


_OF_ACCEPTED = [
    *("Location", "Preference-Applied", "Content-Location", "Link", "Idempotent-Replayed"),
    "Backdrop-Warnings",
]
_RATE_FIELDS = ["RateLimit-Policy", "RateLimit"]
_FIELDS = {
    "RateLimit-Policy": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=['"submits";q=300;w=60']),
        description="Submits (q) that a client may send in a window of so many seconds (w). Absent: not counted.",
    ),
    "RateLimit": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=['"submits";r=299;t=60']),
        description="Submits that are left (r) for so many seconds (t). Absent: not counted.",
    ),
    "Location": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=["/v1/jobs/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V"]),
        description="The path to GET for what the request leads to.",
    ),
    "Preference-Applied": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=["wait=20", "wait=20, return=representation"]),
        description="For how many seconds the answer was to wait for the job's end, and whether it is the job. Absent:"
        " neither.",
    ),
    "Content-Location": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=["/v1/jobs/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V"]),
        description="The body is what GET of this path answers now: the job, with its render where it has one. Absent:"
        " it is a WorkflowAcceptedResponse alone.",
    ),
    "Link": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING),
        description='Of a job that has succeeded by now: its render (rel="item") and the picture (rel="enclosure").',
    ),
    "Idempotent-Replayed": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, enum=["true"]),
        description="The answer to an earlier request with this `Idempotency-Key`, given again: nothing was charged"
        " now. Absent: this request was carried out.",
    ),
    "Backdrop-Warnings": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, examples=["scene_in_words, mood_in_words"]),
        description="Codes of what may not have been meant; `warnings` of the job has a sentence for each. With"
        " `dry_run` they come before anything is charged. Absent: there is none, or the answer is given again.",
    ),
    "Retry-After": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.INTEGER, minimum=1), description="Seconds after which to try again."
    ),
}


def _problem(status: int, code: str, detail: str, *others: tuple[str, str], **figures: int) -> ResponseSpec:
    # as RFC 9110 has it: Python calls it so from 3.13 on
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


def _answer_to(error: Exception) -> ResponseSpec:
    answer = ANSWERS[type(error)]
    detail, figures = answer.told(error)
    return _problem(answer.status, answer.code, detail, **figures)


def _body_too_large(limit: int) -> ResponseSpec:
    detail = f"This route takes bodies of {limit:,} bytes at most."
    return _problem(413, "body_too_large", detail, max_bytes=limit)


def _lane_full(what: str, most: int, remedy: str = "try again", *others: tuple[str, str]) -> ResponseSpec:
    detail = f"{most} {what} of yours are under way, and no more may be at once. Nothing was changed; {remedy}."
    return _problem(429, f"too_many_{what}", detail, *others)


def _example(model: Any, description: str) -> ResponseSpec:
    return ResponseSpec(
        model, description=description, generate_examples=False, examples=[Example(value=model.EXAMPLE)]
    )


def _accepted(preferred: type[BaseModel], description: str, **shown: Any) -> ResponseSpec:
    # The preferred answer comes first: generated clients try the types in order, and it has more required fields.
    either: Any = preferred | WorkflowAcceptedResponse  # litestar takes a union, though its annotation names none
    return ResponseSpec(
        either,
        description=f"{description}. With `Prefer: return=representation` it is a {preferred.__name__}",
        generate_examples=False,
        examples=[Example(value=WorkflowAcceptedResponse.EXAMPLE | shown)],
    )


_NO_DATABASE = ("database_unavailable", "The database does not answer. Nothing was charged; try again.")
PLANNED = _example(SwapPlan, "Only looked at, as `dry_run` asks: nothing was charged, stored or queued")
ACCEPTED = _accepted(JobView, "Accepted: charged and queued; follow the job")
ACCEPTED_FREE = _accepted(
    CutoutView, "Accepted and queued, for nothing; follow the job, or look at `Location`", credits_cost=0
)
INVALID = _example(HTTPValidationError, "Validation Error: everything wrong with the request, at once")
UNAUTHORIZED = _problem(401, "unauthorized", "Send a valid key as `Authorization: Bearer <key>`.")
MISDIRECTED = _problem(
    421,
    "host_not_trusted",
    "The request's Host header does not name this API, so no links can be made of it. Ask at an address of the API's"
    " own, or have its operator set BACKDROP_PUBLIC_URL to the address that callers use.",
)
NOT_SIGNED = _problem(
    401,
    "unauthorized",
    "Send a valid key as `Authorization: Bearer <key>`.",
    ("signature_required", "This client's changes have to be signed, and X-Backdrop-Signature is missing."),
    ("signature_invalid", "X-Backdrop-Signature is 900 s old, and 300 s are allowed: check the clock, and sign anew."),
)
INSUFFICIENT_CREDITS = _answer_to(InsufficientCredits(balance=1, cost=2))
PREVIEWS_OFF = _problem(403, "previews_off", "This installation makes no previews.")
NOT_FOUND = _problem(404, "not_found", "There is no such thing, or it is not yours.")
CONFLICT = _problem(
    409, "idempotency_in_flight", "The first request with this Idempotency-Key is still being answered."
)
JOB_FINISHED = _answer_to(JobFinished(JobStatus.SUCCESS))
CUTOUT_NOT_READY = _answer_to(CutoutNotReady(JobStatus.IN_PROGRESS))
MASK_TOO_LARGE = _body_too_large(16_777_216)
NOT_A_PHOTO_TYPE = _problem(
    415,
    "unsupported_media_type",
    "The Content-Type 'application/pdf' is not accepted here. Send the photo's bytes as they are"
    " (image/jpeg, image/png, …), multipart/form-data with the part `file`, or application/json.",
)
TOO_MANY_BRANDS = _answer_to(TooManyBrands())
TOO_MANY_KEYS = _answer_to(TooManyKeys())
LAST_KEY = _answer_to(LastKey())
TOO_LARGE = _body_too_large(65_536)
TOO_MANY = _problem(
    429,
    "rate_limited",
    "More than 300 submits in 60 s. Nothing was charged; try again in 12 s.",
    ("too_many_unfinished_jobs", "500 of your jobs are not over, and no more may be at once. Nothing was charged."),
    (
        "queue_share_taken",
        "454 of your jobs wait for a worker, which is your share of the queue now. Nothing was charged.",
    ),
)
#: No schema: readers of events take one for each event's, and generators of clients leave the text as it comes.
_TEXT: Any = Any
STREAM = ResponseSpec(
    _TEXT,
    description="Server-Sent Events, as text. Each event has an `id`, a number that grows within a stream, for"
    " `Last-Event-ID`; the `event` job; and as `data` one line of JSON: job_id, status, stage, progress (0 to 1),"
    " attempt, queue_position (jobs whose turn comes before its own; 1000: that many or more; null: it was started),"
    " error (null, or code and message) and credits_refunded. Lines that begin with a colon only say that the stream is"
    " there.",
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
THUMBNAIL = ResponseSpec(bytes, description="The picture, small", media_type="image/webp", generate_examples=False)
NO_NEWS = ResponseSpec(None, description="`Last-Event-ID` is the last event's: the job is over, nothing will come.")
TOO_MANY_STREAMS = _answer_to(TooManyStreams(100))
UNAVAILABLE = _problem(
    503,
    "store_unavailable",
    "The object store does not answer.",
    _NO_DATABASE,
    ("queue_full", "Too many jobs of all clients wait for a worker. Nothing was charged; try again later."),
    ("signature_unchecked", "The signature can't be checked at the moment. Try again later."),
    ("quarantined", "This installation was restored and is not released yet. Nothing was charged; try again later."),
)
#: Litestar takes a union, though its annotation names none.
_EITHER: Any = Upload | StoredPhoto
UPLOADED = ResponseSpec(
    _EITHER,
    description="An Upload, where to PUT the bytes; of what was fetched or received a StoredPhoto: it is there",
    generate_examples=False,
    examples=[Example(value=StoredPhoto.EXAMPLE)],
)
TOO_MANY_UPLOADS = _lane_full(
    "fetches",
    4,
    "try again, or send the bytes",
    ("too_many_uploads", "All 32 places for uploads are taken. Nothing was changed; try again."),
)
TOO_MANY_MASKS = _lane_full("masks", 4)
TOO_MANY_THUMBNAILS = _lane_full("thumbnails", 100)
PICTURE = ResponseSpec(None, description="The picture is at `Location`, a download URL that is good for a short time.")
UNAVAILABLE_STORE = _problem(
    503,
    "store_unavailable",
    "The object store does not answer. Nothing was deleted; try again.",
    _NO_DATABASE,
)
DATABASE_AWAY = _answer_to(OperationalError("", None, Exception()))
STORE_AWAY = _problem(
    503,
    "store_unavailable",
    "The object store does not answer.",
    _NO_DATABASE,
)
IN_DOUBT = _problem(
    500,
    "outcome_unknown",
    "The database went away while it took this request, which may have been charged. Send it again with the same"
    " Idempotency-Key; without one, look at GET /v1/credits first.",
)


def openapi_config(version: str, photos: Limits) -> OpenAPIConfig:
    """Return how the document is made. It is served at /schema/openapi.json; no page loads anything from elsewhere."""
    return OpenAPIConfig(
        title="Backdrop",
        version=version,
        description="A product photo and a spec in; the product, untouched, on a generated background out.\n\n"
        f"A photo is taken with up to {photos.max_bytes:,} bytes and {photos.max_pixels / 1e6:g} megapixels, and from"
        f" {photos.min_side} pixels on each side on.",
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="The key of `backdrop clients add`. A client that the operator made to sign (`backdrop"
                    " clients set-shopify-secret NAME --require`) sends `X-Backdrop-Signature` with each change, too.",
                )
            }
        ),
        render_plugins=[JsonRenderPlugin()],
        use_handler_docstrings=True,
    )


def add_signatures(document: OpenAPI) -> None:
    """Describe the headers that sign a request, at every operation of a client's that changes something."""
    text = Schema(type=OpenAPIType.STRING)
    own = Schema(type=OpenAPIType.STRING, pattern=r"^t=\d{1,12},v1=[0-9a-f]{64}$")
    headers = [
        Parameter(
            name="X-Shopify-Hmac-Sha256",
            param_in="header",
            schema=text,
            description="Base64 HMAC-SHA256 of the raw body with the client's Shopify secret; checked when present.",
        ),
        Parameter(
            name="X-Backdrop-Signature",
            param_in="header",
            schema=own,
            description="`t=<Unix seconds>,v1=<hex HMAC-SHA256>`, by the same secret, over four lines: t, the method,"
            " path with query as sent, and the raw body. At most 300 s old. Checked when present, and required of"
            " clients that the operator made to sign.",
        ),
    ]
    for path in (document.paths or {}).values():
        for operation in (path.put, path.post, path.delete, path.patch):
            if operation is not None and operation.security == SECURED:
                operation.parameters = [*(operation.parameters or []), *headers]


def describe_report(document: OpenAPI) -> None:
    """Describe the report's fields: litestar drops the text of an `Annotated`."""
    for record in (one for one in vars(report).values() if isinstance(one, type) and is_dataclass(one)):
        schema = document.components.schemas[record.__name__]
        assert isinstance(schema, Schema)
        for name, kind in get_type_hints(record, include_extras=True).items():
            field = (schema.properties or {})[name]
            if get_origin(kind) is Annotated and isinstance(field, Schema):
                field.description = kind.__metadata__[0]


def close_schemas(document: OpenAPI) -> None:
    """Say of the bodies that refuse unknown fields that they do: litestar drops that part of a pydantic model."""
    closed = ("BackgroundSwapWithSpecRequest", "UploadRequest", "BrandRequest", "CutoutRequest", "KeptSubjects")
    for name in (*closed, "KeyRequest", "WebhookRequest", "RotationRequest"):
        schema = document.components.schemas[name]
        assert isinstance(schema, Schema)
        schema.additional_properties = False


def load_examples() -> dict[str, dict[str, str]]:
    """Return the samples: by operation id, then by `curl` and `python`."""
    text = (files("service") / "reference" / "examples.toml").read_text("utf-8")
    return {operation: dict(samples) for operation, samples in tomllib.loads(text).items()}


def add_examples(document: OpenAPI, examples: Mapping[str, Mapping[str, str]]) -> None:
    """Put each operation's samples under its description, as Markdown, which every reader of such documents shows.

    Where an operation has no summary of its own, the start of its description becomes that.
    """
    for operation in _operations(document):
        samples = examples.get(operation.operation_id or "", {})
        blocks = [f"```{_LANGUAGES[name]}\n{samples[name].strip()}\n```" for name in _LANGUAGES if name in samples]
        said = operation.description or ""
        if " " not in (operation.summary or ""):  # litestar's own: the handler's name
            operation.summary = said.partition(".")[0].partition(":")[0]
        operation.description = "\n\n".join([said, *blocks]).strip()


def _operations(document: OpenAPI) -> Iterator[Operation]:
    for path in (document.paths or {}).values():
        for method in ("get", "put", "post", "delete", "patch"):
            operation = getattr(path, method)
            if operation is not None:
                yield operation
