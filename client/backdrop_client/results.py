"""The server's answers as types. Fields of a newer server are ignored. Times are timezone-aware, in UTC."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal

import httpx
import msgspec

from backdrop_client.errors import BackdropError, UnexpectedAnswer
from backdrop_client.flow import Flow, T

if TYPE_CHECKING:
    from backdrop_client.report import Miss, Report
else:
    # Not a typed report, because msgspec would drop the fields of a newer server.
    Report = dict[str, Any]

JobStatus = Literal["NOT_STARTED", "IN_PROGRESS", "SUCCESS", "FAILURE"]


@dataclass(frozen=True)
class Accepted:
    """An accepted and charged request. Follow its job."""

    request_id: str
    job_id: str
    #: The job's status at the time of the answer.
    status: JobStatus
    #: Credits that were charged. They are refunded if the job fails.
    credits_cost: int
    #: Whether an earlier call with the same `idempotency_key` created the job. Then this call charged nothing.
    replayed: bool = False
    #: The job at the end of `wait`, with its render if it succeeded in time. None: without `wait`.
    job: "Job | None" = None
    #: Codes of warnings about the input, such as free text for a mood. The job's `warnings` have sentences.
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notice:
    """A warning of a plan or a job."""

    code: str
    message: str


@dataclass(frozen=True)
class Plan:
    """The cost and settings of a swap, before anything is charged or stored."""

    credits_cost: int
    balance: int
    affordable: bool
    #: The request's body with all defaults.
    request: dict[str, Any]
    #: The preset: name, title, width, height, formats and more.
    preset: dict[str, Any]
    #: None: the server would draw one.
    seed: int | None = None
    brand: str | None = None
    warnings: list[Notice] = field(default_factory=list)
    #: Default place of the product (`box` in shares of the picture, `anchor`, `edges`), once its photo was cut out.
    place: dict[str, Any] | None = None
    #: The scene as it will be shown: `asked`, `painted`, `angle`, `changed`, and the stance for its `own_view`.
    scene: dict[str, Any] | None = None
    #: The surfaces, largest first: `name` (as in `Spec.colors_on`), `title`, `color`, `asked` and `share`.
    surfaces: list[dict[str, Any]] = field(default_factory=list)
    #: The limits that the picture must keep: `set` and `limits`. None: it has none.
    acceptance: dict[str, Any] | None = None
    #: Every option by its name, with the value that has an effect. Empty from an older server.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Render:
    """A finished picture and its measurements."""

    public_id: str
    job_id: str
    output_preset: str
    #: Pixels.
    width: int
    height: int
    format: str
    content_type: str
    bytes: int
    sha256: str
    #: Download URL, valid until `url_expires_at`. `download` gets a new one if it has expired.
    url: str
    url_expires_at: datetime
    seed: int
    warnings: list[str]
    report: Report
    #: The `reference` of its submit.
    reference: str | None = None
    #: The `metadata` of its submit.
    metadata: dict[str, str] = field(default_factory=dict)
    #: The scene and mood of the request: catalogue names or free text. None from an older server.
    scene_type: str | None = None
    mood: str | None = None
    #: Whether it is a preview: small and with a watermark.
    preview: bool = False
    #: What you said with `review`. None: nothing, or an older server.
    looks_right: bool | None = None


@dataclass(frozen=True)
class JobError:
    """The reason why a job failed."""

    #: Stable name, e.g. `no_subject`.
    code: str
    message: str


class JobFailed(BackdropError):
    """Raised if a job ended as FAILURE."""

    def __init__(self, job: "Job") -> None:
        super().__init__(job)
        self.job = job

    @property
    def code(self) -> str:
        """The stable code of the reason."""
        return self.job.error.code if self.job.error else "unknown"

    @property
    def preview(self) -> "Render | None":
        """A small picture with the whole report, if the job's picture missed its limits (`not_accepted`)."""
        return self.job.render

    @property
    def missed(self) -> "list[Miss]":
        """The limits that the picture missed, each with `limit`, `measured` and `bound`. Empty for other reasons."""
        report = self.job.render.report if self.job.render else {}
        return (report.get("acceptance") or {}).get("missed") or []

    def __str__(self) -> str:
        message = self.job.error.message if self.job.error else "The job failed."
        return f"{message} [{self.code}] (job {self.job.job_id}, {self.job.credits_refunded} credits refunded)"


@dataclass(frozen=True)
class Job:
    """A job: its status, cost and result."""

    job_id: str
    request_id: str
    status: JobStatus
    stage: str | None
    #: 0 to 1.
    progress: float
    attempt: int
    credits_cost: int
    credits_refunded: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: JobError | None
    #: Of a job that ended as `not_accepted`: a preview of the refused picture.
    render: Render | None
    #: Warnings about the input. Empty from an older server.
    warnings: list[Notice] = field(default_factory=list)
    #: The `reference` of its submit.
    reference: str | None = None
    #: The `metadata` of its submit.
    metadata: dict[str, str] = field(default_factory=dict)
    #: When its render was deleted.
    render_deleted_at: datetime | None = None
    #: The scene and mood of the request: catalogue names or free text. None from an older server.
    scene_type: str | None = None
    mood: str | None = None
    output_preset: str | None = None
    preview: bool = False
    #: The seed of the request, or a random one. None from an older server.
    seed: int | None = None

    @property
    def ended(self) -> bool:
        """Whether it has ended, with or without success."""
        return self.status in {"SUCCESS", "FAILURE"}

    def expect_render(self) -> Render:
        """Return the job's render. Raises JobFailed, and ValueError if the job has not ended."""
        if self.status == "FAILURE":
            raise JobFailed(self)
        if self.render is None:
            raise ValueError(f"The job {self.job_id} has no render, because its status is {self.status}.")
        return self.render


@dataclass(frozen=True)
class Box:
    """A box in pixels of the upright photo."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class CutoutWarning:
    """A possible error in a cut-out, and its place."""

    #: Stable name, e.g. `several_subjects`.
    code: str
    message: str
    #: Empty if the warning has no single place.
    boxes: list[Box]


@dataclass(frozen=True)
class Subject:
    """One of the objects in a mask."""

    #: Counted from 1, largest first.
    id: int
    box: Box
    #: Share of all subjects' area, 0 to 1.
    share: float
    #: Whether the mask contains it.
    kept: bool


@dataclass(frozen=True)
class Piece:
    """A piece of the photo that the networks doubt. Keep or drop it with `answer`."""

    #: Counted from 1, weightiest first.
    id: int
    box: Box
    #: Its area, as a share of the product's.
    share: float
    #: Whether the mask contains it.
    kept: bool
    #: Probability, 0 to 1, that the networks' word about it is wrong.
    wrong: float
    #: Whether you kept or dropped it.
    answered: bool


@dataclass(frozen=True)
class Cutout:
    """A cut-out: what the networks found, and which mask the photo has. It is free."""

    public_id: str
    job_id: str
    status: JobStatus
    error: JobError | None
    #: Pixels of the upright photo. None if the job failed, like all results below.
    width: int | None
    height: int | None
    #: Probability, 0 to 1, that the outline is right. It is 1 for a mask of yours, and after answers.
    confidence: float | None
    #: Origin of the mask: the networks, your own mask, or selected subjects.
    cut_by: Literal["network", "mended", "subjects"]
    warnings: list[CutoutWarning]
    product_box: Box | None
    subjects: list[Subject]
    #: Sides of the photo that crop the product.
    cut_sides: list[str]
    #: "standing", "lying", "hanging" or "cut_below".
    stance: str | None
    #: Names of the catalogue's scenes that fit the stance.
    suitable_scene_types: list[str]
    #: URLs of PNGs, valid until `url_expires_at`: the mask (8-bit grey, photo's size), and a transparent preview.
    mask_url: str | None
    preview_url: str | None
    url_expires_at: datetime | None
    created_at: datetime
    #: When it is deleted, with its photo and your mask. None: it is kept.
    expires_at: datetime | None
    reference: str | None = None
    #: Pieces that the networks doubt. Their URLs: a JPEG with 160×160 pixels for each, and a PNG of grey (number of the
    #: piece) and alpha (mask after the other answer).
    pieces: list[Piece] = field(default_factory=list)
    pieces_url: str | None = None
    pieces_mask_url: str | None = None


@dataclass(frozen=True)
class CreditEntry:
    """One entry of the ledger. A debit's amount is negative."""

    id: str
    kind: str
    amount: int
    job_id: str | None
    created_at: datetime


@dataclass(frozen=True)
class Credits:
    """Your balance and some entries, newest first. `next_cursor` leads to the next page."""

    balance: int
    entries: list[CreditEntry]
    next_cursor: str | None = None
    #: Whether the key is a sandbox's, for which nothing is charged.
    sandbox: bool = False


@dataclass(frozen=True)
class CatalogueItem:
    """A scene, a mood or a preset. `about` has all its fields in the catalogue."""

    name: str
    title: str
    description: str
    about: dict[str, Any]


@dataclass(frozen=True)
class Brand:
    """A brand: the settings that its swaps share."""

    name: str
    #: Up to six colours as #rrggbb, largest area first.
    palette: list[str] = field(default_factory=list)
    style_words: list[str] = field(default_factory=list)
    #: "pinned": the same spec has the same background for every product of the brand.
    seed_policy: Literal["pinned", "free"] = "free"
    #: None in a new pinned brand: the server draws a seed and keeps it.
    seed: int | None = None
    default_preset: str | None = None
    #: Options for swaps that leave them out, by the names of `Spec`'s fields, such as {"shadow": "soft"}.
    options: dict[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Upload:
    """The URL for a photo's bytes, and the key of the photo."""

    key: str
    method: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Key:
    """An API key, without its text."""

    id: str
    name: str | None
    created_at: datetime
    #: When it expires. None: never.
    expires_at: datetime | None = None
    #: Whether this client uses it.
    current: bool = False


@dataclass(frozen=True)
class NewKey:
    """A new API key. Its text, `key`, is shown only once."""

    id: str
    key: str
    name: str | None
    created_at: datetime


@dataclass(frozen=True)
class WebhookSettings:
    """The webhook: the receiver of messages about jobs."""

    url: str
    created_at: datetime
    #: When the receiver answered 410 Gone. Nothing is sent since.
    disabled_at: datetime | None = None
    #: The time until which the old secret also signs.
    previous_until: datetime | None = None
    #: The signing secret. Set only once, in the answer that creates it.
    secret: str | None = None


@dataclass(frozen=True)
class Delivery:
    """A message to your webhook: its state, and the receiver's last answer."""

    #: The same as the message's `webhook-id`.
    id: str
    #: "job.succeeded", "job.failed", "webhook.test" and others.
    type: str
    #: "waiting", "delivered", "failed" or "dropped".
    state: str
    attempts: int
    created_at: datetime
    #: The job or the order that it is about; both None for a test.
    job_id: str | None = None
    order_id: str | None = None
    #: HTTP status of the last answer, or why there was none.
    last_status: int | None = None
    last_error: str | None = None
    #: None once it has ended, and None before that.
    next_attempt_at: datetime | None = None
    ended_at: datetime | None = None
    #: The body as sent at the latest attempt. None in a list.
    body: str | None = None


@dataclass(frozen=True)
class StoredPhoto:
    """A photo that the server has fetched."""

    key: str
    content_type: str
    bytes: int


@dataclass(frozen=True)
class Items(Generic[T]):
    """A complete list."""

    items: list[T]


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page, newest first. `next_cursor` leads to the next page."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True)
class Pages(Generic[T]):
    """All pages, newest first: `page` returns the flow for a cursor, or for None the first page."""

    page: Callable[[str | None], Flow[Page[T]]]


def decoded(answer: httpx.Response, kind: type[T]) -> T:
    """Return an answer as one of these types. Raises UnexpectedAnswer."""
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:
        path = answer.request.url.path
        raise UnexpectedAnswer(
            f"{path} sent an answer that this client can't read ({error}). Is it a Backdrop server?"
        ) from error
